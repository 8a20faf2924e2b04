/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_SERVE_H
#define FERRY_CLI_SERVE_H

#include "cli/options.h"

/* "ferry serve": the far end, on standard input and output.  An exit code. */
int serve_command(const struct options *);

#endif
