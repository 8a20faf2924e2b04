/* SPDX-License-Identifier: BSD-2-Clause */
/* How is a manifest written, and in which order? */
#include "journal/manifest.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "journal/manifest_format.h"

struct manifest_writer {
	int (*line)(void *cookie, const char *, size_t);
	void *cookie;
	struct manifest_counts counts;
	XXH3_state_t *lines; /* the digest of all lines so far */
	char buffer[MANIFEST_LINE_MAX + 1];
};

/* '/' sorts before all that can be in a name. */
static int weight(char byte)
{
	return byte == '/' ? 0 : (unsigned char)byte;
}

int manifest_compare_paths(const char *a, size_t a_length, const char *b,
			   size_t b_length)
{
	size_t length = a_length < b_length ? a_length : b_length;

	for (size_t i = 0; i < length; i++) {
		if (a[i] != b[i])
			return weight(a[i]) - weight(b[i]);
	}
	return (a_length > b_length) - (a_length < b_length);
}

struct manifest_writer *
manifest_writer_create(int (*line)(void *cookie, const char *, size_t),
		       void *cookie)
{
	struct manifest_writer *writer = calloc(1, sizeof(*writer));

	if (writer == NULL)
		return NULL;
	writer->line = line;
	writer->cookie = cookie;
	writer->lines = XXH3_createState();
	if (writer->lines == NULL) {
		free(writer);
		return NULL;
	}
	XXH3_128bits_reset(writer->lines);
	return writer;
}

void manifest_writer_free(struct manifest_writer *writer)
{
	if (writer == NULL)
		return;
	XXH3_freeState(writer->lines);
	free(writer);
}

const struct manifest_counts *
manifest_writer_counts(const struct manifest_writer *writer)
{
	return &writer->counts;
}

static int no_memory(void)
{
	errno = ENOMEM;
	return -1;
}

/* Add a member; value is taken.  0 or -1 with errno. */
static int put(json_t *object, const char *word, json_t *value)
{
	return json_object_set_new(object, word, value) == 0 ? 0 : no_memory();
}

static int put_number(json_t *object, const char *word, uint64_t value)
{
	return put(object, word, json_integer((json_int_t)value));
}

static int put_digest(json_t *object, const char *word,
		      const struct digest *digest)
{
	char text[33];

	digest_format(digest, text);
	return put(object, word, json_string(text));
}

static int put_hex(json_t *object, const char *word, const char *text,
		   size_t length)
{
	static const char digits[] = "0123456789abcdef";
	char *hex = malloc(2 * length + 1), name[32];
	int result;

	if (hex == NULL)
		return no_memory();
	for (size_t i = 0; i < length; i++) {
		hex[2 * i] = digits[(unsigned char)text[i] >> 4];
		hex[2 * i + 1] = digits[text[i] & 15];
	}
	snprintf(name, sizeof(name), "%s" HEX_SUFFIX, word);
	result = put(object, name, json_stringn(hex, 2 * length));
	free(hex);
	return result;
}

/* How long the text is in JSON, if it is UTF-8. */
static size_t quoted_length(const char *text, size_t length)
{
	size_t total = 0;

	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)text[i] < 0x20)
			total += 6;
		else
			total += text[i] == '"' || text[i] == '\\' ? 2 : 1;
	}
	return total;
}

/* As it is, if that is UTF-8 and not longer than in hexadecimal digits. */
static int put_text(json_t *object, const char *word, const char *text,
		    size_t length)
{
	json_t *value = NULL;

	if (quoted_length(text, length) <= 2 * length)
		value = json_stringn(text, length);
	return value != NULL ? put(object, word, value)
			     : put_hex(object, word, text, length);
}

/* Write object, which is taken, as one line.  built is what came of it. */
static int put_line(struct manifest_writer *writer, json_t *object, int built)
{
	size_t length;

	if (built == -1) {
		json_decref(object);
		return -1;
	}
	length =
	    json_dumpb(object, writer->buffer, MANIFEST_LINE_MAX, JSON_COMPACT);
	json_decref(object);
	if (length == 0)
		return no_memory();
	if (length + 1 > MANIFEST_LINE_MAX) {
		errno = E2BIG;
		return -1;
	}
	writer->buffer[length++] = '\n';
	writer->buffer[length] = '\0';
	XXH3_128bits_update(writer->lines, writer->buffer, length);
	return writer->line(writer->cookie, writer->buffer, length);
}

int manifest_write_header(struct manifest_writer *writer)
{
	json_t *object = json_object();
	int built = 0;

	built |= put(object, WORD_FORMAT, json_string(FORMAT_NAME));
	built |= put_number(object, WORD_VERSION, FORMAT_VERSION);
	built |= put(object, WORD_DIGEST, json_string(FORMAT_DIGEST));
	built |= put_number(object, WORD_LEAF_SIZE, LEAF_SIZE);
	return put_line(writer, object, built);
}

