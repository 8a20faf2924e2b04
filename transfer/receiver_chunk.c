/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What arrives of a file: chunks and kept leaves are checked, staged, and
 * handed to the next group; leaves from an earlier run are hashed again; when
 * nothing is missing, the file goes on to be placed.
 */
#include <errno.h>
#include <stdlib.h>

#include "transfer/receiver_internal.h"

void receiver_nack(struct receiver *receiver, const struct incoming *incoming,
		   uint64_t leaf, enum nack_reason reason)
{
	struct message_nack message = {
	    .seq = incoming->entry->first_seq + leaf,
	    .entry = incoming->entry->index,
	    .reason = reason,
	};

	if (reason == NACK_DISK)
		receiver_send(receiver, message_nack_encode(&message));
	else
		receiver_send_again(receiver, message_nack_encode(&message));
}

static int take(struct receiver *receiver, struct incoming *incoming,
		uint64_t leaf, const struct digest *digest)
{
	if (seq_set_add(&incoming->taken, leaf, leaf + 1) == -1 ||
	    leaf_table_set(incoming->leaves, leaf, digest) == -1) {
		receiver_out_of_memory(receiver);
		return -1;
	}
	return 0;
}

/* The bytes of a leaf are not there after all. */
static void untake(struct receiver *receiver, struct incoming *incoming,
		   uint64_t leaf)
{
	uint64_t seq = incoming->entry->first_seq + leaf;

	if (seq_set_remove(&incoming->taken, leaf, leaf + 1) == -1 ||
	    seq_set_remove(&receiver->durable, seq, seq + 1) == -1)
		receiver_out_of_memory(receiver);
	leaf_table_unset(incoming->leaves, leaf);
}

/* Is this chunk a leaf of this entry, as a whole? */
static int fits(const struct entry *entry, const struct message_chunk *chunk)
{
	uint64_t leaf = chunk->offset / LEAF_SIZE;

	return chunk->seq >= entry->first_seq &&
	       chunk->seq - entry->first_seq == leaf &&
	       leaf < entry_chunks(entry) &&
	       chunk->length == leaf_length(entry->size, leaf) &&
	       (!(chunk->flags & CHUNK_WHOLE) || entry_chunks(entry) == 1);
}

static struct task *write_task(struct receiver *receiver,
			       struct incoming *incoming, uint64_t leaf,
			       size_t length)
{
	struct task *task = task_create(TASK_WRITE);

	if (task == NULL) {
		receiver_out_of_memory(receiver);
		return NULL;
	}
	task->owner = incoming;
	task->write->entry = incoming->entry;
	task->write->staged = &incoming->staged;
	task->write->leaf = leaf;
	task->write->length = (uint32_t)length;
	task->write->close = entry_chunks(incoming->entry) <= 1;
	incoming->busy++;
	incoming->writes++;
	receiver->writing++;
	return task;
}

void receiver_write_empty(struct receiver *receiver, struct incoming *incoming)
{
	struct task *task = write_task(receiver, incoming, 0, 0);

	if (task != NULL)
		outbox_task(&receiver->outbox, task);
}

