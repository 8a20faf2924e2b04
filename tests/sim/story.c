/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens in a seed: which sessions, which faults, what is checked. */
#include "tests/sim/story.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/check.h"
#include "tests/sim/session.h"

#define MILLISECOND UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)
/* Sessions without faults that may be needed to get everything across. */
#define QUIET_MAX   3

static void random_config(struct dice *dice, struct engine_config *config)
{
	engine_config_default(config);
	config->count = dice_chance(dice, 300);
	config->window = dice_skewed(dice, 1, 8U << 20);
	config->group_bytes = dice_skewed(dice, 1, 4U << 20);
	config->group_time = dice_skewed(dice, MILLISECOND, 2 * SECOND);
	config->resend_time = dice_skewed(dice, 200 * MILLISECOND, 60 * SECOND);
	config->idle_time = dice_between(dice, 5 * SECOND, 30 * SECOND);
	config->ping_time = config->idle_time / 3;
	if (dice_chance(dice, 400))
		config->compression = dice_chance(dice, 500)
					  ? COMPRESS_AUTO
					  : (int)dice_between(dice, 1, 5);
	if (dice_chance(dice, 100))
		config->rate = dice_skewed(dice, 1000000, 1000000000);
	if (dice_chance(dice, 100))
		config->version = 1;
}

static void random_network(struct dice *dice, struct network_config *network,
			   int bad)
{
	network->delay_shortest = dice_skewed(dice, 1000, 10 * MILLISECOND);
	network->delay_longest = network->delay_shortest +
				 dice_skewed(dice, 1000, 300 * MILLISECOND);
	network->rate = dice_skewed(dice, 2000000, 1000000000);
	if (!bad)
		return;
	if (dice_chance(dice, 200))
		network->drop = (unsigned)dice_skewed(dice, 1, 100);
	if (dice_chance(dice, 200))
		network->duplicate = (unsigned)dice_skewed(dice, 1, 300);
	if (dice_chance(dice, 200))
		network->reorder = (unsigned)dice_skewed(dice, 1, 500);
	if (dice_chance(dice, 200))
		network->damage = (unsigned)dice_skewed(dice, 1, 100);
	if (dice_chance(dice, 300))
		network->stale = 500;
}

static void random_fault(struct dice *dice, struct fault *fault)
{
	static const enum fault_kind kinds[] = {
	    FAULT_KILL,    FAULT_CRASH,   FAULT_CRASH,   FAULT_CUT,
	    FAULT_CUT_ALL, FAULT_SILENCE, FAULT_LANE_UP, FAULT_FULL,
	    FAULT_ROOM,    FAULT_CHANGE,  FAULT_CHANGE,  FAULT_VANISH};

	fault->kind = kinds[dice_below(dice, 12)];
	fault->event = dice_skewed(dice, 0, 1000);
	/* The receiver's disk is where most can be lost. */
	fault->end = dice_chance(dice, 700) ? END_RECEIVER : END_SENDER;
}

static void sort_faults(struct session_plan *plan)
{
	size_t i, j;

	for (i = 1; i < plan->fault_count; i++)
		for (j = i;
		     j > 0 && plan->faults[j].event < plan->faults[j - 1].event;
		     j--) {
			struct fault swapped = plan->faults[j];

			plan->faults[j] = plan->faults[j - 1];
			plan->faults[j - 1] = swapped;
		}
}

static void random_end(struct dice *dice, struct end_plan *end)
{
	static const int errors[] = {EIO, ENOSPC, EDQUOT, EMFILE};

	if (dice_chance(dice, 200)) {
		end->stop_after = dice_skewed(dice, 0, 1500);
		end->crash = dice_chance(dice, 600);
	}
	if (dice_chance(dice, 80))
		end->fail_sync = dice_skewed(dice, 0, 60);
	if (dice_chance(dice, 200))
		end->flaky = (unsigned)dice_skewed(dice, 1, 100);
	if (dice_chance(dice, 60)) {
		end->fail = 1;
		end->fail_plan.kind =
		    (enum fail_kind)dice_below(dice, FAIL_KIND_COUNT);
		end->fail_plan.after = dice_skewed(dice, 0, 500);
		end->fail_plan.count = dice_skewed(dice, 1, 10);
		end->fail_plan.how = FAIL_ERROR;
		end->fail_plan.error = errors[dice_below(dice, 4)];
	}
}

static void random_plan(struct world *world, struct session_plan *plan)
{
	struct dice *dice = &world->dice;

	session_plan_quiet(plan);
	random_config(dice, &plan->config);
	random_network(dice, &plan->network, 1);
	plan->lanes = (unsigned)dice_between(dice, 1, 3);
	plan->fault_count = (size_t)dice_skewed(dice, 0, FAULTS_MAX - 1);
	for (size_t index = 0; index < plan->fault_count; index++)
		random_fault(dice, &plan->faults[index]);
	sort_faults(plan);
	random_end(dice, &plan->ends[END_SENDER]);
	random_end(dice, &plan->ends[END_RECEIVER]);
}

