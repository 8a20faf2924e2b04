/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs two engines against each other.  The loop takes whatever is due first
 * (a delivery, a task that is done, an engine's deadline), gives it to its
 * engine, and does what the engine says.  Each end is an actor with an engine
 * and one side of the disk; an actor ends by itself, or is killed.
 */
#include <string.h>

#include "tests/sim/check.h"
#include "tests/sim/session_private.h"

/* More events than any session of a small tree needs. */
#define EVENTS_MAX 200000
#define SECOND     UINT64_C(1000000000)

void session_plan_quiet(struct session_plan *plan)
{
	int end;

	memset(plan, 0, sizeof(*plan));
	engine_config_default(&plan->config);
	plan->network.delay_shortest = 1000;
	plan->network.delay_longest = 100000;
	plan->network.rate = 100000000;
	plan->lanes = 1;
	for (end = 0; end < END_COUNT; end++) {
		plan->ends[end].stop_after = UINT64_MAX;
		plan->ends[end].fail_sync = UINT64_MAX;
	}
}

static void set_now(struct session *session, uint64_t now)
{
	struct world *world = session->world;

	if (now > world->now)
		world->now = now;
	disk_set_clock(world->disks[END_SENDER], world->now);
	disk_set_clock(world->disks[END_RECEIVER], world->now);
}

static void watch_delivery(struct session *session,
			   const struct delivery *delivery)
{
	struct world *world = session->world;
	const char *wrong;

	if (delivery->end == END_RECEIVER) {
		promise_received(world->promise, delivery->frame, world->now);
		return;
	}
	wrong = promise_arrived(world->promise, delivery->frame);
	if (wrong != NULL)
		world_fail(world, "%s", wrong);
}

static void take_delivery(struct session *session)
{
	struct engine_event event = {0};
	struct delivery delivery;
	const struct end_result *result;
	struct actor *actor;
	int late;

	if (!network_take(session->world->network, &delivery))
		return;
	set_now(session, delivery.time);
	actor = &session->actors[delivery.end];
	if (actor->over) {
		frame_free(delivery.frame);
		return;
	}
	event.type = delivery.type;
	event.lane = delivery.lane;
	/* Some lanes are for chunks alone. */
	event.bulk = delivery.lane % 3 == 2;
	event.bytes = delivery.bytes;
	event.frame = delivery.frame;
	late =
	    delivery.frame != NULL && delivery.frame->epoch != session->epoch;
	if (delivery.frame != NULL && !late)
		watch_delivery(session, &delivery);
	actor_event(session, actor, &event);
	actor_act(session, actor);
	/* Who gets a frame of another session drops it. */
	result = &session->result->ends[delivery.end];
	if (late && actor->over && result->code != EXIT_LOST)
		world_fail(session->world,
			   "a frame of another session ended this one: %s",
			   result->text);
}

/* Find what is due first.  0: nothing ever will be. */
static int step(struct session *session)
{
	uint64_t soonest = network_due(session->world->network);
	struct engine_event event = {0};
	struct actor *first = NULL;
	int end, queue, first_queue = -1;

	for (end = 0; end < END_COUNT; end++) {
		struct actor *actor = &session->actors[end];
		uint64_t deadline;

		if (actor->over)
			continue;
		for (queue = 0; queue < QUEUE_TOTAL; queue++)
			if (actor->queues[queue].first != NULL &&
			    actor->queues[queue].due < soonest) {
				soonest = actor->queues[queue].due;
				first = actor;
				first_queue = queue;
			}
		deadline = engine_deadline(actor->engine);
		if (deadline < soonest) {
			soonest = deadline;
			first = actor;
			first_queue = -1;
		}
	}
	if (soonest == UINT64_MAX)
		return 0;
	set_now(session, soonest);
	if (first == NULL) {
		take_delivery(session);
	} else if (first_queue != -1) {
		actor_finish_task(session, first, first_queue);
	} else {
		event.type = EVENT_TIME;
		actor_event(session, first, &event);
		actor_act(session, first);
	}
	return 1;
}

static void cut_lanes(struct session *session, int all)
{
	struct network *network = session->world->network;
	uint32_t lane =
	    (uint32_t)dice_below(&session->world->dice, session->lanes);

	if (!all) {
		world_tell(session->world, "lane %u is cut", (unsigned)lane);
		network_cut(network, lane, session->world->now);
		return;
	}
	world_tell(session->world, "all lanes are cut");
	for (lane = 0; lane < session->lanes; lane++)
		network_cut(network, lane, session->world->now);
}

static void do_fault(struct session *session, const struct fault *fault)
{
	struct world *world = session->world;
	uint32_t lane;

	switch (fault->kind) {
	case FAULT_KILL:
	case FAULT_CRASH:
		actor_kill(session, &session->actors[fault->end],
			   fault->kind == FAULT_CRASH);
		break;
	case FAULT_CUT:
	case FAULT_CUT_ALL:
		cut_lanes(session, fault->kind == FAULT_CUT_ALL);
		break;
	case FAULT_SILENCE:
		lane = (uint32_t)dice_below(&world->dice, session->lanes);
		world_tell(world, "lane %u goes silent", (unsigned)lane);
		network_silence(world->network, lane);
		break;
	case FAULT_LANE_UP:
		if (session->lanes < 6)
			network_up(world->network, session->lanes++);
		break;
	case FAULT_FULL:
		world_tell(world, "disk of the %s is full",
			   end_names[fault->end]);
		disk_set_space(world->disks[fault->end],
			       dice_skewed(&world->dice, 0, 100));
		break;
	case FAULT_ROOM:
		disk_set_space(world->disks[fault->end], UINT64_MAX);
		break;
	case FAULT_CHANGE:
		world_change(world);
		break;
	case FAULT_VANISH:
		world_vanish(world);
		break;
	case FAULT_KIND_COUNT:
		break;
	}
}

static void run_engines(struct session *session)
{
	const struct session_plan *plan = session->plan;
	struct world *world = session->world;
	int end;

	network_begin(world->network, &plan->network, world->now);
	promise_begin(world->promise, &plan->config,
		      plan->ends[END_RECEIVER].fail);
	while (session->lanes < plan->lanes)
		network_up(world->network, session->lanes++);
	for (end = 0; end < END_COUNT; end++) {
		session->result->ends[end].opened = 1;
		actor_act(session, &session->actors[end]);
	}
	while (!session->actors[END_SENDER].over ||
	       !session->actors[END_RECEIVER].over) {
		while (session->faults_done < plan->fault_count &&
		       plan->faults[session->faults_done].event <=
			   session->events)
			do_fault(session,
				 &plan->faults[session->faults_done++]);
		if (world_failed(world) || !step(session))
			break;
		if (++session->events == EVENTS_MAX) {
			world_fail(world, "no end after %d events", EVENTS_MAX);
			break;
		}
	}
}

/* Exit 0 covers what was there already, too. */
static void confirm_same(struct session *session)
{
	struct world *world = session->world;
	int whole = session->result->ends[END_SENDER].finished ||
		    session->result->ends[END_RECEIVER].finished;
	size_t index;

	for (index = 0; index < world->history_count; index++)
		if (whole && world->histories[index].same)
			check_confirm(world, &world->histories[index]);
}

static void history_begin(struct history *history)
{
	history->same = history->failed = history->told = 0;
	memset(history->placed, 0, sizeof(history->placed));
}

void session_run(struct world *world, const struct session_plan *plan,
		 struct session_result *result)
{
	struct session session = {0};
	struct message_ready ready = {0};
	size_t index;
	int end;

	memset(result, 0, sizeof(*result));
	session.world = world;
	session.plan = plan;
	session.result = result;
	for (index = 0; index < world->history_count; index++)
		history_begin(&world->histories[index]);
	session_arm(&session);
	if (session_open(&session, &ready) == 0 &&
	    !disk_stopped(world->disks[END_SENDER]) &&
	    !disk_stopped(world->disks[END_RECEIVER])) {
		session_make_engines(&session, &ready);
		world_tell(world, "session: epoch %u, entry %llu, seq %llu",
			   (unsigned)ready.epoch,
			   (unsigned long long)ready.next_entry,
			   (unsigned long long)ready.next_seq);
		run_engines(&session);
	} else {
		world_tell(world, "no session: %s%s",
			   result->ends[END_SENDER].text,
			   result->ends[END_RECEIVER].text);
	}
	for (end = 0; end < END_COUNT; end++) {
		struct actor *actor = &session.actors[end];

		if (disk_stopped(world->disks[end]) && !actor->over) {
			actor_kill(&session, actor, plan->ends[end].crash);
			continue;
		}
		if (actor->over) {
			/* It may have died while it closed its files. */
			disk_kill(world->disks[end]);
			continue;
		}
		if (actor->engine != NULL) {
			world_fail(world, "the %s does not end",
				   end_names[end]);
			actor_end_tasks(&session, actor, 1);
		}
		actor_close(&session, actor);
		/* That may have been its last call. */
		disk_kill(world->disks[end]);
	}
	confirm_same(&session);
	if (result->ends[world->client].finished) {
		check_told(world, result);
		/* The next run is another transfer. */
		dice_fill(&world->dice, world->uuid, sizeof(world->uuid));
	}
	check_always(world);
	session_disarm(&session);
	set_now(&session, world->now + SECOND);
}
