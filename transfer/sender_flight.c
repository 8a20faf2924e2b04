/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is sent and not confirmed: what confirms it, and what makes it go again.
 *
 * A chunk's bytes are not kept after they were sent: what has to be sent again
 * is read again, and must still be the same.  A chunk that seems lost may have
 * arrived all the same, so it keeps its place in the window while it waits in
 * the resend queue, and goes before all that was never sent; only so are the
 * bytes that a crash can make us repeat bounded by the window.
 *
 *  1. A chunk was given to a lane: its flight joins the end of the ring, so
 *     the ring is in order of sending.
 *  2. ACK names its seq: the flight ends, its room in the window is free, and
 *     this end's journal is told.
 *
 * What may go wrong, and what makes the chunk go again:
 *
 *  - its lane dies: all flights of that lane wait in the resend queue;
 *  - NACK, for damage on the way: the same, and the fifth time for one leaf
 *    the file is given up.  NACK for what an earlier run staged has no flight:
 *    the leaf goes from trusted to todo;
 *  - no word of anything for config.resend_time, doubled up to 64 times as
 *    long while nothing comes: sender_scan asks for the answers that are due,
 *    and only if nothing at all was confirmed meanwhile are chunks sent again,
 *    for on a slow line they merely wait;
 *  - the ACK for the first copy comes while the second one is read: the flight
 *    ends, and sender_fly_again says that the second need not go.
 *
 * A kept leaf (KEEP, length 0) has a flight too, but takes no room in the
 * window: when it is lost, it goes back to same and is said again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "transfer/sender_internal.h"

static void append(struct flight *ring, struct flight *flight)
{
	flight->next = ring;
	flight->previous = ring->previous;
	flight->previous->next = flight;
	ring->previous = flight;
}

static void unlink_flight(struct flight *flight)
{
	flight->previous->next = flight->next;
	flight->next->previous = flight->previous;
}

static struct flight *
find_flight(struct flight *ring, const struct outgoing *outgoing, uint64_t leaf)
{
	struct flight *flight = ring->next;

	while (flight != ring &&
	       (flight->outgoing != outgoing || flight->leaf != leaf))
		flight = flight->next;
	return flight == ring ? NULL : flight;
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
	flight->resend = RESEND_NOT;
	append(&sender->flights, flight);
	sender->flight_count++;
	sender->window_used += length;
	outgoing->flights++;
	return 0;
}

/* It has landed, or was refused. */
static void end_flight(struct sender *sender, struct flight *flight)
{
	struct outgoing *outgoing = flight->outgoing;

	unlink_flight(flight);
	sender->flight_count--;
	sender->window_used -= flight->length;
	outgoing->flights--;
	if (flight->resend != RESEND_NOT) {
		outgoing->resends--;
		sender_queue(sender, outgoing);
	}
	free(flight);
}

static void forget(struct sender *sender, struct flight *ring,
		   const struct outgoing *outgoing)
{
	struct flight *flight = ring->next;

	while (flight != ring && outgoing->flights > 0) {
		struct flight *next = flight->next;

		if (flight->outgoing == outgoing)
			end_flight(sender, flight);
		flight = next;
	}
}

void sender_forget_flights(struct sender *sender, struct outgoing *outgoing)
{
	forget(sender, &sender->flights, outgoing);
	forget(sender, &sender->resends, outgoing);
}

/* ---- again -------------------------------------------------------------- */

/* The COMMIT has to go again, too, after what is missing. */
static void reopen(struct outgoing *outgoing)
{
	if (outgoing->state == OUTGOING_COMMITTED)
		outgoing->state = OUTGOING_SENDING;
}

/* A leaf that is in no flight any more has to go again. */
static void todo_again(struct sender *sender, struct outgoing *outgoing,
		       uint64_t leaf, int kept)
{
	struct seq_set *set = kept ? &outgoing->same : &outgoing->todo;

	if (seq_set_add(set, leaf, leaf + 1) == -1)
		sender_out_of_memory(sender);
	reopen(outgoing);
	sender_queue(sender, outgoing);
}

/* Nobody knows whether it arrived. */
static void requeue(struct sender *sender, struct flight *flight)
{
	struct outgoing *outgoing = flight->outgoing;
	uint64_t leaf = flight->leaf;

	if (flight->length == 0) {
		end_flight(sender, flight);
		todo_again(sender, outgoing, leaf, 1);
		return;
	}
	unlink_flight(flight);
	append(&sender->resends, flight);
	flight->resend = RESEND_WAITS;
	outgoing->resends++;
	reopen(outgoing);
}

static void read_again(struct sender *sender, struct flight *flight)
{
	struct outgoing *outgoing = flight->outgoing;
	struct task *task = sender_read_task(sender, outgoing, flight->leaf);

	if (task == NULL)
		return;
	task->read->resend = 1;
	task->read->flags =
	    entry_chunks(outgoing->entry) == 1 ? CHUNK_WHOLE : 0;
	task->read->last = outgoing->todo.count == 0;
	outgoing->checking |= task->read->last;
	flight->resend = RESEND_READS;
	sender_read_out(sender, task, flight->length);
}

void sender_resend(struct sender *sender)
{
	struct flight *flight = sender->resends.next;

	while (flight != &sender->resends && !sender->outbox.closed &&
	       sender_may_read(sender, flight->length) &&
	       lane_table_roomy(&sender->lanes) < LANES_MAX) {
		if (flight->resend == RESEND_WAITS)
			read_again(sender, flight);
		flight = flight->next;
	}
}

