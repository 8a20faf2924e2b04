/* SPDX-License-Identifier: BSD-2-Clause */
/* Files by path and by number, for the replay of a transfer's journal. */
#include "journal/file_table.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

struct node {
	struct journal_file file; /* first: a file is its node */
	struct node *path_next;   /* in its bucket */
	struct node *entry_next;
	struct node *older;
	struct node *newer;
	char path[];
};

struct file_table {
	struct node **paths;
	struct node **entries;
	size_t buckets; /* of each; a power of two */
	size_t count;
	struct node *oldest;
	struct node *newest;
};

#define FIRST_BUCKETS 64

static size_t path_bucket(const struct file_table *table, const char *path,
    size_t length)
{
	return (size_t)XXH3_64bits(path, length) & (table->buckets - 1);
}

/* Numbers are given out one after the other: they spread by themselves. */
static size_t entry_bucket(const struct file_table *table, uint64_t entry)
{
	return (size_t)entry & (table->buckets - 1);
}

struct file_table *file_table_create(void)
{
	struct file_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->buckets = FIRST_BUCKETS;
	table->paths = calloc(table->buckets, sizeof(*table->paths));
	table->entries = calloc(table->buckets, sizeof(*table->entries));
	if (table->paths == NULL || table->entries == NULL) {
		file_table_free(table);
		return NULL;
	}
	return table;
}

static void node_free(struct node *node)
{
	leaf_table_free(node->file.leaves);
	free(node);
}

void file_table_free(struct file_table *table)
{
	if (table == NULL)
		return;
	while (table->oldest != NULL) {
		struct node *node = table->oldest;

		table->oldest = node->newer;
		node_free(node);
	}
	free(table->paths);
	free(table->entries);
	free(table);
}

static void link_path(struct file_table *table, struct node *node)
{
	struct node **bucket;

	if (node->file.plan.path == NULL)
		return;
	bucket = &table->paths[path_bucket(table, node->file.plan.path,
	    node->file.plan.path_length)];
	node->path_next = *bucket;
	*bucket = node;
}

static void link_entry(struct file_table *table, struct node *node)
{
	struct node **bucket =
	    &table->entries[entry_bucket(table, node->file.plan.entry)];

	node->entry_next = *bucket;
	*bucket = node;
}

static void unlink_path(struct file_table *table, struct node *node)
{
	struct node **link;

	if (node->file.plan.path == NULL)
		return;
	link = &table->paths[path_bucket(table, node->file.plan.path,
	    node->file.plan.path_length)];
	while (*link != node)
		link = &(*link)->path_next;
	*link = node->path_next;
}

static void unlink_entry(struct file_table *table, struct node *node)
{
	struct node **link =
	    &table->entries[entry_bucket(table, node->file.plan.entry)];

	while (*link != node)
		link = &(*link)->entry_next;
	*link = node->entry_next;
}

/* Buckets for one more; without memory for it chains grow, and that is all. */
static void grow(struct file_table *table)
{
	size_t buckets = table->buckets * 2;
	struct node **paths, **entries;

	if (table->count < table->buckets)
		return;
	paths = calloc(buckets, sizeof(*paths));
	entries = calloc(buckets, sizeof(*entries));
	if (paths == NULL || entries == NULL) {
		free(paths);
		free(entries);
		return;
	}
	free(table->paths);
	free(table->entries);
	table->paths = paths;
	table->entries = entries;
	table->buckets = buckets;
	for (struct node *node = table->oldest; node != NULL;
	    node = node->newer) {
		link_path(table, node);
		link_entry(table, node);
	}
}

static void append(struct file_table *table, struct node *node)
{
	node->older = table->newest;
	node->newer = NULL;
	if (table->newest != NULL)
		table->newest->newer = node;
	else
		table->oldest = node;
	table->newest = node;
}

static int insert(struct file_table *table, const struct journal_plan *plan)
{
	size_t length = plan->path == NULL ? 0 : plan->path_length;
	struct node *node = calloc(1, sizeof(*node) + length + 1);

	if (node == NULL)
		return -1;
	node->file.plan = *plan;
	node->file.same_version = 1;
	if (plan->path != NULL) {
		memcpy(node->path, plan->path, length);
		node->file.plan.path = node->path;
	}
	grow(table);
	link_path(table, node);
	link_entry(table, node);
	append(table, node);
	table->count++;
	return 0;
}

int file_table_plan(struct file_table *table, const struct journal_plan *plan)
{
	struct journal_file *file = NULL;
	const char *path;

	if (plan->path != NULL)
		file = file_table_by_path(table, plan->path,
		    plan->path_length);
	if (file == NULL)
		return insert(table, plan);
	if (file->leaf_count > 0 &&
	    (!digest_equal(&file->plan.version, &plan->version) ||
		file->plan.size != plan->size))
		file->same_version = 0;
	path = file->plan.path;
	unlink_entry(table, (struct node *)file);
	file->plan = *plan;
	file->plan.path = path;
	link_entry(table, (struct node *)file);
	return 0;
}

struct journal_file *file_table_by_entry(const struct file_table *table,
    uint64_t entry)
{
	struct node *node = table->entries[entry_bucket(table, entry)];

	while (node != NULL && node->file.plan.entry != entry)
		node = node->entry_next;
	return node == NULL ? NULL : &node->file;
}

struct journal_file *file_table_by_path(const struct file_table *table,
    const char *path, size_t path_length)
{
	struct node *node = table->paths[path_bucket(table, path, path_length)];

	while (node != NULL &&
	    (node->file.plan.path_length != path_length ||
		memcmp(node->file.plan.path, path, path_length) != 0))
		node = node->path_next;
	return node == NULL ? NULL : &node->file;
}

void file_table_remove(struct file_table *table, struct journal_file *file)
{
	struct node *node = (struct node *)file;

	unlink_path(table, node);
	unlink_entry(table, node);
	if (node->older != NULL)
		node->older->newer = node->newer;
	else
		table->oldest = node->newer;
	if (node->newer != NULL)
		node->newer->older = node->older;
	else
		table->newest = node->older;
	table->count--;
	node_free(node);
}

struct journal_file *file_table_next(const struct file_table *table,
    const struct journal_file *file)
{
	struct node *node = file == NULL ? table->oldest
					 : ((const struct node *)file)->newer;

	return node == NULL ? NULL : &node->file;
}
