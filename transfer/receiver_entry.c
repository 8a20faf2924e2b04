/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An entry from its announcement on: what is there of it already (EXAMINE,
 * HASH), and what the sender is told that it needs (NEED).
 */
#include <stdlib.h>
#include <string.h>

#include "transfer/receiver_internal.h"

void receiver_release(struct incoming *incoming)
{
	entry_free(incoming->entry);
	leaf_table_free(incoming->leaves);
	leaf_table_free(incoming->basis);
	seq_set_clear(&incoming->taken);
	seq_set_clear(&incoming->unverified);
	seq_set_clear(&incoming->damaged);
	seq_set_clear(&incoming->basis_staged);
	free(incoming);
}

static int has_path_key(const struct incoming *incoming)
{
	return incoming->entry->type == ENTRY_FILE ||
	       incoming->entry->type == ENTRY_LINK;
}

static void examine_later(struct receiver *receiver, struct incoming *incoming)
{
	incoming->busy++;
	receiver_push(&receiver->to_examine, incoming);
}

/* Take it out of the line of those with its path; the next one may start if
 * it was the first. */
static void leave_path(struct receiver *receiver, struct incoming *incoming)
{
	struct incoming *leader =
	    index_map_get(&receiver->paths, incoming->path_key);
	struct incoming *follower = incoming->follower;

	if (leader != incoming) {
		while (leader != NULL && leader->follower != incoming)
			leader = leader->follower;
		if (leader != NULL)
			leader->follower = follower;
		return;
	}
	index_map_remove(&receiver->paths, incoming->path_key);
	if (follower == NULL)
		return;
	if (index_map_put(&receiver->paths, incoming->path_key, follower) == -1)
		receiver_out_of_memory(receiver);
	examine_later(receiver, follower);
}

/* It is dropped and nothing points to it. */
static void end(struct receiver *receiver, struct incoming *incoming)
{
	struct entry *entry = incoming->entry;

	index_map_remove(&receiver->dropped, entry->index);
	receiver->entry_bytes -= entry->path_length + entry->link_length;
	if (has_path_key(incoming))
		leave_path(receiver, incoming);
	receiver_release(incoming);
}

void receiver_idle(struct receiver *receiver, struct incoming *incoming)
{
	incoming->busy--;
	if (incoming->busy == 0 && incoming->state == INCOMING_DROPPED)
		end(receiver, incoming);
}

/* One NEED frame for a run of known digests in table, from *leaf on. */
static void need_run(struct receiver *receiver, struct incoming *incoming,
		     const struct leaf_table *table, uint64_t *leaf,
		     struct message_need *need)
{
	uint64_t chunks = entry_chunks(incoming->entry);
	uint8_t *digests = (uint8_t *)(uintptr_t)need->digests;
	const struct digest *digest;

	*leaf = leaf_table_next(table, *leaf);
	need->first_leaf = *leaf < chunks ? *leaf : chunks;
	need->leaf_count = 0;
	while (*leaf < chunks && need->leaf_count < NEED_LEAVES_MAX &&
	       (digest = leaf_table_get(table, *leaf)) != NULL) {
		memcpy(digests + 16 * (size_t)need->leaf_count, digest->bytes,
		       16);
		need->leaf_count++;
		++*leaf;
	}
	if (*leaf >= chunks)
		need->flags |= NEED_LAST;
	receiver_send(receiver, message_need_encode(need));
}

/* Tell the sender what is held; said again when it asks again. */
static void send_need(struct receiver *receiver, struct incoming *incoming)
{
	const struct leaf_table *table =
	    incoming->basis != NULL ? incoming->basis : incoming->leaves;
	uint64_t chunks = entry_chunks(incoming->entry), leaf = 0;
	struct message_need need = {
	    .entry = incoming->entry->index,
	    .all = leaf_table_known(table, chunks),
	    .digests = malloc(NEED_LEAVES_MAX * 16),
	};

	if (need.digests == NULL) {
		receiver_out_of_memory(receiver);
		return;
	}
	if (incoming->basis != NULL)
		need.flags |= NEED_COMPARE;
	if (incoming->basis != NULL && incoming->basis_kind == BASIS_TARGET &&
	    !incoming->basis_mixed) {
		need.flags |= NEED_TARGET;
		need.size = incoming->basis_size;
	}
	do
		need_run(receiver, incoming, table, &leaf, &need);
	while (leaf < chunks);
	free((void *)(uintptr_t)need.digests);
}