int sender_fly_again(struct sender *sender, struct outgoing *outgoing,
		     uint64_t leaf, uint32_t lane)
{
	struct flight *flight = find_flight(&sender->resends, outgoing, leaf);

	if (flight == NULL)
		return 0;
	unlink_flight(flight);
	append(&sender->flights, flight);
	flight->resend = RESEND_NOT;
	flight->lane = lane;
	flight->sent = sender->now;
	outgoing->resends--;
	return 1;
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

/* ---- what the receiver says --------------------------------------------- */

static void end_acked(struct sender *sender, struct flight *ring)
{
	struct flight *flight = ring->next;

	while (flight != ring) {
		struct flight *next = flight->next;
		struct entry *entry = flight->outgoing->entry;
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

void sender_ack(struct sender *sender, const struct frame *frame)
{
	struct message_ack ack;

	if (message_ack_decode(frame, &ack) == -1) {
		sender_fail(sender, EXIT_PROTOCOL, "bad ACK frame");
		return;
	}
	seq_set_clear(&sender->acked);
	if (seq_set_add(&sender->acked, 0, ack.below) == -1)
		sender_out_of_memory(sender);
	for (size_t i = 0; i < ack.range_count; i++) {
		if (seq_set_add(&sender->acked, ack.ranges[i].first,
				ack.ranges[i].end) == -1)
			sender_out_of_memory(sender);
	}
	free(ack.ranges);

	end_acked(sender, &sender->flights);
	end_acked(sender, &sender->resends);
}

/* Count how often a chunk arrived damaged. */
static int refused_too_often(struct outgoing *outgoing, uint64_t leaf)
{
	uintptr_t count =
	    (uintptr_t)index_map_get(&outgoing->refused, leaf) + 1;

	return count >= REFUSED_MAX ||
	       index_map_put(&outgoing->refused, leaf, (void *)count) == -1;
}

/*
 * The receiver has not the leaf.  0: that is known, or what it says is late.
 * A chunk waits as a flight until it is read again: another copy of it may
 * have arrived whole.
 */
static int take_nack(struct sender *sender, struct outgoing *outgoing,
		     uint64_t leaf, enum nack_reason reason)
{
	struct flight *flight = find_flight(&sender->flights, outgoing, leaf);

	if (flight != NULL && flight->length > 0) {
		requeue(sender, flight);
		return 1;
	}
	if (flight != NULL) {
		end_flight(sender, flight); /* it has not what it kept */
	} else {
		/* LOST: a NACK for the disk came before NEED. */
		if (reason == NACK_DIGEST ||
		    !seq_set_contains(&outgoing->trusted, leaf, leaf + 1))
			return 0;
		if (seq_set_remove(&outgoing->trusted, leaf, leaf + 1) == -1)
			sender_out_of_memory(sender);
		sender->stats.bytes_confirmed -=
		    leaf_length(outgoing->entry->size, leaf);
		sender->stats.bytes_reused -=
		    leaf_length(outgoing->entry->size, leaf);
		sender->stats.chunks_resent++; /* an earlier run sent it */
	}
	todo_again(sender, outgoing, leaf, 0);
	return 1;
}

static void report_resent(struct sender *sender,
			  const struct outgoing *outgoing,
			  enum nack_reason reason)
{
	struct engine_report report = {
	    .kind = REPORT_RESENT,
	    .path = outgoing->entry->path,
	    .text = "a chunk arrived damaged and is sent again",
	};

	if (reason == NACK_LOST)
		return;
	if (reason == NACK_DISK)
		report.text = "a staged chunk was damaged on disk and is sent "
			      "again";
	outbox_report(&sender->outbox, &report);
}

void sender_nack(struct sender *sender, const struct frame *frame)
{
	struct message_nack nack;
	struct outgoing *outgoing;
	uint64_t leaf;

	if (message_nack_decode(frame, &nack) == -1) {
		sender_fail(sender, EXIT_PROTOCOL, "bad NACK frame");
		return;
	}
	outgoing = index_map_get(&sender->entries, nack.entry);
	if (outgoing == NULL || outgoing->state == OUTGOING_ANNOUNCED ||
	    outgoing->state == OUTGOING_WITHDRAWN ||
	    nack.seq < outgoing->entry->first_seq ||
	    nack.seq - outgoing->entry->first_seq >=
		entry_chunks(outgoing->entry))
		return; /* late */
	leaf = nack.seq - outgoing->entry->first_seq;
	if (!take_nack(sender, outgoing, leaf, nack.reason))
		return;
	report_resent(sender, outgoing, nack.reason);
	if (nack.reason == NACK_DIGEST && refused_too_often(outgoing, leaf))
		sender_give_up(sender, outgoing, PROBLEM_FAILED,
			       "a chunk arrived damaged five times; "
			       "check the memory and network of both ends");
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
		/* Chunks that are lost are found below, by themselves. */
		if (outgoing->state == OUTGOING_COMMITTED &&
		    outgoing->flights == 0)
			sender_commit(sender, outgoing, 1);
		if (outgoing->state == OUTGOING_WITHDRAWN)
			sender_say_withdrawn(sender, outgoing);
		outgoing->asked = sender->now;
	}
	if (sender->bye_sent)
		sender_send(sender, message_empty(FRAME_BYE));
	sender->unflushed = 1;
}

/* Chunks: only when nothing at all was confirmed for so long, for on a slow
 * line many of them wait in buffers that are not ours. */
static void resend_overdue(struct sender *sender, uint64_t overdue)
{
	struct flight *flight = sender->flights.next;

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

void sender_ask_again(struct sender *sender)
{
	ask_again(sender, 0);
}

void sender_scan(struct sender *sender)
{
	uint64_t overdue = sender->config.resend_time
			   << (sender->scans < 6 ? sender->scans : 6);

	sender->next_scan = sender->now + sender->config.resend_time;
	/* First, while nothing that is asked is in the lanes' queues. */
	resend_overdue(sender, overdue);
	ask_again(sender, overdue);
}
