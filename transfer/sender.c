/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reading end of a transfer.  The happy path:
 *
 *  1. TASK_WALK brings entries; each is numbered and announced (ENTRY).
 *  2. NEED says which leaves the receiver lacks; the others are compared
 *     first where they may be of another version (sender_need.c).
 *  3. Leaves are read, perhaps packed (sender_pack.c), and sent (CHUNK), at
 *     most config.window bytes of them unconfirmed; ACK confirms them
 *     (sender_chunk.c).
 *  4. When all of a file is out and the source is unchanged: COMMIT.
 *  5. RECEIPT ends the entry; it goes into this end's journal and ledger.
 *  6. After the last receipt: BYE, which the receiver answers with BYE.
 *
 * What may go wrong: a lane dies (its chunks are read and sent again), a
 * frame is lost (repeated after config.resend_time), the source changes
 * (WITHDRAW, and announced anew), a chunk arrives damaged (NACK: sent again).
 * All frames may be repeated: the receiver answers them again.
 */
#include "transfer/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/sender_internal.h"

#define STATS_INTERVAL ((uint64_t)500 * 1000 * 1000)

void sender_send(struct sender *sender, struct frame *frame)
{
	if (frame != NULL)
		pace_spend(&sender->pace,
			   FRAME_HEADER_SIZE + frame->body_length);
	lane_table_send(&sender->lanes, &sender->outbox,
			lane_table_control(&sender->lanes), frame, sender->now);
}

void sender_fail(struct sender *sender, int code, const char *text)
{
	outbox_fail(&sender->outbox, lane_table_control(&sender->lanes), code,
		    text);
}

void sender_out_of_memory(struct sender *sender)
{
	sender_fail(sender, EXIT_FILE_IO, "out of memory");
}

static void outgoing_free(struct outgoing *outgoing)
{
	entry_free(outgoing->entry);
	leaf_table_free(outgoing->leaves);
	leaf_table_free(outgoing->held);
	seq_set_clear(&outgoing->todo);
	seq_set_clear(&outgoing->compare);
	seq_set_clear(&outgoing->same);
	seq_set_clear(&outgoing->trusted);
	index_map_clear(&outgoing->refused);
	free(outgoing->problem_text);
	free(outgoing->shown);
	free(outgoing);
}

void sender_queue(struct sender *sender, struct outgoing *outgoing)
{
	if (outgoing->at != NULL || outgoing->gone ||
	    outgoing->state == OUTGOING_WITHDRAWN)
		return;
	outgoing->at = sender->queue_end;
	outgoing->next = NULL;
	*sender->queue_end = outgoing;
	sender->queue_end = &outgoing->next;
}

void sender_unqueue(struct sender *sender, struct outgoing *outgoing)
{
	if (outgoing->at == NULL)
		return;
	*outgoing->at = outgoing->next;
	if (outgoing->next != NULL)
		outgoing->next->at = outgoing->at;
	else
		sender->queue_end = outgoing->at;
	outgoing->at = NULL;
}

void sender_drop(struct sender *sender, struct outgoing *outgoing)
{
	if (!outgoing->gone) {
		sender_forget_flights(sender, outgoing);
		sender_unqueue(sender, outgoing);
		index_map_remove(&sender->entries, outgoing->entry->index);
		sender->entry_bytes -=
		    outgoing->entry->path_length + outgoing->entry->link_length;
		outgoing->gone = 1;
	}
	if (outgoing->busy == 0)
		outgoing_free(outgoing);
}

/* Give the entry its numbers, and a folder's end the number of its folder. */
static int number(struct sender *sender, struct entry *entry)
{
	entry->index = sender->config.next_entry++;
	entry->first_seq = sender->config.next_seq;
	sender->config.next_seq += entry_chunks(entry);

	if (entry->type == ENTRY_FOLDER_END) {
		if (sender->open_count == 0)
			return -1;
		entry->opened = sender->open_folders[--sender->open_count];
	}
	if (entry->type != ENTRY_FOLDER)
		return 0;
	if (sender->open_count == sender->open_capacity) {
		size_t capacity = sender->open_capacity * 2 + 16;
		uint64_t *bigger =
		    realloc(sender->open_folders, capacity * sizeof(*bigger));

		if (bigger == NULL)
			return -1;
		sender->open_folders = bigger;
		sender->open_capacity = capacity;
	}
	sender->open_folders[sender->open_count++] = entry->index;
	return 0;
}

