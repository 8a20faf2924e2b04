/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_EXIT_CODE_H
#define FERRY_CLI_EXIT_CODE_H

#include "transfer/engine.h"

/*
 * What ferry's exit status says, in addition to those that the engines give
 * (EXIT_LOST, EXIT_FILE_IO, EXIT_PROTOCOL, EXIT_PARTIAL in engine.h).  The
 * numbers are rsync's where it has one; all are in ferry(1).
 */
enum {
	EXIT_DONE = 0,
	EXIT_USAGE = 1,
	EXIT_INCOMPATIBLE = 2,
	EXIT_INTERRUPTED = 20,
	EXIT_VANISHED = 24,
	EXIT_DEADLINE = 30,
	EXIT_CONNECT_TIMEOUT = 35,
	EXIT_DIFFERENT = 65,
	EXIT_HELD = 75,
	EXIT_UNREACHABLE = 255
};

#endif
