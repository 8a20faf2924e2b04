/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The writing end of a transfer.  The happy path:
 *
 *  1. ENTRY says what the sender has; TASK_EXAMINE finds what is at the
 *     target or staged of it; NEED answers (receiver_entry.c).
 *  2. CHUNK: the digest is checked, the bytes are written to the staged file;
 *     KEEP takes over what was right already (receiver_chunk.c).
 *  3. A group commit syncs the data, then the journal, and only then ACK goes
 *     out (receiver_group.c).
 *  4. COMMIT, and all leaves durable: TASK_PLACE sets the attributes and
 *     renames.  The next group makes that durable and journals it; RECEIPT.
 *  5. BYE: staging and journal are removed (TASK_CLOSE), and BYE answers.
 *
 * What may go wrong: a damaged chunk (NACK), a staged leaf that no longer has
 * its digest (NACK, and it is sent again), one entry that cannot be stored
 * (RECEIPT_FAILED, others go on), a disk that is full or broken (ERROR; all
 * that was confirmed stays, the next session goes on from there).
 */
#include "transfer/receiver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/fault.h"
#include "transfer/receiver_internal.h"

void receiver_send(struct receiver *receiver, struct frame *frame)
{
	lane_table_send(&receiver->lanes, &receiver->outbox,
			lane_table_control(&receiver->lanes), frame,
			receiver->now);
}

void receiver_send_again(struct receiver *receiver, struct frame *frame)
{
	if (lane_table_clogged(&receiver->lanes,
			       lane_table_control(&receiver->lanes)))
		frame_free(frame);
	else
		receiver_send(receiver, frame);
}

void receiver_fail(struct receiver *receiver, int code, const char *text)
{
	outbox_fail(&receiver->outbox, lane_table_control(&receiver->lanes),
		    code, text);
}

void receiver_out_of_memory(struct receiver *receiver)
{
	receiver_fail(receiver, EXIT_FILE_IO, "out of memory");
}

int receiver_disk_failed(struct receiver *receiver, const struct task *task)
{
	const char *advice = fault_advice(task->error);
	char text[TEXT_MAX];

	if (!fault_is_fatal(task->error))
		return 0;
	snprintf(text, sizeof(text), "%s%s%s",
		 task->text != NULL ? task->text : strerror(task->error),
		 advice != NULL ? "; " : "", advice != NULL ? advice : "");
	receiver_fail(receiver, EXIT_FILE_IO, text);
	return 1;
}

void receiver_push(struct incoming_list *list, struct incoming *incoming)
{
	if (list->first == NULL)
		list->end = &list->first;
	incoming->next = NULL;
	*list->end = incoming;
	list->end = &incoming->next;
	list->count++;
}

struct incoming *receiver_pop(struct incoming_list *list)
{
	struct incoming *incoming = list->first;

	if (incoming != NULL) {
		list->first = incoming->next;
		incoming->next = NULL;
		list->count--;
	}
	return incoming;
}

static void far_stats(struct receiver *receiver, const struct frame *frame)
{
	struct message_stats message;

	if (message_stats_decode(frame, &message) == -1) {
		receiver_fail(receiver, EXIT_PROTOCOL, "bad STATS frame");
		return;
	}
	receiver->stats.total_files = message.total_files;
	receiver->stats.total_bytes = message.total_bytes;
	if (message.bytes_sent > receiver->stats.bytes_sent)
		receiver->stats.bytes_sent = message.bytes_sent;
	receiver->stats.chunks_resent = message.chunks_resent;
}

static void far_error(struct receiver *receiver, const struct frame *frame)
{
	struct message_error error;
	char text[TEXT_MAX + 1];

	if (message_error_decode(frame, &error) == -1 || error.code == 0) {
		receiver_fail(receiver, EXIT_PROTOCOL, "bad ERROR frame");
		return;
	}
	memcpy(text, error.text, error.text_length);
	text[error.text_length] = '\0';
	outbox_fail_told(&receiver->outbox, message_error_exit_code(&error),
			 text);
}

/* The sender has all its receipts.  Said again if our answer was lost. */
static void bye(struct receiver *receiver)
{
	if (receiver->closed) {
		receiver_send_again(receiver, message_empty(FRAME_BYE));
		return;
	}
	if (receiver->entries.count > 0) {
		receiver_fail(receiver, EXIT_PROTOCOL,
			      "the far end left before all was committed");
		return;
	}
	receiver->closing = 1;
	receiver->flush = 1;
}