struct outgoing *sender_add(struct sender *sender, struct entry *entry)
{
	struct outgoing *outgoing = calloc(1, sizeof(*outgoing));

	if (outgoing == NULL)
		goto free_entry;
	outgoing->entry = entry;
	outgoing->asked = sender->now;
	outgoing->leaves = leaf_table_create();
	if (outgoing->leaves == NULL || number(sender, entry) == -1 ||
	    index_map_put(&sender->entries, entry->index, outgoing) == -1)
		goto free_outgoing;
	sender->entry_bytes += entry->path_length + entry->link_length;
	return outgoing;

free_outgoing:
	leaf_table_free(outgoing->leaves);
	free(outgoing);
free_entry:
	entry_free(entry);
	return NULL;
}

int sender_announce(struct sender *sender, struct entry *entry,
		    unsigned changes)
{
	struct outgoing *outgoing = sender_add(sender, entry);

	if (outgoing == NULL)
		return -1;
	outgoing->changes = changes;
	sender->stats.bytes_planned += entry->size;
	sender->unflushed = 1;
	sender_send(sender, message_entry_encode(entry));
	return 0;
}

static void walk_done(struct sender *sender, struct task *task)
{
	struct task_walk *walk = task->walk;

	sender->walking = 0;
	if (task->error != 0) {
		sender_fail(sender, EXIT_FILE_IO, task->text);
		return;
	}
	for (size_t i = 0; i < walk->count; i++) {
		struct walk_item *item = &walk->items[i];
		struct entry *entry = item->entry;
		int result;

		item->entry = NULL;
		result = entry != NULL ? sender_announce(sender, entry, 0)
				       : sender_problem(sender, item->problem,
							item->path, item->text);
		if (result == -1) {
			sender_out_of_memory(sender);
			return;
		}
	}
	sender->walk_ended |= walk->end;
}

static void walk_more(struct sender *sender)
{
	struct task *task;

	if (sender->walking || sender->walk_ended ||
	    sender->entries.count + WALK_BATCH > sender->config.entries ||
	    sender->entry_bytes > ENTRY_BYTES_MAX)
		return;
	task = task_create(TASK_WALK);
	sender->walking = task != NULL;
	outbox_task(&sender->outbox, task);
}

/* Plan the file anew, as it is now, unless that happened too often. */
static void replan(struct sender *sender, struct outgoing *outgoing,
		   struct task_read *read)
{
	struct entry *now = read->now;

	if (now == NULL || outgoing->changes + 1 >= CHANGES_MAX) {
		sender_give_up(sender, outgoing, PROBLEM_FAILED,
			       "changes while it is read; "
			       "run again when it is quiet");
		return;
	}
	read->now = NULL;
	sender_withdraw(sender, outgoing);
	if (sender_announce(sender, now, outgoing->changes + 1) == -1)
		sender_out_of_memory(sender);
}

static void read_done(struct sender *sender, struct task *task)
{
	struct task_read *read = task->read;
	struct outgoing *outgoing = task->owner;

	outgoing->busy--;
	sender_read_back(sender, read);
	if (outgoing->gone) {
		sender_drop(sender, outgoing);
		return;
	}
	if (outgoing->state == OUTGOING_WITHDRAWN || sender->outbox.closed)
		return;
	if (outgoing->shown == NULL) {
		outgoing->shown = read->path;
		read->path = NULL;
	}
	switch (read->status) {
	case READ_DONE:
		sender_read_done(sender, outgoing, read);
		if (read->status != READ_CHANGED)
			break;
		/* FALLTHROUGH */
	case READ_CHANGED:
		replan(sender, outgoing, read);
		break;
	case READ_GONE:
		sender_give_up(sender, outgoing, PROBLEM_VANISHED, "vanished");
		break;
	case READ_FAILED:
		sender_give_up(sender, outgoing, PROBLEM_FAILED, task->text);
		break;
	}
}