void receiver_chunk(struct receiver *receiver, struct frame **frame)
{
	struct message_chunk chunk;
	struct incoming *incoming;
	struct digest digest;
	struct task *task;
	uint64_t leaf;

	if (message_chunk_decode(*frame, &chunk) == -1 ||
	    ((chunk.flags & CHUNK_PACKED) != 0 &&
	     receiver->config.version < 2)) {
		receiver_fail(receiver, EXIT_PROTOCOL, "bad CHUNK frame");
		return;
	}
	/* The sender's own figure may never come. */
	receiver->chunks++;
	receiver->received += chunk.size;
	if (receiver->received > receiver->stats.bytes_sent)
		receiver->stats.bytes_sent = receiver->received;
	incoming = index_map_get(&receiver->entries, chunk.entry);
	if (incoming == NULL || incoming->state != INCOMING_OPEN) {
		receiver->ack_due = 1; /* late, or a copy */
		return;
	}
	if (!fits(incoming->entry, &chunk)) {
		receiver_fail(receiver, EXIT_PROTOCOL,
			      "a CHUNK does not fit its entry");
		return;
	}
	leaf = chunk.offset / LEAF_SIZE;
	if (seq_set_contains(&incoming->taken, leaf, leaf + 1) ||
	    seq_set_contains(&incoming->damaged, leaf, leaf + 1)) {
		receiver->ack_due = 1;
		return;
	}
	if ((chunk.flags & CHUNK_PACKED) == 0) {
		digest = digest_of(chunk.data, chunk.length);
		if (!digest_equal(&digest, &chunk.digest)) {
			receiver_nack(receiver, incoming, leaf, NACK_DIGEST);
			return;
		}
	}
	/* Of a packed one that is seen where it is written: unpacked here, what
	 * waits to be written would be as large as a peer makes it. */
	if (take(receiver, incoming, leaf, &chunk.digest) == -1)
		return;
	if (chunk.flags & CHUNK_WHOLE) {
		incoming->committed = 1;
		incoming->file = chunk.digest;
	}
	task = write_task(receiver, incoming, leaf, chunk.length);
	if (task == NULL)
		return;
	if ((chunk.flags & CHUNK_PACKED) != 0)
		task->write->packed = chunk.size;
	task->write->digest = chunk.digest;
	task->write->data = chunk.data;
	task->write->chunk = *frame;
	*frame = NULL;
	outbox_task(&receiver->outbox, task);
}

/* The leaf of the basis is in the staged file, as the journal says. */
static int is_staged(const struct incoming *incoming, uint64_t leaf)
{
	if (incoming->basis_mixed)
		return seq_set_contains(&incoming->basis_staged, leaf,
					leaf + 1);
	return incoming->basis_kind == BASIS_STAGED && incoming->basis_known;
}

/*
 * A leaf of the basis is right.  0, or -1: the session has failed, as it does
 * for a leaf that NEED did not tell of; a range is checked no further, for a
 * peer may name billions.  Of the target's file: it is copied to the
 * staged one.  Staged and in the journal: it stays as it is.  Staged and not in
 * the journal: it is written once more, for the sync that failed or never was
 * may have left the kernel believing that it is on disk.
 */
static int keep_leaf(struct receiver *receiver, struct incoming *incoming,
		     uint64_t leaf)
{
	const struct digest *digest =
	    incoming->basis != NULL ? leaf_table_get(incoming->basis, leaf)
				    : NULL;
	size_t length = leaf_length(incoming->entry->size, leaf);
	struct task *task;

	if (digest == NULL) {
		receiver_fail(receiver, EXIT_PROTOCOL,
			      "a KEEP names leaves that are not here");
		return -1;
	}
	if (take(receiver, incoming, leaf, digest) == -1)
		return -1;
	receiver->stats.bytes_reused += length;
	if (is_staged(incoming, leaf)) {
		/* It joins a group when the disk agrees with the journal. */
		if (seq_set_add(&incoming->unverified, leaf, leaf + 1) == -1)
			receiver_out_of_memory(receiver);
		return 0;
	}
	task = write_task(receiver, incoming, leaf, length);
	if (task == NULL)
		return -1;
	task->write->basis = incoming->basis_kind;
	task->write->digest = *digest;
	outbox_task(&receiver->outbox, task);
	return 0;
}

void receiver_keep(struct receiver *receiver, const struct frame *frame)
{
	struct message_keep keep;
	struct incoming *incoming;

	if (message_keep_decode(frame, &keep) == -1) {
		receiver_fail(receiver, EXIT_PROTOCOL, "bad KEEP frame");
		return;
	}
	incoming = index_map_get(&receiver->entries, keep.entry);
	receiver->ack_due = 1;
	if (incoming == NULL || incoming->state != INCOMING_OPEN)
		goto free_ranges;
	for (size_t i = 0; i < keep.range_count; i++) {
		if (keep.ranges[i].end > entry_chunks(incoming->entry)) {
			receiver_fail(
			    receiver, EXIT_PROTOCOL,
			    "a KEEP names leaves that the file has not");
			goto free_ranges;
		}
		for (uint64_t leaf = keep.ranges[i].first;
		     leaf < keep.ranges[i].end; leaf++) {
			if (!seq_set_contains(&incoming->taken, leaf,
					      leaf + 1) &&
			    keep_leaf(receiver, incoming, leaf) == -1)
				goto free_ranges;
		}
	}
	if (incoming->unverified.count > 0)
		receiver_verify(receiver, incoming);

free_ranges:
	free(keep.ranges);
}

