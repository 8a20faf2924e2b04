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
#include "tests/sim/wire.h"

/*
 * The trees: one has small files, one of several leaves, an empty one, links
 * and folders, some of them at the target already, in an older version; of the
 * other, content is compared with what is at the target.
 */
static const uint64_t tree_seeds[] = {4679, 14236};
#define TREES (sizeof(tree_seeds) / sizeof(tree_seeds[0]))

struct way {
	const char *name;
	enum fail_how how;
	int error;
	uint64_t stride; /* when it goes on failing */
	uint64_t dies;   /* the receiver's machine, so many calls later; 0: it
			    does not */
};

static const struct way ways[] = {
    {"EIO", FAIL_ERROR, EIO, 1, 0},
    {"ENOSPC", FAIL_ERROR, ENOSPC, 1, 0},
    {"EINTR", FAIL_INTERRUPT, 0, 2, 0},
    {"short", FAIL_SHORT, 0, 1, 0},
    /* What the failed call should have made durable must not be claimed. */
    {"EIO, and soon a crash,", FAIL_ERROR, EIO, 1, 5},
    {"EIO, and then a crash,", FAIL_ERROR, EIO, 1, 20},
};

struct trial {
	enum faults_kind kind;
	int end; /* whose calls fail */
	size_t tree;
	uint64_t broken_off; /* a run before that stopped at this call of the
				receiver; 0: there was none */
	const struct way *way;
	uint64_t after;
	int for_good;
	unsigned stride;
	int verbose;
};

static struct world *trial_world(const struct trial *trial)
{
	static const struct world_shape shape = {14, 30, 50, FORM_FOLDER, 0};
	struct world *world =
	    world_create(tree_seeds[trial->tree], &shape, trial->verbose);
	unsigned files = 0, large = 0, links = 0;

	for (size_t i = 0; i < world->history_count; i++) {
		const struct snapshot_item *item =
		    &world->histories[i].versions[0];

		files += S_ISREG(item->mode) != 0;
		large += S_ISREG(item->mode) && item->size > LEAF_SIZE;
		links += S_ISLNK(item->mode) != 0;
	}
	if (large == 0 || (trial->tree == 0 && (files < 4 || links == 0)) ||
	    world->checksum != (trial->tree == 1))
		world_fail(world, "seed %llu makes another tree now",
			   (unsigned long long)world->seed);
	return world;
}

static struct fail_plan trial_plan(const struct trial *trial)
{
	struct fail_plan plan = {
	    .kind = FAIL_ANY,
	    .after = trial->after,
	    .count = trial->for_good ? UINT64_MAX : 1,
	    .stride = trial->way->stride,
	    .how = trial->way->how,
	    .error = trial->way->error,
	};

	return plan;
}

/* What was reported as done outlives the machine. */
static void crash_or_not(struct world *world, const struct trial *trial)
{
	if (trial->after % 2 == 0)
		return;
	disk_crash(world->disks[END_RECEIVER]);
	check_always(world);
}

/* ---- in virtual time ---------------------------------------------------- */

/* It has got over it, or says that it has not.  client: the end that would
 * be the client, and tell the user. */
static void check_client(struct world *world, int client,
			 const struct session_result *result)
{
	const struct end_result *here = &result->ends[client];
	const struct end_result *far = &result->ends[!client];

	if (here->finished)
		return;
	if (!here->opened) {
		if (here->text[0] == 0 && far->text[0] == 0)
			world_fail(world, "failed without a word");
		return;
	}
	if (here->code != EXIT_FILE_IO && here->code != EXIT_LOST)
		world_fail(world, "exit code %d: %s", here->code, here->text);
}

static void check_session(struct world *world, const struct trial *trial,
			  const struct session_result *result)
{
	const struct end_result *sender = &result->ends[END_SENDER];
	const struct end_result *receiver = &result->ends[END_RECEIVER];
	int done =
	    sender->finished && receiver->finished && result->failed == 0;

	if (done)
		check_final(world);
	else if (trial->way->how != FAIL_ERROR ||
		 result->calls[trial->end] <= trial->after)
		world_fail(world, "failed for nothing: %d %s; %d %s",
			   sender->code, sender->text, receiver->code,
			   receiver->text);
	check_client(world, END_SENDER, result);
	check_client(world, END_RECEIVER, result);
}

/* The run with the fault.  Returns how many calls the end made. */
static uint64_t fail_session(struct world *world, const struct trial *trial)
{
	struct session_plan plan;
	struct session_result result;
	struct end_plan *end = &plan.ends[trial->end];

	session_plan_quiet(&plan);
	end->fail = 1;
	end->fail_plan = trial_plan(trial);
	if (trial->way->dies > 0) {
		end->stop_after = trial->after + trial->way->dies;
		end->crash = 1;
	}
	session_run(world, &plan, &result);
	if (!result.ends[trial->end].dead)
		check_session(world, trial, &result);
	crash_or_not(world, trial);
	return result.calls[trial->end];
}

/* The receiver's process dies at a call. */
static void break_off_session(struct world *world, const struct trial *trial)
{
	struct session_plan plan;
	struct session_result result;

	session_plan_quiet(&plan);
	plan.ends[END_RECEIVER].stop_after = trial->broken_off;
	session_run(world, &plan, &result);
}

static void resume_session(struct world *world)
{
	struct session_plan plan;
	struct session_result result;

	session_plan_quiet(&plan);
	session_run(world, &plan, &result);
	if (!result.ends[END_SENDER].finished ||
	    !result.ends[END_RECEIVER].finished || result.failed > 0)
		world_fail(world, "the run after it fails: %s; %s",
			   result.ends[END_SENDER].text,
			   result.ends[END_RECEIVER].text);
}

