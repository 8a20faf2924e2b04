/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the sender has its own journal and ledger note: what was planned, what
 * the receiver confirmed.  Written about once a second, in one task at a time.
 */
#include <stdlib.h>

#include "transfer/sender_internal.h"

#define RECORD_INTERVAL ((uint64_t)1000 * 1000 * 1000)

/* A new item at the end of the record that is being filled, or NULL. */
static struct record_item *add(struct sender *sender, struct entry *entry)
{
	struct task_record *record;
	struct record_item *items;

	if (sender->record == NULL)
		sender->record = task_create(TASK_RECORD);
	if (sender->record == NULL)
		return NULL;
	record = sender->record->record;
	if (record->count == record->capacity) {
		size_t capacity = record->capacity * 2 + 64;

		items = realloc(record->items, capacity * sizeof(*items));
		if (items == NULL)
			return NULL;
		record->items = items;
		record->capacity = capacity;
	}
	items = &record->items[record->count++];
	*items = (struct record_item){.entry = entry_share(entry)};
	return items;
}

void sender_record_plan(struct sender *sender, struct entry *entry)
{
	struct record_item *item = add(sender, entry);

	if (item != NULL)
		item->kind = RECORD_PLAN;
}

void sender_record_leaf(struct sender *sender, struct entry *entry,
			uint64_t leaf)
{
	struct record_item *item;

	if (sender->record != NULL && sender->record->record->count > 0) {
		struct task_record *record = sender->record->record;

		item = &record->items[record->count - 1];
		if (item->kind == RECORD_LEAVES && item->entry == entry &&
		    item->first_leaf + item->leaf_count == leaf) {
			item->leaf_count++;
			return;
		}
	}
	item = add(sender, entry);
	if (item != NULL) {
		item->kind = RECORD_LEAVES;
		item->first_leaf = leaf;
		item->leaf_count = 1;
	}
}

void sender_record_receipt(struct sender *sender, struct entry *entry,
			   int ledger, const struct digest *file)
{
	struct record_item *item;

	if (entry->type != ENTRY_FILE)
		return;
	item = add(sender, entry);
	if (item != NULL) {
		item->kind = RECORD_RECEIPT;
		item->ledger = ledger;
		item->file = *file;
	}
}

void sender_record_flush(struct sender *sender, int now)
{
	struct task *task = sender->record;

	if (task == NULL)
		return;
	if (!now && (sender->recording ||
		     sender->now < sender->recorded + RECORD_INTERVAL))
		return;
	task->record->total_files = sender->stats.total_files;
	task->record->total_bytes = sender->stats.total_bytes;
	sender->record = NULL;
	sender->recording = 1;
	sender->recorded = sender->now;
	outbox_task(&sender->outbox, task);
}