/* All seemed sent, and no receipt came: say what never arrived. */
static void nack_missing(struct receiver *receiver, struct incoming *incoming)
{
	uint64_t chunks = entry_chunks(incoming->entry);
	uint64_t leaf = seq_set_next_missing(&incoming->taken, 0);

	for (int said = 0; leaf < chunks && said < 64; said++) {
		if (!seq_set_contains(&incoming->damaged, leaf, leaf + 1))
			receiver_nack(receiver, incoming, leaf, NACK_LOST);
		leaf = seq_set_next_missing(&incoming->taken, leaf + 1);
	}
}

/* The sender found the file at the target to be the same in content. */
static void commit_identical(struct receiver *receiver,
			     struct incoming *incoming,
			     const struct digest *file)
{
	struct digest held;

	if (incoming->basis == NULL || incoming->basis_kind != BASIS_TARGET ||
	    incoming->basis_mixed ||
	    incoming->basis_size != incoming->entry->size ||
	    !leaf_table_digest(incoming->basis, incoming->basis_size, &held) ||
	    !digest_equal(&held, file)) {
		receiver_failed(receiver, incoming,
				"changed while it was compared; run it again");
		return;
	}
	incoming->in_place = 1;
	incoming->file = *file;
	receiver->stats.bytes_reused += incoming->entry->size;
	receiver->stats.bytes_confirmed += incoming->entry->size;
	receiver_cover(receiver, incoming);
	incoming->state = INCOMING_PLACING;
	incoming->busy++;
	receiver_push(&receiver->to_place, incoming);
}

void receiver_commit(struct receiver *receiver, const struct frame *frame)
{
	struct message_commit commit;
	struct incoming *incoming;

	if (message_commit_decode(frame, &commit) == -1) {
		receiver_fail(receiver, EXIT_PROTOCOL, "bad COMMIT frame");
		return;
	}
	incoming = index_map_get(&receiver->entries, commit.entry);
	if (incoming == NULL || incoming->state != INCOMING_OPEN ||
	    incoming->entry->type != ENTRY_FILE)
		return;
	if (commit.flags & COMMIT_IDENTICAL) {
		commit_identical(receiver, incoming, &commit.file);
		return;
	}
	if (commit.flags & COMMIT_AGAIN)
		nack_missing(receiver, incoming);
	incoming->committed = 1;
	incoming->file = commit.file;
	receiver_check_complete(receiver, incoming);
}

void receiver_check_complete(struct receiver *receiver,
			     struct incoming *incoming)
{
	struct entry *entry = incoming->entry;
	struct digest stored;

	if (incoming->state != INCOMING_OPEN || !incoming->committed ||
	    incoming->unverified.count > 0 ||
	    !seq_set_contains(&receiver->durable, entry->first_seq,
			      entry->first_seq + entry_chunks(entry)))
		return;
	if (entry->type == ENTRY_FILE &&
	    (!leaf_table_digest(incoming->leaves, entry->size, &stored) ||
	     !digest_equal(&stored, &incoming->file))) {
		receiver_failed(
		    receiver, incoming,
		    "what was stored is not what the sender committed; "
		    "run it again");
		return;
	}
	incoming->state = INCOMING_PLACING;
	incoming->busy++;
	receiver_push(&receiver->to_place, incoming);
}

void receiver_written(struct receiver *receiver, struct task *task)
{
	struct incoming *incoming = task->owner;
	struct task_write *write = task->write;

	receiver->writing--;
	incoming->writes--;
	if (incoming->state == INCOMING_DROPPED || receiver->outbox.closed)
		goto idle;
	if (write->damaged) {
		untake(receiver, incoming, write->leaf);
		receiver_nack(receiver, incoming, write->leaf, NACK_DIGEST);
	} else if (task->error == 0) {
		receiver_group_leaf(receiver, incoming,
				    write->length == 0 ? NO_LEAF : write->leaf);
	} else if (write->chunk == NULL && task->error == EBADMSG) {
		/* The target's file changed since it was compared. */
		untake(receiver, incoming, write->leaf);
		receiver->stats.bytes_reused -= write->length;
		receiver_nack(receiver, incoming, write->leaf, NACK_LOST);
	} else if (!receiver_disk_failed(receiver, task)) {
		receiver_failed(receiver, incoming, task->text);
	}

idle:
	receiver_idle(receiver, incoming);
}

