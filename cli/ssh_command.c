/* SPDX-License-Identifier: BSD-2-Clause */
/* How OpenSSH's client is called. */
#include "cli/ssh_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "cli/escape.h"
#include "cli/ssh_query.h"
#include "cli/time_size.h"

#define FAST_CIPHERS "Ciphers=^aes128-gcm@openssh.com,aes256-gcm@openssh.com"

/* ---- the words ---- */

static int add_format(struct text_list *list, const char *format,
		      const char *value)
{
	char *text;

	if (asprintf(&text, format, value) < 0)
		text = NULL;
	return text_list_take(list, text);
}

static int add_pair(struct text_list *list, const char *option,
		    const char *value)
{
	return text_list_add(list, option) == 0 &&
		       text_list_add(list, value) == 0
		   ? 0
		   : -1;
}

/* ssh takes '%' for the beginning of a token, spaces for a separator, and
 * within quotes '\\' for what makes the next one nothing special. */
static char *append_quoted(char *at, const char *file)
{
	*at++ = '"';
	for (; *file != '\0'; file++) {
		if (*file == '%')
			*at++ = '%';
		else if (*file == '"' || *file == '\\')
			*at++ = '\\';
		*at++ = *file;
	}
	*at++ = '"';
	return at;
}

/* "-o NAME=FILE ...": all in one. */
static int add_files(struct text_list *list, const char *name,
		     char *const *files, size_t count)
{
	size_t size = strlen(name) + 2;
	char *text, *at;

	for (size_t i = 0; i < count; i++)
		size += 2 * strlen(files[i]) + 3;
	text = malloc(size);
	if (text == NULL)
		return -1;
	at = stpcpy(text, name);
	*at++ = '=';
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			*at++ = ' ';
		at = append_quoted(at, files[i]);
	}
	*at = '\0';
	if (text_list_add(list, "-o") != 0) {
		free(text);
		return -1;
	}
	return text_list_take(list, text);
}

static int add_fixed(struct text_list *list, int attended)
{
	static const char *const words[] = {"-T",
					    "-x",
					    "-a",
					    "-oClearAllForwardings=yes",
					    "-oControlMaster=no",
					    "-oControlPath=none",
					    "-oPermitLocalCommand=no",
					    "-oRemoteCommand=none"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (text_list_add(list, words[i]) != 0)
			return -1;
	}
	return attended ? 0 : text_list_add(list, "-oBatchMode=yes");
}

static const char *host_key_checking(const struct ssh_options *options,
				     int attended)
{
	if (options->unknown_host == SSH_UNKNOWN_ACCEPT)
		return "accept-new";
	return attended && options->unknown_host == SSH_UNKNOWN_ASK ? "ask"
								    : "yes";
}

/* What libssh2 was told, too. */
static int add_connection(struct text_list *list,
			  const struct ssh_options *options, int attended)
{
	char port[16], seconds[24];

	snprintf(port, sizeof(port), "%u", options->port);
	snprintf(
	    seconds, sizeof(seconds), "%llu",
	    (unsigned long long)(options->connect_timeout / TIME_SECOND + 1));
	if (add_pair(list, "-p", port) != 0 ||
	    add_pair(list, "-l", options->user) != 0 ||
	    add_format(list, "-oConnectTimeout=%s", seconds) != 0 ||
	    add_format(list, "-oStrictHostKeyChecking=%s",
		       host_key_checking(options, attended)) != 0)
		return -1;
	if (options->known_hosts.count > 0 &&
	    add_files(list, "UserKnownHostsFile", options->known_hosts.items,
		      options->known_hosts.count) != 0)
		return -1;
	for (size_t i = 0; i < options->identities.count; i++) {
		if (add_files(list, "IdentityFile",
			      &options->identities.items[i], 1) != 0)
			return -1;
	}
	return 0;
}

/* ---- ciphers ---- */

static int processor_has_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_cpu_supports("aes") != 0;
#elif defined(__aarch64__)
	return (getauxval(AT_HWCAP) & HWCAP_AES) != 0;
#else
	return 0;
#endif
}

static int prefer_fast(struct text_list *list,
		       const struct ssh_options *ssh_options)
{
	if (!ssh_options->queried || ssh_options->ciphers != NULL ||
	    !processor_has_aes())
		return 0;
	return add_pair(list, "-o", FAST_CIPHERS);
}

/* ---- begin and end ---- */