/* ---- as in production --------------------------------------------------- */

static int client_of(const struct trial *trial)
{
	return trial->kind == FAULTS_PUSH ? END_SENDER : END_RECEIVER;
}

static void check_wire(struct world *world, const struct trial *trial,
		       const struct wire_result *result)
{
	if (result->code == EXIT_DONE) {
		check_final(world);
		return;
	}
	if (trial->way->how != FAIL_ERROR || result->failures[trial->end] == 0)
		world_fail(world, "failed for nothing: %d %s", result->code,
			   result->text);
	/* A file that cannot be read or put in its place is not all of them,
	 * and is reported by itself. */
	if (result->code == EXIT_PARTIAL && result->failed > 0)
		return;
	if (result->code != EXIT_FILE_IO && result->code != EXIT_PARTIAL)
		world_fail(world, "exit code %d: %s", result->code,
			   result->text);
	if (result->text[0] == '\0')
		world_fail(world, "exit code %d without a word", result->code);
}

static uint64_t fail_wire(struct world *world, const struct trial *trial)
{
	struct fail_plan plan = trial_plan(trial);
	const struct fail_plan *plans[END_COUNT] = {NULL, NULL};
	struct wire_result result;

	plans[trial->end] = &plan;
	wire_run(world, client_of(trial), plans, &result);
	check_wire(world, trial, &result);
	crash_or_not(world, trial);
	return result.calls[trial->end];
}

static void resume_wire(struct world *world, const struct trial *trial)
{
	const struct fail_plan *plans[END_COUNT] = {NULL, NULL};
	struct wire_result result;

	wire_run(world, client_of(trial), plans, &result);
	if (result.code != EXIT_DONE || result.far_code != EXIT_DONE ||
	    result.failed > 0)
		world_fail(world, "the run after it ends with %d, %d: %s",
			   result.code, result.far_code, result.text);
	check_tidy(world);
}

/* ---- all of them -------------------------------------------------------- */

static const char *const kind_names[] = {"engines", "push", "pull"};

static void tell_failure(const struct world *world, const struct trial *trial)
{
	printf("# %s, tree %zu%s: call %llu of the %s fails with %s%s: %s\n",
	       kind_names[trial->kind], trial->tree,
	       trial->broken_off > 0 ? ", resumed" : "",
	       (unsigned long long)trial->after,
	       trial->end == END_SENDER ? "sender" : "receiver",
	       trial->way->name, trial->for_good ? " for good" : "",
	       world->failure);
}

/* 1 if the case went wrong; *calls: how many calls the end made. */
static int trial_run(const struct trial *trial, uint64_t *calls)
{
	struct world *world = trial_world(trial);
	int failed;

	if (trial->kind == FAULTS_ENGINES) {
		if (trial->broken_off > 0)
			break_off_session(world, trial);
		*calls = fail_session(world, trial);
	} else {
		*calls = fail_wire(world, trial);
	}
	if (!world_failed(world)) {
		if (trial->kind == FAULTS_ENGINES)
			resume_session(world);
		else
			resume_wire(world, trial);
		check_final(world);
		disk_crash(world->disks[END_RECEIVER]);
		check_final(world);
	}
	failed = world_failed(world);
	if (failed)
		tell_failure(world, trial);
	world_free(world);
	return failed;
}

/* One call after the other, until there are no more to fail. */
static unsigned fail_each(struct trial *trial, unsigned *cases)
{
	unsigned wrong = 0;
	uint64_t calls;

	trial->after = 0;
	do {
		wrong += (unsigned)trial_run(trial, &calls);
		++*cases;
		trial->after += trial->stride;
	} while (calls + trial->stride > trial->after);
	return wrong;
}

static int is_wanted(const struct trial *trial)
{
	/* After a run that broke off, one kind of failure will do. */
	if (trial->broken_off > 0 && trial->way->error != EIO)
		return 0;
	if (trial->way->dies == 0)
		return 1;
	return trial->kind == FAULTS_ENGINES && trial->end == END_RECEIVER &&
	       !trial->for_good;
}

/* Each call of each end in each way.  Returns how many cases went wrong. */
static unsigned fail_all(struct trial *trial, unsigned *cases)
{
	unsigned wrong = 0;

	for (trial->end = 0; trial->end < END_COUNT; trial->end++)
		for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]);
		     way++)
			for (trial->for_good = 0; trial->for_good < 2;
			     trial->for_good++) {
				trial->way = &ways[way];
				if (is_wanted(trial))
					wrong += fail_each(trial, cases);
			}
	return wrong;
}

/* How many calls the receiver makes when nothing fails. */
static uint64_t receiver_calls(const struct trial *trial)
{
	struct trial quiet = *trial;
	uint64_t calls = 0;

	quiet.end = END_RECEIVER;
	quiet.way = &ways[0];
	quiet.after = UINT64_MAX;
	quiet.for_good = 0;
	trial_run(&quiet, &calls);
	return calls;
}

unsigned faults_run(enum faults_kind kind, unsigned stride, int verbose)
{
	struct trial trial = {
	    .kind = kind, .stride = stride, .verbose = verbose};
	unsigned wrong = 0, cases = 0;

	wrong += fail_all(&trial, &cases);
	for (trial.tree = 0; kind == FAULTS_ENGINES && trial.tree < TREES;
	     trial.tree++) {
		trial.broken_off = 0;
		if (trial.tree > 0)
			wrong += fail_all(&trial, &cases);
		trial.broken_off = receiver_calls(&trial) * 2 / 3;
		wrong += fail_all(&trial, &cases);
	}
	printf("# %s: %u cases, %u wrong\n", kind_names[kind], cases, wrong);
	return wrong;
}
