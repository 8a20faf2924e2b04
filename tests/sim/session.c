/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs two engines against each other.  The loop takes whatever is due first
 * (a delivery, a task that is done, an engine's deadline), gives it to its
 * engine, and does what the engine says.  Each end is an actor with an engine
 * and one side of the disk; an actor ends by itself, or is killed.
 */
#include "tests/sim/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/check.h"
#include "tests/sim/memory.h"
#include "transfer/message.h"
#include "transfer/receiver.h"
#include "transfer/sender.h"
#include "transfer/source.h"
#include "transfer/target.h"

/* More events than any session of a small tree needs. */
#define EVENTS_MAX 200000
#define SECOND     UINT64_C(1000000000)

struct actor {
	int end;
	struct engine *engine;
	struct source *source;
	struct target *target;
	struct {
		struct task *first, *last;
		uint64_t due; /* when the first will be done */
	} queues[QUEUE_TOTAL];
	int state_dir;
	int over;
};

struct session {
	struct world *world;
	const struct session_plan *plan;
	struct session_result *result;
	struct actor actors[END_COUNT];
	uint32_t epoch;
	uint32_t lanes; /* that were ever up */
	uint64_t events;
	size_t faults_done;
};

static const char *const end_names[END_COUNT] = {"sender", "receiver"};

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

static void actor_run_task(struct actor *actor, struct task *task)
{
	if (actor->source != NULL)
		source_run(actor->source, task);
	else
		target_run(actor->target, task);
}

static void actor_event(struct session *session, struct actor *actor,
			struct engine_event *event)
{
	event->now = session->world->now;
	engine_handle(actor->engine, event);
}

static struct task *actor_take_task(struct actor *actor, int queue)
{
	struct task *task = actor->queues[queue].first;

	actor->queues[queue].first = task->next;
	task->next = NULL;
	return task;
}

static void fail_task(struct task *task)
{
	free(task->text);
	task->error = EIO;
	task->text = sim_copy("the process is gone");
}

/* Give back all tasks, done or, by a dead process, not. */
static void actor_end_tasks(struct session *session, struct actor *actor,
			    int done)
{
	int queue;

	for (queue = 0; queue < QUEUE_TOTAL; queue++)
		while (actor->queues[queue].first != NULL) {
			struct engine_event event = {0};

			event.type = EVENT_TASK;
			event.task = actor_take_task(actor, queue);
			if (done)
				actor_run_task(actor, event.task);
			else
				fail_task(event.task);
			actor_event(session, actor, &event);
		}
}

/* Release the engine and its side of the disk. */
static void actor_close(struct session *session, struct actor *actor)
{
	struct disk *disk = session->world->disks[actor->end];
	struct io *io = disk_io(disk);

	if (actor->engine != NULL) {
		struct transfer_stats stats;

		engine_stats(actor->engine, &stats);
		if (actor->end == END_SENDER)
			session->result->bytes_sent = stats.bytes_sent;
		engine_free(actor->engine);
	}
	source_close(actor->source);
	target_close(actor->target);
	if (actor->state_dir != -1)
		io->close(io->context, actor->state_dir);
	actor->engine = NULL;
	actor->source = NULL;
	actor->target = NULL;
	actor->state_dir = -1;
	actor->over = 1;
	if (disk_misuse(disk) != NULL)
		world_fail(session->world, "%s: %s", end_names[actor->end],
			   disk_misuse(disk));
	if (disk_open_count(disk) > 0)
		world_fail(session->world, "%s leaks %zu descriptors",
			   end_names[actor->end], disk_open_count(disk));
}

/* The process, or its whole machine, dies now. */
static void actor_kill(struct session *session, struct actor *actor, int crash)
{
	struct world *world = session->world;
	struct disk *disk = world->disks[actor->end];

	if (actor->over)
		return;
	world_tell(world, "%s %s", end_names[actor->end],
		   crash ? "crashes" : "is killed");
	disk_stop(disk);
	session->result->ends[actor->end].dead = 1;
	if (actor->engine != NULL)
		actor_end_tasks(session, actor, 0);
	actor_close(session, actor);
	if (crash)
		disk_crash(disk);
	else
		disk_kill(disk);
	check_always(world);
	/* What was under way from it may still arrive, or not; a machine
	 * that is gone does not even hang up. */
	if (crash && dice_chance(&world->dice, 500)) {
		uint32_t lane;

		for (lane = 0; lane < session->lanes; lane++)
			network_silence(world->network, lane);
	}
	network_close(world->network, actor->end, world->now);
}

/* The engine said FAIL or FINISH. */
static void actor_finish(struct session *session, struct actor *actor)
{
	struct world *world = session->world;
	struct end_result *result = &session->result->ends[actor->end];

	actor_end_tasks(session, actor, 1);
	if (disk_stopped(world->disks[actor->end])) {
		actor_kill(session, actor,
			   session->plan->ends[actor->end].crash);
		return;
	}
	if (result->finished && actor->source != NULL)
		source_finish(actor->source);
	actor_close(session, actor);
	network_close(world->network, actor->end, world->now);
}

static void take_report(struct session *session, const struct actor *actor,
			const struct engine_report *report)
{
	static const char *const kinds[] = {"done",     "same",    "failed",
					    "vanished", "skipped", "resent",
					    "session"};
	struct world *world = session->world;
	struct history *history = NULL;

	world_tell(world, "%s reports %s: %s%s%s", end_names[actor->end],
		   kinds[report->kind], report->path, report->text ? ": " : "",
		   report->text ? report->text : "");
	if (report->kind <= REPORT_FAILED)
		history = world_find(world, report->path);
	if (report->kind <= REPORT_SAME && history == NULL)
		world_fail(world, "unknown path reported: %s", report->path);
	if (history == NULL) {
		session->result->failed += report->kind == REPORT_FAILED;
		return;
	}
	if (report->kind == REPORT_DONE)
		check_confirm(world, history);
	if (report->kind == REPORT_SAME)
		history->same = 1;
	if (report->kind == REPORT_FAILED && !history->failed) {
		session->result->failed++;
		history->failed = 1;
	}
}

static void send_frame(struct session *session, const struct actor *actor,
		       const struct engine_action *action)
{
	struct world *world = session->world;
	struct frame *frame = action->frame;
	const char *wrong;

	frame->epoch = session->epoch;
	frame_seal(frame);
	if (actor->end == END_SENDER) {
		wrong = promise_sent(world->promise, frame);
		if (wrong != NULL)
			world_fail(world, "%s", wrong);
	}
	if (world->verbose)
		world_tell(world, "%s sends %s on lane %u, %zu bytes",
			   end_names[actor->end], frame_type_name(frame->type),
			   (unsigned)action->lane, frame->body_length);
	network_send(world->network, actor->end, action->lane, frame,
		     world->now);
}

static uint64_t task_duration(struct world *world, const struct task *task)
{
	if (task_queue_of(task->type) == QUEUE_COMMIT)
		return dice_skewed(&world->dice, 10000, 100000000);
	return dice_skewed(&world->dice, 1000, 5000000);
}

static void put_task(struct session *session, struct actor *actor,
		     struct task *task)
{
	int queue = (int)task_queue_of(task->type);

	task->next = NULL;
	if (actor->queues[queue].first == NULL) {
		actor->queues[queue].first = task;
		actor->queues[queue].due =
		    session->world->now + task_duration(session->world, task);
	} else {
		actor->queues[queue].last->next = task;
	}
	actor->queues[queue].last = task;
}

/* Do what the engine wants done. */
static void actor_act(struct session *session, struct actor *actor)
{
	struct end_result *result = &session->result->ends[actor->end];
	struct engine_action action;
	int ended = 0;

	while (!ended && engine_next(actor->engine, &action)) {
		switch (action.type) {
		case ACTION_SEND:
			send_frame(session, actor, &action);
			break;
		case ACTION_TASK:
			put_task(session, actor, action.task);
			break;
		case ACTION_REPORT:
			take_report(session, actor, &action.report);
			break;
		case ACTION_FAIL:
			result->code = action.report.code;
			snprintf(result->text, sizeof(result->text), "%s",
				 action.report.text);
			world_tell(session->world, "%s fails with %d: %s",
				   end_names[actor->end], result->code,
				   result->text);
			ended = 1;
			break;
		case ACTION_FINISH:
			result->finished = 1;
			world_tell(session->world, "%s finishes",
				   end_names[actor->end]);
			ended = 1;
			break;
		}
	}
	if (ended)
		actor_finish(session, actor);
}

/* What the client does before the first frame of an engine. */
static int open_source(struct session *session, struct message_offer *offer)
{
	struct world *world = session->world;
	struct actor *actor = &session->actors[END_SENDER];
	struct source_config config = {fail_io_table(world->fail[END_SENDER]),
				       AT_FDCWD, world->paths,
				       world->path_count, actor->state_dir};
	char *text = NULL;

	actor->source = source_open(&config, offer, &text);
	if (actor->source == NULL)
		snprintf(session->result->ends[END_SENDER].text, 300, "%s",
			 text != NULL ? text : "?");
	free(text);
	return actor->source == NULL ? -1 : 0;
}

static int open_target(struct session *session,
		       const struct message_offer *offer,
		       struct message_ready *ready)
{
	struct world *world = session->world;
	struct actor *actor = &session->actors[END_RECEIVER];
	struct target_config config = {0};
	enum target_result result;
	char *text = NULL;

	config.io = fail_io_table(world->fail[END_RECEIVER]);
	config.start_dir = AT_FDCWD;
	config.path = world_target(world);
	config.offer = offer;
	memcpy(config.uuid, world->uuid, sizeof(config.uuid));
	dice_fill(&world->dice, config.client, sizeof(config.client));
	config.state_dir = actor->state_dir;
	result = target_open(&config, &actor->target, ready, &text);
	if (result != TARGET_OPEN)
		snprintf(session->result->ends[END_RECEIVER].text, 300, "%s",
			 text != NULL ? text : "?");
	if (result == TARGET_HELD)
		world_fail(world, "the target is held: %s", text);
	free(text);
	return result == TARGET_OPEN ? 0 : -1;
}

static int open_both(struct session *session, struct message_ready *ready)
{
	struct message_offer offer = {0};
	struct journal_summary summary;

	if (open_source(session, &offer) == -1 ||
	    open_target(session, &offer, ready) == -1)
		return -1;
	if (source_open_journal(session->actors[END_SENDER].source, ready->uuid,
				&summary) == -1) {
		snprintf(session->result->ends[END_SENDER].text, 300,
			 "cannot open the journal");
		return -1;
	}
	if (ready->next_entry < summary.next_entry)
		ready->next_entry = summary.next_entry;
	if (ready->next_seq < summary.next_seq)
		ready->next_seq = summary.next_seq;
	return 0;
}

static void make_engines(struct session *session,
			 const struct message_ready *ready)
{
	struct engine_config config = session->plan->config;

	session->epoch = ready->epoch;
	config.epoch = ready->epoch;
	config.next_entry = ready->next_entry;
	config.next_seq = ready->next_seq;
	config.now = session->world->now;
	config.checksum = session->world->checksum;
	session->actors[END_SENDER].engine = sender_create(&config);
	session->actors[END_RECEIVER].engine = receiver_create(&config);
}

/* The faults that the disks have from the first call on. */
static void arm_disks(struct session *session)
{
	struct world *world = session->world;
	int end;

	for (end = 0; end < END_COUNT; end++) {
		const struct end_plan *plan = &session->plan->ends[end];
		struct disk *disk = world->disks[end];
		struct actor *actor = &session->actors[end];
		struct io *io = disk_io(disk);

		memset(actor, 0, sizeof(*actor));
		actor->end = end;
		disk_set_flaky(disk, 0);
		disk_set_clock(disk, world->now);
		actor->state_dir = io->open(io->context, AT_FDCWD, "state",
					    O_RDONLY | O_DIRECTORY, 0);
		fail_io_set(world->fail[end],
			    plan->fail ? &plan->fail_plan : NULL);
		disk_set_strict(disk, world->strict);
		disk_set_flaky(disk, plan->flaky);
		disk_fail_sync(disk, plan->fail_sync);
		disk_stop_after(disk, plan->stop_after);
	}
}

static void disarm_disks(struct session *session)
{
	struct world *world = session->world;
	int end;

	for (end = 0; end < END_COUNT; end++) {
		session->result->calls[end] =
		    fail_io_calls(world->fail[end], FAIL_ANY);
		fail_io_set(world->fail[end], NULL);
		disk_set_strict(world->disks[end], 0);
		disk_set_flaky(world->disks[end], 0);
		disk_set_space(world->disks[end], UINT64_MAX);
		disk_fail_sync(world->disks[end], UINT64_MAX);
		disk_stop_after(world->disks[end], UINT64_MAX);
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

static void take_delivery(struct session *session)
{
	struct engine_event event = {0};
	struct delivery delivery;
	struct actor *actor;
	const char *wrong;

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
	event.bytes = delivery.bytes;
	event.frame = delivery.frame;
	/* The receiver of a frame of another session drops it. */
	if (delivery.end == END_SENDER && delivery.frame != NULL &&
	    delivery.frame->epoch == session->epoch) {
		wrong =
		    promise_arrived(session->world->promise, delivery.frame);
		if (wrong != NULL)
			world_fail(session->world, "%s", wrong);
	}
	actor_event(session, actor, &event);
	actor_act(session, actor);
}

static void finish_task(struct session *session, struct actor *actor, int queue)
{
	struct engine_event event = {0};

	event.type = EVENT_TASK;
	event.task = actor_take_task(actor, queue);
	actor_run_task(actor, event.task);
	if (actor->queues[queue].first != NULL)
		actor->queues[queue].due =
		    session->world->now +
		    task_duration(session->world, actor->queues[queue].first);
	if (disk_stopped(session->world->disks[actor->end])) {
		/* It died in the middle of this task. */
		event.task->next = actor->queues[queue].first;
		actor->queues[queue].first = event.task;
		actor_kill(session, actor,
			   session->plan->ends[actor->end].crash);
		return;
	}
	actor_event(session, actor, &event);
	actor_act(session, actor);
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
		finish_task(session, first, first_queue);
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
	promise_begin(world->promise, plan->config.window,
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
		world->histories[index].same = world->histories[index].failed =
		    0;
	arm_disks(&session);
	if (open_both(&session, &ready) == 0 &&
	    !disk_stopped(world->disks[END_SENDER]) &&
	    !disk_stopped(world->disks[END_RECEIVER])) {
		make_engines(&session, &ready);
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
	check_always(world);
	disarm_disks(&session);
	set_now(&session, world->now + SECOND);
}
