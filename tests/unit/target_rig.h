/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_UNIT_TARGET_RIG_H
#define FERRY_TESTS_UNIT_TARGET_RIG_H

#include <stdlib.h>
#include <string.h>

#include "transfer/target.h"

/*
 * A target with a test in the engine's place: one entry at a time, each task
 * run at once.  Include after cmocka.h.
 */
#define RIG_TIME 1234567890
#define RIG_NANO 987654321
#define RIG_LEAF ((size_t)LEAF_SIZE)

struct rig {
	struct io *io;
	int dir;
	const char *path; /* of the target */
	struct message_offer offer;
	uint8_t uuid[16];
	int state_dir;
	char **asked; /* see target_config */
	size_t asked_count;
	struct target *target;
	struct message_ready ready;
	char *text; /* of a failure */
	uint64_t next_entry, next_seq;
};

static inline void rig_init(struct rig *rig, struct io *io, int dir,
			    const char *path)
{
	memset(rig, 0, sizeof(*rig));
	rig->io = io;
	rig->dir = dir;
	rig->path = path;
	rig->offer.names = digest_of("job", 3);
	memset(rig->uuid, 7, sizeof(rig->uuid));
	rig->state_dir = -1;
}

static inline void rig_single(struct rig *rig, const char *name)
{
	rig->offer.flags = OFFER_SINGLE;
	rig->offer.name = name;
	rig->offer.name_length = strlen(name);
}

static inline enum target_result rig_try(struct rig *rig)
{
	struct target_config config = {
	    .io = rig->io,
	    .start_dir = rig->dir,
	    .path = rig->path,
	    .offer = &rig->offer,
	    .state_dir = rig->state_dir,
	    .asked = rig->asked,
	    .asked_count = rig->asked_count,
	};
	enum target_result result;

	memcpy(config.uuid, rig->uuid, sizeof(config.uuid));
	free(rig->text);
	result = target_open(&config, &rig->target, &rig->ready, &rig->text);
	if (rig->ready.next_entry > rig->next_entry)
		rig->next_entry = rig->ready.next_entry;
	if (rig->ready.next_seq > rig->next_seq)
		rig->next_seq = rig->ready.next_seq;
	return result;
}

static inline void rig_open(struct rig *rig)
{
	enum target_result result = rig_try(rig);

	if (result != TARGET_OPEN)
		fail_msg("%s", rig->text != NULL ? rig->text : "no text");
}

/* The process ends, in whatever state things are. */
static inline void rig_end(struct rig *rig)
{
	target_close(rig->target);
	rig->target = NULL;
	free(rig->text);
	rig->text = NULL;
}

/* One entry as the engine keeps it. */
struct rig_entry {
	struct entry *entry;
	struct staged staged;
	const uint8_t *bytes;  /* the source's */
	struct digest version; /* of the target's file: see place_item */
};

static inline struct rig_entry *rig_entry(struct rig *rig, enum entry_type type,
					  const char *path, const char *link)
{
	struct rig_entry *made = calloc(1, sizeof(*made));

	assert_non_null(made);
	made->staged.descriptor = -1;
	made->entry = entry_create(type, path, strlen(path), link,
				   link == NULL ? 0 : strlen(link));
	assert_non_null(made->entry);
	made->entry->index = rig->next_entry++;
	made->entry->first_seq = rig->next_seq;
	made->entry->mode = type == ENTRY_FILE ? 0644 : 0755;
	made->entry->mtime_seconds = RIG_TIME;
	made->entry->mtime_nanoseconds = RIG_NANO;
	made->entry->version = digest_of("version 1", 9);
	return made;
}

static inline struct rig_entry *rig_file(struct rig *rig, const char *path,
					 const void *bytes, size_t size)
{
	struct rig_entry *made = rig_entry(rig, ENTRY_FILE, path, NULL);

	made->entry->size = size;
	made->bytes = bytes;
	rig->next_seq += leaf_count(size);
	return made;
}

/* It leaves the engine, with a TASK_DISCARD as there. */
static inline void rig_forget(struct rig *rig, struct rig_entry *entry)
{
	if (entry == NULL)
		return;
	if (entry->staged.descriptor != -1 && rig->target != NULL) {
		struct task *task = task_create(TASK_DISCARD);

		task->discard->staged = &entry->staged;
		task->discard->entry = entry->entry;
		target_run(rig->target, task);
		task_free(task);
	}
	entry_free(entry->entry);
	free(entry);
}

