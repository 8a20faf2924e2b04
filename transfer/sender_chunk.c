/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chunks: which is read next, when it may go, what confirms it, and what makes
 * it go again.  A chunk's bytes are not kept after they were sent: what has to
 * be sent again is read again, and must still be the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "transfer/sender_internal.h"

static void out_of_memory(struct sender *sender)
{
	sender_fail(sender, EXIT_FILE_IO, "out of memory");
}

int sender_add_flight(struct sender *sender, struct outgoing *outgoing,
		      uint64_t leaf, uint32_t lane, uint32_t length)
{
	struct flight *flight = malloc(sizeof(*flight));

	if (flight == NULL)
		return -1;
	flight->outgoing = outgoing;
	flight->leaf = leaf;
	flight->lane = lane;
	flight->length = length;
	flight->sent = sender->now;
	flight->next = &sender->flights;
	flight->previous = sender->flights.previous;
	flight->previous->next = flight;
	sender->flights.previous = flight;
	sender->flight_count++;
	sender->window_used += length;
	outgoing->flights++;
	return 0;
}

/* It has landed, or is to be sent again. */
static void end_flight(struct sender *sender, struct flight *flight)
{
	flight->previous->next = flight->next;
	flight->next->previous = flight->previous;
	sender->flight_count--;
	sender->window_used -= flight->length;
	flight->outgoing->flights--;
	free(flight);
}

void sender_forget_flights(struct sender *sender, struct outgoing *outgoing)
{
	struct flight *flight = sender->flights.next;

	while (outgoing->flights > 0) {
		struct flight *next = flight->next;

		if (flight->outgoing == outgoing)
			end_flight(sender, flight);
		flight = next;
	}
}

/* A leaf has to go again. */
static void send_again(struct sender *sender, struct outgoing *outgoing,
		       uint64_t leaf, int kept)
{
	struct seq_set *set = kept ? &outgoing->same : &outgoing->todo;

	if (seq_set_add(set, leaf, leaf + 1) == -1)
		out_of_memory(sender);
	if (outgoing->state == OUTGOING_COMMITTED)
		outgoing->state = OUTGOING_SENDING;
	sender->stats.chunks_resent += !kept;
	sender_queue(sender, outgoing);
}

static void requeue(struct sender *sender, struct flight *flight)
{
	struct outgoing *outgoing = flight->outgoing;
	uint64_t leaf = flight->leaf;
	int kept = flight->length == 0;

	end_flight(sender, flight);
	send_again(sender, outgoing, leaf, kept);
}

void sender_lane_lost(struct sender *sender, uint32_t lane)
{
	struct flight *flight = sender->flights.next;

	while (flight != &sender->flights) {
		struct flight *next = flight->next;

		if (flight->lane == lane)
			requeue(sender, flight);
		flight = next;
	}
}

/* Is there room in the window, and in memory, for a leaf of length bytes? */
static int room_for(const struct sender *sender, size_t length)
{
	return sender->reads < READS_MAX &&
	       sender->read_bytes < READ_BYTES_MAX &&
	       sender->flight_count < FLIGHTS_MAX &&
	       (sender->window_used == 0 ||
		sender->window_used + length <= sender->config.window);
}