static int put_times_and_mode(json_t *object,
			      const struct manifest_entry *entry)
{
	char mode[8];
	int built = 0;

	snprintf(mode, sizeof(mode), "%04o", (unsigned)(entry->mode & 07777));
	built |= put(object, WORD_MTIME,
		     json_integer((json_int_t)entry->mtime_seconds));
	built |= put_number(object, WORD_MTIME_NS, entry->mtime_nanoseconds);
	built |= put(object, WORD_MODE, json_string(mode));
	return built;
}

/* All but path and type. */
static int put_attributes(json_t *object, const struct manifest_entry *entry)
{
	size_t text_length = entry->text_length < MANIFEST_TEXT_MAX
				 ? entry->text_length
				 : MANIFEST_TEXT_MAX;
	int built = 0;

	if (entry->type == MANIFEST_UNREADABLE)
		return put_text(object, WORD_ERROR, entry->text, text_length);
	if (entry->type == MANIFEST_FILE)
		built |= put_number(object, WORD_SIZE, entry->size);
	built |= put_times_and_mode(object, entry);
	if (entry->type == MANIFEST_LINK)
		built |=
		    put_text(object, WORD_TARGET, entry->text, text_length);
	if (entry->type == MANIFEST_FILE) {
		built |= put_digest(object, WORD_DIGEST, &entry->digest);
		built |= put_number(object, WORD_LEAF_SIZE, LEAF_SIZE);
	}
	return built;
}

static int write_leaves(struct manifest_writer *writer, uint64_t first,
			uint64_t end, const struct leaf_table *leaves)
{
	json_t *object = json_object(), *array = json_array();
	int built = 0;

	built |= put_number(object, WORD_FIRST, first);
	for (uint64_t i = first; i < end && built == 0; i++) {
		const struct digest *leaf = leaf_table_get(leaves, i);
		char text[33];

		if (leaf == NULL) {
			errno = EINVAL;
			built = -1;
			break;
		}
		digest_format(leaf, text);
		if (json_array_append_new(array, json_string(text)) != 0)
			built = no_memory();
	}
	built |= put(object, WORD_LEAVES, array);
	return put_line(writer, object, built);
}

static void count(struct manifest_counts *counts,
		  const struct manifest_entry *entry)
{
	counts->entries++;
	counts->errors += entry->type == MANIFEST_UNREADABLE;
	if (entry->type == MANIFEST_FILE) {
		counts->files++;
		counts->bytes += entry->size;
	}
}

int manifest_write_entry(struct manifest_writer *writer,
			 const struct manifest_entry *entry,
			 const struct leaf_table *leaves)
{
	static const char *const types[] = TYPE_WORDS;
	uint64_t leaves_left =
	    entry->type == MANIFEST_FILE ? leaf_count(entry->size) : 0;
	json_t *object;
	int result = 0;

	if (entry->path_length > MANIFEST_PATH_MAX ||
	    entry->size > MANIFEST_SIZE_MAX) {
		errno = E2BIG;
		return -1;
	}
	object = json_object();
	result |= put_text(object, WORD_PATH, entry->path, entry->path_length);
	result |= put(object, WORD_TYPE, json_string(types[entry->type]));
	result |= put_attributes(object, entry);
	result = put_line(writer, object, result);
	if (result == 0)
		count(&writer->counts, entry);
	/* The one leaf of a small file is its digest. */
	for (uint64_t i = 0; leaves_left > 1 && i < leaves_left && result == 0;
	     i += MANIFEST_LEAVES_IN_LINE) {
		uint64_t end = i + MANIFEST_LEAVES_IN_LINE;

		result = write_leaves(
		    writer, i, end < leaves_left ? end : leaves_left, leaves);
	}
	return result;
}

int manifest_write_trailer(struct manifest_writer *writer)
{
	const struct manifest_counts *counts = &writer->counts;
	XXH128_canonical_t canonical;
	struct digest digest;
	json_t *object = json_object();
	int built = 0;

	XXH128_canonicalFromHash(&canonical,
				 XXH3_128bits_digest(writer->lines));
	memcpy(digest.bytes, canonical.digest, sizeof(digest.bytes));
	built |= put_number(object, WORD_ENTRIES, counts->entries);
	built |= put_number(object, WORD_FILES, counts->files);
	built |= put_number(object, WORD_BYTES, counts->bytes);
	built |= put_number(object, WORD_ERRORS, counts->errors);
	built |= put_digest(object, WORD_DIGEST, &digest);
	return put_line(writer, object, built);
}
