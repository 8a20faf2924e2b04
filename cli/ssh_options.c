/* SPDX-License-Identifier: BSD-2-Clause */
/* How -o NAME=VALUE, its fellows and ssh_config say how a host is reached. */
#include "cli/ssh_options.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/notice.h"
#include "cli/ssh_options_internal.h"
#include "cli/ssh_plain.h"
#include "cli/ssh_query.h"
#include "cli/ssh_setting.h"
#include "cli/ssh_tokens.h"
#include "cli/time_size.h"

#define DEFAULT_PORT    22
#define DEFAULT_TIMEOUT (30 * TIME_SECOND)

/* ---- -o where ssh does not read it ---- */

/* "Name=value" or "Name value", with spaces around the middle. */
static int split_option(const char *text, char **name, const char **value)
{
	size_t length = strcspn(text, " \t=");

	*value = text + length;
	*value += strspn(*value, " \t");
	*value += **value == '=';
	*value += strspn(*value, " \t");
	*name = strndup(text, length);
	return *name != NULL ? 0 : -1;
}

static int take_option(struct gathering *gathering, const char *text)
{
	const char *value;
	char *name;
	int outcome;

	if (split_option(text, &name, &value) != 0)
		return -1;
	outcome =
	    ssh_setting_take(gathering->result, &gathering->given, name, value);
	if (outcome == SSH_SETTING_WRONG)
		notice_error("-o %s: \"%s\" is no value for %s; see "
			     "ssh_config(5)",
			     text, value, name);
	else if (outcome == SSH_SETTING_UNKNOWN)
		notice_error("-o %s: ferry does not know this option where "
			     "there is no ssh program; see ferry(1) for those "
			     "it does",
			     text);
	free(name);
	return outcome == SSH_SETTING_TAKEN ? 0 : -1;
}

static int take_options(struct gathering *gathering)
{
	const struct option_list *list = &gathering->options->ssh_options;

	for (size_t i = 0; i < list->count; i++) {
		if (take_option(gathering, list->values[i]) != 0)
			return -1;
	}
	return 0;
}

/* Of -o UserKnownHostsFile ssh -G does not say where a name with spaces
 * ends. */
static int take_quoted(struct gathering *gathering)
{
	const struct option_list *list = &gathering->options->ssh_options;

	for (size_t i = 0; i < list->count; i++) {
		const char *value;
		char *name;
		int wanted;

		if (split_option(list->values[i], &name, &value) != 0)
			return -1;
		wanted = strcasestr(name, "KnownHostsFile") != NULL &&
			 strchr(value, '%') == NULL;
		if (wanted)
			ssh_setting_take(gathering->result, &gathering->given,
					 name, value);
		free(name);
	}
	return 0;
}

/* ---- a plain reading ---- */

static int take_line(void *cookie, const char *name, const char *value,
		     const char *where)
{
	struct gathering *gathering = cookie;
	int outcome =
	    ssh_setting_take(gathering->result, &gathering->given, name, value);

	if (outcome == SSH_SETTING_UNKNOWN)
		notice_verbose(1, "%s: %s is not read without an ssh program",
			       where, name);
	if (outcome != SSH_SETTING_WRONG)
		return 0;
	notice_error("%s: \"%s\" is no value for %s; see ssh_config(5)", where,
		     value, name);
	return 1;
}

static void tell_skipped(void *cookie, const char *name, const char *where)
{
	(void)cookie;
	notice_verbose(1, "%s: %s is not read without an ssh program", where,
		       name);
}

static int read_plain_file(struct gathering *gathering, const char *path,
			   int named, int *code)
{
	const struct ssh_plain plain = {gathering->far->host, gathering,
					take_line, tell_skipped};
	int result = -1;

	errno = ENOENT;
	if (!named || access(path, R_OK) == 0)
		result = ssh_plain_read(path, &plain);
	if (result == 0)
		return 0;
	*code = EXIT_USAGE;
	if (result == -1)
		notice_error("%s: %s", path, strerror(errno));
	return -1;
}