static struct task *read_task(struct sender *sender, struct outgoing *outgoing,
			      uint64_t leaf)
{
	struct task *task = task_create(TASK_READ);

	if (task == NULL) {
		out_of_memory(sender);
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
	task = read_task(sender, outgoing, range.first);
	if (task == NULL || seq_set_remove(&outgoing->todo, range.first,
					   range.first + 1) == -1) {
		task_free(task);
		out_of_memory(sender);
		return 0;
	}
	task->read->flags = chunks == 1 ? CHUNK_WHOLE : 0;
	/* After the last leaf the version is looked at once more.  Reads are
	 * done in order, so those still out come before this one. */
	task->read->last = outgoing->todo.count == 0;
	outgoing->checking |= task->read->last;
	sender->window_used += length;
	sender->read_bytes += length;
	outbox_task(&sender->outbox, task);
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
	task = read_task(sender, outgoing, range.first);
	if (task == NULL || seq_set_remove(&outgoing->compare, range.first,
					   range.first + 1) == -1) {
		task_free(task);
		out_of_memory(sender);
		return 0;
	}
	task->read->digest_only = 1;
	outbox_task(&sender->outbox, task);
	return 1;
}

/* All leaves are out: make sure that they are of one version. */
static void check_version(struct sender *sender, struct outgoing *outgoing)
{
	struct task *task = read_task(sender, outgoing, 0);

	if (task == NULL)
		return;
	task->read->check_only = 1;
	task->read->last = 1;
	outgoing->checking = 1;
	outbox_task(&sender->outbox, task);
}

static void commit(struct sender *sender, struct outgoing *outgoing,
		   int identical)
{
	struct entry *entry = outgoing->entry;
	struct message_commit message = {.entry = entry->index};

	if (identical)
		message.flags = COMMIT_IDENTICAL;
	if (!leaf_table_digest(outgoing->leaves, entry->size, &message.file)) {
		sender_fail(sender, EXIT_PROTOCOL,
			    "a file was to be committed with leaves missing");
		return;
	}
	outgoing->state = OUTGOING_COMMITTED;
	outgoing->asked = sender->now;
	sender->unflushed = 1;
	sender_send(sender, message_commit_encode(&message));
}

/* The target's file has all the same bytes: nothing need be written. */
static int identical(const struct outgoing *outgoing)
{
	return outgoing->target_basis && outgoing->flights == 0 &&
	       outgoing->target_size == outgoing->entry->size &&
	       outgoing->same_count == entry_chunks(outgoing->entry) &&
	       seq_set_size(&outgoing->same) == outgoing->same_count;
}

/* Do what can be done for one entry; 1 if it has more to do later. */
static int work_on(struct sender *sender, struct outgoing *outgoing)
{
	if (outgoing->state == OUTGOING_COMPARING) {
		while (read_compare(sender, outgoing))
			;
		return outgoing->compare.count > 0;
	}
	if (outgoing->todo.count == 0 && identical(outgoing)) {
		if (outgoing->checked)
			commit(sender, outgoing, 1);
		else if (!outgoing->checking)
			check_version(sender, outgoing);
		return 0;
	}
	sender_keep(sender, outgoing);
	while (read_todo(sender, outgoing))
		;
	if (outgoing->todo.count > 0 || outgoing->same.count > 0)
		return 1;
	if (outgoing->busy > 0)
		return 0; /* goes on when the reads are back */
	if (outgoing->checked)
		commit(sender, outgoing, 0);
	else
		check_version(sender, outgoing);
	return 0;
}

/* The receiver need not wait for more before it makes all durable: no more
 * comes until it does. */
static void flush_if_blocked(struct sender *sender)
{
	if (!sender->unflushed || sender->reads > 0 || sender->walking ||
	    sender->entries.count == 0 || !lane_table_idle(&sender->lanes))
		return;
	sender->unflushed = 0;
	sender_send(sender, message_empty(FRAME_FLUSH));
}

void sender_pump(struct sender *sender)
{
	while (sender->queue != NULL && !sender->outbox.closed &&
	       sender->reads < READS_MAX &&
	       lane_table_roomy(&sender->lanes) < LANES_MAX) {
		struct outgoing *outgoing = sender->queue;

		if (work_on(sender, outgoing))
			break; /* no room: it stays first */
		sender->queue = outgoing->next;
		if (sender->queue == NULL)
			sender->queue_end = &sender->queue;
		outgoing->queued = 0;
	}
	flush_if_blocked(sender);
}

static void send_chunk(struct sender *sender, struct outgoing *outgoing,
		       struct task_read *read)
{
	uint32_t lane = lane_table_roomy(&sender->lanes);
	struct frame *chunk = read->chunk;
	uint32_t length =
	    (uint32_t)leaf_length(outgoing->entry->size, read->leaf);

	if (lane == LANES_MAX)
		lane = lane_table_control(&sender->lanes);
	if (sender_add_flight(sender, outgoing, read->leaf, lane, length) ==
	    -1) {
		out_of_memory(sender);
		return;
	}
	read->chunk = NULL;
	sender->stats.bytes_sent += length;
	sender->unflushed = 1;
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
		out_of_memory(sender);
		return;
	}
	send_chunk(sender, outgoing, read);
	if (read->flags & CHUNK_WHOLE) {
		outgoing->state = OUTGOING_COMMITTED;
		outgoing->asked = sender->now;
	}
}

void sender_ack(struct sender *sender, const struct frame *frame)
{
	struct message_ack ack;
	struct flight *flight = sender->flights.next;

	if (message_ack_decode(frame, &ack) == -1) {
		sender_fail(sender, EXIT_PROTOCOL, "bad ACK frame");
		return;
	}
	seq_set_clear(&sender->acked);
	if (seq_set_add(&sender->acked, 0, ack.below) == -1)
		out_of_memory(sender);
	for (size_t i = 0; i < ack.range_count; i++) {
		if (seq_set_add(&sender->acked, ack.ranges[i].first,
				ack.ranges[i].end) == -1)
			out_of_memory(sender);
	}
	free(ack.ranges);

	while (flight != &sender->flights) {
		struct flight *next = flight->next;
		struct outgoing *outgoing = flight->outgoing;
		struct entry *entry = outgoing->entry;
		uint64_t seq = entry->first_seq + flight->leaf;
		size_t length = leaf_length(entry->size, flight->leaf);

		if (seq_set_contains(&sender->acked, seq, seq + 1)) {
			sender->progress = sender->now;
			sender->scans = 0;
			sender->stats.bytes_confirmed += length;
			if (flight->length == 0)
				sender->stats.bytes_reused += length;
			sender_record_leaf(sender, entry, flight->leaf);
			end_flight(sender, flight);
		}
		flight = next;
	}
}

