/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files does a transfer's journal know, by path and by number?
 *
 * Two hash tables with chains.  A file without kept details is a struct
 * planned_file; one with them is a struct kept_file around it.
 */
#include "journal/file_table.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

struct planned_file {
	struct planned_file *entry_next; /* in its bucket */
	uint64_t entry;
	uint64_t size;
};

/* Leaves above 2^32 (4 PiB) are not remembered: that makes them 24 bytes. */
struct leaf {
	uint32_t index;
	uint32_t order; /* in which they were added */
	struct digest digest;
};

/*
 * There may be a hundred thousand of them: members are in an order that leaves
 * no gap, and the path begins where the last one ends.
 *
 * 1. capacity 0: the file has leaf 0 in one, if used is 1, and no other;
 *    capacity > 0: used of them are in many.
 * 2. After planned_file_settle leaves are sorted by index, each is there
 *    once, and all are below leaf_count(size).
 */
struct kept_file {
	struct planned_file file; /* first: a kept file is one */
	struct kept_file *path_next;
	uint64_t first_seq;
	int64_t mtime_seconds;
	struct digest version;
	union {
		struct digest one;
		struct leaf *many;
	};
	uint32_t used;
	uint32_t capacity;
	uint32_t mtime_nanoseconds;
	uint32_t mixed;
	uint32_t path_length; /* a record's body is far shorter than 4 GiB */
	char path[];
};

struct file_table {
	struct planned_file **entries;
	struct kept_file **paths; /* NULL without keep */
	size_t buckets;           /* of each; a power of two */
	size_t count;
	int keep;
};

#define FIRST_BUCKETS 64

struct file_table *file_table_create(int keep)
{
	struct file_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->keep = keep;
	table->buckets = FIRST_BUCKETS;
	table->entries = calloc(table->buckets, sizeof(struct planned_file *));
	if (keep)
		table->paths =
		    calloc(table->buckets, sizeof(struct kept_file *));
	if (table->entries == NULL || (keep && table->paths == NULL)) {
		file_table_free(table);
		return NULL;
	}
	return table;
}

static struct kept_file *kept(struct planned_file *file)
{
	return (struct kept_file *)file;
}

static const struct kept_file *kept_const(const struct planned_file *file)
{
	return (const struct kept_file *)file;
}

static void file_free(const struct file_table *table, struct planned_file *file)
{
	if (table->keep && kept(file)->capacity > 0)
		free(kept(file)->many);
	free(file);
}

void file_table_free(struct file_table *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; table->entries != NULL && i < table->buckets; i++) {
		while (table->entries[i] != NULL) {
			struct planned_file *file = table->entries[i];

			table->entries[i] = file->entry_next;
			file_free(table, file);
		}
	}
	free(table->entries);
	free(table->paths);
	free(table);
}

/* ---- chains ---- */

/* Numbers are given out one after the other: they spread by themselves. */
static struct planned_file **entry_bucket(const struct file_table *table,
					  uint64_t entry)
{
	return &table->entries[entry & (table->buckets - 1)];
}

static struct kept_file **path_bucket(const struct file_table *table,
				      const char *path, size_t length)
{
	return &table->paths[XXH3_64bits(path, length) & (table->buckets - 1)];
}

static void link_entry(struct file_table *table, struct planned_file *file)
{
	struct planned_file **bucket = entry_bucket(table, file->entry);

	file->entry_next = *bucket;
	*bucket = file;
}

static void unlink_entry(struct file_table *table, struct planned_file *file)
{
	struct planned_file **link = entry_bucket(table, file->entry);

	while (*link != file)
		link = &(*link)->entry_next;
	*link = file->entry_next;
}

static void link_path(struct file_table *table, struct kept_file *file)
{
	struct kept_file **bucket =
	    path_bucket(table, file->path, file->path_length);

	file->path_next = *bucket;
	*bucket = file;
}

static void unlink_path(struct file_table *table, struct kept_file *file)
{
	struct kept_file **link =
	    path_bucket(table, file->path, file->path_length);

	while (*link != file)
		link = &(*link)->path_next;
	*link = file->path_next;
}