void receiver_verify(struct receiver *receiver, struct incoming *incoming)
{
	incoming->verify_next = 0;
	if (incoming->verifying)
		return;
	incoming->verifying = 1;
	incoming->busy++;
	receiver_push(&receiver->to_verify, incoming);
}

/* The next leaf that is to be hashed.  0: there is none. */
static int next_unverified(const struct incoming *incoming, uint64_t *leaf)
{
	struct seq_range range;

	if (incoming->state == INCOMING_DROPPED ||
	    !seq_set_next_range(&incoming->unverified, incoming->verify_next,
				&range))
		return 0;
	*leaf = range.first;
	return 1;
}

/*
 * An entry leaves the list with the task for its last leaf: once that is back
 * it may be complete, and go on to another list.
 */
void receiver_verify_more(struct receiver *receiver)
{
	while (receiver->hashing < HASHES_MAX / 2 &&
	       receiver->to_verify.first != NULL) {
		struct incoming *incoming = receiver->to_verify.first;
		struct task *task;
		uint64_t leaf;

		if (next_unverified(incoming, &leaf)) {
			task = task_create(TASK_HASH);
			if (task == NULL) {
				receiver_out_of_memory(receiver);
				return;
			}
			task->owner = incoming;
			task->hash->entry = incoming->entry;
			task->hash->leaf = leaf;
			task->hash->basis = BASIS_STAGED;
			task->hash->basis_size = incoming->entry->size;
			incoming->verify_next = leaf + 1;
			incoming->busy++;
			receiver->hashing++;
			outbox_task(&receiver->outbox, task);
		}
		if (next_unverified(incoming, &leaf))
			continue;
		receiver_pop(&receiver->to_verify);
		incoming->verifying = 0;
		receiver_idle(receiver, incoming);
	}
}

/* A staged leaf is no longer what the journal says. */
static void damaged(struct receiver *receiver, struct incoming *incoming,
		    uint64_t leaf)
{
	size_t length = leaf_length(incoming->entry->size, leaf);
	uint64_t seq = incoming->entry->first_seq + leaf;
	struct engine_report report = {
	    .kind = REPORT_RESENT,
	    .path = incoming->entry->path,
	    .text = "a staged chunk was damaged on disk and is sent again",
	};

	/* A kept leaf is confirmed only after it was seen to be right. */
	if (seq_set_contains(&receiver->durable, seq, seq + 1))
		receiver->stats.bytes_confirmed -= length;
	receiver->stats.bytes_reused -= length;
	untake(receiver, incoming, leaf);
	outbox_report(&receiver->outbox, &report);
	receiver_group_damaged(receiver, incoming, leaf);
}

void receiver_verified(struct receiver *receiver, struct task *task)
{
	struct incoming *incoming = task->owner;
	uint64_t leaf = task->hash->leaf;
	uint64_t seq = incoming->entry->first_seq + leaf;
	const struct digest *digest;

	if (incoming->state == INCOMING_DROPPED ||
	    !seq_set_contains(&incoming->unverified, leaf, leaf + 1))
		goto idle;
	digest = leaf_table_get(incoming->leaves, leaf);
	if (seq_set_remove(&incoming->unverified, leaf, leaf + 1) == -1)
		receiver_out_of_memory(receiver);
	if (task->error != 0 || digest == NULL ||
	    !digest_equal(digest, &task->hash->digest))
		damaged(receiver, incoming, leaf);
	else if (!seq_set_contains(&receiver->durable, seq, seq + 1))
		receiver_group_leaf(receiver, incoming, leaf);
	else
		receiver_check_complete(receiver, incoming);

idle:
	receiver_idle(receiver, incoming);
}