static void open_for_chunks(struct receiver *receiver,
			    struct incoming *incoming)
{
	incoming->state = INCOMING_OPEN;
	receiver_group_plan(receiver, incoming);
	send_need(receiver, incoming);
}

/* Staged leaves of this very version: theirs, until they prove damaged. */
static void take_staged(struct receiver *receiver, struct incoming *incoming)
{
	struct entry *entry = incoming->entry;
	uint64_t bytes = 0;

	for (uint64_t leaf = leaf_table_next(incoming->leaves, 0);
	     leaf < entry_chunks(entry);
	     leaf = leaf_table_next(incoming->leaves, leaf + 1)) {
		uint64_t seq = entry->first_seq + leaf;

		bytes += leaf_length(entry->size, leaf);
		if (seq_set_add(&incoming->taken, leaf, leaf + 1) == -1 ||
		    seq_set_add(&incoming->unverified, leaf, leaf + 1) == -1 ||
		    seq_set_add(&receiver->durable, seq, seq + 1) == -1)
			receiver_out_of_memory(receiver);
	}
	receiver->ack_news = 1;
	receiver->stats.bytes_reused += bytes;
	receiver->stats.bytes_confirmed += bytes;
	open_for_chunks(receiver, incoming);
	receiver_verify(receiver, incoming);
}

static int set_leaves(struct incoming *incoming, struct leaf_table *leaves)
{
	if (leaves == NULL)
		leaves = leaf_table_create();
	incoming->leaves = leaves;
	return leaves == NULL ? -1 : 0;
}

/* A file or a link of which nothing is held. */
static void start_empty(struct receiver *receiver, struct incoming *incoming)
{
	if (incoming->entry->type == ENTRY_LINK) {
		incoming->state = INCOMING_OPEN;
		incoming->committed = 1;
		receiver_check_complete(receiver, incoming);
	} else if (incoming->entry->size == 0) {
		incoming->state = INCOMING_OPEN;
		incoming->committed = 1;
		incoming->file = digest_of("", 0);
		receiver_group_plan(receiver, incoming);
		receiver_write_empty(receiver, incoming);
	} else {
		open_for_chunks(receiver, incoming);
	}
}

/* Digests to compare: known from the journal, or to be hashed first. */
static void start_compare(struct receiver *receiver, struct incoming *incoming,
			  struct examine_item *item)
{
	incoming->basis_size = item->basis_size;
	incoming->basis_version = item->version;
	incoming->basis_kind =
	    item->verdict == EXAMINE_TARGET ? BASIS_TARGET : BASIS_STAGED;
	incoming->basis_known = item->leaves != NULL;
	incoming->basis =
	    item->leaves != NULL ? item->leaves : leaf_table_create();
	item->leaves = NULL;
	if (incoming->basis == NULL) {
		receiver_out_of_memory(receiver);
	} else if (incoming->basis_known) {
		open_for_chunks(receiver, incoming);
	} else {
		incoming->busy++;
		receiver_push(&receiver->to_hash, incoming);
	}
}

/* Digests to compare: what is staged, as the journal knows it, and of the rest
 * what the target's file has, which is to be hashed. */
static void start_mixed(struct receiver *receiver, struct incoming *incoming,
			struct examine_item *item)
{
	uint64_t chunks = entry_chunks(incoming->entry);

	incoming->basis_size = item->basis_size;
	incoming->basis_version = item->version;
	incoming->basis_kind = BASIS_TARGET;
	incoming->basis_mixed = 1;
	incoming->basis = item->leaves;
	item->leaves = NULL;
	for (uint64_t leaf = leaf_table_next(incoming->basis, 0); leaf < chunks;
	     leaf = leaf_table_next(incoming->basis, leaf + 1)) {
		if (seq_set_add(&incoming->basis_staged, leaf, leaf + 1) == -1)
			receiver_out_of_memory(receiver);
	}
	incoming->busy++;
	receiver_push(&receiver->to_hash, incoming);
}