/* What was withdrawn may still be busy in the staging folder. */
static void close_when_idle(struct receiver *receiver)
{
	struct task *task;

	if (!receiver->closing || receiver->close_out ||
	    receiver->dropped.count > 0 || receiver->group != NULL)
		return;
	receiver->close_out = 1;
	task = task_create(TASK_CLOSE);
	if (task != NULL) {
		task->close->root = receiver->root_end;
		task->close->keep = receiver->stats.files_failed > 0;
	}
	outbox_task(&receiver->outbox, task);
}

static void closed(struct receiver *receiver, const struct task *task)
{
	if (task->error != 0) {
		/* All has its receipt; a folder of another user, say, keeps
		 * its time and mode. */
		receiver_fail(
		    receiver,
		    fault_is_fatal(task->error) ? EXIT_FILE_IO : EXIT_PARTIAL,
		    task->text != NULL ? task->text : strerror(task->error));
		return;
	}
	receiver->closed = 1;
	receiver_send(receiver, message_empty(FRAME_BYE));
	outbox_finish(&receiver->outbox);
}

/* What was sent before it may come after it, on another lane. */
static void flush(struct receiver *receiver, const struct frame *frame)
{
	if (message_flush_decode(frame, &receiver->flush_chunks) == -1) {
		receiver_fail(receiver, EXIT_PROTOCOL, "bad FLUSH frame");
		return;
	}
	receiver->flush = 1;
	receiver->ack_due = 1;
}

static void frame_came(struct receiver *receiver, uint32_t lane,
		       struct frame *frame)
{
	char text[80];

	if (frame->epoch != receiver->config.epoch &&
	    (frame->type != FRAME_ERROR || frame->epoch != 0)) {
		frame_free(frame); /* of a session that is over */
		return;
	}
	switch (frame->type) {
	case FRAME_ENTRY:
		receiver_entry(receiver, frame);
		break;
	case FRAME_CHUNK:
		receiver_chunk(receiver, &frame);
		break;
	case FRAME_KEEP:
		receiver_keep(receiver, frame);
		break;
	case FRAME_COMMIT:
		receiver_commit(receiver, frame);
		break;
	case FRAME_WITHDRAW:
		receiver_withdraw(receiver, frame);
		break;
	case FRAME_FLUSH:
		flush(receiver, frame);
		break;
	case FRAME_PROBLEM:
		receiver_problem(receiver, frame);
		break;
	case FRAME_STATS:
		far_stats(receiver, frame);
		break;
	case FRAME_PING:
		lane_table_pong(&receiver->lanes, &receiver->outbox, lane,
				receiver->now);
		break;
	case FRAME_PONG:
		break;
	case FRAME_BYE:
		bye(receiver);
		break;
	case FRAME_ERROR:
		far_error(receiver, frame);
		break;
	default:
		snprintf(text, sizeof(text),
			 "the far end sent a %s frame, which is the receiver's",
			 frame_type_name(frame->type));
		receiver_fail(receiver, EXIT_PROTOCOL, text);
	}
	frame_free(frame);
}

static void task_done(struct receiver *receiver, struct task *task)
{
	switch (task->type) {
	case TASK_EXAMINE:
		receiver_examined(receiver, task);
		break;
	case TASK_HASH:
		receiver->hashing--;
		if (((struct incoming *)task->owner)->state ==
		    INCOMING_EXAMINED)
			receiver_hashed(receiver, task);
		else
			receiver_verified(receiver, task);
		break;
	case TASK_WRITE:
		receiver_written(receiver, task);
		break;
	case TASK_GROUP:
		receiver_group_done(receiver, task);
		break;
	case TASK_PLACE:
		receiver_placed(receiver, task);
		break;
	case TASK_DISCARD:
		receiver_idle(receiver, task->owner);
		break;
	case TASK_CLOSE:
		closed(receiver, task);
		break;
	default:
		break;
	}
	task_free(task);
}

