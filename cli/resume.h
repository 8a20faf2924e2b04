/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_RESUME_H
#define FERRY_CLI_RESUME_H

#include "cli/options.h"

/*
 * "ferry resume [ID]": run the recorded command line again, in its folder.
 * Replaces the process; an exit code if that is not possible.
 */
int resume_command(const struct options *);

#endif
