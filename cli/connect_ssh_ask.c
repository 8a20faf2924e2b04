/* SPDX-License-Identifier: BSD-2-Clause */
/* What does a connection over SSH ask of the user, and of ssh? */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/answers.h"
#include "cli/connect_ssh_internal.h"
#include "cli/exit_code.h"
#include "cli/notice.h"
#include "cli/program.h"
#include "cli/prompt.h"
#include "cli/signals.h"

/* ---- what the connection asks of us ---- */

static char *ask(void *cookie, const char *question, int echo)
{
	struct connect_ssh *connect = cookie;

	if (answers_may_repeat(question))
		return answers_ask(question, echo);
	/* A second log-in would need the person again. */
	if (strstr(question, "(yes/no)") == NULL)
		atomic_store(&connect->logged_in_once, 1);
	return prompt_ask(question, echo);
}

void connect_ssh_tell(void *cookie, enum ssh_tell level, const char *text)
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

int connect_ssh_stop(void *cookie)
{
	(void)cookie;
	return signals_stop() != 0 ? EXIT_INTERRUPTED : 0;
}

/* ---- what libssh2 cannot do ---- */

/* From now on ssh carries all. */
void connect_ssh_leave(struct connect_ssh *connect, const char *what)
{
	notice_verbose(1, "%s: libssh2 cannot use %s; over ssh",
		       connect->config.host, what);
	connect->transport = TRANSPORT_SSH;
}

/* Does ssh get in, and without a question? */
static int elsewhere(void *cookie, const char *what)
{
	struct connect_ssh *connect = cookie;
	char **argv = ssh_command_argv(&connect->ssh, (char *)"exit");
	struct program_answer answer;
	int error;

	if (argv == NULL)
		return 0;
	error = program_run(argv, connect->config.timeout, &answer);
	free(argv);
	/* Any other status is that of the far side. */
	if (error == 0 && WIFEXITED(answer.status) &&
	    WEXITSTATUS(answer.status) != 255)
		connect_ssh_leave(connect, what);
	else if (error == 0)
		notice_verbose(1, "%s: libssh2 cannot use %s, and ssh: %.*s",
			       connect->config.host, what,
			       (int)strcspn(answer.errors, "\r\n"),
			       answer.errors);
	program_answer_clear(&answer);
	return connect->transport == TRANSPORT_SSH;
}

void connect_ssh_set_asking(struct connect_ssh *connect)
{
	const struct ssh_options *options = &connect->options;
	struct ssh_config *config = &connect->config;

	config->cookie = connect;
	config->ask = options->batch || !prompt_possible() ? NULL : ask;
	config->tell = connect_ssh_tell;
	config->stop = connect_ssh_stop;
	config->elsewhere =
	    connect->transport == TRANSPORT_AUTO && options->queried ? elsewhere
								     : NULL;
}

/* ---- further lanes ---- */

static char *attempt_ask(void *cookie, const char *question, int echo)
{
	(void)cookie;
	(void)echo;
	return answers_recall(question);
}

static void attempt_tell(void *cookie, enum ssh_tell level, const char *text)
{
	const struct attempt *attempt = cookie;

	/* Lines of the far end alone; that and how the host is reached was
	 * told of the first lane. */
	if (level == SSH_TELL_REMOTE)
		connect_ssh_tell(attempt->connect, level, text);
}

static int attempt_stop(void *cookie)
{
	const struct attempt *attempt = cookie;

	return atomic_load(attempt->over) ? EXIT_INTERRUPTED
					  : connect_ssh_stop(NULL);
}

void connect_ssh_set_recalling(struct attempt *attempt)
{
	struct ssh_config *config = &attempt->config;

	config->cookie = attempt;
	config->ask = attempt_ask;
	config->tell = attempt_tell;
	config->stop = attempt_stop;
	config->elsewhere = NULL;
	config->unknown_host = SSH_UNKNOWN_REFUSE;
	config->proxy = attempt->connect->batch_proxy;
	config->proxy_attended = 0;
}