/* ---- tasks -------------------------------------------------------------- */

/* The caller frees the task. */
static inline struct task *
rig_examine_task(struct rig *rig, const struct rig_entry *entry, int checksum)
{
	struct task *task = task_create(TASK_EXAMINE);

	task->examine->count = 1;
	task->examine->items[0].entry = entry->entry;
	task->examine->checksum = checksum;
	target_run(rig->target, task);
	return task;
}

static inline enum examine_verdict rig_examine(struct rig *rig,
					       const struct rig_entry *entry)
{
	struct task *task = rig_examine_task(rig, entry, 0);
	enum examine_verdict verdict = task->examine->items[0].verdict;

	task_free(task);
	return verdict;
}

/* Examine it, and expect it to fail with this text. */
static inline void rig_examine_fails(struct rig *rig,
				     const struct rig_entry *entry,
				     const char *text)
{
	struct task *task = rig_examine_task(rig, entry, 0);

	assert_int_equal(task->examine->items[0].verdict, EXAMINE_FAILED);
	assert_string_equal(task->examine->items[0].text, text);
	task_free(task);
}

static inline struct task *
rig_write_task(struct rig *rig, struct rig_entry *entry, uint64_t leaf)
{
	struct task *task = task_create(TASK_WRITE);
	struct task_write *write = task->write;
	size_t length = leaf_length(entry->entry->size, leaf);

	write->entry = entry->entry;
	write->staged = &entry->staged;
	write->leaf = leaf;
	write->length = (uint32_t)length;
	write->close = leaf_count(entry->entry->size) <= 1;
	if (length > 0) {
		write->chunk = message_chunk_create((uint32_t)length);
		write->data = message_chunk_data(write->chunk);
		memcpy(message_chunk_data(write->chunk),
		       entry->bytes + leaf * LEAF_SIZE, length);
	}
	target_run(rig->target, task);
	return task;
}

static inline void rig_write(struct rig *rig, struct rig_entry *entry,
			     uint64_t leaf)
{
	struct task *task = rig_write_task(rig, entry, leaf);

	if (task->error != 0)
		fail_msg("%s", task->text);
	task_free(task);
}

/* The leaf comes packed, as size bytes of data.  The caller frees the task. */
static inline struct task *rig_write_packed(struct rig *rig,
					    struct rig_entry *entry,
					    uint64_t leaf, const void *data,
					    size_t size)
{
	struct task *task = task_create(TASK_WRITE);
	struct task_write *write = task->write;
	size_t length = leaf_length(entry->entry->size, leaf);

	write->entry = entry->entry;
	write->staged = &entry->staged;
	write->leaf = leaf;
	write->length = (uint32_t)length;
	write->packed = (uint32_t)size;
	write->digest = digest_of(entry->bytes + leaf * LEAF_SIZE, length);
	write->close = leaf_count(entry->entry->size) == 1;
	write->chunk = message_chunk_create((uint32_t)size);
	write->data = message_chunk_data(write->chunk);
	memcpy(message_chunk_data(write->chunk), data, size);
	target_run(rig->target, task);
	return task;
}

/* Keep a leaf of basis that is expected to be bytes.  The task's error. */
static inline int rig_write_kept(struct rig *rig, struct rig_entry *entry,
				 int basis, uint64_t leaf, const void *bytes)
{
	struct task *task = task_create(TASK_WRITE);
	size_t length = leaf_length(entry->entry->size, leaf);
	int error;

	task->write->entry = entry->entry;
	task->write->staged = &entry->staged;
	task->write->basis = basis;
	task->write->leaf = leaf;
	task->write->length = (uint32_t)length;
	task->write->digest = digest_of(bytes, length);
	target_run(rig->target, task);
	error = task->error;
	task_free(task);
	return error;
}

enum { RIG_PLAN = 1, RIG_RECEIPT = 2, RIG_SETTLE = 4 };

