/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_UNIT_ENGINE_RIG_H
#define FERRY_TESTS_UNIT_ENGINE_RIG_H

#include <stdlib.h>
#include <string.h>

#include "tests/sim/memory.h"
#include "tests/unit/any_message.h"
#include "transfer/engine.h"

/*
 * One engine with a test in place of the far end, of the disks and of the
 * clock; after cmocka.h.  What the engine says is kept, for the test to take in
 * whatever order it likes.
 */
#define RIG_EPOCH  77
#define RIG_SECOND ((uint64_t)1000 * 1000 * 1000)
#define RIG_ENTRY  10 /* numbers of the session begin with these */
#define RIG_SEQ    100

struct rig {
	struct engine *engine;
	struct engine_config config;
	uint64_t now;
	struct rig_frame {
		uint32_t lane;
		struct frame *frame;
	} * frames; /* that it sent and the test did not take, in order */
	size_t frame_count;
	size_t frame_capacity;
	size_t frame_bytes;  /* of all that were ever sent */
	struct task **tasks; /* that are out, in order */
	size_t task_count;
	size_t task_capacity;
	struct rig_report {
		enum report_kind kind;
		char path[100];
		char text[200];
		uint64_t size;
	} * reports;
	size_t report_count;
	size_t report_capacity;
	unsigned failed_reports; /* REPORT_FAILED, ever */
	unsigned lost;           /* lanes that the engine gave up */
	int failed;              /* the exit code of ACTION_FAIL, or 0 */
	char why[400];
	int finished;
};

/* What both ends of a test begin with; to be changed before rig_start. */
static inline void rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	rig->now = 5 * RIG_SECOND;
	engine_config_default(&rig->config);
	rig->config.epoch = RIG_EPOCH;
	rig->config.next_entry = RIG_ENTRY;
	rig->config.next_seq = RIG_SEQ;
	rig->config.now = rig->now;
}

static inline void rig_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from == NULL ? "" : from);
}

static inline void rig_take_frame(struct rig *rig,
				  const struct engine_action *action)
{
	struct rig_frame *place;

	rig->frames = sim_grow(rig->frames, rig->frame_count,
			       &rig->frame_capacity, sizeof(*rig->frames));
	place = &rig->frames[rig->frame_count++];
	place->lane = action->lane;
	place->frame = action->frame;
	rig->frame_bytes += FRAME_HEADER_SIZE + action->frame->body_length;
}

static inline void rig_take_report(struct rig *rig,
				   const struct engine_report *said)
{
	struct rig_report *report;

	rig->reports = sim_grow(rig->reports, rig->report_count,
				&rig->report_capacity, sizeof(*rig->reports));
	report = &rig->reports[rig->report_count++];
	report->kind = said->kind;
	report->size = said->size;
	rig_text(report->path, sizeof(report->path), said->path);
	rig_text(report->text, sizeof(report->text), said->text);
	rig->failed_reports += said->kind == REPORT_FAILED;
}

static inline void rig_collect(struct rig *rig)
{
	struct engine_action action;

	while (engine_next(rig->engine, &action)) {
		/* After the end there is nothing. */
		assert_true(!rig->failed && !rig->finished);
		switch (action.type) {
		case ACTION_SEND:
			rig_take_frame(rig, &action);
			break;
		case ACTION_TASK:
			rig->tasks =
			    sim_grow(rig->tasks, rig->task_count,
				     &rig->task_capacity, sizeof(*rig->tasks));
			rig->tasks[rig->task_count++] = action.task;
			break;
		case ACTION_LOSE:
			rig->lost++;
			break;
		case ACTION_REPORT:
			rig_take_report(rig, &action.report);
			break;
		case ACTION_FAIL:
			rig->failed = action.report.code;
			rig_text(rig->why, sizeof(rig->why),
				 action.report.text);
			break;
		case ACTION_FINISH:
			rig->finished = 1;
			break;
		}
	}
}

static inline void rig_event(struct rig *rig, struct engine_event *event)
{
	event->now = rig->now;
	engine_handle(rig->engine, event);
	rig_collect(rig);
}

static inline void rig_lane(struct rig *rig, enum engine_event_type type,
			    uint32_t lane)
{
	struct engine_event event = {.type = type, .lane = lane};

	rig_event(rig, &event);
}

static inline void
rig_start(struct rig *rig,
	  struct engine *(*create)(const struct engine_config *))
{
	rig->engine = create(&rig->config);
	assert_non_null(rig->engine);
	rig_collect(rig);
	rig_lane(rig, EVENT_LANE_UP, 0);
}

/* All that went out on the lanes is gone from their queues; what that brings
 * (a FLUSH), too. */
