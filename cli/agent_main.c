/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The agent by itself: "ferry serve", for hosts where ferry is not installed.
 * It takes ferry's command line; what is no part of the far end is not in it.
 */
#include <signal.h>

#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/notice.h"
#include "cli/options.h"
#include "cli/serve.h"

static int run(const struct options *options)
{
	if (options->version)
		return help_print_version();
	if (options->subcommand == SUBCOMMAND_SERVE)
		return serve_command(options);
	notice_error("this is the agent, which knows \"serve\" alone; "
		     "install ferry for the rest");
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct options options;
	int code;

	/* A file that may not become so large is an error of that file. */
	signal(SIGXFSZ, SIG_IGN);
	if (options_parse(&options, argc, argv) != 0) {
		code = help_hint(&options);
	} else {
		notice_configure(options.quiet, options.verbose);
		code = run(&options);
	}
	options_free(&options);
	return code;
}
