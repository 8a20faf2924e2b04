/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chunks: which leaf is read next, when it may go, and when a file is to be
 * committed.
 */
#include <stdint.h>
#include <stdlib.h>

#include "transfer/sender_internal.h"

/* What is spent of pace for a leaf: a frame if it is not packed. */
static size_t chunk_cost(size_t length)
{
	return FRAME_HEADER_SIZE + CHUNK_HEADER_SIZE + length;
}

int sender_may_read(struct sender *sender, size_t length)
{
	/* While some are packed, others are read. */
	size_t most = sender->packs > 0 ? 2 * READ_BYTES_MAX : READ_BYTES_MAX;

	return sender->reads < READS_MAX && sender->read_bytes < most &&
	       !sender_must_look(sender) &&
	       pace_allows(&sender->pace, chunk_cost(length));
}

/* Is there room in the window, and in memory, for a leaf of length bytes? */
static int room_for(struct sender *sender, size_t length)
{
	return sender->flight_count < FLIGHTS_MAX &&
	       (sender->window_used == 0 ||
		sender->window_used + length <= sender->config.window) &&
	       sender_may_read(sender, length);
}

void sender_read_out(struct sender *sender, struct task *task, size_t length)
{
	sender->read_bytes += length;
	pace_spend(&sender->pace, chunk_cost(length));
	outbox_task(&sender->outbox, task);
}

struct task *sender_read_task(struct sender *sender, struct outgoing *outgoing,
			      uint64_t leaf)
{
	struct task *task = task_create(TASK_READ);

	if (task == NULL) {
		sender_out_of_memory(sender);
		return NULL;
	}
	task->owner = outgoing;
	task->read->entry = outgoing->entry;
	task->read->leaf = leaf;
	outgoing->busy++;
	sender->reads++;
	return task;
}

/* Read the next leaf that is to be sent.  0: no room for it now. */
static int read_todo(struct sender *sender, struct outgoing *outgoing)
{
	uint64_t chunks = entry_chunks(outgoing->entry);
	struct seq_range range;
	struct task *task;
	size_t length;

	if (!seq_set_next_range(&outgoing->todo, 0, &range))
		return 0;
	length = leaf_length(outgoing->entry->size, range.first);
	if (!room_for(sender, length))
		return 0;
	task = sender_read_task(sender, outgoing, range.first);
	if (task == NULL || seq_set_remove(&outgoing->todo, range.first,
					   range.first + 1) == -1) {
		task_free(task);
		sender_out_of_memory(sender);
		return 0;
	}
	task->read->flags = chunks == 1 ? CHUNK_WHOLE : 0;
	/* After the last leaf the version is looked at once more.  Reads are
	 * done in order, so those still out come before this one. */
	task->read->last = outgoing->todo.count == 0;
	outgoing->checking |= task->read->last;
	sender->window_used += length;
	sender_read_out(sender, task, length);
	return 1;
}

/* Hash the next leaf that is to be compared.  0: not now. */
static int read_compare(struct sender *sender, struct outgoing *outgoing)
{
	struct seq_range range;
	struct task *task;

	if (sender->reads >= READS_MAX ||
	    !seq_set_next_range(&outgoing->compare, 0, &range))
		return 0;
	task = sender_read_task(sender, outgoing, range.first);
	if (task == NULL || seq_set_remove(&outgoing->compare, range.first,
					   range.first + 1) == -1) {
		task_free(task);
		sender_out_of_memory(sender);
		return 0;
	}
	task->read->digest_only = 1;
	outbox_task(&sender->outbox, task);
	return 1;
}

/* All leaves are out: make sure that they are of one version. */
static void check_version(struct sender *sender, struct outgoing *outgoing)
{
	struct task *task = sender_read_task(sender, outgoing, 0);

	if (task == NULL)
		return;
	task->read->check_only = 1;
	task->read->last = 1;
	outgoing->checking = 1;
	outbox_task(&sender->outbox, task);
}

/* The target's file has all the same bytes: nothing need be written. */
static int identical(const struct outgoing *outgoing)
{
	return outgoing->target_basis && outgoing->flights == 0 &&
	       outgoing->target_size == outgoing->entry->size &&
	       outgoing->same_count == entry_chunks(outgoing->entry) &&
	       seq_set_size(&outgoing->same) == outgoing->same_count;
}

void sender_commit(struct sender *sender, struct outgoing *outgoing, int again)
{
	struct entry *entry = outgoing->entry;
	struct message_commit message = {.entry = entry->index};

	if (identical(outgoing))
		message.flags |= COMMIT_IDENTICAL;
	if (again)
		message.flags |= COMMIT_AGAIN;
	if (!leaf_table_digest(outgoing->leaves, entry->size, &message.file)) {
		sender_fail(sender, EXIT_PROTOCOL,
			    "a file was to be committed with leaves missing");
		return;
	}
	outgoing->state = OUTGOING_COMMITTED;
	outgoing->committed = 1;
	outgoing->asked = sender->now;
	sender->unflushed = 1;
	sender_send(sender, message_commit_encode(&message));
}