static void task_done(struct sender *sender, struct task *task)
{
	switch (task->type) {
	case TASK_WALK:
		walk_done(sender, task);
		break;
	case TASK_READ:
		/* Nobody could be found to do it. */
		if (task->error != 0 && task->read->status == READ_DONE)
			task->read->status = READ_FAILED;
		if (sender_pack(sender, task))
			return;
		read_done(sender, task);
		break;
	case TASK_PACK:
		sender_packed(sender, task->read);
		read_done(sender, task);
		break;
	case TASK_COUNT:
		sender->stats.total_files = task->count->files;
		sender->stats.total_bytes = task->count->bytes;
		break;
	case TASK_RECORD:
		sender->recording = 0;
		/* This end's journal is for status and numbers only: what is
		 * confirmed is so with or without it. */
		break;
	default:
		break;
	}
	task_free(task);
}

static void far_error(struct sender *sender, const struct frame *frame)
{
	struct message_error error;
	char text[TEXT_MAX + 1];

	if (message_error_decode(frame, &error) == -1 || error.code == 0) {
		sender_fail(sender, EXIT_PROTOCOL, "bad ERROR frame");
		return;
	}
	memcpy(text, error.text, error.text_length);
	text[error.text_length] = '\0';
	outbox_fail_told(&sender->outbox, message_error_exit_code(&error),
			 text);
}

static void frame_came(struct sender *sender, uint32_t lane,
		       struct frame *frame)
{
	char text[80];

	if (frame->epoch != sender->config.epoch &&
	    (frame->type != FRAME_ERROR || frame->epoch != 0)) {
		frame_free(frame); /* of a session that is over */
		return;
	}
	switch (frame->type) {
	case FRAME_NEED:
		sender_need(sender, frame);
		break;
	case FRAME_ACK:
		sender_ack(sender, frame);
		break;
	case FRAME_NACK:
		sender_nack(sender, frame);
		break;
	case FRAME_RECEIPT:
		sender_receipt(sender, frame);
		break;
	case FRAME_PING:
		lane_table_pong(&sender->lanes, &sender->outbox, lane,
				sender->now);
		break;
	case FRAME_PONG:
		break;
	case FRAME_BYE:
		if (sender->bye_sent)
			outbox_finish(&sender->outbox);
		else
			sender_fail(sender, EXIT_PROTOCOL,
				    "the far end left before all was sent");
		break;
	case FRAME_ERROR:
		far_error(sender, frame);
		break;
	default:
		snprintf(text, sizeof(text),
			 "the far end sent a %s frame, which is the sender's",
			 frame_type_name(frame->type));
		sender_fail(sender, EXIT_PROTOCOL, text);
	}
	frame_free(frame);
}

static void lane_down(struct sender *sender, uint32_t lane, const char *why)
{
	int control = lane == lane_table_control(&sender->lanes);

	if (!lane_table_down(&sender->lanes, lane))
		return;
	sender_lane_lost(sender, lane);
	if (sender->lanes.count > 0) {
		/* What was asked on it, or its answer, is lost. */
		if (control)
			sender_ask_again(sender);
		return;
	}
	sender_record_flush(sender, 1);
	outbox_fail(&sender->outbox, LANES_MAX, EXIT_LOST, why);
}

static void send_stats(struct sender *sender)
{
	struct message_stats message = {
	    .total_files = sender->stats.total_files,
	    .total_bytes = sender->stats.total_bytes,
	    .bytes_sent = sender->stats.bytes_sent,
	    .chunks_resent = sender->stats.chunks_resent,
	};

	sender->stats_sent = sender->now;
	sender_send(sender, message_stats_encode(&message));
}

/* Nothing is left but to part. */
static void part(struct sender *sender)
{
	if (!sender->walk_ended || sender->entries.count != 0 ||
	    sender->bye_sent)
		return;
	sender_record_flush(sender, 1);
	send_stats(sender);
	sender_send(sender, message_empty(FRAME_BYE));
	sender->bye_sent = 1;
}

