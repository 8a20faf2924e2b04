/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_SIM_STORY_H
#define FERRY_TESTS_SIM_STORY_H

#include <stddef.h>
#include <stdint.h>

/*
 * One seed: a world, some sessions in which things go wrong, then sessions in
 * which nothing does until the transfer is finished, and the checks.
 * 0; or 1 with the reason in failure.
 */
int story_run(uint64_t seed, int verbose, char *failure, size_t size);

/*
 * A small transfer in which the n-th call of struct io at one end fails, for
 * every n of each end (every stride-th, that is), once and from then on, in
 * each way; then one without failures.  Checked are what the client would tell
 * its user, what is at the target, and that the second run completes it.
 * Returns how many cases went wrong, each printed.
 */
enum faults_kind {
	FAULTS_ENGINES, /* in virtual time; several trees, also resumed */
	FAULTS_PUSH,    /* the whole of both ends, over a socket */
	FAULTS_PULL
};
unsigned faults_run(enum faults_kind, unsigned stride, int verbose);

#endif