static void tell_plan(struct world *world, const struct session_plan *plan)
{
	int end;

	world_tell(world, "-- a session with %zu faults", plan->fault_count);
	for (end = 0; end < END_COUNT; end++) {
		const struct end_plan *its = &plan->ends[end];

		if (its->stop_after != UINT64_MAX)
			world_tell(world, "   end %d dies at call %llu", end,
				   (unsigned long long)its->stop_after);
		if (its->fail_sync != UINT64_MAX)
			world_tell(world, "   end %d: sync %llu fails", end,
				   (unsigned long long)its->fail_sync);
		if (its->fail)
			world_tell(world,
				   "   end %d: calls of kind %d fail with %d",
				   end, (int)its->fail_plan.kind,
				   its->fail_plan.error);
	}
}

/* No engine has a reason to think that the other breaks the protocol. */
static void check_codes(struct world *world,
			const struct session_result *result)
{
	int end;

	for (end = 0; end < END_COUNT; end++)
		if (result->ends[end].code == EXIT_PROTOCOL)
			world_fail(world, "protocol: %s",
				   result->ends[end].text);
}

static void between_sessions(struct world *world)
{
	struct dice *dice = &world->dice;
	int end;

	for (end = 0; end < END_COUNT; end++)
		if (dice_chance(dice, 50)) {
			world_tell(world, "the machine of end %d crashes", end);
			disk_crash(world->disks[end]);
			check_always(world);
		}
	if (dice_chance(dice, 100))
		world_change(world);
	if (dice_chance(dice, 50))
		world_rot(world);
	if (dice_chance(dice, 30)) {
		world_tell(world, "the client forgets the transfer");
		dice_fill(dice, world->uuid, sizeof(world->uuid));
	}
}

/* Nothing goes wrong but that some chunks arrive damaged, however often they
 * are sent: their files fail by name, and no other. */
static void cursed_session(struct world *world)
{
	struct session_plan plan;
	struct session_result result;

	session_plan_quiet(&plan);
	random_config(&world->dice, &plan.config);
	/* Nor is any taken for lost. */
	plan.config.resend_time = 60 * SECOND;
	random_network(&world->dice, &plan.network, 0);
	plan.network.curse = (unsigned)dice_skewed(&world->dice, 20, 500);
	world_tell(world, "-- a session with cursed chunks");
	session_run(world, &plan, &result);
	check_codes(world, &result);
	if (!result.ends[END_SENDER].finished ||
	    !result.ends[END_RECEIVER].finished)
		world_fail(world, "a damaged chunk is the end of it: %s; %s",
			   result.ends[END_SENDER].text,
			   result.ends[END_RECEIVER].text);
	/* A file may have two of them. */
	if (result.failed > result.cursed ||
	    (result.failed == 0) != (result.cursed == 0))
		world_fail(world, "%u files failed for %u cursed chunks",
			   result.failed, result.cursed);
}

/* Sessions in which nothing goes wrong, until all is across. */
static void finish(struct world *world, struct session_plan *plan,
		   struct session_result *result)
{
	unsigned tries;

	for (tries = 0; tries < QUIET_MAX && !world_failed(world); tries++) {
		session_plan_quiet(plan);
		random_config(&world->dice, &plan->config);
		random_network(&world->dice, &plan->network, 0);
		plan->lanes = (unsigned)dice_between(&world->dice, 1, 2);
		world_tell(world, "-- a session without faults");
		session_run(world, plan, result);
		check_codes(world, result);
		if (result->ends[END_SENDER].finished &&
		    result->ends[END_RECEIVER].finished) {
			check_ledgers(world, result);
			break;
		}
		world_fail(world, "does not finish: %d %s; %d %s",
			   result->ends[END_SENDER].code,
			   result->ends[END_SENDER].text,
			   result->ends[END_RECEIVER].code,
			   result->ends[END_RECEIVER].text);
	}
	if (result->failed > 0)
		world_fail(world, "%u paths failed without reason",
			   result->failed);
}

static void story(struct world *world)
{
	struct session_plan plan;
	struct session_result result;
	unsigned bad = (unsigned)dice_below(&world->dice, 5);

	while (bad-- > 0 && !world_failed(world)) {
		random_plan(world, &plan);
		tell_plan(world, &plan);
		session_run(world, &plan, &result);
		check_codes(world, &result);
		between_sessions(world);
	}
	if (!world_failed(world) && dice_chance(&world->dice, 100))
		cursed_session(world);
	finish(world, &plan, &result);
	check_final(world);
	check_tidy(world);
	/* Exit 0 means it is there; only what was removed may come back. */
	disk_crash(world->disks[END_RECEIVER]);
	check_always(world);
	check_final(world);
	check_received(world);
	if (world_failed(world) || !dice_chance(&world->dice, 250))
		return;
	world_tell(world, "-- the same again");
	finish(world, &plan, &result);
	check_final(world);
	check_tidy(world);
	if (result.bytes_sent > 0)
		world_fail(world, "the second run sent %llu bytes",
			   (unsigned long long)result.bytes_sent);
}

int story_run(uint64_t seed, int verbose, char *failure, size_t size)
{
	struct world_shape shape = {25, 0, 40, -1, 100};
	struct world *world;
	struct dice dice;
	int failed;

	/* A third of the seeds have some files of more than a page or two, and
	 * some have many. */
	dice_init(&dice, seed, 99);
	if (dice_chance(&dice, 330)) {
		shape.large_percent = 20;
		shape.entries = 10;
	} else if (dice_chance(&dice, 30)) {
		shape.large_percent = 80;
		shape.entries = 40;
	}
	world = world_create(seed, &shape, verbose);
	story(world);
	failed = world_failed(world);
	snprintf(failure, size, "%s", world->failure);
	world_free(world);
	return failed;
}
