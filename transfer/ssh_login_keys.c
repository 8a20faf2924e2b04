/* SPDX-License-Identifier: BSD-2-Clause */
/* Logging in with keys: those of an agent, and those in files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transfer/known_hosts.h"
#include "transfer/ssh_login_internal.h"

#define KEY_FILE_MAX     ((size_t)64 << 10)
#define PASSPHRASE_TRIES 3

/* The agent, and which of its keys were tried already. */
struct agent {
	LIBSSH2_AGENT *agent; /* NULL: there is none */
	char **tried;         /* keys in base64 */
	size_t count;
};

/* ---- files ---- */

/* A small file as text; NULL with errno. */
static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text;
	size_t length;

	if (file == NULL)
		return NULL;
	text = malloc(KEY_FILE_MAX + 1);
	if (text != NULL) {
		length = fread(text, 1, KEY_FILE_MAX, file);
		text[length] = '\0';
		if (ferror(file)) {
			free(text);
			text = NULL;
			errno = EIO;
		}
	}
	fclose(file);
	return text;
}

/* The key in FILE.pub, in base64 as it stands there; NULL: none. */
static char *read_public_key(struct ssh_login *login, const char *path,
			     int *foreign)
{
	char *name, *text, *key = NULL, *at, *word;

	*foreign = 0;
	if (asprintf(&name, "%s.pub", path) < 0)
		return NULL;
	text = read_text(name);
	free(name);
	if (text == NULL)
		return NULL;
	word = strtok_r(text, " \t\r\n", &at);
	if (word != NULL)
		*foreign = ssh_login_is_foreign(login, word, strlen(word));
	if (word != NULL)
		word = strtok_r(NULL, " \t\r\n", &at);
	if (word != NULL)
		key = strdup(word);
	free(text);
	return key;
}

/*
 * 1 if a private key needs a passphrase.  In OpenSSH's own format the base64
 * begins with its magic and the name of the cipher, at a place that makes the
 * text of an unencrypted one always the same.
 */
