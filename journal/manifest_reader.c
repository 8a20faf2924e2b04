/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What does a manifest say?  It comes from a file that may be damaged or from
 * a peer that may be hostile, so each member is taken out of its object,
 * checked as it is taken, and nothing may be left over.
 */
#include "journal/manifest.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "journal/hexadecimal.h"
#include "journal/manifest_format.h"

enum state { AT_HEADER, AT_ENTRY, AT_LEAVES, AT_END };

struct manifest_reader {
	enum state state;
	uint64_t number; /* of the line; the first is 1 */
	struct manifest_counts counts;
	XXH3_state_t *lines; /* the digest of all lines so far */
	char cause[200];     /* "": nothing is wrong */

	struct manifest_entry entry; /* its path and text are those below */
	uint64_t next_leaf, leaf_end;
	struct tree_digest *tree; /* AT_LEAVES: of the leaves so far */
	struct digest leaves[MANIFEST_LEAVES_IN_LINE];
	/* The path of this entry and of the one before it, by turns. */
	char paths[2][MANIFEST_PATH_MAX + 1];
	size_t path_length[2];
	unsigned turn;
	char text[MANIFEST_TEXT_MAX + 1];
};

struct manifest_reader *manifest_reader_create(void)
{
	struct manifest_reader *reader = calloc(1, sizeof(*reader));

	if (reader == NULL)
		return NULL;
	reader->lines = XXH3_createState();
	if (reader->lines == NULL) {
		free(reader);
		return NULL;
	}
	XXH3_128bits_reset(reader->lines);
	return reader;
}

void manifest_reader_free(struct manifest_reader *reader)
{
	if (reader == NULL)
		return;
	tree_digest_free(reader->tree);
	XXH3_freeState(reader->lines);
	free(reader);
}

const char *manifest_reader_cause(const struct manifest_reader *reader)
{
	return reader->cause[0] != '\0' ? reader->cause : NULL;
}

const struct manifest_counts *
manifest_reader_counts(const struct manifest_reader *reader)
{
	return &reader->counts;
}

