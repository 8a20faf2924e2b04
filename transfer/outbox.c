/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue of actions between an engine and its caller. */
#include "transfer/outbox.h"

#include <stdlib.h>
#include <string.h>

static void release(struct engine_action *action)
{
	if (action->type == ACTION_SEND)
		frame_free(action->frame);
	if (action->type == ACTION_TASK)
		task_free(action->task);
	if (action->type == ACTION_REPORT || action->type == ACTION_FAIL) {
		free((char *)action->report.path);
		free((char *)action->report.text);
	}
}

void outbox_clear(struct outbox *outbox)
{
	while (outbox->first < outbox->end)
		release(&outbox->actions[outbox->first++]);
	free(outbox->actions);
	free(outbox->shown_path);
	free(outbox->shown_text);
	memset(outbox, 0, sizeof(*outbox));
}

static int make_room(struct outbox *outbox)
{
	size_t used = outbox->end - outbox->first;
	size_t capacity = outbox->capacity == 0 ? 64 : outbox->capacity * 2;
	struct engine_action *actions;

	if (outbox->end < outbox->capacity)
		return 0;
	if (outbox->first > outbox->capacity / 2) {
		memmove(outbox->actions, outbox->actions + outbox->first,
			used * sizeof(*outbox->actions));
	} else {
		actions = realloc(outbox->actions,
				  capacity * sizeof(*outbox->actions));
		if (actions == NULL)
			return -1;
		outbox->actions = actions;
		outbox->capacity = capacity;
		memmove(actions, actions + outbox->first,
			used * sizeof(*actions));
	}
	outbox->first = 0;
	outbox->end = used;
	return 0;
}

static void put(struct outbox *outbox, struct engine_action *action)
{
	if (outbox->closed || make_room(outbox) == -1) {
		outbox->failed |= !outbox->closed;
		release(action);
		return;
	}
	outbox->actions[outbox->end++] = *action;
	if (action->type == ACTION_FAIL || action->type == ACTION_FINISH)
		outbox->closed = 1;
}

void outbox_send(struct outbox *outbox, uint32_t lane, struct frame *frame)
{
	struct engine_action action = {.type = ACTION_SEND, .lane = lane};

	action.frame = frame;
	if (frame == NULL)
		outbox->failed = 1;
	else
		put(outbox, &action);
}

void outbox_task(struct outbox *outbox, struct task *task)
{
	struct engine_action action = {.type = ACTION_TASK};

	action.task = task;
	if (task == NULL)
		outbox->failed = 1;
	else
		put(outbox, &action);
}

void outbox_lose(struct outbox *outbox, uint32_t lane)
{
	struct engine_action action = {.type = ACTION_LOSE, .lane = lane};

	put(outbox, &action);
}

static char *copy(const char *text)
{
	return text == NULL ? NULL : strdup(text);
}

void outbox_report(struct outbox *outbox, const struct engine_report *report)
{
	struct engine_action action = {.type = ACTION_REPORT};

	action.report = *report;
	action.report.path = copy(report->path);
	action.report.text = copy(report->text);
	put(outbox, &action);
}

static void put_failure(struct outbox *outbox, int code, const char *text,
			int told)
{
	struct engine_action action = {.type = ACTION_FAIL};

	if (outbox->closed)
		return;
	action.report.kind = REPORT_SESSION;
	action.report.code = code;
	action.report.told = told;
	action.report.text = copy(text);
	put(outbox, &action);
}

void outbox_fail(struct outbox *outbox, uint32_t lane, int code,
		 const char *text)
{
	struct message_error error = {.code = (uint8_t)code, .text = text};

	error.text_length = strnlen(text, TEXT_MAX);
	if (lane < LANES_MAX && !outbox->closed)
		outbox_send(outbox, lane, message_error_encode(&error));
	put_failure(outbox, code, text, 0);
}

void outbox_fail_told(struct outbox *outbox, int code, const char *text)
{
	put_failure(outbox, code, text, 1);
}

void outbox_finish(struct outbox *outbox)
{
	struct engine_action action = {.type = ACTION_FINISH};

	put(outbox, &action);
}

int outbox_next(struct outbox *outbox, struct engine_action *action)
{
	free(outbox->shown_path);
	free(outbox->shown_text);
	outbox->shown_path = NULL;
	outbox->shown_text = NULL;

	if (outbox->failed && !outbox->closed) {
		/* An action could not be kept: nothing after it makes sense. */
		outbox->closed = 1;
		memset(action, 0, sizeof(*action));
		action->type = ACTION_FAIL;
		action->report.kind = REPORT_SESSION;
		action->report.code = EXIT_LOST;
		action->report.text = "out of memory";
		return 1;
	}
	if (outbox->first == outbox->end)
		return 0;
	*action = outbox->actions[outbox->first++];
	if (action->type == ACTION_REPORT || action->type == ACTION_FAIL) {
		outbox->shown_path = (char *)action->report.path;
		outbox->shown_text = (char *)action->report.text;
	}
	return 1;
}
