/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_COMPARE_H
#define FERRY_CLI_COMPARE_H

#include <stdint.h>

#include "cli/json.h"
#include "cli/observe.h"
#include "cli/side.h"

/*
 * Compare two sides by content: which entries there are, the bytes of files,
 * where links lead to.  Both come in one order, so that only an entry of each
 * is held.  Each difference is told as it is found, in one line.
 */
struct compare_request {
	struct side *left;  /* what should be there */
	struct side *right; /* what is there */
	const char *left_name;
	const char *right_name;
	int extra_is_fine; /* entries that only the right side has */
	struct observe *observe;
	struct json_output *json; /* NULL: not wanted */
};

struct compare_result {
	int code;       /* exit code: EXIT_DIFFERENT before EXIT_PARTIAL */
	uint64_t files; /* that are the same */
	uint64_t bytes; /* in these */
	uint64_t differences;
	uint64_t errors; /* entries that could not be compared */
};

/* When a side failed, the user was told. */
void compare_run(const struct compare_request *, struct compare_result *);

#endif
