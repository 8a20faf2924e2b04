/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_FAR_SUMS_H
#define FERRY_CLI_FAR_SUMS_H

#include <stdint.h>

#include "cli/job.h"
#include "cli/observe.h"
#include "cli/options.h"
#include "cli/text_list.h"

/*
 * Proof of what an SFTP server stored, or gave us, by a program that sums files
 * at its host: a shell there is asked for each file as its receipt comes, and
 * the sums are compared with what was transferred.  It asks the user nothing,
 * and where there is no such shell or program, nothing is proven and nobody is
 * told but with -v.
 */
struct far_sums;

/* Both arguments must outlive it.  NULL: no memory. */
struct far_sums *far_sums_create(const struct options *, const struct job *);
/* Ends all at once.  NULL is fine. */
void far_sums_free(struct far_sums *);

/*
 * There will be something to ask for: log in meanwhile.  It is not needed, and
 * to call it again does nothing.  home: the folder in which the server's
 * relative paths begin; NULL: not known.
 */
void far_sums_begin(struct far_sums *, const char *home);

/*
 * An entry of the transfer ended.  A file that is in place is asked for; with
 * --verify, one that was there already as well.  home as for far_sums_begin.
 */
void far_sums_report(struct far_sums *, const char *home,
		     const struct engine_report *);

struct far_sums_result {
	uint64_t files; /* that were to be proven, */
	uint64_t same;  /* and were; */
	/* of these the sums differ, each of which was told in a line.  Valid
	 * until far_sums_free. */
	const struct text_list *different;
};

/* The transfer is over: wait for the last sums, until observe_stop. */
void far_sums_finish(struct far_sums *, const struct observe *,
		     struct far_sums_result *);

#endif
