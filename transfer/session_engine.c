/* SPDX-License-Identifier: BSD-2-Clause */
/* The loop around an engine: events in, actions out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/session_internal.h"
#include "transfer/worker.h"

struct loop {
	struct session *session;
	const struct session_engine *engine;
	struct workers *workers;
	int over; /* FINISH or FAIL was said */
};

/* The engine has told the far end.  It only knows that its lanes are down; the
 * last of them knew why. */
static void fail(struct session *session, const struct engine_report *report)
{
	const char *text = report->text;
	int code = report->code;

	if (code == EXIT_LOST && session->down && session->down_text != NULL) {
		text = session->down_text;
		code = session->down_code;
	}
	if (session->code == EXIT_DONE)
		session->told = report->told;
	session_end(session, code, text == NULL ? NULL : strdup(text));
}

/* The engine knows, or will in a moment. */
static void lose_lane(struct session *session, uint32_t number)
{
	const struct lane *lane = session->lanes.slots[number].lane;

	free(session->down_text);
	session->down_code = EXIT_LOST;
	session->down_text = NULL;
	if (lane != NULL && lane->text != NULL) {
		session->down_text = strdup(lane->text);
		if (lane->code != 0)
			session->down_code = lane->code;
	}
	lane_set_lose(&session->lanes, number);
	session->down = session->lanes.up == 0;
}

/* The engine has given it up; whoever makes lanes did not see it go down. */
static void tell_crew_lost(struct loop *loop, uint32_t number)
{
	struct session *session = loop->session;
	struct lane_crew *crew = session->crew;
	struct engine_event event = {.type = EVENT_LANE_DOWN, .lane = number};

	if (crew == NULL || session->lanes.slots[number].stage != LANE_UP)
		return;
	event.now = session->io->clock(session->io->context);
	crew->operations->take(crew, &event);
}

static void do_action(struct loop *loop, struct engine_action *action)
{
	struct session *session = loop->session;
	const struct transfer_observer *observer = session->observer;

	switch (action->type) {
	case ACTION_SEND:
		lane_set_send(&session->lanes, action->lane, action->frame,
			      loop->engine->epoch);
		break;
	case ACTION_TASK:
		workers_put(loop->workers, action->task);
		break;
	case ACTION_LOSE:
		tell_crew_lost(loop, action->lane);
		lose_lane(session, action->lane);
		break;
	case ACTION_REPORT:
		if (observer->report != NULL)
			observer->report(observer->cookie, &action->report);
		break;
	case ACTION_FAIL:
		loop->over = 1;
		fail(session, &action->report);
		break;
	case ACTION_FINISH:
		loop->over = 1;
		break;
	}
}

static void do_actions(struct loop *loop)
{
	struct engine_action action;

	while (engine_next(loop->engine->engine, &action))
		do_action(loop, &action);
}

static void tell_engine(struct loop *loop, struct engine_event *event)
{
	engine_handle(loop->engine->engine, event);
	do_actions(loop);
}

/* An event from the inbox. */
static void handle(struct loop *loop, struct engine_event *event)
{
	struct session *session = loop->session;
	struct lane_crew *crew = session->crew;

	event->now = session->io->clock(session->io->context);
	if (!lane_set_sift(&session->lanes, event) ||
	    (crew != NULL && !crew->operations->take(crew, event)))
		return;
	/* First, so that the engine does not send on it. */
	if (event->type == EVENT_LANE_DOWN)
		lose_lane(session, event->lane);
	tell_engine(loop, event);
}

/* We leave: as for the engine, the line is cut. */
static void cut_all(struct loop *loop)
{
	struct session *session = loop->session;
	struct engine_event event = {.type = EVENT_LANE_DOWN};

	event.now = session->io->clock(session->io->context);
	for (event.lane = 0; event.lane < LANES_MAX; event.lane++) {
		if (session->lanes.slots[event.lane].stage == LANE_UP)
			tell_engine(loop, &event);
	}
}

/* When to stop waiting for news. */
static uint64_t next_look(struct loop *loop)
{
	struct session *session = loop->session;
	struct lane_crew *crew = session->crew;
	uint64_t look = session->watched + WATCH_INTERVAL;
	uint64_t deadline = engine_deadline(loop->engine->engine);

	if (deadline < look)
		look = deadline;
	if (crew == NULL)
		return look;
	deadline = crew->operations->pulse(
	    crew, session->io->clock(session->io->context), &session->stats);
	return deadline < look ? deadline : look;
}

/* Until the engine is done, or the observer wants the end. */
static void turn(struct loop *loop)
{
	struct session *session = loop->session;
	struct engine_event event = {.type = EVENT_LANE_UP};

	event.now = session->io->clock(session->io->context);
	tell_engine(loop, &event);
	while (!loop->over) {
		if (!inbox_take(session->inbox, &event, next_look(loop)))
			event.type = EVENT_TIME;
		handle(loop, &event);
		engine_stats(loop->engine->engine, &session->stats);
		if (!loop->over && session_watch(session) == -1)
			cut_all(loop);
	}
}

/* The tasks that are still out come back to the engine. */
static void collect_tasks(struct loop *loop)
{
	struct engine_event event;

	workers_free(loop->workers);
	while (inbox_take(loop->session->inbox, &event, 0)) {
		/* What comes on lanes is of no use any more. */
		if (event.type == EVENT_FRAME)
			frame_free(event.frame);
		if (event.type != EVENT_TASK)
			continue;
		event.now =
		    loop->session->io->clock(loop->session->io->context);
		engine_handle(loop->engine->engine, &event);
	}
}

int session_run_engine(struct session *session,
		       const struct session_engine *engine)
{
	struct loop loop = {.session = session, .engine = engine};

	loop.workers =
	    workers_create(session->inbox, engine->run, engine->cookie);
	if (loop.workers == NULL)
		return session_fail(session, EXIT_FILE_IO, "out of memory");
	session->epoch = engine->epoch;
	turn(&loop);
	session->epoch = 0;
	engine_stats(engine->engine, &session->stats);
	collect_tasks(&loop);
	return session->code == EXIT_DONE ? 0 : -1;
}
