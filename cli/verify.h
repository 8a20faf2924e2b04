/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_VERIFY_H
#define FERRY_CLI_VERIFY_H

#include "cli/job.h"
#include "cli/options.h"

/*
 * "ferry verify SRC... DST": both sides are read again where the bytes are,
 * and only digests travel.  An exit code; EXIT_DIFFERENT after telling each
 * difference in one line.
 */
int verify_command(const struct options *);

/*
 * The same after a copy: what else is in DST is no difference.  Says nothing
 * when all is well; the exit code is EXIT_DONE then.
 */
int verify_compare(const struct options *, const struct job *);

#endif
