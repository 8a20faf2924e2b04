/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_JSON_H
#define FERRY_CLI_JSON_H

#include <stdint.h>

#include "cli/job.h"
#include "transfer/transfer.h"

/*
 * --json: one object per line on stdout, each with "event".  Names and texts
 * are as they are; one that is no UTF-8 is escaped as messages are, and its
 * bytes are there as hexadecimal digits under the name with "_hex".
 */
struct json_output;

/* NULL: out of memory. */
struct json_output *json_open(void);
/* 0, or -1 if stdout could not be written at some time. */
int json_close(struct json_output *); /* NULL is fine */

void json_start(struct json_output *, const struct job *,
		const uint8_t uuid[16]);
/*
 * A session with the far end begins; again after each reconnect.  uuid may be
 * another than that of "start": the far end went on with older staged data.
 */
void json_session(struct json_output *, const uint8_t uuid[16], int resumed);
/*
 * The figures so far, of all sessions; how often is up to the caller.
 * bytes_per_second 0: not known yet.
 */
void json_progress(struct json_output *, const struct transfer_stats *,
		   uint64_t bytes_per_second);
/* "file", "same", "failed", "vanished", "skipped" or "resent". */
void json_report(struct json_output *, const struct engine_report *);
void json_retry(struct json_output *, unsigned attempt,
		uint64_t wait_nanoseconds, const char *why);

/*
 * What differs between two sides: kind is "missing", "extra", "type", "link",
 * "content" or "unreadable"; ranges are of MiB, counted from 0.
 */
struct json_difference {
	const char *path;
	const char *kind;
	const char *cause; /* as people read it */
	const struct seq_range *ranges;
	size_t range_count;
};
/* One entry that differs; "mib" is put out only if there are ranges. */
void json_difference(struct json_output *, const struct json_difference *);

struct json_done {
	const struct transfer_result *result;
	int code; /* exit code of the whole run, --verify included */
	int verified;
	uint64_t nanoseconds;
	uint64_t errors;       /* failures that the user was told of */
	unsigned lanes;        /* that carried chunks; 0: none came up */
	const char *transport; /* "ssh", "libssh2", "local" or NULL */
	const char *message;   /* why it is not done, or NULL */
};
/* The last line. */
void json_done(struct json_output *, const struct json_done *);

/* One transfer of "ferry status". */
struct state_entry;
void json_status(struct json_output *, const struct state_entry *);

#endif
