/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_SIM_SESSION_H
#define FERRY_TESTS_SIM_SESSION_H

#include "tests/sim/world.h"
#include "transfer/engine.h"

/*
 * One session of a transfer between the world's machines: both ends open what
 * they need, and two engines run in virtual time until both have ended, are
 * killed, or make no headway.
 */
enum fault_kind {
	FAULT_KILL,  /* the process at end dies */
	FAULT_CRASH, /* the machine at end dies */
	FAULT_CUT,   /* one lane */
	FAULT_CUT_ALL,
	FAULT_SILENCE, /* one lane */
	FAULT_LANE_UP, /* one more */
	FAULT_FULL,    /* the disk at end is full */
	FAULT_ROOM,    /* and is not any more */
	FAULT_CHANGE,  /* a file at the source changes */
	FAULT_VANISH,
	FAULT_KIND_COUNT
};

#define FAULTS_MAX 8

struct session_plan {
	struct engine_config config;
	struct network_config network;
	unsigned lanes;
	struct fault {
		uint64_t event; /* happens before this event of the loop */
		enum fault_kind kind;
		int end;
	} faults[FAULTS_MAX];
	size_t fault_count;
	struct end_plan {
		uint64_t stop_after; /* io calls; UINT64_MAX: never */
		int crash;           /* with stop_after: the machine, not only
					the process */
		uint64_t fail_sync;  /* UINT64_MAX: none */
		unsigned flaky;      /* in a thousand calls */
		int fail;            /* 1: use fail_plan */
		struct fail_plan fail_plan;
	} ends[END_COUNT];
};

/* A session in which nothing goes wrong. */
void session_plan_quiet(struct session_plan *);

struct session_result {
	struct end_result {
		int opened;   /* its engine ran */
		int finished; /* ACTION_FINISH */
		int dead;     /* killed or crashed */
		int code;     /* of ACTION_FAIL */
		char text[300];
	} ends[END_COUNT];
	uint8_t uuid[16];  /* as READY named it */
	unsigned failed;   /* paths that were reported so */
	unsigned unplaced; /* problems of folders, or of unknown paths: of
			      what is below them nobody speaks */
	unsigned cursed;   /* chunks that were damaged five times, as always */
	uint64_t bytes_sent;       /* payload of chunks */
	uint64_t calls[END_COUNT]; /* of struct io, from the start */
};

void session_run(struct world *, const struct session_plan *,
		 struct session_result *);

#endif
