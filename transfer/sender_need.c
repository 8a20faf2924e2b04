/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the receiver has of a file, and so what it needs: NEED frames in, KEEP
 * frames out.  Leaves that the receiver holds of this very version are taken
 * as sent; those of another version are hashed here and kept if equal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/sender_internal.h"

/* One leaf that the receiver has.  0, or -1: out of memory. */
static int note_leaf(struct sender *sender, struct outgoing *outgoing,
		     int compare, uint64_t leaf, const struct digest *digest)
{
	struct transfer_stats *stats = &sender->stats;
	size_t length = leaf_length(outgoing->entry->size, leaf);

	outgoing->told++;
	/* What is compared is sent only if it turns out to differ. */
	if (seq_set_remove(&outgoing->todo, leaf, leaf + 1) == -1 ||
	    leaf_table_set(compare ? outgoing->held : outgoing->leaves, leaf,
			   digest) == -1 ||
	    seq_set_add(compare ? &outgoing->compare : &outgoing->trusted, leaf,
			leaf + 1) == -1)
		return -1;
	if (!compare) {
		stats->bytes_reused += length;
		stats->bytes_confirmed += length;
	}
	return 0;
}

/* Note the digests of one NEED frame. */
static int note_held(struct sender *sender, struct outgoing *outgoing,
		     const struct message_need *need)
{
	int compare = (need->flags & NEED_COMPARE) != 0;

	for (uint32_t i = 0; i < need->leaf_count; i++) {
		uint64_t leaf = need->first_leaf + i;
		struct digest digest;

		if (leaf_table_get(outgoing->held, leaf) != NULL ||
		    leaf_table_get(outgoing->leaves, leaf) != NULL)
			continue; /* said again */
		memcpy(digest.bytes, need->digests + 16 * (size_t)i, 16);
		if (note_leaf(sender, outgoing, compare, leaf, &digest) == -1)
			return -1;
	}
	outgoing->told_last |= (need->flags & NEED_LAST) != 0;
	return 0;
}

/* Check what the decoder cannot know: the leaves are of this file. */
static int plausible(const struct outgoing *outgoing,
		     const struct message_need *need)
{
	uint64_t chunks = entry_chunks(outgoing->entry);

	return outgoing->entry->type == ENTRY_FILE &&
	       need->first_leaf <= chunks &&
	       need->leaf_count <= chunks - need->first_leaf;
}

static void fail_implausible(struct sender *sender,
			     const struct outgoing *outgoing,
			     const struct message_need *need)
{
	char text[128];

	snprintf(
	    text, sizeof(text),
	    "NEED frame for leaves %llu to %llu of entry %llu, which has %llu",
	    (unsigned long long)need->first_leaf,
	    (unsigned long long)need->first_leaf + need->leaf_count,
	    (unsigned long long)need->entry,
	    (unsigned long long)(outgoing->entry->type == ENTRY_FILE
				     ? entry_chunks(outgoing->entry)
				     : 0));
	sender_fail(sender, EXIT_PROTOCOL, text);
}

void sender_need(struct sender *sender, const struct frame *frame)
{
	struct message_need need;
	struct outgoing *outgoing;

	if (message_need_decode(frame, &need) == -1) {
		sender_fail(sender, EXIT_PROTOCOL, "bad NEED frame");
		return;
	}
	outgoing = index_map_get(&sender->entries, need.entry);
	if (outgoing == NULL || outgoing->state != OUTGOING_ANNOUNCED)
		return; /* answered before */
	if (!plausible(outgoing, &need)) {
		fail_implausible(sender, outgoing, &need);
		return;
	}
	sender->progress = sender->now;

	if (outgoing->held == NULL) { /* the first frame of the answer */
		outgoing->held = leaf_table_create();
		if (outgoing->held == NULL ||
		    seq_set_add(&outgoing->todo, 0,
				entry_chunks(outgoing->entry)) == -1)
			goto out_of_memory;
	}
	if (note_held(sender, outgoing, &need) == -1)
		goto out_of_memory;
	if (need.flags & NEED_TARGET) {
		outgoing->target_basis = 1;
		outgoing->target_size = need.size;
	}
	if (outgoing->told_last && outgoing->told >= need.all) {
		sender_record_plan(sender, outgoing->entry);
		outgoing->state = outgoing->compare.count > 0
				      ? OUTGOING_COMPARING
				      : OUTGOING_SENDING;
		sender_queue(sender, outgoing);
	}
	return;

out_of_memory:
	sender_out_of_memory(sender);
}

void sender_compared(struct sender *sender, struct outgoing *outgoing,
		     const struct task_read *read)
{
	const struct digest *held = leaf_table_get(outgoing->held, read->leaf);
	int failed;

	if (held != NULL && digest_equal(held, &read->digest)) {
		failed =
		    seq_set_add(&outgoing->same, read->leaf, read->leaf + 1);
		failed |= leaf_table_set(outgoing->leaves, read->leaf, held);
		outgoing->same_count++;
	} else {
		failed =
		    seq_set_add(&outgoing->todo, read->leaf, read->leaf + 1);
	}
	if (failed)
		sender_out_of_memory(sender);
	if (outgoing->compare.count == 0 && outgoing->busy == 0)
		outgoing->state = OUTGOING_SENDING;
	sender_queue(sender, outgoing);
}

void sender_keep(struct sender *sender, struct outgoing *outgoing)
{
	struct seq_range range;
	struct message_keep keep = {outgoing->entry->index, 1, &range};
	uint32_t lane = lane_table_control(&sender->lanes);

	while (sender->flight_count < FLIGHTS_MAX &&
	       seq_set_next_range(&outgoing->same, 0, &range)) {
		if (range.end - range.first > NEED_LEAVES_MAX)
			range.end = range.first + NEED_LEAVES_MAX;
		for (uint64_t leaf = range.first; leaf < range.end; leaf++) {
			if (sender_add_flight(sender, outgoing, leaf, lane,
					      0) == -1)
				goto out_of_memory;
		}
		if (seq_set_remove(&outgoing->same, range.first, range.end) ==
		    -1)
			goto out_of_memory;
		sender->unflushed = 1;
		sender_send(sender, message_keep_encode(&keep));
	}
	return;

out_of_memory:
	sender_out_of_memory(sender);
}