static inline void rig_sent(struct rig *rig)
{
	for (uint32_t lane = 0; lane < 6; lane++) {
		struct engine_event event = {.type = EVENT_LANE_SENT,
					     .lane = lane % 3,
					     .bytes = SIZE_MAX};

		rig_event(rig, &event);
	}
}

static inline void rig_pass(struct rig *rig, uint64_t nanoseconds)
{
	struct engine_event event = {.type = EVENT_TIME};

	rig->now += nanoseconds;
	rig_event(rig, &event);
}

/* ---- frames ------------------------------------------------------------- */

/* The far end says this on a lane; the frame is taken, and is of the session
 * unless it has an epoch. */
static inline void rig_hear_on(struct rig *rig, uint32_t lane,
			       struct frame *frame)
{
	struct engine_event event = {
	    .type = EVENT_FRAME, .lane = lane, .frame = frame};

	assert_non_null(frame);
	if (frame->epoch == 0)
		frame->epoch = RIG_EPOCH;
	rig_event(rig, &event);
}

static inline void rig_hear(struct rig *rig, struct frame *frame)
{
	rig_hear_on(rig, 0, frame);
}

/* The same, as if it were of another session. */
static inline void rig_hear_stale(struct rig *rig, struct frame *frame)
{
	frame->epoch = RIG_EPOCH - 1;
	rig_hear(rig, frame);
}

static inline size_t rig_count(const struct rig *rig, enum frame_type type)
{
	size_t count = 0;

	for (size_t i = 0; i < rig->frame_count; i++)
		count += rig->frames[i].frame->type == type;
	return count;
}

/* Take the first frame of a type that the engine has sent. */
static inline struct frame *rig_frame(struct rig *rig, enum frame_type type,
				      uint32_t *lane)
{
	for (size_t i = 0; i < rig->frame_count; i++) {
		struct rig_frame found = rig->frames[i];

		if (found.frame->type != type)
			continue;
		rig->frame_count--;
		memmove(&rig->frames[i], &rig->frames[i + 1],
			(rig->frame_count - i) * sizeof(found));
		if (lane != NULL)
			*lane = found.lane;
		return found.frame;
	}
	fail_msg("no %s frame was sent", frame_type_name(type));
	return NULL;
}

/* The same, decoded.  What the message points to is gone, but for what is the
 * caller's. */
static inline union message rig_said(struct rig *rig, enum frame_type type)
{
	struct frame *frame = rig_frame(rig, type, NULL);
	union message message;

	memset(&message, 0, sizeof(message));
	if (frame->body_length > 0)
		assert_int_equal(decode(frame, &message), 0);
	frame_free(frame);
	return message;
}

/* The last frame of a type; it stays where it is. */
static inline const struct frame *rig_last(const struct rig *rig,
					   enum frame_type type)
{
	size_t i = rig->frame_count;

	while (i > 0 && rig->frames[i - 1].frame->type != type)
		i--;
	if (i == 0)
		fail_msg("no %s frame was sent", frame_type_name(type));
	return rig->frames[i - 1].frame;
}

/* Throw the frames away that are there. */
static inline void rig_forget_frames(struct rig *rig)
{
	while (rig->frame_count > 0)
		frame_free(rig->frames[--rig->frame_count].frame);
}

/* ---- tasks -------------------------------------------------------------- */

static inline size_t rig_tasks(const struct rig *rig, enum task_type type)
{
	size_t count = 0;

	for (size_t i = 0; i < rig->task_count; i++)
		count += rig->tasks[i]->type == type;
	return count;
}

/* The first task of a type that is out; NULL: there is none. */
static inline struct task *rig_seek(const struct rig *rig, enum task_type type)
{
	for (size_t i = 0; i < rig->task_count; i++)
		if (rig->tasks[i]->type == type)
			return rig->tasks[i];
	return NULL;
}

/* Take the first task of a type that is out. */
static inline struct task *rig_task(struct rig *rig, enum task_type type)
{
	struct task *task = rig_seek(rig, type);
	size_t i = 0;

	if (task == NULL)
		fail_msg("no task of type %d was given", (int)type);
	while (rig->tasks[i] != task)
		i++;
	rig->task_count--;
	memmove(&rig->tasks[i], &rig->tasks[i + 1],
		(rig->task_count - i) * sizeof(*rig->tasks));
	return task;
}

static inline void rig_back(struct rig *rig, struct task *task)
{
	struct engine_event event = {.type = EVENT_TASK, .task = task};

	rig_event(rig, &event);
}

/* The task fails. */
static inline void rig_back_failed(struct rig *rig, struct task *task,
				   int error, const char *text)
{
	task->error = error;
	task->text = strdup(text);
	rig_back(rig, task);
}

