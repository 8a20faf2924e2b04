/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: whatever bytes come as a manifest, the reader neither reads nor writes
 * where it must not, and what it takes keeps the order, the limits and the
 * counts that its header promises.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "journal/manifest.h"

struct seen {
	char path[MANIFEST_PATH_MAX + 1];
	size_t path_length;
	uint64_t entries;
	uint64_t next_leaf;
	int trailer;
};

static void check_entry(struct seen *seen, const struct manifest_entry *entry)
{
	CHECK(strlen(entry->path) == entry->path_length);
	CHECK(entry->path_length <= MANIFEST_PATH_MAX);
	CHECK(entry->path[0] != '/');
	CHECK(seen->entries == 0 ||
	      manifest_compare_paths(seen->path, seen->path_length, entry->path,
				     entry->path_length) < 0);
	CHECK(entry->size <= MANIFEST_SIZE_MAX && entry->mode <= 07777);
	if (entry->type == MANIFEST_LINK || entry->type == MANIFEST_UNREADABLE)
		CHECK(strlen(entry->text) == entry->text_length &&
		      entry->text_length <= MANIFEST_TEXT_MAX);
	memcpy(seen->path, entry->path, entry->path_length + 1);
	seen->path_length = entry->path_length;
	seen->entries++;
	seen->next_leaf = 0;
}

static void check_item(struct seen *seen, const struct manifest_item *item)
{
	CHECK(!seen->trailer);
	switch (item->type) {
	case MANIFEST_HEADER:
		CHECK(seen->entries == 0);
		break;
	case MANIFEST_ENTRY:
		check_entry(seen, item->entry);
		break;
	case MANIFEST_LEAVES:
		CHECK(item->first_leaf == seen->next_leaf);
		CHECK(item->leaf_count > 0 &&
		      item->leaf_count <= MANIFEST_LEAVES_IN_LINE);
		seen->next_leaf += item->leaf_count;
		break;
	case MANIFEST_TRAILER:
		seen->trailer = 1;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = text + size;
	struct manifest_reader *reader = manifest_reader_create();
	struct seen *seen = calloc(1, sizeof(*seen));
	struct manifest_item item;
	int refused = 0;

	CHECK(reader != NULL && seen != NULL);
	while (text < end && !refused) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *next = newline != NULL ? newline + 1 : end;

		if (manifest_read_line(reader, text, (size_t)(next - text),
				       &item) == 0)
			check_item(seen, &item);
		else
			refused = 1;
		text = next;
	}
	if (manifest_read_end(reader) == 0)
		CHECK(seen->trailer && !refused &&
		      seen->entries == manifest_reader_counts(reader)->entries);
	else
		CHECK(manifest_reader_cause(reader) != NULL);
	manifest_reader_free(reader);
	free(seen);
	return 0;
}
