/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_HELP_H
#define FERRY_CLI_HELP_H

#include "cli/options.h"

/* Print the help of ferry as a whole, or of a subcommand, to stdout.  An exit
 * code. */
int help_print(void);
int help_print_subcommand(enum subcommand);
/*
 * "ferry VERSION" on one line, to stdout.  An exit code: EXIT_FILE_IO if stdout
 * could not be written.
 */
int help_print_version(void);

/* "ferry help [SUBCOMMAND]".  An exit code. */
int help_command(const struct options *);

/* After a usage error: where to read on, on stderr.  EXIT_USAGE. */
int help_hint(const struct options *);

#endif
