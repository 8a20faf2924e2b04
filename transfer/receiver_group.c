/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Group commit: what was written since the last group is synced, then
 * journaled, then acknowledged.  A group also makes the renames durable that
 * were done before it began, and so brings their receipts.  One group is out
 * at a time; chunks for the next go on arriving meanwhile.
 *
 *  1. Leaves that were written, plans and placed entries are noted for the
 *     open group; the first of them starts its clock.
 *  2. It is due when it holds group_bytes or GROUP_ENTRIES_MAX, when
 *     group_time is over, or when the sender has said FLUSH and all that came
 *     before has been worked off: then nobody gains by waiting.
 *  3. TASK_GROUP takes what there is; a new group is open from then on.
 *  4. It comes back: leaves are durable, ACK goes out, and then the receipts
 *     of what was renamed before the group began.
 *
 * What may go wrong: the task fails, and the session ends with nothing of the
 * group acknowledged, for after a failed sync nobody knows what is on disk; an
 * entry is dropped while the group is out, so its leaves are no more counted,
 * and busy keeps it until the group is back; a leaf of an earlier run proved
 * damaged, and only when the journal has taken back what it says of it is the
 * sender asked for it again, or a crash in between would believe the old claim.
 */
#include <stdlib.h>
#include <string.h>

#include "transfer/receiver_internal.h"

/* Entries in one group, and in one task to place, at most: a bound for the
 * time that the sender waits for the first of them. */
#define GROUP_ENTRIES_MAX 4096
#define PLACE_BATCH       512

struct group_out {
	struct written_leaf *written;
	size_t written_count;
	struct incoming **planned;
	size_t planned_count;
	struct incoming_list placed;
	int flush;
};

/* Something is to be committed: the clock of the group begins. */
static void note_pending(struct receiver *receiver)
{
	if (receiver->group_opened == 0)
		receiver->group_opened = receiver->now;
}

static void add_leaf(struct receiver *receiver, struct incoming *incoming,
		     uint64_t leaf, int damaged)
{
	note_pending(receiver);
	if (receiver->written_count == receiver->written_capacity) {
		size_t capacity = receiver->written_capacity * 2 + 64;
		struct written_leaf *bigger =
		    realloc(receiver->written, capacity * sizeof(*bigger));

		if (bigger == NULL) {
			receiver_out_of_memory(receiver);
			return;
		}
		receiver->written = bigger;
		receiver->written_capacity = capacity;
	}
	receiver->written[receiver->written_count++] =
	    (struct written_leaf){incoming, leaf, damaged};
	incoming->busy++;
}

void receiver_group_leaf(struct receiver *receiver, struct incoming *incoming,
			 uint64_t leaf)
{
	add_leaf(receiver, incoming, leaf, 0);
	if (leaf != NO_LEAF)
		receiver->written_bytes +=
		    leaf_length(incoming->entry->size, leaf);
}

void receiver_group_damaged(struct receiver *receiver,
			    struct incoming *incoming, uint64_t leaf)
{
	if (seq_set_add(&incoming->damaged, leaf, leaf + 1) == -1)
		receiver_out_of_memory(receiver);
	add_leaf(receiver, incoming, leaf, 1);
}

void receiver_group_plan(struct receiver *receiver, struct incoming *incoming)
{
	note_pending(receiver);
	if (receiver->planned_count == receiver->planned_capacity) {
		size_t capacity = receiver->planned_capacity * 2 + 64;
		struct incoming **bigger = realloc(
		    receiver->planned, capacity * sizeof(struct incoming *));

		if (bigger == NULL) {
			receiver_out_of_memory(receiver);
			return;
		}
		receiver->planned = bigger;
		receiver->planned_capacity = capacity;
	}
	receiver->planned[receiver->planned_count++] = incoming;
	incoming->busy++;
}

void receiver_group_placed(struct receiver *receiver, struct incoming *incoming)
{
	note_pending(receiver);
	incoming->state = INCOMING_PLACED;
	incoming->busy++;
	receiver_push(&receiver->placed, incoming);
	receiver_settle(receiver, incoming->entry->index);
}

static int pending(const struct receiver *receiver)
{
	return receiver->written_count > 0 || receiver->planned_count > 0 ||
	       receiver->placed.count > 0;
}

