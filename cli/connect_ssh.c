/* SPDX-License-Identifier: BSD-2-Clause */
/* How the agent on another machine is started over SSH. */
#include "cli/connect_ssh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/answers.h"
#include "cli/escape.h"
#include "cli/exit_code.h"
#include "cli/notice.h"
#include "cli/prompt.h"
#include "cli/signals.h"
#include "cli/ssh_options.h"
#include "transfer/lane_ssh.h"

struct connect_ssh {
	struct ssh_options options;
	struct ssh_config config;
	char *command;
};

/* ---- what the connection asks of us ---- */

static char *ask(void *cookie, const char *question, int echo)
{
	(void)cookie;
	return answers_ask(question, echo);
}

static void tell(void *cookie, enum ssh_tell level, const char *text)
{
	const struct connect_ssh *connect = cookie;
	const char *host = connect->config.host;

	switch (level) {
	case SSH_TELL_NOTE:
		notice_note("%s: %s", host, text);
		break;
	case SSH_TELL_DETAIL:
		notice_verbose(2, "%s: %s", host, text);
		break;
	case SSH_TELL_REMOTE:
		notice_error("%s says: %s", host, text);
		break;
	}
}

static int stop(void *cookie)
{
	(void)cookie;
	return signals_stop() != 0 ? EXIT_INTERRUPTED : 0;
}

/* ---- begin and end ---- */

/*
 * "exec PROGRAM serve --nonce ": with exec no shell stays in between.  The
 * shell there takes the words apart, so the program is quoted, but for "~/".
 */
static char *make_command(const char *program)
{
	const char *tilde = strncmp(program, "~/", 2) == 0 ? "~/" : "";
	const char *word = program + strlen(tilde);
	char *quoted = escape_for_shell(&word, 1), *command;

	if (quoted == NULL)
		return NULL;
	if (asprintf(&command, "exec %s%s serve --nonce ", tilde, quoted) < 0)
		command = NULL;
	free(quoted);
	return command;
}

/* Where ferry is on the far side. */
static const char *remote_program(const struct options *options)
{
	const char *program = options->remote_ferry;

	if (program == NULL)
		program = getenv("FERRY_REMOTE");
	return program == NULL || program[0] == '\0' ? "ferry" : program;
}

static void make_config(struct connect_ssh *connect, const struct location *far,
			const char *program)
{
	const struct ssh_options *options = &connect->options;
	struct ssh_config *config = &connect->config;

	config->host = far->host;
	config->port = options->port;
	config->user = options->user;
	config->timeout = options->connect_timeout;
	config->command = connect->command;
	config->program = program;
	config->known_hosts = (const char *const *)options->known_hosts.items;
	config->known_hosts_count = options->known_hosts.count;
	config->unknown_host = options->unknown_host;
	config->identities = (const char *const *)options->identities.items;
	config->identity_count = options->identities.count;
	config->usual_identities =
	    (const char *const *)options->usual_identities.items;
	config->usual_identity_count = options->usual_identities.count;
	config->password = options->password;
	config->cookie = connect;
	config->ask = options->batch || !prompt_possible() ? NULL : ask;
	config->tell = tell;
	config->stop = stop;
}

struct connect_ssh *connect_ssh_create(const struct options *options,
				       const struct location *far, int *code)
{
	const char *program = remote_program(options);
	struct connect_ssh *connect = calloc(1, sizeof(*connect));

	*code = EXIT_FILE_IO;
	if (connect == NULL) {
		notice_error("out of memory");
		return NULL;
	}
	if (ssh_options_gather(&connect->options, options, far, code) != 0)
		goto free_connect;
	connect->command = make_command(program);
	if (connect->command == NULL) {
		notice_error("out of memory");
		goto free_connect;
	}
	make_config(connect, far, program);
	return connect;

free_connect:
	connect_ssh_free(connect);
	return NULL;
}

void connect_ssh_free(struct connect_ssh *connect)
{
	if (connect == NULL)
		return;
	ssh_options_clear(&connect->options);
	free(connect->command);
	free(connect);
}

int connect_ssh_lane(struct connect_ssh *connect, struct inbox *inbox,
		     uint32_t id, const char *nonce, struct lane_result *result)
{
	answers_begin();
	if (lane_ssh_connect(inbox, id, &connect->config, nonce, result) == -1)
		return -1;
	answers_confirm();
	return 0;
}
