/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_SUMMARY_H
#define FERRY_CLI_SUMMARY_H

#include <stdint.h>

#include "cli/json.h"
#include "cli/options.h"
#include "transfer/transfer.h"

/* How a copy ended. */
struct summary {
	const struct options *options;
	const struct transfer_result *result;
	int code; /* of the whole, --verify included */
	int verified;
	int stored;   /* nothing at the far side checked what arrived */
	int proven;   /* but a sum there did, of what was not there before */
	int recorded; /* "ferry resume" finds it */
	uint64_t nanoseconds;
	unsigned lanes;
	const char *transport; /* as in json.h */
	uint64_t errors;       /* entries that failed */
	uint64_t vanished;
};

/* The last lines for people: what was done, or why not and what to do. */
void summary_print(const struct summary *);
/* The "done" event. */
void summary_json(const struct summary *, struct json_output *);

#endif
