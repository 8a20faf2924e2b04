/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One end of a session: an engine and one side of the disk.  Its tasks take
 * their time, one after another in each queue; it ends by itself, or is killed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/check.h"
#include "tests/sim/memory.h"
#include "tests/sim/session_private.h"

const char *const end_names[END_COUNT] = {"sender", "receiver"};

static void actor_run_task(struct actor *actor, struct task *task)
{
	if (actor->source != NULL)
		source_run(actor->source, task);
	else
		target_run(actor->target, task);
}

void actor_event(struct session *session, struct actor *actor,
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

void actor_end_tasks(struct session *session, struct actor *actor, int done)
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

/* One that died may have counted what it was about to send. */
static void check_resent(struct world *world,
			 const struct transfer_stats *stats, int dead)
{
	unsigned damaged, resent = promise_resent(world->promise, &damaged);

	if (stats->chunks_resent < resent ||
	    (stats->chunks_resent > resent + damaged && !dead))
		world_fail(world, "%u chunks were sent again, and %llu counted",
			   resent, (unsigned long long)stats->chunks_resent);
}

void actor_close(struct session *session, struct actor *actor)
{
	struct disk *disk = session->world->disks[actor->end];
	struct io *io = disk_io(disk);

	if (actor->engine != NULL) {
		struct transfer_stats stats;

		engine_stats(actor->engine, &stats);
		if (actor->end == END_SENDER) {
			session->result->bytes_sent = stats.bytes_sent;
			check_resent(session->world, &stats,
				     session->result->ends[END_SENDER].dead);
		}
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

void actor_kill(struct session *session, struct actor *actor, int crash)
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

static void note_placed(struct session *session, const struct actor *actor,
			struct history *history,
			const struct engine_report *report)
{
	struct world *world = session->world;
	struct placed placed = {1, report->size, report->digest};
	struct received *received;

	history->placed[actor->end] = placed;
	if (actor->end == END_SENDER)
		return;
	world->received =
	    sim_grow(world->received, world->received_count,
		     &world->received_capacity, sizeof(*world->received));
	received = &world->received[world->received_count++];
	received->history = history;
	received->placed = placed;
	memcpy(received->uuid, session->result->uuid, sizeof(received->uuid));
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
	if (report->kind <= REPORT_VANISHED)
		history = world_find(world, report->path);
	if (report->kind <= REPORT_SAME && history == NULL)
		world_fail(world, "unknown path reported: %s", report->path);
	if (history == NULL) {
		session->result->failed += report->kind == REPORT_FAILED;
		session->result->unplaced += report->kind == REPORT_FAILED ||
					     report->kind == REPORT_VANISHED;
		return;
	}
	history->told |= actor->end == world->client;
	session->result->unplaced +=
	    report->kind >= REPORT_FAILED && S_ISDIR(history->versions[0].mode);
	if (report->kind == REPORT_DONE && report->file)
		note_placed(session, actor, history, report);
	if (report->kind == REPORT_DONE)
		check_confirm(world, history);
	if (report->kind == REPORT_SAME)
		history->same = 1;
	if (report->kind == REPORT_FAILED && !history->failed) {
		session->result->failed++;
		history->failed = 1;
	}
}

/* A cursed chunk goes five times, and no more. */
static void note_cursed(struct session *session, const struct frame *frame)
{
	struct world *world = session->world;
	struct message_chunk chunk;
	unsigned times;

	if (message_chunk_decode(frame, &chunk) == -1 ||
	    !network_cursed(world->network, chunk.seq))
		return;
	times = promise_times(world->promise, frame);
	session->result->cursed += times == 5;
	if (times > 5)
		world_fail(world,
			   "a chunk that is always damaged was sent %u times",
			   times);
}

static void send_frame(struct session *session, const struct actor *actor,
		       const struct engine_action *action)
{
	struct world *world = session->world;
	struct frame *frame = action->frame;
	const char *wrong;

	frame->epoch = session->epoch;
	frame_seal(frame);
	wrong = actor->end == END_SENDER
		    ? promise_sent(world->promise, frame)
		    : promise_answered(world->promise, frame, world->now);
	if (wrong != NULL)
		world_fail(world, "%s", wrong);
	if (world->verbose)
		world_tell(world, "%s sends %s on lane %u, %zu bytes",
			   end_names[actor->end], frame_type_name(frame->type),
			   (unsigned)action->lane, frame->body_length);
	if (frame->type == FRAME_CHUNK)
		note_cursed(session, frame);
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

void actor_act(struct session *session, struct actor *actor)
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
		case ACTION_LOSE:
			break; /* what is silent is cut */
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

void actor_finish_task(struct session *session, struct actor *actor, int queue)
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
