/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which chunks are packed, between being read and being sent?  With a level
 * given, all that become smaller.  By default none on a machine's own wires,
 * and most of what shrinks on a line that is slower than a processor packs;
 * line.c has how that is told.
 */
#include "transfer/sender_internal.h"

/* Smaller ones are mostly header. */
#define PACK_LEAST ((uint64_t)256)
/* While nothing is known of the line, so much is under way: two chunks keep it
 * busy, and what waits on a slow one went there plain. */
#define LOOK_BYTES ((size_t)2 << 20)

static int is_auto(const struct sender *sender)
{
	return sender->config.compression == COMPRESS_AUTO &&
	       sender->config.version >= 2;
}

/* For the next chunk; 0: plain. */
static int choose_level(const struct sender *sender)
{
	if (sender->config.version < 2)
		return 0;
	if (sender->config.compression == COMPRESS_AUTO)
		return line_level(&sender->line, sender->config.rate);
	return sender->config.compression;
}

int sender_pack(struct sender *sender, struct task *task)
{
	struct task_read *read = task->read;
	const struct outgoing *outgoing = task->owner;
	int level;

	if (read->chunk == NULL || read->status != READ_DONE ||
	    outgoing->gone || outgoing->state == OUTGOING_WITHDRAWN ||
	    sender->outbox.closed ||
	    leaf_length(read->entry->size, read->leaf) < PACK_LEAST)
		return 0;
	level = choose_level(sender);
	if (level == 0)
		return 0;
	task->type = TASK_PACK;
	read->level = level;
	read->doubt = is_auto(sender);
	sender->packs++;
	outbox_task(&sender->outbox, task);
	return 1;
}

void sender_packed(struct sender *sender, const struct task_read *read)
{
	sender->packs--;
	if (read->packed > 0)
		line_packed(&sender->line, read->level,
			    leaf_length(read->entry->size, read->leaf),
			    read->packed, read->duration);
}

int sender_must_look(const struct sender *sender)
{
	return is_auto(sender) && sender->config.rate == 0 &&
	       line_rate(&sender->line) <= 0 &&
	       sender->read_bytes + lane_table_queued(&sender->lanes) >=
		   LOOK_BYTES;
}

void sender_look(struct sender *sender)
{
	if (is_auto(sender))
		line_turn(&sender->line, sender->now,
			  !lane_table_idle(&sender->lanes), sender->packs > 0);
}