/* Buckets for one more; without memory for it chains grow, and that is all. */
static void grow(struct file_table *table)
{
	struct file_table bigger = *table;

	if (table->count < table->buckets)
		return;
	bigger.buckets *= 2;
	bigger.entries = calloc(bigger.buckets, sizeof(struct planned_file *));
	if (table->keep)
		bigger.paths =
		    calloc(bigger.buckets, sizeof(struct kept_file *));
	if (bigger.entries == NULL || (table->keep && bigger.paths == NULL)) {
		free(bigger.entries);
		if (table->keep)
			free(bigger.paths);
		return;
	}
	for (size_t i = 0; i < table->buckets; i++) {
		while (table->entries[i] != NULL) {
			struct planned_file *file = table->entries[i];

			table->entries[i] = file->entry_next;
			link_entry(&bigger, file);
			if (table->keep)
				link_path(&bigger, kept(file));
		}
	}
	free(table->entries);
	free(table->paths);
	*table = bigger;
}

/* ---- plans ---- */

static void take_plan(struct kept_file *file, const struct journal_plan *plan)
{
	file->file.entry = plan->entry;
	file->file.size = plan->size;
	file->first_seq = plan->first_seq;
	file->mtime_seconds = plan->mtime_seconds;
	file->mtime_nanoseconds = plan->mtime_nanoseconds;
	file->version = plan->version;
}

static struct planned_file *insert(struct file_table *table,
				   const struct journal_plan *plan)
{
	size_t size = sizeof(struct planned_file);
	struct planned_file *file;

	if (table->keep)
		size = offsetof(struct kept_file, path) + plan->path_length;
	file = calloc(1, size);
	if (file == NULL)
		return NULL;
	grow(table);
	file->entry = plan->entry;
	file->size = plan->size;
	if (table->keep) {
		take_plan(kept(file), plan);
		kept(file)->path_length = (uint32_t)plan->path_length;
		memcpy(kept(file)->path, plan->path, plan->path_length);
		link_path(table, kept(file));
	}
	link_entry(table, file);
	table->count++;
	return file;
}

int file_table_plan(struct file_table *table, const struct journal_plan *plan,
		    int mixed)
{
	struct planned_file *file = file_table_by_entry(table, plan->entry);

	if (!table->keep && file != NULL) {
		file->size = plan->size;
		return 0;
	}
	if (table->keep) {
		struct planned_file *same_entry = file;

		file = file_table_by_path(table, plan->path, plan->path_length);
		if (same_entry != NULL && same_entry != file) {
			errno = EBADMSG;
			return -1;
		}
	}
	if (file == NULL) {
		file = insert(table, plan);
		if (file == NULL)
			return -1;
	} else {
		/* What was confirmed so far is of another version, then. */
		if (kept(file)->used > 0 &&
		    (file->size != plan->size ||
		     !digest_equal(&kept(file)->version, &plan->version)))
			mixed = 1;
		unlink_entry(table, file);
		take_plan(kept(file), plan);
		link_entry(table, file);
	}
	if (table->keep && mixed)
		kept(file)->mixed = 1;
	return 0;
}

struct planned_file *file_table_by_entry(const struct file_table *table,
					 uint64_t entry)
{
	struct planned_file *file = *entry_bucket(table, entry);

	while (file != NULL && file->entry != entry)
		file = file->entry_next;
	return file;
}

struct planned_file *file_table_by_path(const struct file_table *table,
					const char *path, size_t path_length)
{
	struct kept_file *file = *path_bucket(table, path, path_length);

	while (file != NULL && (file->path_length != path_length ||
				memcmp(file->path, path, path_length) != 0))
		file = file->path_next;
	return file == NULL ? NULL : &file->file;
}

void file_table_remove(struct file_table *table, struct planned_file *file)
{
	unlink_entry(table, file);
	if (table->keep)
		unlink_path(table, kept(file));
	table->count--;
	file_free(table, file);
}

int file_table_each(const struct file_table *table,
		    int (*each)(void *cookie, struct planned_file *),
		    void *cookie)
{
	for (size_t i = 0; i < table->buckets; i++) {
		struct planned_file *file = table->entries[i], *next;

		for (; file != NULL; file = next) {
			int result;

			next = file->entry_next;
			result = each(cookie, file);
			if (result != 0)
				return result;
		}
	}
	return 0;
}

/* ---- leaves ---- */

uint64_t planned_file_size(const struct planned_file *file)
{
	return file->size;
}