/* Take one and give it back as done. */
static inline void rig_do(struct rig *rig, enum task_type type)
{
	rig_back(rig, rig_task(rig, type));
}

/* ---- reports ------------------------------------------------------------ */

/* The first report that was not taken yet. */
static inline struct rig_report rig_report(struct rig *rig)
{
	struct rig_report report = rig->reports[0];

	assert_true(rig->report_count > 0);
	rig->report_count--;
	memmove(&rig->reports[0], &rig->reports[1],
		rig->report_count * sizeof(report));
	return report;
}

static inline void rig_reported(struct rig *rig, enum report_kind kind,
				const char *path)
{
	struct rig_report report = rig_report(rig);

	assert_int_equal(report.kind, kind);
	assert_string_equal(report.path, path);
}

/* Nothing is said and nothing is to be done. */
static inline void rig_quiet_at(const struct rig *rig, int line)
{
	if (rig->frame_count > 0)
		fail_msg("line %d: a %s frame was sent", line,
			 frame_type_name(rig->frames[0].frame->type));
	if (rig->task_count > 0)
		fail_msg("line %d: a task of type %d was given", line,
			 (int)rig->tasks[0]->type);
	if (rig->report_count > 0)
		fail_msg("line %d: %s was reported: %s", line,
			 rig->reports[0].path, rig->reports[0].text);
	if (rig->failed || rig->finished)
		fail_msg("line %d: it has ended: %d %s", line, rig->failed,
			 rig->why);
}
#define rig_quiet(rig) rig_quiet_at(rig, __LINE__)

static inline void rig_end(struct rig *rig)
{
	rig_forget_frames(rig);
	while (rig->task_count > 0) {
		struct engine_event event = {.type = EVENT_TASK,
					     .now = rig->now};

		event.task = rig->tasks[--rig->task_count];
		engine_handle(rig->engine, &event);
	}
	engine_free(rig->engine);
	free(rig->frames);
	free(rig->tasks);
	free(rig->reports);
}

/* ---- what is transferred ------------------------------------------------ */

/* Byte of leaf number leaf of any file. */
static inline uint8_t rig_byte(uint64_t leaf)
{
	return (uint8_t)(leaf + 1);
}

static inline struct digest rig_leaf_digest(uint64_t size, uint64_t leaf)
{
	size_t length = leaf_length(size, leaf);
	uint8_t *bytes = malloc(length);
	struct digest digest;

	memset(bytes, rig_byte(leaf), length);
	digest = digest_of(bytes, length);
	free(bytes);
	return digest;
}

/* Of the whole file. */
static inline struct digest rig_file_digest(uint64_t size)
{
	struct leaf_table *leaves = leaf_table_create();
	struct digest digest;

	for (uint64_t leaf = 0; leaf < leaf_count(size); leaf++) {
		digest = rig_leaf_digest(size, leaf);
		leaf_table_set(leaves, leaf, &digest);
	}
	assert_int_equal(leaf_table_digest(leaves, size, &digest), 1);
	leaf_table_free(leaves);
	return digest;
}

/* Of the leaves [first, end). */
static inline struct leaf_table *rig_leaves(uint64_t size, uint64_t first,
					    uint64_t end)
{
	struct leaf_table *leaves = leaf_table_create();

	for (uint64_t leaf = first; leaf < end; leaf++) {
		struct digest digest = rig_leaf_digest(size, leaf);

		leaf_table_set(leaves, leaf, &digest);
	}
	return leaves;
}

static inline struct entry *rig_entry(enum entry_type type, const char *path,
				      uint64_t size)
{
	struct entry *entry = entry_create(type, path, strlen(path),
					   type == ENTRY_LINK ? "to" : NULL,
					   type == ENTRY_LINK ? 2 : 0);

	assert_non_null(entry);
	entry->mode = 0644;
	entry->mtime_seconds = 1234567890;
	entry->size = size;
	return entry;
}

/* The chunk with a leaf of a file, sealed with its digest. */
static inline struct frame *rig_chunk(uint64_t entry, uint64_t first_seq,
				      uint64_t size, uint64_t leaf)
{
	struct message_chunk chunk = {
	    .seq = first_seq + leaf,
	    .entry = entry,
	    .offset = leaf * LEAF_SIZE,
	    .length = (uint32_t)leaf_length(size, leaf),
	    .flags = leaf_count(size) == 1 ? CHUNK_WHOLE : 0,
	    .digest = rig_leaf_digest(size, leaf),
	};
	struct frame *frame = message_chunk_create(chunk.length);

	assert_non_null(frame);
	memset(message_chunk_data(frame), rig_byte(leaf), chunk.length);
	message_chunk_finish(frame, &chunk);
	return frame;
}

#endif
