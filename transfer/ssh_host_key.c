/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a server is believed to be the one that was meant. */
#include "transfer/ssh_host_key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "transfer/engine.h"
#include "transfer/known_hosts.h"

#define DIGEST_SIZE  32
#define DEFAULT_PORT 22

/* What libssh2 can check, the best first; no certificates. */
static const char our_types[] =
    "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,"
    "rsa-sha2-512,rsa-sha2-256,ssh-rsa";

/* What all files together say. */
struct verdict {
	enum known_host known;
	const char *path; /* of the line that decided */
	size_t line;
};

/* Ask each file.  One that cannot be read is told, and knows nobody. */
static struct verdict look_up(struct ssh_connection *connection,
			      const struct known_hosts_query *query)
{
	const struct ssh_config *config = ssh_connection_config(connection);
	struct verdict verdict = {KNOWN_HOST_UNKNOWN, NULL, 0};

	for (size_t i = 0; i < config->known_hosts_count; i++) {
		const char *path = config->known_hosts[i];
		enum known_host known;
		size_t line = 0;

		if (known_hosts_file(ssh_connection_session(connection), path,
				     query, &known, &line) == -1)
			ssh_connection_tell(connection, SSH_TELL_NOTE, "%s: %s",
					    path, strerror(errno));
		if (known > verdict.known) {
			verdict.known = known;
			verdict.path = path;
			verdict.line = line;
		}
	}
	return verdict;
}

/* As the files name them: signatures with SHA-2 are by ssh-rsa keys. */
static const char *key_type(const char *method)
{
	return strncmp(method, "rsa-", 4) == 0 ? "ssh-rsa" : method;
}

/* What the files call it.  malloc'd, or NULL. */
static char *host_name(const struct ssh_config *config, unsigned port)
{
	if (config->host_key_alias != NULL)
		return known_hosts_name(config->host_key_alias, DEFAULT_PORT);
	return known_hosts_name(
	    config->address != NULL ? config->address : config->host, port);
}

/* 1 if a file has a key of this type for the host. */
static int knows_type(struct ssh_connection *connection, const char *name,
		      const char *type)
{
	/* No key is "?", so a line for the type is OTHER_KEY. */
	const struct known_hosts_query query = {name, NULL, key_type(type), "?",
						0};

	return look_up(connection, &query).known == KNOWN_HOST_OTHER_KEY;
}

static int is_certificate(const char *type)
{
	return strstr(type, "-cert-v0") != NULL;
}

/* Split types, and put those that are wanted behind *end. */
static void add_types(struct ssh_connection *connection, const char *name,
		      char *types, int known, char **end)
{
	char *at = NULL;

	for (char *type = strtok_r(types, ",", &at); type != NULL;
	     type = strtok_r(NULL, ",", &at)) {
		if (is_certificate(type) ||
		    knows_type(connection, name, type) != known)
			continue;
		*end = stpcpy(*end, type);
		*(*end)++ = ',';
	}
}

char *ssh_host_key_types(struct ssh_connection *connection)
{
	const struct ssh_config *config = ssh_connection_config(connection);
	const char *types =
	    config->host_key_types != NULL ? config->host_key_types : our_types;
	size_t size = strlen(types) + 2;
	char *name = host_name(config, config->port);
	char *list = malloc(size), *words = malloc(size), *end = list;

	if (name == NULL || list == NULL || words == NULL) {
		free(list);
		list = NULL;
	}
	for (int known = 1; known >= 0 && list != NULL; known--) {
		strcpy(words, types);
		add_types(connection, name, words, known, &end);
	}
	if (list != NULL)
		end[end > list ? -1 : 0] = '\0';
	free(words);
	free(name);
	return list;
}

static int remember(struct ssh_connection *connection,
		    const struct known_hosts_query *query)
{
	const struct ssh_config *config = ssh_connection_config(connection);

	if (config->known_hosts_count == 0)
		return 0;
	if (known_hosts_add(config->known_hosts[0], query,
			    config->hash_known_hosts) == -1)
		/* Asked again the next time, which is a nuisance only. */
		ssh_connection_tell(connection, SSH_TELL_NOTE,
				    "the key of %s cannot be added to %s: %s",
				    query->name, config->known_hosts[0],
				    strerror(errno));
	else
		ssh_connection_tell(connection, SSH_TELL_NOTE,
				    "the %s key of %s is added to %s",
				    query->type, query->name,
				    config->known_hosts[0]);
	return 0;
}

/* As ssh-keygen -l shows it. */
static char *make_fingerprint(struct ssh_connection *connection)
{
	const char *digest = libssh2_hostkey_hash(
	    ssh_connection_session(connection), LIBSSH2_HOSTKEY_HASH_SHA256);
	char *text =
	    digest == NULL ? NULL : known_hosts_base64(digest, DIGEST_SIZE);
	char *end = text == NULL ? NULL : strchr(text, '=');

	if (end != NULL)
		*end = '\0';
	return text;
}

static int refuse(struct ssh_connection *connection,
		  const struct known_hosts_query *query,
		  const char *fingerprint)
{
	return ssh_connection_fail(
	    connection, EXIT_UNREACHABLE,
	    "the host key is not known (%s SHA256:%s); check it and add it "
	    "with ssh, or use -o StrictHostKeyChecking=accept-new",
	    query->type, fingerprint);
}