/* Room for one more in many, where the only one moves too.  0 or -1. */
static int reserve(struct kept_file *file)
{
	uint32_t capacity = file->capacity * 2;
	struct leaf *many;

	if (file->capacity > 0 && file->used < file->capacity)
		return 0;
	if (capacity > UINT32_MAX / 2) {
		errno = ENOMEM;
		return -1;
	}
	if (capacity == 0) {
		capacity = 4;
		many = calloc(capacity, sizeof(*many));
		if (many == NULL)
			return -1;
		if (file->used == 1)
			many[0].digest = file->one;
	} else {
		many = realloc(file->many, capacity * sizeof(*many));
		if (many == NULL)
			return -1;
	}
	file->many = many;
	file->capacity = capacity;
	return 0;
}

int planned_file_add_leaf(struct planned_file *planned, uint64_t leaf,
			  const struct digest *digest)
{
	struct kept_file *file = kept(planned);

	if (leaf > UINT32_MAX)
		return 0;
	if (leaf == 0 && file->capacity == 0) {
		file->one = *digest;
		file->used = 1;
		return 0;
	}
	if (reserve(file) == -1)
		return -1;
	file->many[file->used] =
	    (struct leaf){(uint32_t)leaf, file->used, *digest};
	file->used++;
	return 0;
}

/* The newest of the same index comes first. */
static int compare_leaves(const void *one, const void *other)
{
	const struct leaf *a = one, *b = other;

	if (a->index != b->index)
		return a->index < b->index ? -1 : 1;
	return a->order > b->order ? -1 : a->order < b->order;
}

static int is_taken_back(const struct digest *digest)
{
	static const struct digest none;

	return digest_equal(digest, &none);
}

size_t planned_file_settle(struct planned_file *planned)
{
	struct kept_file *file = kept(planned);
	uint64_t end = leaf_count(planned->size);
	uint64_t next = 0; /* lower ones are done with */
	uint32_t used = 0;

	if (file->capacity == 0) {
		if (end == 0 || is_taken_back(&file->one))
			file->used = 0;
		return file->used;
	}
	qsort(file->many, file->used, sizeof(*file->many), compare_leaves);
	for (uint32_t i = 0; i < file->used; i++) {
		const struct leaf leaf = file->many[i];

		if (leaf.index < next || leaf.index >= end)
			continue;
		next = (uint64_t)leaf.index + 1;
		if (!is_taken_back(&leaf.digest))
			file->many[used++] = leaf;
	}
	file->used = used;
	return used;
}

static struct leaf leaf_at(const struct kept_file *file, size_t place)
{
	if (file->capacity > 0)
		return file->many[place];
	return (struct leaf){0, 0, file->one};
}

void planned_file_get(const struct planned_file *planned,
		      struct journal_file *view)
{
	const struct kept_file *file = kept_const(planned);

	view->plan = (struct journal_plan){
	    .entry = planned->entry,
	    .first_seq = file->first_seq,
	    .size = planned->size,
	    .mtime_seconds = file->mtime_seconds,
	    .mtime_nanoseconds = file->mtime_nanoseconds,
	    .version = file->version,
	    .path = file->path,
	    .path_length = file->path_length,
	};
	view->leaves = NULL;
	view->leaf_count = file->used;
	view->same_version = !file->mixed;
}

struct leaf_table *planned_file_leaves(const struct planned_file *planned)
{
	const struct kept_file *file = kept_const(planned);
	struct leaf_table *leaves = leaf_table_create();

	for (size_t i = 0; leaves != NULL && i < file->used; i++) {
		struct leaf leaf = leaf_at(file, i);

		if (leaf_table_set(leaves, leaf.index, &leaf.digest) == -1) {
			leaf_table_free(leaves);
			leaves = NULL;
		}
	}
	return leaves;
}

size_t planned_file_run(const struct planned_file *planned, size_t place,
			uint64_t *first, struct digest *digests, size_t most)
{
	const struct kept_file *file = kept_const(planned);
	size_t count = 0;

	while (place + count < file->used && count < most) {
		struct leaf leaf = leaf_at(file, place + count);

		if (count == 0)
			*first = leaf.index;
		else if (leaf.index != *first + count)
			break;
		digests[count++] = leaf.digest;
	}
	return count;
}
