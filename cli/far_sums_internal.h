/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_FAR_SUMS_INTERNAL_H
#define FERRY_CLI_FAR_SUMS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "cli/far_sums.h"
#include "cli/far_sums_answer.h"
#include "cli/far_sums_local.h"
#include "cli/far_sums_places.h"
#include "cli/far_sums_spool.h"
#include "cli/sftp_child.h"

/*
 * Shared by far_sums*.c and by nobody else.  The main thread spools files; the
 * asker takes them and writes their paths to the shell; the checker takes them
 * too, sums what is here, and reads the answers.  Neither waits for the other
 * but for the shell's first line, before which no name is written: who knows
 * what reads there.
 */
/* How often who waits looks whether all has to end. */
#define FAR_SUMS_POLL 100 /* milliseconds */

struct far_sums {
	const struct options *options;
	const struct job *job;

	/* Set before the threads begin. */
	struct far_spool *spool;
	struct far_places *here, *there;
	struct sftp_child child;
	int in, out; /* out is the asker's */
	uint64_t greeting_until;
	char nonce[33];
	pthread_t asker, checker;
	int running; /* threads */

	atomic_int over; /* no more is asked for or answered */

	pthread_mutex_t mutex; /* of these two */
	pthread_cond_t changed;
	int greeted; /* 1; -1: there is no use in waiting */
	int checked; /* the checker has ended */

	/* The checker's, until it has ended. */
	enum far_program program;
	struct far_local *local;
	struct far_answers answers;
	size_t next_answer;
	char bytes[4096]; /* start..end are not parsed */
	size_t start, end;
	uint64_t same;
	uint64_t changed_since; /* files that are others by now */
	uint64_t unseen;        /* that the shell there does not see */
	struct text_list different;
	char *why; /* it ended before all was proven */

	/* The main thread's. */
	uint64_t files;
	int started;
};

/* How many paths are asked for, for one file; 0: it is not. */
size_t far_sums_questions(const struct far_sums *, const struct far_file *);

/* far_sums_ask.c, far_sums_check.c: the threads. */
void *far_sums_ask(void *);
void *far_sums_check(void *);

#endif