static int ask(struct ssh_connection *connection,
	       const struct known_hosts_query *query, const char *fingerprint,
	       int other_type)
{
	char *question, *answer;
	int yes;

	if (asprintf(&question,
		     "%s is not known%s. Its %s key is SHA256:%s. Trust it "
		     "from now on (yes/no)? ",
		     query->name, other_type ? " with a key of this type" : "",
		     query->type, fingerprint) < 0)
		return ssh_connection_fail(connection, EXIT_FILE_IO,
					   "out of memory");
	answer = ssh_connection_ask(connection, question, 1);
	free(question);
	/* The fingerprint itself is an answer too, as it is to ssh. */
	yes = answer != NULL && (strcasecmp(answer, "yes") == 0 ||
				 (strncmp(answer, "SHA256:", 7) == 0 &&
				  strcmp(answer + 7, fingerprint) == 0));
	free(answer);
	return yes ? remember(connection, query)
		   : refuse(connection, query, fingerprint);
}

/* Nothing in the files is about this key. */
static int decide_unknown(struct ssh_connection *connection,
			  const struct known_hosts_query *query, int other_type)
{
	const struct ssh_config *config = ssh_connection_config(connection);
	char *fingerprint = make_fingerprint(connection);
	int result;

	if (fingerprint == NULL)
		return ssh_connection_fail(connection, EXIT_FILE_IO,
					   "out of memory");
	/* A host that is known by other keys is not a new one. */
	if (config->unknown_host == SSH_UNKNOWN_ACCEPT && !other_type)
		result = remember(connection, query);
	else if (config->unknown_host == SSH_UNKNOWN_ASK && config->ask != NULL)
		result = ask(connection, query, fingerprint, other_type);
	else
		result = refuse(connection, query, fingerprint);
	free(fingerprint);
	return result;
}

/* A certificate is to be checked, which libssh2 cannot. */
static int leave_to_others(struct ssh_connection *connection,
			   const struct verdict *verdict)
{
	const struct ssh_config *config = ssh_connection_config(connection);

	if (config->elsewhere != NULL)
		config->elsewhere(config->cookie, "@cert-authority");
	return ssh_connection_fail(
	    connection, EXIT_UNREACHABLE,
	    "%s line %zu has a certificate authority vouch for the host, which "
	    "libssh2 cannot check; see that ssh gets in, and use "
	    "--transport=ssh",
	    verdict->path, verdict->line);
}

/* The server may have a key of a type that is known, and ssh, which knows more
 * of them, prefers it.  1 if ssh gets in.  Where it would accept a new one, it
 * is not asked: to us this host is not new. */
static int is_known_to_others(struct ssh_connection *connection)
{
	const struct ssh_config *config = ssh_connection_config(connection);
	static const char what[] = "the type of the host key that is known";

	if (config->elsewhere == NULL ||
	    config->unknown_host == SSH_UNKNOWN_ACCEPT ||
	    !config->elsewhere(config->cookie, what))
		return 0;
	ssh_connection_fail(connection, EXIT_UNREACHABLE,
			    "libssh2 cannot use %s", what);
	return 1;
}

static int decide(struct ssh_connection *connection,
		  const struct known_hosts_query *query)
{
	struct verdict verdict = look_up(connection, query);

	switch (verdict.known) {
	case KNOWN_HOST_KNOWN:
		return 0;
	case KNOWN_HOST_OTHER_KEY:
		return ssh_connection_fail(
		    connection, EXIT_UNREACHABLE,
		    "THE HOST KEY HAS CHANGED: it is not the one in %s line "
		    "%zu, so this may be another machine; if that is right, "
		    "remove the old key with: ssh-keygen -R '%s' -f '%s'",
		    verdict.path, verdict.line, query->name, verdict.path);
	case KNOWN_HOST_REVOKED:
		return ssh_connection_fail(
		    connection, EXIT_UNREACHABLE,
		    "the host key is marked as revoked in %s line %zu; do not "
		    "use this host",
		    verdict.path, verdict.line);
	case KNOWN_HOST_AUTHORITY:
		return leave_to_others(connection, &verdict);
	case KNOWN_HOST_OTHER_TYPE:
		return is_known_to_others(connection)
			   ? -1
			   : decide_unknown(connection, query, 1);
	case KNOWN_HOST_UNKNOWN:
		break;
	}
	return decide_unknown(connection, query, 0);
}

/* The type is the first string in a key: a length of 4 bytes, then text. */
static char *read_type(const char *key, size_t size)
{
	size_t length;

	if (size < 4)
		return NULL;
	length = (size_t)(unsigned char)key[2] << 8 | (unsigned char)key[3];
	if (key[0] != 0 || key[1] != 0 || length > size - 4)
		return NULL;
	return strndup(key + 4, length);
}

int ssh_host_key_check(struct ssh_connection *connection)
{
	const struct ssh_config *config = ssh_connection_config(connection);
	size_t size;
	int kind, result;
	const char *key = libssh2_session_hostkey(
	    ssh_connection_session(connection), &size, &kind);
	char *name = host_name(config, config->port);
	char *host = host_name(config, DEFAULT_PORT);
	char *type = key == NULL ? NULL : read_type(key, size);
	char *base64 = key == NULL ? NULL : known_hosts_base64(key, size);
	struct known_hosts_query query = {name, NULL, type, base64, 1};

	if (name == NULL || host == NULL || type == NULL || base64 == NULL) {
		result = ssh_connection_fail(connection, EXIT_UNREACHABLE,
					     "the server has no host key");
	} else {
		if (strcmp(host, name) != 0)
			query.host = host;
		result = decide(connection, &query);
	}
	free(name);
	free(host);
	free(type);
	free(base64);
	return result;
}