/* The last leaves that are kept are still being read back.  While a file is
 * hashed for NEED this may take long, and nobody has to wait. */
static int verifying(const struct receiver *receiver)
{
	return receiver->to_verify.count > 0 ||
	       (receiver->hashing > 0 && receiver->to_hash.count == 0);
}

/* The sender waits, and all that it sent has been worked off. */
static int worked_off(const struct receiver *receiver)
{
	return receiver->flush && receiver->chunks >= receiver->flush_chunks &&
	       receiver->writing == 0 && receiver->examining == 0 &&
	       receiver->to_examine.count == 0 && !verifying(receiver) &&
	       !receiver->placing && receiver->to_place.count == 0;
}

static int due(const struct receiver *receiver)
{
	return receiver->group == NULL && pending(receiver) &&
	       (receiver->written_bytes >= receiver->config.group_bytes ||
		receiver->written_count + receiver->placed.count >=
		    GROUP_ENTRIES_MAX ||
		receiver->now >=
		    receiver->group_opened + receiver->config.group_time ||
		worked_off(receiver));
}

uint64_t receiver_group_deadline(const struct receiver *receiver)
{
	if (receiver->group != NULL || !pending(receiver))
		return UINT64_MAX;
	return receiver->group_opened + receiver->config.group_time;
}

/* A leaf for the journal. */
static void list_leaf(struct task_group *task, const struct written_leaf *leaf)
{
	static const struct digest none;
	const struct incoming *incoming = leaf->incoming;
	const struct digest *digest = &none;

	if (!leaf->damaged)
		digest = leaf->leaf == NO_LEAF || incoming->leaves == NULL
			     ? NULL
			     : leaf_table_get(incoming->leaves, leaf->leaf);
	if (digest == NULL)
		return;
	task->leaves[task->leaf_count].entry = incoming->entry;
	task->leaves[task->leaf_count].leaf = leaf->leaf;
	task->leaves[task->leaf_count++].digest = *digest;
}

/* The files and leaves of the group, each file once. */
static int list_written(struct receiver *receiver, struct task_group *task,
			const struct group_out *group)
{
	task->files = calloc(group->written_count + 1, sizeof(*task->files));
	task->leaves = calloc(group->written_count + 1, sizeof(*task->leaves));
	if (task->files == NULL || task->leaves == NULL)
		return -1;
	receiver->group_number++;
	for (size_t i = 0; i < group->written_count; i++) {
		struct incoming *incoming = group->written[i].incoming;

		list_leaf(task, &group->written[i]);
		if (group->written[i].damaged)
			continue;
		if (incoming->group_number != receiver->group_number) {
			incoming->group_number = receiver->group_number;
			task->files[task->file_count].staged =
			    &incoming->staged;
			task->files[task->file_count++].entry = incoming->entry;
		}
	}
	return 0;
}

static int list_planned(struct task_group *task, const struct group_out *group)
{
	task->planned =
	    calloc(group->planned_count + 1, sizeof(*task->planned));
	if (task->planned == NULL)
		return -1;
	for (size_t i = 0; i < group->planned_count; i++)
		task->planned[task->planned_count++] = group->planned[i]->entry;
	return 0;
}

/* Receipts are for what this transfer placed, not for what was there. */
static int list_receipts(struct task_group *task, const struct group_out *group)
{
	const struct incoming *incoming;

	task->receipts =
	    calloc(group->placed.count + 1, sizeof(*task->receipts));
	if (task->receipts == NULL)
		return -1;
	for (incoming = group->placed.first; incoming != NULL;
	     incoming = incoming->next) {
		if (incoming->outcome != RECEIPT_DONE)
			continue;
		task->receipts[task->receipt_count].entry = incoming->entry;
		task->receipts[task->receipt_count++].file = incoming->file;
	}
	return 0;
}