/* A group with the leaves [first, end) of one entry. */
static inline int rig_group(struct rig *rig, struct rig_entry *entry,
			    uint64_t first, uint64_t end, int what)
{
	struct task *task = task_create(TASK_GROUP);
	struct task_group *group = task->group;
	int error;

	group->files = calloc(1, sizeof(*group->files));
	group->leaves = calloc(end - first + 1, sizeof(*group->leaves));
	group->planned = calloc(1, sizeof(*group->planned));
	group->receipts = calloc(1, sizeof(*group->receipts));
	if (!(what & RIG_RECEIPT) && entry->entry->type == ENTRY_FILE) {
		group->files[0].staged = &entry->staged;
		group->files[0].entry = entry->entry;
		group->file_count = 1;
	}
	for (uint64_t leaf = first; leaf < end; leaf++) {
		size_t length = leaf_length(entry->entry->size, leaf);
		struct group_leaf *noted = &group->leaves[group->leaf_count++];

		noted->entry = entry->entry;
		noted->leaf = leaf;
		noted->digest =
		    digest_of(entry->bytes + leaf * LEAF_SIZE, length);
	}
	group->planned[0] = entry->entry;
	group->planned_count = (what & RIG_PLAN) != 0;
	group->receipts[0].entry = entry->entry;
	group->receipt_count = (what & RIG_RECEIPT) != 0;
	group->settle = (what & RIG_SETTLE) != 0;
	target_run(rig->target, task);
	error = task->error;
	task_free(task);
	return error;
}

/* The caller frees the task. */
static inline struct task *rig_place_task(struct rig *rig,
					  struct rig_entry *entry, int in_place)
{
	struct task *task = task_create(TASK_PLACE);

	task->place->items = calloc(1, sizeof(*task->place->items));
	task->place->count = 1;
	task->place->items[0].entry = entry->entry;
	task->place->items[0].in_place = in_place;
	task->place->items[0].version = entry->version;
	if (entry->entry->type == ENTRY_FILE)
		task->place->items[0].staged = &entry->staged;
	target_run(rig->target, task);
	return task;
}

static inline void rig_place(struct rig *rig, struct rig_entry *entry)
{
	struct task *task = rig_place_task(rig, entry, 0);

	if (task->error != 0 || task->place->items[0].text != NULL)
		fail_msg("%s", task->error != 0 ? task->text
						: task->place->items[0].text);
	task_free(task);
}

static inline void rig_place_fails(struct rig *rig, struct rig_entry *entry,
				   const char *text)
{
	struct task *task = rig_place_task(rig, entry, 0);

	assert_int_equal(task->error, 0);
	assert_non_null(task->place->items[0].text);
	assert_string_equal(task->place->items[0].text, text);
	task_free(task);
}

static inline void rig_close(struct rig *rig, const struct entry *root)
{
	struct task *task = task_create(TASK_CLOSE);

	task->close->root = root;
	target_run(rig->target, task);
	if (task->error != 0)
		fail_msg("%s", task->text);
	task_free(task);
	rig_end(rig);
}

/* ---- several steps ------------------------------------------------------ */

/* All leaves written, and confirmed by one group. */
static inline void rig_stage(struct rig *rig, struct rig_entry *entry)
{
	uint64_t leaves = leaf_count(entry->entry->size);

	for (uint64_t leaf = 0; leaf < leaves || leaf == 0; leaf++)
		rig_write(rig, entry, leaf);
	assert_int_equal(rig_group(rig, entry, 0, leaves, RIG_PLAN), 0);
}

static inline void rig_finish(struct rig *rig, struct rig_entry *entry)
{
	rig_place(rig, entry);
	assert_int_equal(rig_group(rig, entry, 0, 0, RIG_RECEIPT), 0);
}

/* From nothing to its receipt. */
static inline void rig_copy(struct rig *rig, struct rig_entry *entry)
{
	enum entry_type type = entry->entry->type;

	if (type == ENTRY_FOLDER) {
		assert_int_equal(rig_examine(rig, entry), EXAMINE_MADE);
		assert_int_equal(
		    rig_group(rig, entry, 0, 0, RIG_RECEIPT | RIG_SETTLE), 0);
		return;
	}
	if (type != ENTRY_FOLDER_END)
		assert_int_equal(rig_examine(rig, entry), EXAMINE_EMPTY);
	if (type == ENTRY_FILE)
		rig_stage(rig, entry);
	rig_finish(rig, entry);
}

#endif