/* Do whatever can be done now. */
static void advance(struct sender *sender)
{
	uint32_t lane = lane_table_pulse(&sender->lanes, &sender->outbox,
					 sender->now, sender->config.ping_time,
					 sender->config.idle_time);

	if (lane < LANES_MAX) {
		outbox_lose(&sender->outbox, lane);
		lane_down(sender, lane, "nothing was heard of the far end");
	}
	if (sender->outbox.closed)
		return;
	/* Its chunks go again on others. */
	lane = lane_table_stall(&sender->lanes, sender->now,
				sender->config.stall_time);
	if (lane < LANES_MAX)
		sender_lane_lost(sender, lane);
	if (sender->now >= sender->next_scan)
		sender_scan(sender);
	walk_more(sender);
	sender_pump(sender);
	if (sender->now >= sender->stats_sent + STATS_INTERVAL)
		send_stats(sender);
	sender_record_flush(sender, 0);
	part(sender);
}

static void sender_handle(struct engine *engine,
			  const struct engine_event *event)
{
	struct sender *sender = (struct sender *)engine;

	sender->now = event->now;
	pace_pass(&sender->pace, sender->now);
	sender_look(sender);
	switch (event->type) {
	case EVENT_LANE_UP:
		lane_table_up(&sender->lanes, event->lane, event->bulk,
			      sender->now);
		break;
	case EVENT_LANE_DOWN:
		lane_down(sender, event->lane, "the connection was lost");
		break;
	case EVENT_LANE_SENT:
		lane_table_sent(&sender->lanes, event->lane, event->bytes,
				sender->now);
		line_sent(&sender->line, event->bytes);
		break;
	case EVENT_LANE_HEARD:
		lane_table_heard(&sender->lanes, event->lane, sender->now);
		break;
	case EVENT_FRAME:
		lane_table_heard(&sender->lanes, event->lane, sender->now);
		frame_came(sender, event->lane, event->frame);
		break;
	case EVENT_TASK:
		task_done(sender, event->task);
		break;
	case EVENT_TIME:
	case EVENT_LANE_MADE:
		break;
	}
	if (!sender->outbox.closed && sender->lanes.count > 0)
		advance(sender);
	sender_look(sender);
}

static int sender_next(struct engine *engine, struct engine_action *action)
{
	return outbox_next(&((struct sender *)engine)->outbox, action);
}

static uint64_t sender_deadline(const struct engine *engine)
{
	const struct sender *sender = (const struct sender *)engine;
	uint64_t soonest = lane_table_deadline(
	    &sender->lanes, sender->config.ping_time, sender->config.idle_time);

	if (sender->lanes.count == 0 || sender->outbox.closed)
		return UINT64_MAX;
	if (sender->next_scan < soonest)
		soonest = sender->next_scan;
	if (sender->stats_sent + STATS_INTERVAL < soonest)
		soonest = sender->stats_sent + STATS_INTERVAL;
	if (pace_deadline(&sender->pace) < soonest)
		soonest = pace_deadline(&sender->pace);
	return soonest;
}

static void sender_stats(const struct engine *engine,
			 struct transfer_stats *stats)
{
	*stats = ((const struct sender *)engine)->stats;
}

static void sender_free(struct engine *engine)
{
	struct sender *sender = (struct sender *)engine;
	struct outgoing *outgoing;
	size_t position = 0;

	while ((outgoing = index_map_each(&sender->entries, &position)))
		sender_forget_flights(sender, outgoing);
	position = 0;
	while ((outgoing = index_map_each(&sender->entries, &position)))
		outgoing_free(outgoing);
	index_map_clear(&sender->entries);
	outbox_clear(&sender->outbox);
	seq_set_clear(&sender->acked);
	task_free(sender->record);
	free(sender->open_folders);
	free(sender);
}

struct engine *sender_create(const struct engine_config *config)
{
	static const struct engine_operations operations = {
	    sender_handle, sender_next, sender_deadline,
	    sender_stats,  sender_free,
	};
	struct sender *sender = calloc(1, sizeof(*sender));

	if (sender == NULL)
		return NULL;
	sender->engine.operations = &operations;
	sender->config = *config;
	sender->now = config->now;
	sender->queue_end = &sender->queue;
	sender->flights.next = sender->flights.previous = &sender->flights;
	sender->resends.next = sender->resends.previous = &sender->resends;
	sender->progress = sender->recorded = config->now;
	sender->next_scan = config->now + config->resend_time;
	sender->stats_sent = config->now;
	pace_init(&sender->pace, config->rate, config->now);
	line_init(&sender->line, config->now);
	if (config->count)
		outbox_task(&sender->outbox, task_create(TASK_COUNT));
	return &sender->engine;
}
