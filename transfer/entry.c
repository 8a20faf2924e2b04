/* SPDX-License-Identifier: BSD-2-Clause */
/* What an entry is made of, and which names a peer may use. */
#include "transfer/entry.h"

#include <stdlib.h>
#include <string.h>

#include "transfer/codec.h"

/* Longest name that any file system here takes (NAME_MAX). */
#define PART_MAX 255

static char *copy(const char *bytes, size_t length)
{
	char *text = malloc(length + 1);

	if (text == NULL)
		return NULL;
	if (length > 0)
		memcpy(text, bytes, length);
	text[length] = '\0';
	return text;
}

struct entry *entry_create(enum entry_type type, const char *path,
			   size_t path_length, const char *link,
			   size_t link_length)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (entry == NULL)
		return NULL;
	entry->type = type;
	entry->path = copy(path, path_length);
	if (entry->path == NULL)
		goto free_entry;
	entry->path_length = path_length;
	if (link != NULL) {
		entry->link = copy(link, link_length);
		if (entry->link == NULL)
			goto free_path;
		entry->link_length = link_length;
	}
	return entry;

free_path:
	free(entry->path);
free_entry:
	free(entry);
	return NULL;
}

void entry_free(struct entry *entry)
{
	if (entry == NULL)
		return;
	if (entry->shares > 0) {
		entry->shares--;
		return;
	}
	free(entry->path);
	free(entry->link);
	free(entry);
}

struct entry *entry_share(struct entry *entry)
{
	entry->shares++;
	return entry;
}

struct digest entry_version(const struct stat *stat)
{
	uint8_t bytes[7 * 8];
	struct codec_writer writer = {bytes};

	codec_put_u64(&writer, (uint64_t)stat->st_dev);
	codec_put_u64(&writer, (uint64_t)stat->st_ino);
	codec_put_u64(&writer, (uint64_t)stat->st_size);
	codec_put_u64(&writer, (uint64_t)stat->st_mtim.tv_sec);
	codec_put_u64(&writer, (uint64_t)stat->st_mtim.tv_nsec);
	codec_put_u64(&writer, (uint64_t)stat->st_ctim.tv_sec);
	codec_put_u64(&writer, (uint64_t)stat->st_ctim.tv_nsec);
	return digest_of(bytes, sizeof(bytes));
}

struct journal_plan entry_plan(const struct entry *entry, const char *path,
			       size_t path_length)
{
	struct journal_plan plan = {
	    .entry = entry->index,
	    .first_seq = entry->first_seq,
	    .size = entry->size,
	    .mtime_seconds = entry->mtime_seconds,
	    .mtime_nanoseconds = entry->mtime_nanoseconds,
	    .version = entry->version,
	    .path = path,
	    .path_length = path_length,
	};

	return plan;
}

uint64_t entry_chunks(const struct entry *entry)
{
	return entry->type == ENTRY_FILE ? leaf_count(entry->size) : 0;
}

static int part_is(const char *part, size_t length, const char *name)
{
	return length == strlen(name) && memcmp(part, name, length) == 0;
}

static int part_valid(const char *part, size_t length)
{
	/* ".ferry" is where staged data lives: a peer that could name it
	 * could replace what was checked by what was not. */
	return length > 0 && length <= PART_MAX &&
	       !part_is(part, length, ".") && !part_is(part, length, "..") &&
	       !part_is(part, length, ".ferry") &&
	       memchr(part, '\0', length) == NULL;
}

int entry_path_valid(const char *path, size_t length, int allow_root)
{
	if (length == 0)
		return allow_root != 0;
	if (length > ENTRY_PATH_MAX)
		return 0;
	for (;;) {
		const char *slash = memchr(path, '/', length);
		size_t part = slash == NULL ? length : (size_t)(slash - path);

		if (!part_valid(path, part))
			return 0;
		if (slash == NULL)
			return 1;
		path += part + 1;
		length -= part + 1;
	}
}
