/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every call of struct io of a small transfer fails once, or from then on, in
 * every way it can.  The result is an exit code that fits, no crash, no leak;
 * and the same command, run again, completes the job.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/check.h"
#include "tests/sim/session.h"
#include "tests/sim/story.h"

/* The seed of the tree: any that has files, folders and links will do. */
#define TREE_SEED 7

struct way {
	const char *name;
	enum fail_how how;
	int error;
	uint64_t stride; /* when it goes on failing */
};

static const struct way ways[] = {
    {"EIO", FAIL_ERROR, EIO, 1},
    {"ENOSPC", FAIL_ERROR, ENOSPC, 1},
    {"EINTR", FAIL_INTERRUPT, 0, 2},
    {"short", FAIL_SHORT, 0, 1},
};

struct trial {
	int client;
	int end; /* whose calls fail */
	const struct way *way;
	uint64_t after;
	int for_good;
	int verbose;
};

static struct world *trial_world(const struct trial *trial)
{
	static const struct world_shape shape = {8, 30, 50, FORM_FOLDER};

	return world_create(TREE_SEED, &shape, trial->verbose);
}

/* 0 is for success only; what failed must have a code that says so. */
static void check_result(struct world *world, const struct trial *trial,
			 const struct session_result *result, uint64_t failed)
{
	const struct end_result *client = &result->ends[trial->client];
	const struct end_result *far = &result->ends[!trial->client];
	int harmless = trial->way->how != FAIL_ERROR;

	if (harmless &&
	    (!client->finished || !far->finished || result->failed > 0))
		world_fail(world, "did not get over it: %d %s; %d %s",
			   client->code, client->text, far->code, far->text);
	if (failed == 0 || client->finished)
		return;
	if (!client->opened) {
		if (client->text[0] == 0 && far->text[0] == 0)
			world_fail(world, "failed without a word");
		return;
	}
	if (client->code != EXIT_FILE_IO && client->code != EXIT_LOST)
		world_fail(world, "exit code %d: %s", client->code,
			   client->text);
}

/* 1 if the case went wrong; *calls: how many calls the end made. */
static int trial_run(const struct trial *trial, uint64_t *calls)
{
	struct world *world = trial_world(trial);
	struct session_plan plan;
	struct session_result result;
	struct end_plan *end = &plan.ends[trial->end];
	int failed;

	session_plan_quiet(&plan);
	end->fail = 1;
	end->fail_plan.kind = FAIL_ANY;
	end->fail_plan.after = trial->after;
	end->fail_plan.count = trial->for_good ? UINT64_MAX : 1;
	end->fail_plan.stride = trial->way->stride;
	end->fail_plan.how = trial->way->how;
	end->fail_plan.error = trial->way->error;
	session_run(world, &plan, &result);
	*calls = result.calls[trial->end];
	check_result(world, trial, &result, *calls > trial->after);

	session_plan_quiet(&plan);
	if (!world_failed(world)) {
		session_run(world, &plan, &result);
		if (!result.ends[END_SENDER].finished ||
		    !result.ends[END_RECEIVER].finished || result.failed > 0)
			world_fail(world, "the run after it fails: %s; %s",
				   result.ends[END_SENDER].text,
				   result.ends[END_RECEIVER].text);
		check_final(world);
		disk_crash(world->disks[END_RECEIVER]);
		check_final(world);
	}
	failed = world_failed(world);
	if (failed)
		printf("not ok - %s, %s: call %llu of the %s fails with "
		       "%s%s: %s\n",
		       trial->client == END_SENDER ? "push" : "pull",
		       trial->client == trial->end ? "here" : "there",
		       (unsigned long long)trial->after,
		       trial->end == END_SENDER ? "sender" : "receiver",
		       trial->way->name, trial->for_good ? " for good" : "",
		       world->failure);
	world_free(world);
	return failed;
}

unsigned faults_run(int client, int verbose)
{
	struct trial trial = {client, 0, NULL, 0, 0, verbose};
	unsigned wrong = 0, cases = 0;
	size_t way;

	for (trial.end = 0; trial.end < END_COUNT; trial.end++)
		for (way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
			for (trial.for_good = 0; trial.for_good < 2;
			     trial.for_good++) {
				uint64_t calls = UINT64_MAX;

				trial.way = &ways[way];
				for (trial.after = 0; trial.after < calls;
				     trial.after++, cases++)
					wrong +=
					    (unsigned)trial_run(&trial, &calls);
			}
	printf("%s: %u cases, %u wrong\n",
	       client == END_SENDER ? "push" : "pull", cases, wrong);
	return wrong;
}