static void found_in_place(struct receiver *receiver, struct incoming *incoming,
			   enum receipt_status outcome)
{
	incoming->outcome = outcome;
	receiver->settle = 1;
	receiver_cover(receiver, incoming);
	receiver_group_placed(receiver, incoming);
}

static void examined_one(struct receiver *receiver, struct incoming *incoming,
			 struct examine_item *item)
{
	struct leaf_table *staged = NULL;

	if (item->verdict == EXAMINE_STAGED && !item->target_too) {
		staged = item->leaves;
		item->leaves = NULL;
	}
	if (set_leaves(incoming, staged) == -1) {
		receiver_out_of_memory(receiver);
		return;
	}
	if (item->target_too) {
		start_mixed(receiver, incoming, item);
		return;
	}
	switch (item->verdict) {
	case EXAMINE_SAME:
		found_in_place(receiver, incoming, RECEIPT_SAME);
		break;
	case EXAMINE_MADE:
		found_in_place(receiver, incoming, RECEIPT_DONE);
		break;
	case EXAMINE_EMPTY:
		start_empty(receiver, incoming);
		break;
	case EXAMINE_STAGED:
		take_staged(receiver, incoming);
		break;
	case EXAMINE_OLDER:
	case EXAMINE_TARGET:
		if (incoming->entry->size == 0)
			start_empty(receiver, incoming);
		else
			start_compare(receiver, incoming, item);
		break;
	case EXAMINE_FAILED:
		receiver_failed(receiver, incoming, item->text);
		break;
	}
}

void receiver_examined(struct receiver *receiver, struct task *task)
{
	struct task_examine *examine = task->examine;

	receiver->examining--;
	if (task->error != 0 && receiver_disk_failed(receiver, task))
		return;
	for (size_t i = 0; i < examine->count; i++) {
		uint64_t index = examine->items[i].entry->index;
		struct incoming *incoming =
		    index_map_get(&receiver->entries, index);

		if (incoming != NULL)
			examined_one(receiver, incoming, &examine->items[i]);
		else
			incoming = index_map_get(&receiver->dropped, index);
		/* The item's entry may go with it. */
		if (incoming != NULL)
			receiver_idle(receiver, incoming);
	}
}

static void hash_more(struct receiver *receiver)
{
	while (receiver->hashing < HASHES_MAX &&
	       receiver->to_hash.first != NULL) {
		struct incoming *incoming = receiver->to_hash.first;
		uint64_t leaves = leaf_count(incoming->basis_size);
		struct task *task;

		if (leaves > entry_chunks(incoming->entry))
			leaves = entry_chunks(incoming->entry);
		if (incoming->basis_next >= leaves ||
		    incoming->state == INCOMING_DROPPED) {
			receiver_pop(&receiver->to_hash);
			if (incoming->state != INCOMING_DROPPED &&
			    incoming->busy == 1)
				open_for_chunks(receiver, incoming);
			receiver_idle(receiver, incoming);
			continue;
		}
		if (seq_set_contains(&incoming->basis_staged,
				     incoming->basis_next,
				     incoming->basis_next + 1)) {
			incoming->basis_next++;
			continue;
		}
		task = task_create(TASK_HASH);
		if (task != NULL) {
			task->owner = incoming;
			task->hash->entry = incoming->entry;
			task->hash->leaf = incoming->basis_next++;
			task->hash->basis = incoming->basis_kind;
			task->hash->basis_size = incoming->basis_size;
			incoming->busy++;
			receiver->hashing++;
		}
		outbox_task(&receiver->outbox, task);
		if (task == NULL)
			return;
	}
}

void receiver_hashed(struct receiver *receiver, struct task *task)
{
	struct incoming *incoming = task->owner;

	/* What cannot be read is not held. */
	if (task->error == 0 &&
	    leaf_table_set(incoming->basis, task->hash->leaf,
			   &task->hash->digest) == -1)
		receiver_out_of_memory(receiver);
	if (incoming->busy == 1)
		open_for_chunks(receiver, incoming); /* it was the last */
	receiver_idle(receiver, incoming);
}

