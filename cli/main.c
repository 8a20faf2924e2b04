/* SPDX-License-Identifier: BSD-2-Clause */
/* Which subcommand runs. */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/answers.h"
#include "cli/copy.h"
#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/manifest.h"
#include "cli/notice.h"
#include "cli/options.h"
#include "cli/resume.h"
#include "cli/serve.h"
#include "cli/status.h"
#include "cli/verify.h"

static int run(const struct options *options)
{
	switch (options->subcommand) {
	case SUBCOMMAND_COPY:
		return copy_command(options);
	case SUBCOMMAND_HELP:
		return help_command(options);
	case SUBCOMMAND_MANIFEST:
		return manifest_command(options);
	case SUBCOMMAND_RESUME:
		return resume_command(options);
	case SUBCOMMAND_SERVE:
		return serve_command(options);
	case SUBCOMMAND_STATUS:
		return status_command(options);
	case SUBCOMMAND_VERIFY:
		return verify_command(options);
	case SUBCOMMAND_VERSION:
		return help_print_version();
	case SUBCOMMAND_COUNT:
		break;
	}
	return EXIT_USAGE;
}

/*
 * Whoever starts us may have closed one of the first three descriptors.  Then
 * the next file to be opened, a journal say, would get its number, and what is
 * said to the user would be written into it.  So they are taken, in the
 * direction in which they are of no use: using them fails, as if they were
 * closed.  0, or -1 with errno.
 */
static int take_standard_descriptors(void)
{
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
		if (fcntl(i, F_GETFD) == -1 &&
		    open("/dev/null",
			 i == STDIN_FILENO ? O_WRONLY : O_RDONLY) != i)
			return -1;
	}
	return 0;
}

/*
 * For the ssh that we may start: it copies each packet, 32 KiB, from buffer to
 * buffer.  glibc takes "rep movsb" for that, which some AMD processors do 15
 * times slower where the addresses differ by 1 to 31 modulo 4096 (glibc bug
 * 30994; measured on an EPYC with glibc 2.36: 14.9 and 0.9 us, which is 0.5 s a
 * GiB).  A threshold that is never reached has it copy with vectors.
 */
static void avoid_slow_copies(void)
{
	setenv("GLIBC_TUNABLES",
	       "glibc.cpu.x86_rep_movsb_threshold=1073741824", 0);
}

int main(int argc, char **argv)
{
	struct options options;
	int code;

	if (take_standard_descriptors() == -1)
		return EXIT_FILE_IO;
	/* A file that may not become so large is an error of that file. */
	signal(SIGXFSZ, SIG_IGN);
	avoid_slow_copies();
	if (options_parse(&options, argc, argv) != 0) {
		code = help_hint(&options);
	} else {
		notice_configure(options.quiet, options.verbose);
		if (options.version)
			code = help_print_version();
		else if (options.help && !options.named)
			code = help_print();
		else if (options.help)
			code = help_print_subcommand(options.subcommand);
		else
			code = run(&options);
	}
	answers_forget();
	options_free(&options);
	return code;
}