static void start_group(struct receiver *receiver)
{
	struct group_out *group = calloc(1, sizeof(*group));
	struct task *task = task_create(TASK_GROUP);

	if (group == NULL || task == NULL)
		goto free_both;
	group->written = receiver->written;
	group->written_count = receiver->written_count;
	group->planned = receiver->planned;
	group->planned_count = receiver->planned_count;
	group->placed = receiver->placed;
	group->flush = receiver->flush;
	if (list_written(receiver, task->group, group) == -1 ||
	    list_planned(task->group, group) == -1 ||
	    list_receipts(task->group, group) == -1)
		goto free_both;
	task->group->settle = receiver->settle;
	task->group->total_files = receiver->stats.total_files;
	task->group->total_bytes = receiver->stats.total_bytes;

	receiver->written = NULL;
	receiver->written_count = receiver->written_capacity = 0;
	receiver->written_bytes = 0;
	receiver->planned = NULL;
	receiver->planned_count = receiver->planned_capacity = 0;
	memset(&receiver->placed, 0, sizeof(receiver->placed));
	receiver->settle = 0;
	receiver->flush = 0;
	receiver->group_opened = 0;
	receiver->group = group;
	outbox_task(&receiver->outbox, task);
	return;

free_both:
	free(group);
	task_free(task);
	receiver_out_of_memory(receiver);
}

void receiver_group_last(struct receiver *receiver)
{
	if (receiver->group == NULL && receiver->written_count > 0)
		start_group(receiver);
}

/* A leaf is on disk and in the journal. */
static void leaf_durable(struct receiver *receiver, struct incoming *incoming,
			 uint64_t leaf)
{
	uint64_t seq = incoming->entry->first_seq + leaf;

	if (incoming->state == INCOMING_DROPPED)
		return;
	if (leaf != NO_LEAF) {
		if (seq_set_add(&receiver->durable, seq, seq + 1) == -1)
			receiver_out_of_memory(receiver);
		receiver->stats.bytes_confirmed +=
		    leaf_length(incoming->entry->size, leaf);
		receiver->ack_due = receiver->ack_news = 1;
	}
	receiver_check_complete(receiver, incoming);
}

/* The journal speaks no more of a leaf that is not there: it may come again. */
static void taken_back(struct receiver *receiver, struct incoming *incoming,
		       uint64_t leaf)
{
	if (incoming->state != INCOMING_OPEN)
		return;
	if (seq_set_remove(&incoming->damaged, leaf, leaf + 1) == -1)
		receiver_out_of_memory(receiver);
	receiver_nack(receiver, incoming, leaf, NACK_DISK);
}

static void group_out_free(struct group_out *group)
{
	if (group == NULL)
		return;
	free(group->written);
	free(group->planned);
	free(group);
}

void receiver_group_done(struct receiver *receiver, struct task *task)
{
	struct group_out *group = receiver->group;
	struct incoming *incoming;

	receiver->group = NULL;
	if (task->error != 0) {
		/* Nothing since the last group counts: it was neither
		 * journaled nor acknowledged, and the descriptors that
		 * failed are not used again.  The next session goes on
		 * from the last good group. */
		if (!receiver_disk_failed(receiver, task))
			receiver_fail(receiver, EXIT_FILE_IO, task->text);
		group_out_free(group);
		return;
	}
	for (size_t i = 0; i < group->written_count; i++) {
		incoming = group->written[i].incoming;
		if (group->written[i].damaged)
			taken_back(receiver, incoming, group->written[i].leaf);
		else
			leaf_durable(receiver, incoming,
				     group->written[i].leaf);
		receiver_idle(receiver, incoming);
	}
	for (size_t i = 0; i < group->planned_count; i++)
		receiver_idle(receiver, group->planned[i]);
	receiver_send_ack(receiver); /* before the receipts of the same */
	while ((incoming = receiver_pop(&group->placed)) != NULL) {
		receiver_finished(receiver, incoming);
		receiver_idle(receiver, incoming);
	}
	receiver->flush |= group->flush;
	group_out_free(group);
}

static void place_some(struct receiver *receiver)
{
	struct task *task;
	struct task_place *place;
	size_t count = receiver->to_place.count;

	if (receiver->placing || count == 0)
		return;
	if (count > PLACE_BATCH)
		count = PLACE_BATCH;
	task = task_create(TASK_PLACE);
	if (task == NULL) {
		receiver_out_of_memory(receiver);
		return;
	}
	place = task->place;
	place->items = calloc(count, sizeof(*place->items));
	if (place->items == NULL) {
		task_free(task);
		receiver_out_of_memory(receiver);
		return;
	}
	while (place->count < count) {
		struct place_item *item = &place->items[place->count++];
		struct incoming *incoming = receiver_pop(&receiver->to_place);

		item->entry = incoming->entry;
		item->in_place = incoming->in_place;
		item->version = incoming->basis_version;
		if (incoming->entry->type == ENTRY_FILE)
			item->staged = &incoming->staged;
	}
	receiver->placing = 1;
	outbox_task(&receiver->outbox, task);
}

