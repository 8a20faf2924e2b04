/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_COPY_H
#define FERRY_CLI_COPY_H

#include "cli/options.h"

/* "ferry [copy] SRC... DST": the main job.  An exit code. */
int copy_command(const struct options *);

#endif