/* ssh's files, and its order. */
static int read_plain(struct gathering *gathering, int *code)
{
	const char *config = gathering->options->config;
	char *own;
	int error;

	*code = EXIT_USAGE;
	if (gathering->options->ciphers != NULL &&
	    !(gathering->given & GIVEN_CIPHERS)) {
		notice_error("-c %s: ssh alone knows the list that this "
			     "changes, and there is no such program; write all "
			     "ciphers that are wanted",
			     gathering->options->ciphers);
		return -1;
	}
	if (gathering->options->jump != NULL)
		ssh_setting_take(gathering->result, &gathering->given,
				 "ProxyJump", gathering->options->jump);
	if (take_options(gathering) != 0)
		return -1;
	if (config != NULL && strcasecmp(config, "none") == 0)
		return 0;
	if (config != NULL)
		return read_plain_file(gathering, config, 1, code);
	own = ssh_setting_path("~/.ssh/config");
	error = own == NULL || read_plain_file(gathering, own, 0, code) != 0 ||
		read_plain_file(gathering, "/etc/ssh/ssh_config", 0, code) != 0;
	free(own);
	return error ? -1 : 0;
}

/* ---- either ---- */

/* 0, or -1 with *code after telling the user, or 1 without memory. */
static int read_configuration(struct gathering *gathering, int *code)
{
	char *answer;
	int error;

	switch (ssh_query(gathering->options, gathering->far,
			  gathering->result->connect_timeout, &answer, code)) {
	case SSH_QUERY_FAILED:
		return -1;
	case SSH_QUERY_NO_PROGRAM:
		return read_plain(gathering, code);
	case SSH_QUERY_DONE:
		break;
	}
	gathering->result->queried = 1;
	error = take_quoted(gathering) != 0 ||
		ssh_options_take_answer(gathering, answer) != 0;
	free(answer);
	return error;
}

/* ---- all of them ---- */

static int add_path(struct text_list *list, const char *path)
{
	return text_list_take(list, ssh_setting_path(path));
}

/* The value is the options' own from then on. */
static int take_word(struct gathering *gathering, const char *name,
		     const char *value)
{
	return ssh_setting_take(gathering->result, &gathering->given, name,
				value) == SSH_SETTING_TAKEN
		   ? 0
		   : -1;
}

/* What is as it is unless said otherwise. */
static int set_defaults(struct ssh_options *result)
{
	const struct passwd *entry = getpwuid(getuid());

	result->port = DEFAULT_PORT;
	result->connect_timeout = DEFAULT_TIMEOUT;
	result->password = 1;
	result->user = strdup(entry != NULL ? entry->pw_name : "root");
	if (result->user == NULL ||
	    add_path(&result->known_hosts, "~/.ssh/known_hosts") != 0 ||
	    add_path(&result->known_hosts, "~/.ssh/known_hosts2") != 0)
		return -1;
	return 0;
}

/* What the letters and the location say. */
static int take_letters(struct gathering *gathering)
{
	const struct options *options = gathering->options;
	struct ssh_options *result = gathering->result;
	const char *user = gathering->far->user;
	unsigned port = gathering->far->port;

	if (user == NULL)
		user = options->user;
	if (port == 0)
		port = options->port;
	if (port != 0) {
		result->port = port;
		gathering->given |= GIVEN_PORT;
	}
	if (options->connect_timeout != 0) {
		result->connect_timeout = options->connect_timeout;
		gathering->given |= GIVEN_TIMEOUT;
	}
	if (options->ipv4 || options->ipv6) {
		result->family = options->ipv4 ? AF_INET : AF_INET6;
		gathering->given |= GIVEN_FAMILY;
	}
	if (options->ciphers != NULL &&
	    !ssh_setting_is_change(options->ciphers)) {
		if (take_word(gathering, "Ciphers", options->ciphers) != 0)
			return -1;
	}
	if (user != NULL && take_word(gathering, "User", user) != 0)
		return -1;
	for (size_t i = 0; i < options->identities.count; i++) {
		if (add_path(&result->identities,
			     options->identities.values[i]) != 0)
			return -1;
	}
	return 0;
}