/* Do what can be done for one entry; 1 if it has more to do later. */
static int work_on(struct sender *sender, struct outgoing *outgoing)
{
	/* A chunk that is the whole file commits it. */
	if (outgoing->state == OUTGOING_COMMITTED)
		return 0;
	if (outgoing->state == OUTGOING_COMPARING) {
		while (read_compare(sender, outgoing))
			;
		return outgoing->compare.count > 0;
	}
	if (outgoing->todo.count == 0 && identical(outgoing)) {
		if (outgoing->checked)
			sender_commit(sender, outgoing, 0);
		else if (!outgoing->checking)
			check_version(sender, outgoing);
		return 0;
	}
	sender_keep(sender, outgoing);
	while (read_todo(sender, outgoing))
		;
	if (outgoing->todo.count > 0 || outgoing->same.count > 0)
		return 1;
	if (outgoing->busy > 0 || outgoing->resends > 0)
		return 0; /* goes on when the reads are back */
	if (outgoing->checked)
		sender_commit(sender, outgoing, 0);
	else
		check_version(sender, outgoing);
	return 0;
}

/* The receiver need not wait for more before it makes all durable: no more
 * comes until it does. */
static void flush_if_blocked(struct sender *sender)
{
	if (!sender->unflushed || sender->reads > 0 || sender->walking ||
	    sender->entries.count == 0 || !lane_table_idle(&sender->lanes) ||
	    sender->pace.refused > 0)
		return;
	sender->unflushed = 0;
	sender_send(sender, sender->lanes.count > 1
				? message_flush_encode(sender->chunks)
				: message_empty(FRAME_FLUSH));
}

void sender_pump(struct sender *sender)
{
	sender_resend(sender);
	while (sender->queue != NULL && !sender->outbox.closed &&
	       sender->reads < READS_MAX &&
	       lane_table_roomy(&sender->lanes) < LANES_MAX) {
		struct outgoing *outgoing = sender->queue;

		if (work_on(sender, outgoing))
			break; /* no room: it stays first */
		sender_unqueue(sender, outgoing);
	}
	flush_if_blocked(sender);
}

static void send_chunk(struct sender *sender, struct outgoing *outgoing,
		       struct task_read *read)
{
	uint32_t lane = lane_table_data(&sender->lanes);
	struct frame *chunk = read->chunk;
	uint32_t length =
	    (uint32_t)leaf_length(outgoing->entry->size, read->leaf);

	if (read->resend) {
		if (!sender_fly_again(sender, outgoing, read->leaf, lane))
			return; /* what was sent first was confirmed */
		sender->stats.chunks_resent++;
	} else if (sender_add_flight(sender, outgoing, read->leaf, lane,
				     length) == -1) {
		sender_out_of_memory(sender);
		return;
	}
	read->chunk = NULL;
	sender->chunks++;
	sender->stats.bytes_sent += chunk->body_length - CHUNK_HEADER_SIZE;
	sender->unflushed = 1;
	pace_spend(&sender->pace, FRAME_HEADER_SIZE + chunk->body_length);
	lane_table_send(&sender->lanes, &sender->outbox, lane, chunk,
			sender->now);
}

void sender_read_back(struct sender *sender, const struct task_read *read)
{
	size_t length = leaf_length(read->entry->size, read->leaf);

	sender->reads--;
	if (read->check_only || read->digest_only)
		return;
	sender->read_bytes -= length;
	pace_give_back(&sender->pace, chunk_cost(length));
	if (!read->resend)
		sender->window_used -= length;
}

void sender_read_done(struct sender *sender, struct outgoing *outgoing,
		      struct task_read *read)
{
	const struct digest *before;

	if (read->last) {
		outgoing->checked = 1;
		outgoing->checking = 0;
	}
	if (read->digest_only) {
		sender_compared(sender, outgoing, read);
		return;
	}
	/* A chunk that is the whole file commits it, and nothing is left. */
	if (!(read->flags & CHUNK_WHOLE))
		sender_queue(sender, outgoing);
	if (read->check_only)
		return;

	before = leaf_table_get(outgoing->leaves, read->leaf);
	if (before != NULL && !digest_equal(before, &read->digest)) {
		/* Same size and times, other bytes: not the same version. */
		read->status = READ_CHANGED;
		return;
	}
	if (leaf_table_set(outgoing->leaves, read->leaf, &read->digest) == -1) {
		sender_out_of_memory(sender);
		return;
	}
	send_chunk(sender, outgoing, read);
	if (read->flags & CHUNK_WHOLE) {
		outgoing->state = OUTGOING_COMMITTED;
		outgoing->committed = 1;
		outgoing->asked = sender->now;
	}
}
