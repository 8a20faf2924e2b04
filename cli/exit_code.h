/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_EXIT_CODE_H
#define FERRY_CLI_EXIT_CODE_H

#include "transfer/engine.h"

/*
 * What ferry's exit status says in addition to how a transfer ends
 * (engine.h): all of them are in ferry(1).
 */
enum { EXIT_USAGE = 1, EXIT_DEADLINE = 30, EXIT_DIFFERENT = 65 };

#endif