static struct flight *find_flight(struct sender *sender,
				  const struct outgoing *outgoing,
				  uint64_t leaf)
{
	struct flight *flight = sender->flights.next;

	while (flight != &sender->flights &&
	       (flight->outgoing != outgoing || flight->leaf != leaf))
		flight = flight->next;
	return flight == &sender->flights ? NULL : flight;
}

/* Count how often a chunk arrived damaged. */
static int refused_too_often(struct outgoing *outgoing, uint64_t leaf)
{
	uintptr_t count =
	    (uintptr_t)index_map_get(&outgoing->refused, leaf) + 1;

	return count >= REFUSED_MAX ||
	       index_map_put(&outgoing->refused, leaf, (void *)count) == -1;
}

static void give_up_damaged(struct sender *sender, struct outgoing *outgoing)
{
	struct engine_report report = {
	    .kind = REPORT_FAILED,
	    .path = outgoing->entry->path,
	    .text = "a chunk arrived damaged five times; "
		    "check the memory and network of both ends",
	};

	sender->stats.files_failed++;
	outbox_report(&sender->outbox, &report);
	sender_send(sender, message_withdraw_encode(outgoing->entry->index));
	sender_drop(sender, outgoing);
}

void sender_nack(struct sender *sender, const struct frame *frame)
{
	struct message_nack nack;
	struct outgoing *outgoing;
	struct flight *flight;
	struct engine_report report = {.kind = REPORT_RESENT};
	uint64_t leaf;

	if (message_nack_decode(frame, &nack) == -1) {
		sender_fail(sender, EXIT_PROTOCOL, "bad NACK frame");
		return;
	}
	outgoing = index_map_get(&sender->entries, nack.entry);
	if (outgoing == NULL || outgoing->state == OUTGOING_ANNOUNCED ||
	    nack.seq < outgoing->entry->first_seq ||
	    nack.seq - outgoing->entry->first_seq >=
		entry_chunks(outgoing->entry))
		return; /* late */
	leaf = nack.seq - outgoing->entry->first_seq;
	flight = find_flight(sender, outgoing, leaf);
	if (flight != NULL)
		end_flight(sender, flight);
	else if (nack.reason == NACK_DIGEST)
		return; /* a copy of one that is dealt with already */
	else if (nack.reason == NACK_DISK)
		sender->stats.bytes_confirmed -=
		    leaf_length(outgoing->entry->size, leaf);
	if (nack.reason != NACK_LOST) {
		report.path = outgoing->entry->path;
		report.text = nack.reason == NACK_DIGEST
				  ? "a chunk arrived damaged and is sent again"
				  : "a staged chunk was damaged on disk and is "
				    "sent again";
		outbox_report(&sender->outbox, &report);
	}
	if (nack.reason == NACK_DIGEST && refused_too_often(outgoing, leaf))
		give_up_damaged(sender, outgoing);
	else
		send_again(sender, outgoing, leaf, 0);
}

/* Ask again for the answers that are overdue. */
static void ask_again(struct sender *sender, uint64_t overdue)
{
	struct outgoing *outgoing;
	size_t position = 0;

	while ((outgoing = index_map_each(&sender->entries, &position))) {
		if (outgoing->asked + overdue > sender->now)
			continue;
		if (outgoing->state == OUTGOING_ANNOUNCED ||
		    outgoing->state == OUTGOING_COMMITTED)
			sender_send(sender,
				    message_entry_encode(outgoing->entry));
		if (outgoing->state == OUTGOING_COMMITTED &&
		    entry_chunks(outgoing->entry) > 1)
			commit(sender, outgoing, identical(outgoing));
		outgoing->asked = sender->now;
	}
	if (sender->bye_sent)
		sender_send(sender, message_empty(FRAME_BYE));
	sender->unflushed = 1;
}

void sender_scan(struct sender *sender)
{
	uint64_t overdue = sender->config.resend_time
			   << (sender->scans < 6 ? sender->scans : 6);
	struct flight *flight = sender->flights.next;

	sender->next_scan = sender->now + sender->config.resend_time;
	ask_again(sender, overdue);
	/* Chunks: only when nothing at all was confirmed for so long, for on a
	 * slow line many of them wait in buffers that are not ours. */
	if (sender->progress + overdue > sender->now)
		return;
	sender->scans++;
	while (flight != &sender->flights) {
		struct flight *next = flight->next;

		if (flight->sent + overdue <= sender->now &&
		    sender->lanes.lanes[flight->lane].queued == 0)
			requeue(sender, flight);
		flight = next;
	}
}
