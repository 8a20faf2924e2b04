/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_STATE_RECORD_H
#define FERRY_CLI_STATE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "cli/text_list.h"

/*
 * STATE/transfers/<uuid>/command: the command line of a transfer, enough to
 * find it again and to run it again.  The file is "name=value" texts, each
 * ended by a NUL, the first "version=1"; unknown names are skipped.
 */
struct state_record {
	int64_t started; /* seconds since 1970, for people */
	int pull;
	unsigned port; /* of the far end, 0: not given */
	char *cwd;
	struct text_list places;   /* sources, then the target, resolved: two
				      runs with the same ones are one job */
	struct text_list options;  /* "--name=value" */
	struct text_list operands; /* as they were typed */
};

/* malloc'd bytes and *length, or NULL: no memory. */
char *state_record_encode(const struct state_record *, size_t *length);

/* 0, or -1 for a damaged record, another version, or no memory.  *record is to
 * be cleared in both cases. */
int state_record_decode(const char *bytes, size_t length,
			struct state_record *);

/* 1 if both are the same job. */
int state_record_same_job(const struct state_record *,
			  const struct state_record *);

/* Frees what the struct owns and zeroes the lists, so that twice is fine. */
void state_record_clear(struct state_record *);

#endif