static void lane_down(struct receiver *receiver, uint32_t lane, const char *why)
{
	if (!lane_table_down(&receiver->lanes, lane) ||
	    receiver->lanes.count > 0)
		return;
	/* What has come need not be sent again. */
	receiver_group_last(receiver);
	outbox_fail(&receiver->outbox, LANES_MAX, EXIT_LOST, why);
}

static void advance(struct receiver *receiver)
{
	uint32_t silent = lane_table_pulse(
	    &receiver->lanes, &receiver->outbox, receiver->now,
	    receiver->config.ping_time, receiver->config.idle_time);

	if (silent < LANES_MAX) {
		outbox_lose(&receiver->outbox, silent);
		lane_down(receiver, silent, "nothing was heard of the far end");
	}
	if (receiver->outbox.closed)
		return;
	receiver_examine_more(receiver);
	receiver_verify_more(receiver);
	receiver_commit_more(receiver);
	receiver_send_ack(receiver);
	close_when_idle(receiver);
}

static void receiver_handle(struct engine *engine,
			    const struct engine_event *event)
{
	struct receiver *receiver = (struct receiver *)engine;

	receiver->now = event->now;
	switch (event->type) {
	case EVENT_LANE_UP:
		lane_table_up(&receiver->lanes, event->lane, event->bulk,
			      receiver->now);
		break;
	case EVENT_LANE_DOWN:
		lane_down(receiver, event->lane, "the connection was lost");
		break;
	case EVENT_LANE_SENT:
		lane_table_sent(&receiver->lanes, event->lane, event->bytes,
				receiver->now);
		break;
	case EVENT_LANE_HEARD:
		lane_table_heard(&receiver->lanes, event->lane, receiver->now);
		break;
	case EVENT_FRAME:
		lane_table_heard(&receiver->lanes, event->lane, receiver->now);
		frame_came(receiver, event->lane, event->frame);
		break;
	case EVENT_TASK:
		task_done(receiver, event->task);
		break;
	case EVENT_TIME:
	case EVENT_LANE_MADE:
		break;
	}
	if (!receiver->outbox.closed && receiver->lanes.count > 0)
		advance(receiver);
}

static int receiver_next(struct engine *engine, struct engine_action *action)
{
	return outbox_next(&((struct receiver *)engine)->outbox, action);
}

static uint64_t receiver_deadline(const struct engine *engine)
{
	const struct receiver *receiver = (const struct receiver *)engine;
	uint64_t soonest =
	    lane_table_deadline(&receiver->lanes, receiver->config.ping_time,
				receiver->config.idle_time);
	uint64_t group = receiver_group_deadline(receiver);

	if (receiver->outbox.closed)
		return UINT64_MAX;
	return group < soonest ? group : soonest;
}

static void receiver_stats(const struct engine *engine,
			   struct transfer_stats *stats)
{
	*stats = ((const struct receiver *)engine)->stats;
}

static void release_all(struct index_map *map)
{
	struct incoming *incoming;
	size_t position = 0;

	while ((incoming = index_map_each(map, &position)))
		receiver_release(incoming);
	index_map_clear(map);
}

static void receiver_free(struct engine *engine)
{
	struct receiver *receiver = (struct receiver *)engine;

	receiver_group_free(receiver);
	release_all(&receiver->entries);
	release_all(&receiver->dropped);
	index_map_clear(&receiver->paths);
	seq_set_clear(&receiver->durable);
	seq_set_clear(&receiver->settled);
	seq_set_clear(&receiver->failed);
	seq_set_clear(&receiver->same);
	entry_free(receiver->root_end);
	outbox_clear(&receiver->outbox);
	free(receiver);
}

struct engine *receiver_create(const struct engine_config *config)
{
	static const struct engine_operations operations = {
	    receiver_handle, receiver_next, receiver_deadline,
	    receiver_stats,  receiver_free,
	};
	struct receiver *receiver = calloc(1, sizeof(*receiver));

	if (receiver == NULL)
		return NULL;
	receiver->engine.operations = &operations;
	receiver->config = *config;
	receiver->now = config->now;
	/* Numbers below the session's own never come: count them as there, so
	 * that ACK's floor starts where the session does. */
	if (seq_set_add(&receiver->durable, 0, config->next_seq) == -1 ||
	    seq_set_add(&receiver->settled, 0, config->next_entry) == -1) {
		receiver_free(&receiver->engine);
		return NULL;
	}
	return &receiver->engine;
}
