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

/* The engine has told the far end.  It only knows that the lane is down; the
 * lane knows why. */
static void fail(struct session *session, const struct engine_report *report)
{
	const struct lane *lane = session->lane;
	const char *text = report->text;
	int code = report->code;

	if (code == EXIT_LOST && session->down && lane->text != NULL) {
		text = lane->text;
		code = lane->code != 0 ? lane->code : EXIT_LOST;
	}
	if (session->code == EXIT_DONE)
		session->told = report->told;
	session_end(session, code, text == NULL ? NULL : strdup(text));
}

static void do_action(struct loop *loop, struct engine_action *action)
{
	struct session *session = loop->session;
	const struct transfer_observer *observer = session->observer;

	switch (action->type) {
	case ACTION_SEND:
		if (session->down)
			frame_free(action->frame);
		else
			lane_send(session->lane, action->frame,
				  loop->engine->epoch);
		break;
	case ACTION_TASK:
		workers_put(loop->workers, action->task);
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

static void handle(struct loop *loop, struct engine_event *event)
{
	struct session *session = loop->session;

	event->now = session->io->clock(session->io->context);
	if (event->type == EVENT_LANE_DOWN)
		session->down = 1;
	engine_handle(loop->engine->engine, event);
	do_actions(loop);
}

/* Until the engine is done, or the observer wants the end. */
static void turn(struct loop *loop)
{
	struct session *session = loop->session;
	struct engine *engine = loop->engine->engine;
	struct engine_event event = {.type = EVENT_LANE_UP};

	handle(loop, &event);
	while (!loop->over) {
		uint64_t watch = session->watched + WATCH_INTERVAL;
		uint64_t deadline = engine_deadline(engine);

		if (!inbox_take(session->inbox, &event,
				watch < deadline ? watch : deadline))
			event.type = EVENT_TIME;
		handle(loop, &event);
		engine_stats(engine, &session->stats);
		if (loop->over || session_watch(session) == 0)
			continue;
		/* We leave: as for the engine, the line is cut. */
		event = (struct engine_event){.type = EVENT_LANE_DOWN};
		handle(loop, &event);
	}
}

/* The tasks that are still out come back to the engine. */
static void collect_tasks(struct loop *loop)
{
	struct engine_event event;

	workers_free(loop->workers);
	while (inbox_take(loop->session->inbox, &event, 0)) {
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
	turn(&loop);
	engine_stats(engine->engine, &session->stats);
	collect_tasks(&loop);
	return session->code == EXIT_DONE ? 0 : -1;
}
