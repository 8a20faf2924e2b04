/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_UNIT_HOSTILE_RIG_H
#define FERRY_TESTS_UNIT_HOSTILE_RIG_H

#include <stdlib.h>
#include <string.h>

#include "transfer/engine.h"

/*
 * One engine with a test in the place of the far end and of the disk: what it
 * says and asks for piles up here.  Include after cmocka.h.
 */
#define RIG_EPOCH 77

struct engine_rig {
	struct engine *engine;
	uint64_t now;
	struct frame *frames[4096]; /* that it sent, in order */
	size_t frame_count;
	size_t frame_bytes;        /* of all frames ever */
	struct task *tasks[16384]; /* that are out, in order */
	size_t task_count;
	unsigned failed_reports;
	int code; /* of ACTION_FAIL; -1: none */
	char text[400];
	int finished;
};

static inline void engine_rig_take(struct engine_rig *rig)
{
	struct engine_action action;

	while (engine_next(rig->engine, &action)) {
		switch (action.type) {
		case ACTION_SEND:
			rig->frame_bytes +=
			    FRAME_HEADER_SIZE + action.frame->body_length;
			if (rig->frame_count < 4096)
				rig->frames[rig->frame_count++] = action.frame;
			else
				frame_free(action.frame);
			break;
		case ACTION_TASK:
			assert_true(rig->task_count < 16384);
			rig->tasks[rig->task_count++] = action.task;
			break;
		case ACTION_REPORT:
			rig->failed_reports +=
			    action.report.kind == REPORT_FAILED;
			break;
		case ACTION_FAIL:
			rig->code = action.report.code;
			snprintf(rig->text, sizeof(rig->text), "%s",
				 action.report.text);
			break;
		case ACTION_FINISH:
			rig->finished = 1;
			break;
		}
	}
}

static inline void engine_rig_event(struct engine_rig *rig,
				    struct engine_event *event)
{
	event->now = rig->now;
	engine_handle(rig->engine, event);
	engine_rig_take(rig);
}

/* The engine, with lane 0 up. */
static inline void
engine_rig_begin(struct engine_rig *rig,
		 struct engine *(*create)(const struct engine_config *))
{
	struct engine_config config;
	struct engine_event event = {.type = EVENT_LANE_UP};

	memset(rig, 0, sizeof(*rig));
	rig->code = -1;
	rig->now = 1000000000;
	engine_config_default(&config);
	config.epoch = RIG_EPOCH;
	config.now = rig->now;
	rig->engine = create(&config);
	assert_non_null(rig->engine);
	engine_rig_event(rig, &event);
}

/* A frame comes; its epoch is the session's unless it has one. */
static inline void engine_rig_hear(struct engine_rig *rig, struct frame *frame)
{
	struct engine_event event = {.type = EVENT_FRAME, .frame = frame};

	assert_non_null(frame);
	if (frame->epoch == 0 && frame->type != FRAME_ERROR)
		frame->epoch = RIG_EPOCH;
	engine_rig_event(rig, &event);
}

/* So many nanoseconds go by. */
static inline void engine_rig_wait(struct engine_rig *rig, uint64_t time)
{
	struct engine_event event = {.type = EVENT_TIME};

	rig->now += time;
	engine_rig_event(rig, &event);
}

/* All that it sent has left the lane's queue. */
static inline void engine_rig_sent(struct engine_rig *rig)
{
	struct engine_event event = {.type = EVENT_LANE_SENT};

	event.bytes = rig->frame_bytes;
	engine_rig_event(rig, &event);
}

static inline void engine_rig_forget_frames(struct engine_rig *rig)
{
	while (rig->frame_count > 0)
		frame_free(rig->frames[--rig->frame_count]);
}

/* Frames of a type among those sent. */
static inline size_t engine_rig_count(const struct engine_rig *rig,
				      enum frame_type type)
{
	size_t count = 0;

	for (size_t i = 0; i < rig->frame_count; i++)
		count += rig->frames[i]->type == type;
	return count;
}

/* The last frame of a type; fails if there is none. */
static inline const struct frame *engine_rig_last(const struct engine_rig *rig,
						  enum frame_type type)
{
	size_t i = rig->frame_count;

	while (i > 0 && rig->frames[i - 1]->type != type)
		i--;
	if (i == 0)
		fail_msg("no %s was sent", frame_type_name(type));
	return rig->frames[i - 1];
}

/* The first task of a type that is out, or NULL. */
static inline struct task *engine_rig_task(const struct engine_rig *rig,
					   enum task_type type)
{
	for (size_t i = 0; i < rig->task_count; i++)
		if (rig->tasks[i]->type == type)
			return rig->tasks[i];
	return NULL;
}

/* It is done, as the test has filled it in. */
static inline void engine_rig_done(struct engine_rig *rig, struct task *task)
{
	struct engine_event event = {.type = EVENT_TASK, .task = task};
	size_t i = 0;

	assert_non_null(task);
	while (rig->tasks[i] != task)
		i++;
	rig->task_count--;
	memmove(rig->tasks + i, rig->tasks + i + 1,
		(rig->task_count - i) * sizeof(task));
	engine_rig_event(rig, &event);
}

/* The first task of a type is done, and there was nothing to fill in. */
static inline void engine_rig_finish(struct engine_rig *rig,
				     enum task_type type)
{
	engine_rig_done(rig, engine_rig_task(rig, type));
}

static inline void engine_rig_end(struct engine_rig *rig)
{
	struct engine_event event = {.type = EVENT_LANE_DOWN};

	engine_rig_event(rig, &event); /* it asks for nothing more */
	while (rig->task_count > 0)
		engine_rig_done(rig, rig->tasks[0]);
	engine_rig_forget_frames(rig);
	engine_free(rig->engine);
}

#endif