static int is_encrypted(const char *text)
{
	static const char marker[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
	static const char plain[] = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU";
	const char *begin = strstr(text, marker);

	if (begin == NULL)
		return strstr(text, "ENCRYPTED") != NULL;
	begin += strlen(marker);
	begin += strspn(begin, "\r\n");
	return strncmp(begin, plain, strlen(plain)) != 0;
}

/* libssh2 asks for a signature once the server has taken the key itself. */
static LIBSSH2_USERAUTH_PUBLICKEY_SIGN_FUNC(refuse_to_sign)
{
	(void)session;
	(void)sig;
	(void)sig_len;
	(void)data;
	(void)data_len;
	**(int **)abstract = 1;
	return -1;
}

/*
 * Would the server take this key?  Asked before a passphrase is.  base64 NULL:
 * not known, so 1.
 */
static int is_wanted(struct ssh_login *login, const char *base64)
{
	char *key;
	unsigned size;
	int result, wanted = 0, *cookie = &wanted;

	if (base64 == NULL ||
	    libssh2_base64_decode(login->session, &key, &size, base64,
				  (unsigned)strlen(base64)) != 0)
		return 1;
	do
		result = libssh2_userauth_publickey(
		    login->session, login->user, (unsigned char *)key, size,
		    refuse_to_sign, (void **)&cookie);
	while (ssh_connection_again(login->connection, result));
	libssh2_free(login->session, key);
	return wanted;
}

static int try_file(struct ssh_login *login, const char *path,
		    const char *passphrase)
{
	int result;

	do
		result = libssh2_userauth_publickey_fromfile_ex(
		    login->session, login->user, login->user_length, NULL, path,
		    passphrase);
	while (ssh_connection_again(login->connection, result));
	return result;
}

static enum ssh_login_outcome try_encrypted(struct ssh_login *login,
					    const char *path)
{
	int result = LIBSSH2_ERROR_AUTHENTICATION_FAILED;
	char *text;

	if (asprintf(&text, "Passphrase of %s: ", path) < 0)
		return SSH_LOGIN_REFUSED;
	if (ssh_connection_config(login->connection)->ask == NULL)
		login->unasked = 1;
	for (int i = 0; i < PASSPHRASE_TRIES; i++) {
		char *passphrase = ssh_login_ask(login, text, 0);

		if (passphrase == NULL)
			break;
		result = try_file(login, path, passphrase);
		explicit_bzero(passphrase, strlen(passphrase));
		free(passphrase);
		if (result != LIBSSH2_ERROR_KEYFILE_AUTH_FAILED &&
		    result != LIBSSH2_ERROR_FILE)
			break;
	}
	free(text);
	return ssh_login_judge(login, result, path);
}

/* A certificate lies beside its key. */
static void look_for_certificate(struct ssh_login *login, const char *path)
{
	char *name;

	if (asprintf(&name, "%s-cert.pub", path) < 0)
		return;
	if (access(name, R_OK) == 0)
		login->unusable = "certificates";
	free(name);
}

/* One key file.  named: it was asked for, so it is told if it is not there. */
static enum ssh_login_outcome login_with_file(struct ssh_login *login,
					      const char *path, int named)
{
	char *text = read_text(path), *public_key;
	enum ssh_login_outcome outcome;
	int encrypted, foreign;

	if (text == NULL) {
		if (named || errno != ENOENT)
			ssh_connection_tell(login->connection, SSH_TELL_NOTE,
					    "identity %s: %s", path,
					    strerror(errno));
		return SSH_LOGIN_REFUSED;
	}
	encrypted = is_encrypted(text);
	explicit_bzero(text, strlen(text));
	free(text);
	look_for_certificate(login, path);
	public_key = read_public_key(login, path, &foreign);
	if (public_key != NULL &&
	    strncmp(public_key, "AAAAB3NzaC1yc2E", 15) == 0)
		login->rsa = 1;
	if (foreign)
		outcome = SSH_LOGIN_REFUSED;
	else if (!encrypted)
		outcome =
		    ssh_login_judge(login, try_file(login, path, ""), path);
	else if (!is_wanted(login, public_key))
		outcome = ssh_login_judge(
		    login, LIBSSH2_ERROR_AUTHENTICATION_FAILED, path);
	else
		outcome = try_encrypted(login, path);
	free(public_key);
	return outcome;
}

/* ---- the agent ---- */

/* No agent is nothing to complain about. */
static void open_agent(struct ssh_login *login, struct agent *agent)
{
	const char *path =
	    ssh_connection_config(login->connection)->identity_agent;

	memset(agent, 0, sizeof(*agent));
	if (path == NULL ? getenv("SSH_AUTH_SOCK") == NULL
			 : strcmp(path, "none") == 0)
		return;
	agent->agent = libssh2_agent_init(login->session);
	if (agent->agent == NULL)
		return;
	if (path != NULL)
		libssh2_agent_set_identity_path(agent->agent, path);
	if (libssh2_agent_connect(agent->agent) == 0 &&
	    libssh2_agent_list_identities(agent->agent) == 0)
		return;
	ssh_connection_tell(login->connection, SSH_TELL_DETAIL,
			    "the agent at %s does not answer",
			    path != NULL ? path : "SSH_AUTH_SOCK");
	libssh2_agent_free(agent->agent);
	agent->agent = NULL;
}

static void close_agent(struct agent *agent)
{
	for (size_t i = 0; i < agent->count; i++)
		free(agent->tried[i]);
	free(agent->tried);
	if (agent->agent != NULL) {
		libssh2_agent_disconnect(agent->agent);
		libssh2_agent_free(agent->agent);
	}
}

/* 1 if the key was tried before; else it is noted as tried. */
static int was_tried(struct agent *agent, const char *base64)
{
	char **grown, *copy;

	for (size_t i = 0; i < agent->count; i++) {
		if (strcmp(agent->tried[i], base64) == 0)
			return 1;
	}
	grown =
	    realloc(agent->tried, (agent->count + 1) * sizeof(*agent->tried));
	copy = strdup(base64);
	if (grown != NULL)
		agent->tried = grown;
	if (grown == NULL || copy == NULL)
		free(copy); /* it may be tried twice */
	else
		agent->tried[agent->count++] = copy;
	return 0;
}

static enum ssh_login_outcome
login_with_agent_key(struct ssh_login *login, struct agent *agent,
		     struct libssh2_agent_publickey *key)
{
	enum ssh_login_outcome outcome;
	char *what;
	int result;

	if (key->blob_len > 11 && memcmp(key->blob + 4, "ssh-rsa", 7) == 0)
		login->rsa = 1;
	do
		result = libssh2_agent_userauth(agent->agent, login->user, key);
	while (ssh_connection_again(login->connection, result));
	if (asprintf(&what, "agent key %s", key->comment) < 0)
		return result == 0 ? SSH_LOGIN_IN : SSH_LOGIN_REFUSED;
	outcome = ssh_login_judge(login, result, what);
	free(what);
	return outcome;
}

/* The name of its type is the first string in a key. */
static int is_foreign(struct ssh_login *login,
		      const struct libssh2_agent_publickey *key)
{
	size_t length;

	if (key->blob_len < 4 || key->blob[0] != 0 || key->blob[1] != 0)
		return 0;
	length = (size_t)key->blob[2] << 8 | key->blob[3];
	return length <= key->blob_len - 4 &&
	       ssh_login_is_foreign(login, (const char *)key->blob + 4, length);
}

/* Those keys of the agent that were not tried yet; wanted NULL: all, else the
 * one with that base64. */
static enum ssh_login_outcome login_with_agent(struct ssh_login *login,
					       struct agent *agent,
					       const char *wanted)
{
	struct libssh2_agent_publickey *key = NULL;
	enum ssh_login_outcome outcome = SSH_LOGIN_REFUSED;

	while (agent->agent != NULL && outcome == SSH_LOGIN_REFUSED &&
	       libssh2_agent_get_identity(agent->agent, &key, key) == 0) {
		char *base64 = known_hosts_base64(key->blob, key->blob_len);

		if (base64 != NULL && !is_foreign(login, key) &&
		    (wanted == NULL || strcmp(wanted, base64) == 0) &&
		    !was_tried(agent, base64))
			outcome = login_with_agent_key(login, agent, key);
		free(base64);
	}
	return outcome;
}

/* A key that was asked for: if the agent holds it, no passphrase is needed. */
static enum ssh_login_outcome login_with_identity(struct ssh_login *login,
						  struct agent *agent,
						  const char *path, int named)
{
	int foreign;
	char *base64 = read_public_key(login, path, &foreign);
	enum ssh_login_outcome outcome = SSH_LOGIN_REFUSED;
	size_t before = agent->count;

	if (base64 != NULL)
		outcome = login_with_agent(login, agent, base64);
	free(base64);
	if (outcome == SSH_LOGIN_REFUSED && agent->count == before)
		outcome = login_with_file(login, path, named);
	return outcome;
}

enum ssh_login_outcome ssh_login_keys(struct ssh_login *login)
{
	const struct ssh_config *config =
	    ssh_connection_config(login->connection);
	enum ssh_login_outcome outcome = SSH_LOGIN_REFUSED;
	struct agent agent;
	size_t i;

	open_agent(login, &agent);
	for (i = 0; i < config->identity_count && outcome == SSH_LOGIN_REFUSED;
	     i++)
		outcome = login_with_identity(login, &agent,
					      config->identities[i], 1);
	if (outcome == SSH_LOGIN_REFUSED && !config->identities_only)
		outcome = login_with_agent(login, &agent, NULL);
	for (i = 0;
	     i < config->usual_identity_count && outcome == SSH_LOGIN_REFUSED;
	     i++)
		outcome = login_with_identity(login, &agent,
					      config->usual_identities[i], 0);
	close_agent(&agent);
	return outcome;
}