void receiver_examine_more(struct receiver *receiver)
{
	hash_more(receiver);
	while (receiver->examining < EXAMINES_MAX &&
	       receiver->to_examine.count > 0) {
		struct task *task = task_create(TASK_EXAMINE);
		struct task_examine *examine;

		if (task == NULL) {
			receiver_out_of_memory(receiver);
			return;
		}
		examine = task->examine;
		examine->checksum = receiver->config.checksum;
		while (examine->count < EXAMINE_BATCH &&
		       receiver->to_examine.count > 0)
			examine->items[examine->count++].entry =
			    receiver_pop(&receiver->to_examine)->entry;
		receiver->examining++;
		outbox_task(&receiver->outbox, task);
	}
}

/* ENTRY came again: so the answer, or the question, was lost. */
static void entry_again(struct receiver *receiver, uint64_t index)
{
	struct incoming *incoming = index_map_get(&receiver->entries, index);

	if (incoming == NULL)
		receiver_receipt_again(receiver, index);
	/* Others need nothing: their receipt comes by itself. */
	else if (incoming->state == INCOMING_OPEN &&
		 incoming->entry->type == ENTRY_FILE &&
		 incoming->entry->size > 0 &&
		 !lane_table_clogged(&receiver->lanes,
				     lane_table_control(&receiver->lanes)))
		send_need(receiver, incoming);
}

/* Let a second entry of one path wait until the first is gone. */
static void follow(struct incoming *leader, struct incoming *incoming)
{
	while (leader->follower != NULL)
		leader = leader->follower;
	leader->follower = incoming;
}

static void start(struct receiver *receiver, struct incoming *incoming)
{
	struct digest key;
	struct incoming *leader;

	if (incoming->entry->type == ENTRY_FOLDER_END) {
		incoming->busy++;
		incoming->state = INCOMING_OPEN;
		receiver_push(&receiver->folder_ends, incoming);
		receiver->settled_seen = 0;
		return;
	}
	if (has_path_key(incoming)) {
		key = digest_of(incoming->entry->path,
				incoming->entry->path_length);
		memcpy(&incoming->path_key, key.bytes,
		       sizeof(incoming->path_key));
		leader = index_map_get(&receiver->paths, incoming->path_key);
		if (leader != NULL) {
			follow(leader, incoming);
			return;
		}
		if (index_map_put(&receiver->paths, incoming->path_key,
				  incoming) == -1)
			receiver_out_of_memory(receiver);
	}
	examine_later(receiver, incoming);
}

/* What the decoder cannot know of an entry.  NULL: it is fine. */
static const char *wrong_with(const struct receiver *receiver,
			      const struct entry *entry)
{
	if (receiver->closing)
		return "an ENTRY came after BYE";
	if (entry->first_seq > UINT64_MAX / 2)
		return "an ENTRY has an impossible sequence number";
	if (entry->type == ENTRY_FOLDER_END && entry->opened >= entry->index)
		return "a folder ends before it begins";
	if (receiver->entries.count + receiver->dropped.count >=
		ENTRIES_ACCEPTED ||
	    receiver->entry_bytes > ENTRY_BYTES_ACCEPTED)
		return "more entries are under way than the protocol allows";
	return NULL;
}

void receiver_entry(struct receiver *receiver, const struct frame *frame)
{
	struct entry *entry;
	struct incoming *incoming;
	const char *wrong;

	if (message_entry_decode(frame, &entry) == -1) {
		receiver_fail(receiver, EXIT_PROTOCOL, "bad ENTRY frame");
		return;
	}
	if (index_map_get(&receiver->entries, entry->index) != NULL ||
	    seq_set_contains(&receiver->settled, entry->index,
			     entry->index + 1)) {
		entry_again(receiver, entry->index);
		entry_free(entry);
		return;
	}
	wrong = wrong_with(receiver, entry);
	incoming = wrong == NULL ? calloc(1, sizeof(*incoming)) : NULL;
	if (incoming == NULL ||
	    index_map_put(&receiver->entries, entry->index, incoming) == -1) {
		free(incoming);
		entry_free(entry);
		receiver_fail(receiver,
			      wrong != NULL ? EXIT_PROTOCOL : EXIT_FILE_IO,
			      wrong != NULL ? wrong : "out of memory");
		return;
	}
	incoming->entry = entry;
	incoming->staged.descriptor = -1;
	receiver->entry_bytes += entry->path_length + entry->link_length;
	receiver->stats.bytes_planned += entry->size;
	start(receiver, incoming);
}
