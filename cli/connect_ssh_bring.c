/* SPDX-License-Identifier: BSD-2-Clause */
/* How is an agent brought to a host over SSH? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/connect_ssh_internal.h"
#include "cli/exit_code.h"
#include "cli/notice.h"
#include "cli/signals.h"

/* How it ended: 0, or an exit code and why. */
struct bringing {
	const struct bootstrap *bootstrap;
	int code;
	char *text;
};

static void bring(void *cookie, const struct exchange *exchange)
{
	struct bringing *bringing = cookie;

	if (bootstrap_install(bringing->bootstrap, exchange, &bringing->code,
			      &bringing->text) == 0)
		bringing->code = 0;
	if (signals_stop() != 0)
		bringing->code = EXIT_INTERRUPTED;
}

static int fail_bringing(const struct connect_ssh *connect,
			 const struct bringing *bringing,
			 struct lane_result *result)
{
	result->code = bringing->code;
	if (bringing->text != NULL &&
	    asprintf(&result->text, "%s: %s", connect->config.host,
		     bringing->text) < 0)
		result->text = NULL;
	return bringing->code == 0 ? 0 : -1;
}

/* Over the connection on which no agent was found, for another log-in might
 * have to ask again.  As lane_ssh_exchange. */
static int try_line(struct connect_ssh *connect, struct lane_result *result)
{
	struct bringing bringing = {.bootstrap = connect->bootstrap};
	const struct exchange_talk talk = {&bringing, bring};
	int said = lane_ssh_exchange(
	    connect->line, bootstrap_install_command(connect->bootstrap), &talk,
	    result);

	if (said == 0)
		said = fail_bringing(connect, &bringing, result);
	free(bringing.text);
	return said;
}

int connect_ssh_bring_on_line(struct connect_ssh *connect,
			      struct lane_result *result)
{
	int said = connect->line != NULL ? try_line(connect, result) : 1;

	if (said != 1)
		return said;
	if (connect_ssh_line(connect, result) == -1)
		return -1;
	said = try_line(connect, result);
	if (said == 1) {
		result->code = EXIT_LOST;
		result->text = strdup("the connection was lost at once");
	}
	return said == 0 ? 0 : -1;
}

int connect_ssh_bring_apart(struct connect_ssh *connect,
			    struct lane_result *result)
{
	struct bringing bringing = {.bootstrap = connect->bootstrap};
	const struct exchange_talk talk = {&bringing, bring};
	const char *install = bootstrap_install_command(connect->bootstrap);
	const struct exchange_child child = {
	    .argv = connect_ssh_argv(connect, (char *)(uintptr_t)install),
	    .stop = connect_ssh_stop,
	    .silence = connect->config.timeout,
	};
	int error;

	memset(result, 0, sizeof(*result));
	if (child.argv == NULL)
		return connect_ssh_no_memory(result);
	error = exchange_child(&child, &talk);
	if (error != 0) {
		bringing.code = EXIT_UNREACHABLE;
		bringing.text = strdup(strerror(error));
	}
	free((void *)(uintptr_t)child.argv);
	error = fail_bringing(connect, &bringing, result);
	free(bringing.text);
	return error;
}

int connect_ssh_provide(struct connect_ssh *connect)
{
	if (connect == NULL || connect->bootstrap == NULL || connect->provided)
		return 0;
	notice_note("%s: no ferry there; copying an agent to ~/.cache/ferry",
		    connect->config.host);
	connect->provided = 1;
	connect->provide = 1;
	return 1;
}
