/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_VERIFY_END_H
#define FERRY_CLI_VERIFY_END_H

#include <stdint.h>

#include "cli/compare.h"

/*
 * The last line of "ferry verify" and "ferry manifest --check": how the
 * comparison ended, for people and as the "done" event.  Closes json.  The
 * exit code.
 */
int verify_end(const struct compare_result *, struct json_output *json,
	       uint64_t nanoseconds);

#endif