void receiver_placed(struct receiver *receiver, struct task *task)
{
	struct task_place *place = task->place;

	receiver->placing = 0;
	if (task->error != 0 && receiver_disk_failed(receiver, task))
		return;
	for (size_t i = 0; i < place->count; i++) {
		struct incoming *incoming = index_map_get(
		    &receiver->entries, place->items[i].entry->index);

		if (incoming == NULL)
			continue;
		if (place->items[i].text != NULL)
			receiver_failed(receiver, incoming,
					place->items[i].text);
		else
			receiver_group_placed(receiver, incoming);
		receiver_idle(receiver, incoming);
	}
}

/* A folder gets its times when all that is in it is in place. */
static void end_folders(struct receiver *receiver)
{
	struct incoming_list waiting = receiver->folder_ends;
	struct incoming *incoming;

	if (receiver->settled_seen == receiver->settled_count)
		return;
	receiver->settled_seen = receiver->settled_count;
	memset(&receiver->folder_ends, 0, sizeof(receiver->folder_ends));
	while ((incoming = receiver_pop(&waiting)) != NULL) {
		struct entry *entry = incoming->entry;

		if (!seq_set_contains(&receiver->settled, entry->opened,
				      entry->index)) {
			receiver_push(&receiver->folder_ends, incoming);
		} else if (entry->path_length == 0) {
			/* The target itself: staging is still in it. */
			entry_free(receiver->root_end);
			receiver->root_end = entry_share(entry);
			receiver_group_placed(receiver, incoming);
			receiver_idle(receiver, incoming);
		} else {
			incoming->state = INCOMING_PLACING;
			receiver_push(&receiver->to_place, incoming);
		}
	}
}

void receiver_commit_more(struct receiver *receiver)
{
	end_folders(receiver);
	place_some(receiver);
	if (due(receiver))
		start_group(receiver);
	/* Nothing left to commit: the sender waits no longer for us. */
	if (receiver->group == NULL && !pending(receiver) &&
	    worked_off(receiver))
		receiver->flush = 0;
}

/*
 * One ACK: what is below all ranges, and as many of these as fit, from
 * ack_next on.
 */
static void send_one_ack(struct receiver *receiver)
{
	static const struct message_ack nothing;
	struct message_ack ack = nothing;
	struct seq_set *durable = &receiver->durable;
	size_t first = 0;

	if (durable->count > 0 && durable->ranges[0].first == 0) {
		ack.below = durable->ranges[0].end;
		first = 1;
	}
	if (durable->count - first <= RANGES_MAX ||
	    receiver->ack_next < first || receiver->ack_next >= durable->count)
		receiver->ack_next = first;
	ack.range_count = durable->count - receiver->ack_next;
	if (ack.range_count > 0)
		ack.ranges = &durable->ranges[receiver->ack_next];
	if (ack.range_count > RANGES_MAX)
		ack.range_count = RANGES_MAX;
	receiver->ack_next += ack.range_count;
	receiver_send(receiver, message_ack_encode(&ack));
}

/*
 * What is new is said in full, in several frames if need be: it could be
 * anywhere, and a sender whose window is full of it waits for it.  What is
 * only said again takes turns.
 */
void receiver_send_ack(struct receiver *receiver)
{
	size_t frames = 1;

	if (!receiver->ack_due ||
	    lane_table_clogged(&receiver->lanes,
			       lane_table_control(&receiver->lanes)))
		return;
	if (receiver->ack_news && receiver->durable.count > RANGES_MAX) {
		frames += receiver->durable.count / RANGES_MAX;
		receiver->ack_next = 0;
	}
	receiver->ack_due = receiver->ack_news = 0;
	while (frames-- > 0)
		send_one_ack(receiver);
}

void receiver_group_free(struct receiver *receiver)
{
	group_out_free(receiver->group);
	free(receiver->written);
	free(receiver->planned);
}
