/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_SIM_WIRE_H
#define FERRY_TESTS_SIM_WIRE_H

#include "tests/sim/world.h"

/*
 * One run of the command between the world's machines with all that runs in
 * production: transfer_run here, agent_run there, a lane over a socketpair,
 * and their threads.  Time is real, and which thread is first is anybody's
 * guess: a seed does not tell the whole story.
 */
struct wire_result {
	int code;                     /* the client's exit code */
	int far_code;                 /* the agent's */
	char text[300];               /* the client's; "": none */
	unsigned failed;              /* paths that the client reported so */
	uint64_t calls[END_COUNT];    /* of struct io */
	uint64_t failures[END_COUNT]; /* of these, how many were made to fail */
};

/*
 * client is END_SENDER (a push) or END_RECEIVER (a pull).  plans say what goes
 * wrong at each end; a NULL one: nothing.  What is reported as done is held to
 * that, descriptors that are left open, and whatever check_always and a look
 * at the source find, go to world_fail.
 */
void wire_run(struct world *, int client,
	      const struct fail_plan *plans[END_COUNT], struct wire_result *);

#endif
