/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_JOB_H
#define FERRY_CLI_JOB_H

#include <stddef.h>

#include "cli/location.h"

/* SRC... DST taken apart: what goes where, and who is at the far end. */
struct job {
	struct location *sources; /* all at one end */
	size_t source_count;
	struct location target;
	int pull; /* 1: the sources are remote and the target is local */
	const struct location *far; /* the remote end, or NULL: all is local */
	const struct location *reader; /* both are remote: where the sources
					  are, and far is the target's */
	char **source_paths;           /* of sources, for transfer_request */
};

/*
 * Parse operands; the last is the target.  0; or -1 after telling the user.
 */
int job_parse(struct job *, char **operands, size_t count);
/* The far side has no ferry: it is as if the user had written sftp://. */
void job_use_sftp(struct job *);
void job_clear(struct job *);

#endif