/* Those that are tried when no other was named, and the machine's hosts. */
static int add_usual(struct gathering *gathering)
{
	static const char *const names[] = {"~/.ssh/id_ed25519",
					    "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"};
	struct ssh_options *result = gathering->result;
	struct text_list *global = &result->global_known_hosts;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) &&
			   result->identities.count == 0;
	     i++) {
		if (add_path(&result->usual_identities, names[i]) != 0)
			return -1;
	}
	if (!(gathering->given & GIVEN_GLOBAL) &&
	    text_list_add(global, "/etc/ssh/ssh_known_hosts") != 0)
		return -1;
	for (size_t i = 0; i < global->count; i++) {
		if (text_list_add(&result->known_hosts, global->items[i]) != 0)
			return -1;
	}
	return 0;
}

/* The tokens, once all that they stand for is known. */
static int expand(struct gathering *gathering)
{
	struct ssh_options *result = gathering->result;
	struct ssh_tokens tokens = {.host = gathering->far->host,
				    .name = gathering->far->host,
				    .user = result->user,
				    .port = result->port,
				    .home = ssh_setting_home()};
	char *text;

	text = ssh_tokens_expand(result->host_name != NULL ? result->host_name
							   : tokens.name,
				 &tokens);
	if (text == NULL)
		return -1;
	free(result->host_name);
	result->host_name = text;
	tokens.host = text;
	/* Those of -i are names as they are. */
	for (size_t i = gathering->options->identities.count;
	     i < result->identities.count; i++) {
		text = ssh_tokens_expand(result->identities.items[i], &tokens);
		if (text == NULL)
			return -1;
		free(result->identities.items[i]);
		result->identities.items[i] = text;
	}
	if (result->proxy_command == NULL)
		return 0;
	text = ssh_tokens_expand(result->proxy_command, &tokens);
	free(result->proxy_command);
	result->proxy_command = text;
	return text != NULL ? 0 : -1;
}

/* What a shell will see, and what cannot be done without ssh.  0, or -1 after
 * telling the user. */
static int check_proxy(const struct gathering *gathering, int *code)
{
	const struct ssh_options *result = gathering->result;

	*code = EXIT_UNREACHABLE;
	if (result->proxy_jump != NULL && !result->queried) {
		notice_error("%s: ProxyJump %s needs an ssh program, and there "
			     "is none; install one, or say where it is with -e",
			     gathering->far->host, result->proxy_jump);
		return -1;
	}
	if ((result->proxy_jump == NULL && result->proxy_command == NULL) ||
	    (ssh_tokens_harmless(result->host_name) &&
	     ssh_tokens_harmless(gathering->far->host) &&
	     ssh_tokens_harmless(result->user)))
		return 0;
	notice_error("%s: the host or the user has characters that a shell "
		     "would act on; with a proxy only plain ones can be used",
		     gathering->far->host);
	return -1;
}

int ssh_options_gather(struct ssh_options *result,
		       const struct options *options,
		       const struct location *far, int *code)
{
	struct gathering gathering = {
	    .result = result, .options = options, .far = far};
	int error;

	memset(result, 0, sizeof(*result));
	*code = EXIT_FILE_IO;
	error = set_defaults(result) != 0 || take_letters(&gathering) != 0;
	if (!error)
		error = read_configuration(&gathering, code);
	text_list_clear(&gathering.named);
	if (error == -1)
		return -1;
	if (!error && expand(&gathering) == 0 && add_usual(&gathering) == 0)
		return check_proxy(&gathering, code);
	*code = EXIT_FILE_IO;
	notice_error("out of memory");
	return -1;
}

void ssh_options_clear(struct ssh_options *options)
{
	free(options->user);
	free(options->host_name);
	free(options->host_key_alias);
	free(options->ciphers);
	free(options->macs);
	free(options->kex);
	free(options->host_key_types);
	free(options->identity_agent);
	free(options->proxy_command);
	free(options->proxy_jump);
	free(options->unable);
	text_list_clear(&options->global_known_hosts);
	text_list_clear(&options->identities);
	text_list_clear(&options->usual_identities);
	text_list_clear(&options->known_hosts);
	memset(options, 0, sizeof(*options));
}