/* The first cause stays.  Always -1. */
static int refuse(struct manifest_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static int refuse(struct manifest_reader *reader, const char *format, ...)
{
	va_list arguments;
	char what[120];

	if (reader->cause[0] != '\0')
		return -1;
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	snprintf(reader->cause, sizeof(reader->cause), "line %llu: %s",
		 (unsigned long long)reader->number, what);
	return -1;
}

static int refuse_word(struct manifest_reader *reader, const char *word)
{
	return refuse(reader, "\"%s\" is missing or no such value", word);
}

/* ---- members ---- */

static int take_number(struct manifest_reader *reader, json_t *object,
		       const char *word, uint64_t most, uint64_t *value)
{
	json_t *member = json_object_get(object, word);

	if (!json_is_integer(member) || json_integer_value(member) < 0 ||
	    (uint64_t)json_integer_value(member) > most)
		return refuse_word(reader, word);
	*value = (uint64_t)json_integer_value(member);
	json_object_del(object, word);
	return 0;
}

static int decode_hex(const char *hex, size_t length, char *bytes)
{
	for (size_t i = 0; i < length; i++) {
		int high = hex_value(hex[2 * i]);
		int low = hex_value(hex[2 * i + 1]);

		if (high == -1 || low == -1)
			return -1;
		bytes[i] = (char)(high << 4 | low);
	}
	bytes[length] = '\0';
	return 0;
}

static int take_hex(json_t *object, const char *word, char *bytes, size_t most,
		    size_t *length)
{
	json_t *member = json_object_get(object, word);

	if (!json_is_string(member) || json_string_length(member) % 2 != 0 ||
	    json_string_length(member) / 2 > most)
		return -1;
	*length = json_string_length(member) / 2;
	if (decode_hex(json_string_value(member), *length, bytes) == -1 ||
	    memchr(bytes, '\0', *length) != NULL)
		return -1;
	return json_object_del(object, word);
}

/* A text of any bytes but NUL, as it is or in hexadecimal digits. */
static int take_text(struct manifest_reader *reader, json_t *object,
		     const char *word, char *bytes, size_t most, size_t *length)
{
	json_t *member = json_object_get(object, word);
	char hex[32];

	if (member == NULL) {
		snprintf(hex, sizeof(hex), "%s" HEX_SUFFIX, word);
		return take_hex(object, hex, bytes, most, length) == 0
			   ? 0
			   : refuse_word(reader, word);
	}
	if (!json_is_string(member) || json_string_length(member) > most)
		return refuse_word(reader, word);
	*length = json_string_length(member);
	memcpy(bytes, json_string_value(member), *length + 1);
	json_object_del(object, word);
	return 0;
}

static int read_digest(const json_t *member, struct digest *digest)
{
	char bytes[sizeof(digest->bytes) + 1];

	if (!json_is_string(member) ||
	    json_string_length(member) != 2 * sizeof(digest->bytes) ||
	    decode_hex(json_string_value(member), sizeof(digest->bytes),
		       bytes) == -1)
		return -1;
	memcpy(digest->bytes, bytes, sizeof(digest->bytes));
	return 0;
}

static int take_digest(struct manifest_reader *reader, json_t *object,
		       struct digest *digest)
{
	if (read_digest(json_object_get(object, WORD_DIGEST), digest) == -1)
		return refuse_word(reader, WORD_DIGEST);
	json_object_del(object, WORD_DIGEST);
	return 0;
}

/* A member that has one right value. */
static int take_constant(struct manifest_reader *reader, json_t *object,
			 const char *word, const char *right)
{
	json_t *member = json_object_get(object, word);

	if (!json_is_string(member) ||
	    strcmp(json_string_value(member), right) != 0)
		return refuse_word(reader, word);
	json_object_del(object, word);
	return 0;
}

static int take_leaf_size(struct manifest_reader *reader, json_t *object)
{
	uint64_t size;

	if (take_number(reader, object, WORD_LEAF_SIZE, LEAF_SIZE, &size) == -1)
		return -1;
	return size == LEAF_SIZE ? 0 : refuse_word(reader, WORD_LEAF_SIZE);
}

/* All members must have been taken. */
static int check_empty(struct manifest_reader *reader, json_t *object)
{
	if (json_object_size(object) == 0)
		return 0;
	return refuse(reader, "has a member that is not known");
}

/* ---- lines ---- */

static int read_header(struct manifest_reader *reader, json_t *object)
{
	uint64_t version;

	if (take_constant(reader, object, WORD_FORMAT, FORMAT_NAME) == -1)
		return -1;
	if (take_number(reader, object, WORD_VERSION, UINT32_MAX, &version) ==
	    -1)
		return -1;
	if (version != FORMAT_VERSION)
		return refuse(reader, "version %llu is not known",
			      (unsigned long long)version);
	if (take_constant(reader, object, WORD_DIGEST, FORMAT_DIGEST) == -1 ||
	    take_leaf_size(reader, object) == -1 ||
	    check_empty(reader, object) == -1)
		return -1;
	reader->state = AT_ENTRY;
	return 0;
}

static int take_mode(struct manifest_reader *reader, json_t *object)
{
	json_t *member = json_object_get(object, WORD_MODE);
	const char *digits = json_string_value(member);
	uint32_t mode = 0;

	if (digits == NULL || json_string_length(member) != 4)
		return refuse_word(reader, WORD_MODE);
	for (size_t i = 0; i < 4; i++) {
		if (digits[i] < '0' || digits[i] > '7')
			return refuse_word(reader, WORD_MODE);
		mode = mode << 3 | (uint32_t)(digits[i] - '0');
	}
	reader->entry.mode = mode;
	json_object_del(object, WORD_MODE);
	return 0;
}

static int take_mtime(struct manifest_reader *reader, json_t *object)
{
	json_t *member = json_object_get(object, WORD_MTIME);
	uint64_t nanoseconds;

	if (!json_is_integer(member))
		return refuse_word(reader, WORD_MTIME);
	reader->entry.mtime_seconds = (int64_t)json_integer_value(member);
	json_object_del(object, WORD_MTIME);
	if (take_number(reader, object, WORD_MTIME_NS, 999999999,
			&nanoseconds) == -1)
		return -1;
	reader->entry.mtime_nanoseconds = (uint32_t)nanoseconds;
	return 0;
}

static int take_type(struct manifest_reader *reader, json_t *object)
{
	static const char *const types[] = TYPE_WORDS;
	const char *type =
	    json_string_value(json_object_get(object, WORD_TYPE));

	for (int i = MANIFEST_FILE; type != NULL && i <= MANIFEST_UNREADABLE;
	     i++) {
		if (strcmp(type, types[i]) != 0)
			continue;
		reader->entry.type = (enum manifest_type)i;
		json_object_del(object, WORD_TYPE);
		return 0;
	}
	return refuse_word(reader, WORD_TYPE);
}

/* Relative, and no part is empty, "." or "..". */
static int is_valid_path(const char *path)
{
	const char *part = path;

	if (*path == '\0')
		return 1;
	for (;;) {
		size_t length = strcspn(part, "/");

		if (length == 0 || (length == 1 && part[0] == '.') ||
		    (length == 2 && part[0] == '.' && part[1] == '.'))
			return 0;
		if (part[length] == '\0')
			return 1;
		part += length + 1;
	}
}

static int take_path(struct manifest_reader *reader, json_t *object)
{
	unsigned turn = reader->turn ^ 1;
	char *path = reader->paths[turn], *before = reader->paths[turn ^ 1];
	size_t *length = &reader->path_length[turn];

	if (take_text(reader, object, WORD_PATH, path, MANIFEST_PATH_MAX,
		      length) == -1)
		return -1;
	if (!is_valid_path(path))
		return refuse(reader, "a path that leads out of the tree");
	if (reader->counts.entries > 0 &&
	    manifest_compare_paths(before, reader->path_length[turn ^ 1], path,
				   *length) >= 0)
		return refuse(reader, "not in order");
	reader->turn = turn;
	reader->entry.path = path;
	reader->entry.path_length = *length;
	return 0;
}

static int take_file(struct manifest_reader *reader, json_t *object)
{
	struct manifest_entry *entry = &reader->entry;

	if (take_number(reader, object, WORD_SIZE, MANIFEST_SIZE_MAX,
			&entry->size) == -1 ||
	    take_digest(reader, object, &entry->digest) == -1 ||
	    take_leaf_size(reader, object) == -1)
		return -1;
	reader->next_leaf = 0;
	reader->leaf_end = leaf_count(entry->size);
	if (reader->leaf_end > 1) {
		reader->tree = tree_digest_create(entry->size);
		if (reader->tree == NULL)
			return refuse(reader, "out of memory");
		reader->state = AT_LEAVES;
	}
	reader->counts.files++;
	reader->counts.bytes += entry->size;
	return 0;
}

static int read_entry(struct manifest_reader *reader, json_t *object)
{
	struct manifest_entry *entry = &reader->entry;
	const char *word = NULL;

	memset(entry, 0, sizeof(*entry));
	if (take_path(reader, object) == -1 || take_type(reader, object) == -1)
		return -1;
	if (entry->type == MANIFEST_UNREADABLE)
		word = WORD_ERROR;
	else if (take_mtime(reader, object) == -1 ||
		 take_mode(reader, object) == -1)
		return -1;
	if (entry->type == MANIFEST_LINK)
		word = WORD_TARGET;
	if (entry->type == MANIFEST_FILE && take_file(reader, object) == -1)
		return -1;
	if (word != NULL) {
		if (take_text(reader, object, word, reader->text,
			      MANIFEST_TEXT_MAX, &entry->text_length) == -1)
			return -1;
		entry->text = reader->text;
	}
	reader->counts.entries++;
	reader->counts.errors += entry->type == MANIFEST_UNREADABLE;
	return check_empty(reader, object);
}

/* After the last leaf of a file: do they make up its digest?  A comparison
 * believes either, so they must not say two different things. */
static int end_leaves(struct manifest_reader *reader)
{
	struct digest made = tree_digest_get(reader->tree);

	tree_digest_free(reader->tree);
	reader->tree = NULL;
	reader->state = AT_ENTRY;
	if (!digest_equal(&made, &reader->entry.digest))
		return refuse(reader,
			      "the leaves do not make up the file's digest");
	return 0;
}

static int read_leaves(struct manifest_reader *reader, json_t *object,
		       struct manifest_item *item)
{
	json_t *array = json_object_get(object, WORD_LEAVES);
	size_t count = json_array_size(array);

	if (!json_is_array(array) || count == 0 ||
	    count > MANIFEST_LEAVES_IN_LINE ||
	    count > reader->leaf_end - reader->next_leaf)
		return refuse_word(reader, WORD_LEAVES);
	for (size_t i = 0; i < count; i++) {
		if (read_digest(json_array_get(array, i), &reader->leaves[i]) ==
		    -1)
			return refuse_word(reader, WORD_LEAVES);
		tree_digest_add(reader->tree, &reader->leaves[i]);
	}
	json_object_del(object, WORD_LEAVES);
	if (take_number(reader, object, WORD_FIRST, UINT64_MAX,
			&item->first_leaf) == -1)
		return -1;
	if (item->first_leaf != reader->next_leaf)
		return refuse_word(reader, WORD_FIRST);
	item->leaf_count = count;
	item->leaves = reader->leaves;
	reader->next_leaf += count;
	if (check_empty(reader, object) == -1)
		return -1;
	return reader->next_leaf < reader->leaf_end ? 0 : end_leaves(reader);
}

static int take_count(struct manifest_reader *reader, json_t *object,
		      const char *word, uint64_t right)
{
	uint64_t value;

	if (take_number(reader, object, word, INT64_MAX, &value) == -1)
		return -1;
	return value == right ? 0 : refuse(reader, "\"%s\" is not right", word);
}

static int read_trailer(struct manifest_reader *reader, json_t *object)
{
	const struct manifest_counts *counts = &reader->counts;
	XXH128_canonical_t right;
	struct digest digest;

	if (take_digest(reader, object, &digest) == -1)
		return -1;
	XXH128_canonicalFromHash(&right, XXH3_128bits_digest(reader->lines));
	if (memcmp(right.digest, digest.bytes, sizeof(digest.bytes)) != 0)
		return refuse(reader,
			      "the lines before are not what the digest says");
	if (take_count(reader, object, WORD_ENTRIES, counts->entries) == -1 ||
	    take_count(reader, object, WORD_FILES, counts->files) == -1 ||
	    take_count(reader, object, WORD_BYTES, counts->bytes) == -1 ||
	    take_count(reader, object, WORD_ERRORS, counts->errors) == -1 ||
	    check_empty(reader, object) == -1)
		return -1;
	reader->state = AT_END;
	return 0;
}

static int read_object(struct manifest_reader *reader, json_t *object,
		       struct manifest_item *item)
{
	memset(item, 0, sizeof(*item));
	switch (reader->state) {
	case AT_HEADER:
		item->type = MANIFEST_HEADER;
		return read_header(reader, object);
	case AT_LEAVES:
		item->type = MANIFEST_LEAVES;
		return read_leaves(reader, object, item);
	case AT_ENTRY:
		break;
	case AT_END:
		return refuse(reader, "comes after the end");
	}
	if (json_object_get(object, WORD_ENTRIES) != NULL) {
		item->type = MANIFEST_TRAILER;
		return read_trailer(reader, object);
	}
	item->type = MANIFEST_ENTRY;
	item->entry = &reader->entry;
	return read_entry(reader, object);
}

int manifest_read_line(struct manifest_reader *reader, const char *line,
		       size_t length, struct manifest_item *item)
{
	json_t *object;
	int result;

	if (reader->cause[0] != '\0')
		return -1;
	reader->number++;
	if (length == 0 || line[length - 1] != '\n')
		return refuse(reader, "is cut off");
	if (length > MANIFEST_LINE_MAX)
		return refuse(reader, "is too long");
	object = json_loadb(line, length - 1, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(object))
		result = read_object(reader, object, item);
	else
		result = refuse(reader, "is no JSON object");
	json_decref(object);
	XXH3_128bits_update(reader->lines, line, length);
	return result;
}

int manifest_read_end(struct manifest_reader *reader)
{
	if (reader->cause[0] != '\0')
		return -1;
	if (reader->state == AT_END)
		return 0;
	reader->number++;
	return refuse(reader, "is missing; the manifest is cut off");
}
