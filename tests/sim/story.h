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
 * every n, once and from then on, in each way; then one without failures.
 * client is END_SENDER (a push) or END_RECEIVER (a pull): calls of both ends
 * are made to fail, and the client's exit code is checked.  Returns how many
 * cases went wrong, each printed.
 */
unsigned faults_run(int client, int verbose);

#endif