int ssh_command_make(struct ssh_command *command, const struct options *options,
		     const struct ssh_options *ssh_options,
		     const struct location *far, int attended)
{
	memset(command, 0, sizeof(*command));
	command->host = strdup(far->host);
	if (command->host == NULL ||
	    ssh_query_program(&command->program, options) != 0 ||
	    add_fixed(&command->words, attended) != 0 ||
	    add_connection(&command->words, ssh_options, attended) != 0 ||
	    ssh_query_letters(&command->words, options) != 0)
		return -1;
	if (ssh_options->ciphers != NULL)
		return add_pair(&command->words, "-c", ssh_options->ciphers);
	return prefer_fast(&command->words, ssh_options);
}

void ssh_command_clear(struct ssh_command *command)
{
	text_list_clear(&command->program);
	text_list_clear(&command->words);
	free(command->host);
	memset(command, 0, sizeof(*command));
}

/* ---- through a proxy ---- */

/* "[user@]host[:port]", the port maybe behind a bracket, and ssh://. */
static int add_jump(struct text_list *list, const char *jump)
{
	const char *comma = strrchr(jump, ',');
	const char *last = comma != NULL ? comma + 1 : jump, *at, *colon;
	char *before, *host;
	int error;

	if (comma != NULL) {
		before = strndup(jump, (size_t)(comma - jump));
		error = before == NULL || add_pair(list, "-J", before) != 0;
		free(before);
		if (error)
			return -1;
	}
	if (strncmp(last, "ssh://", 6) == 0)
		return add_pair(list, "--", last);
	at = strrchr(last, '@');
	at = at != NULL ? at + 1 : last;
	colon = strrchr(at, ':');
	if (colon != NULL &&
	    (*at == '[' ? colon[-1] != ']' : strchr(at, ':') != colon))
		colon = NULL; /* of an IPv6 address */
	if (colon != NULL && add_pair(list, "-p", colon + 1) != 0)
		return -1;
	if (at > last) {
		before = strndup(last, (size_t)(at - 1 - last));
		error = before == NULL || add_pair(list, "-l", before) != 0;
		free(before);
		if (error)
			return -1;
	}
	host = strndup(at, colon != NULL ? (size_t)(colon - at) : strlen(at));
	if (host != NULL && *host == '[' && strchr(host, ']') != NULL) {
		*strchr(host, ']') = '\0';
		memmove(host, host + 1, strlen(host));
	}
	error = host == NULL || add_pair(list, "--", host) != 0;
	free(host);
	return error ? -1 : 0;
}

/* As ssh does it: -o are for the host itself, -F is for both. */
static int add_way(struct text_list *list, const struct options *options,
		   const struct ssh_options *ssh_options, int batch)
{
	char *way;

	if (ssh_query_program(list, options) != 0 ||
	    ssh_query_config(list, options) != 0 ||
	    (batch && text_list_add(list, "-oBatchMode=yes") != 0) ||
	    text_list_add(list, "-oClearAllForwardings=no") != 0 ||
	    text_list_add(list, "-oRemoteCommand=none") != 0 ||
	    asprintf(&way, "[%s]:%u", ssh_options->host_name,
		     ssh_options->port) < 0)
		return -1;
	if (text_list_add(list, "-W") != 0) {
		free(way);
		return -1;
	}
	return text_list_take(list, way);
}

int ssh_command_proxy(const struct options *options,
		      const struct ssh_options *ssh_options, int batch,
		      char **command)
{
	struct text_list list = {NULL, 0};

	*command = NULL;
	if (ssh_options->proxy_command != NULL) {
		*command = strdup(ssh_options->proxy_command);
		return *command != NULL ? 0 : -1;
	}
	if (ssh_options->proxy_jump == NULL)
		return 0;
	if (add_way(&list, options, ssh_options, batch) == 0 &&
	    add_jump(&list, ssh_options->proxy_jump) == 0)
		*command = escape_for_shell((const char *const *)list.items,
					    list.count);
	text_list_clear(&list);
	return *command != NULL ? 0 : -1;
}

/* ---- the whole ---- */

static size_t append(const char **argv, size_t count,
		     const struct text_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		argv[count++] = list->items[i];
	return count;
}

char **ssh_command_argv(const struct ssh_command *command, char *remote_command)
{
	size_t room = command->program.count + command->words.count + 4;
	const char **argv = calloc(room, sizeof(*argv));
	size_t count = 0;

	if (argv == NULL)
		return NULL;
	/* What the user wrote comes first, and ssh takes the first it sees. */
	count = append(argv, count, &command->program);
	count = append(argv, count, &command->words);
	argv[count++] = "--";
	argv[count++] = command->host;
	argv[count++] = remote_command;
	return (char **)argv;
}
