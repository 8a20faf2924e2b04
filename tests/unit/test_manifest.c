/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: what is written is read back the same, whatever the names; a manifest
 * that is damaged, cut, out of order or malformed is refused, never read
 * wrongly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/manifest.h"

/* A whole manifest in memory. */
struct text {
	char *bytes;
	size_t length, capacity;
	size_t lines;
	size_t longest;
	size_t stop_at; /* the line at which to return 7; 0: none */
};

static int append(void *cookie, const char *line, size_t length)
{
	struct text *text = cookie;

	assert_true(length <= MANIFEST_LINE_MAX);
	assert_int_equal(line[length - 1], '\n');
	assert_int_equal(line[length], '\0');
	if (++text->lines == text->stop_at)
		return 7;
	if (text->capacity - text->length < length + 1) {
		text->capacity = (text->capacity + length) * 2 + 1;
		text->bytes = realloc(text->bytes, text->capacity);
		assert_non_null(text->bytes);
	}
	memcpy(text->bytes + text->length, line, length + 1);
	text->length += length;
	if (length > text->longest)
		text->longest = length;
	return 0;
}

/* What a reading came to. */
struct outcome {
	int complete;
	size_t entries, leaves;
	struct manifest_counts counts;
	char cause[200];
};

typedef void check_function(const struct manifest_item *, size_t number);

static struct outcome read_all(const char *bytes, size_t length,
			       check_function *check)
{
	struct manifest_reader *reader = manifest_reader_create();
	struct outcome outcome;
	struct manifest_item item;
	const char *end = bytes + length, *cause;
	int result = 0;

	memset(&outcome, 0, sizeof(outcome));
	assert_non_null(reader);
	while (bytes < end && result == 0) {
		const char *newline =
		    memchr(bytes, '\n', (size_t)(end - bytes));
		const char *next = newline != NULL ? newline + 1 : end;

		result = manifest_read_line(reader, bytes,
					    (size_t)(next - bytes), &item);
		if (result == 0 && item.type == MANIFEST_ENTRY) {
			if (check != NULL)
				check(&item, outcome.entries);
			outcome.entries++;
		}
		if (result == 0 && item.type == MANIFEST_LEAVES)
			outcome.leaves += item.leaf_count;
		bytes = next;
	}
	outcome.complete = manifest_read_end(reader) == 0;
	outcome.counts = *manifest_reader_counts(reader);
	cause = manifest_reader_cause(reader);
	assert_int_equal(cause == NULL, outcome.complete);
	if (cause != NULL)
		snprintf(outcome.cause, sizeof(outcome.cause), "%s", cause);
	manifest_reader_free(reader);
	return outcome;
}

static void assert_refused(const char *bytes, const char *why)
{
	struct outcome outcome = read_all(bytes, strlen(bytes), NULL);

	assert_false(outcome.complete);
	if (strstr(outcome.cause, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", outcome.cause, why);
}

static struct manifest_entry make_file(const char *path, uint64_t size)
{
	struct manifest_entry entry;

	memset(&entry, 0, sizeof(entry));
	entry.type = MANIFEST_FILE;
	entry.path = path;
	entry.path_length = strlen(path);
	entry.size = size;
	entry.mtime_seconds = -5;
	entry.mtime_nanoseconds = 999999999;
	entry.mode = 04751;
	entry.digest = digest_of(path, strlen(path));
	return entry;
}

static struct manifest_entry make_text(enum manifest_type type,
				       const char *path, const char *text)
{
	struct manifest_entry entry = make_file(path, 0);

	entry.type = type;
	entry.text = text;
	entry.text_length = strlen(text);
	return entry;
}

static struct leaf_table *make_leaves(uint64_t count)
{
	struct leaf_table *leaves = leaf_table_create();

	assert_non_null(leaves);
	for (uint64_t i = 0; i < count; i++) {
		struct digest digest = digest_of(&i, sizeof(i));

		assert_int_equal(leaf_table_set(leaves, i, &digest), 0);
	}
	return leaves;
}

static void write_one(struct manifest_writer *writer,
		      struct manifest_entry entry)
{
	assert_int_equal(manifest_write_entry(writer, &entry, NULL), 0);
}

/* ---- there and back ---- */

/* In order, and of every kind of byte. */
static const char *const names[] = {"",
				    "\x01",
				    " ",
				    "a",
				    "a/b",
				    "a/b/c",
				    "a/b d",
				    "a b",
				    "a-b",
				    "back\\slash",
				    "new\nline",
				    "quo\"te",
				    "\x7f",
				    "\xc3\xbc",
				    "\xe2\x80\xae",
				    "\xed\xa0\x80",
				    "\xf0\x9f\x98\x80",
				    "\xff",
				    "\xff\xfe/x"};
#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

static void check_name(const struct manifest_item *item, size_t number)
{
	const struct manifest_entry *entry = item->entry;
	struct digest digest = digest_of(names[number], strlen(names[number]));

	assert_int_equal(entry->type, MANIFEST_FILE);
	assert_string_equal(entry->path, names[number]);
	assert_int_equal(entry->path_length, strlen(names[number]));
	assert_int_equal(entry->size, number);
	assert_int_equal(entry->mtime_seconds, -5);
	assert_int_equal(entry->mtime_nanoseconds, 999999999);
	assert_int_equal(entry->mode, 04751);
	assert_true(digest_equal(&entry->digest, &digest));
}

static void test_names(void **state)
{
	struct text text = {0};
	struct manifest_writer *writer = manifest_writer_create(append, &text);
	struct outcome outcome;

	(void)state;
	assert_int_equal(manifest_write_header(writer), 0);
	for (size_t i = 0; i < NAME_COUNT; i++)
		write_one(writer, make_file(names[i], i));
	assert_int_equal(manifest_write_trailer(writer), 0);
	manifest_writer_free(writer);
	outcome = read_all(text.bytes, text.length, check_name);
	assert_true(outcome.complete);
	assert_int_equal(outcome.entries, NAME_COUNT);
	assert_int_equal(outcome.counts.files, NAME_COUNT);
	assert_int_equal(outcome.counts.bytes,
			 NAME_COUNT * (NAME_COUNT - 1) / 2);
	free(text.bytes);
}

static void check_text(const struct manifest_item *item, size_t number)
{
	static const enum manifest_type types[] = {
	    MANIFEST_FOLDER, MANIFEST_LINK, MANIFEST_UNREADABLE};
	static const char *const texts[] = {NULL, "to\xff\n", "cannot read"};

	assert_int_equal(item->entry->type, types[number]);
	if (texts[number] != NULL) {
		assert_string_equal(item->entry->text, texts[number]);
		assert_int_equal(item->entry->text_length,
				 strlen(texts[number]));
	}
}

static void test_other_types(void **state)
{
	struct text text = {0};
	struct manifest_writer *writer = manifest_writer_create(append, &text);
	struct outcome outcome;

	(void)state;
	assert_int_equal(manifest_write_header(writer), 0);
	write_one(writer, make_text(MANIFEST_FOLDER, "f", ""));
	write_one(writer, make_text(MANIFEST_LINK, "l", "to\xff\n"));
	write_one(writer, make_text(MANIFEST_UNREADABLE, "u", "cannot read"));
	assert_int_equal(manifest_write_trailer(writer), 0);
	assert_int_equal(manifest_writer_counts(writer)->errors, 1);
	manifest_writer_free(writer);
	outcome = read_all(text.bytes, text.length, check_text);
	assert_true(outcome.complete);
	assert_int_equal(outcome.counts.entries, 3);
	assert_int_equal(outcome.counts.files, 0);
	assert_int_equal(outcome.counts.errors, 1);
	free(text.bytes);
}

/* The longest path, of bytes that take the most room. */
static void test_longest_line(void **state)
{
	static const char bytes[] = {'\x01', '\xff', '"'};
	struct text text = {0};
	struct manifest_writer *writer = manifest_writer_create(append, &text);
	char *path = malloc(MANIFEST_PATH_MAX + 2);
	char link[MANIFEST_TEXT_MAX + 1];
	struct manifest_entry entry;

	(void)state;
	assert_non_null(path);
	memset(link, '\x02', sizeof(link) - 1);
	link[sizeof(link) - 1] = '\0';
	for (size_t i = 0; i < sizeof(bytes); i++) {
		memset(path, bytes[i], MANIFEST_PATH_MAX);
		path[MANIFEST_PATH_MAX] = '\0';
		write_one(writer, make_text(MANIFEST_LINK, path, link));
	}
	assert_true(text.longest > MANIFEST_PATH_MAX * 2);
	memset(path, 'a', MANIFEST_PATH_MAX + 1);
	path[MANIFEST_PATH_MAX + 1] = '\0';
	entry = make_file(path, 0);
	assert_int_equal(manifest_write_entry(writer, &entry, NULL), -1);
	manifest_writer_free(writer);
	free(path);
	free(text.bytes);
}

static void test_leaves(void **state)
{
	const uint64_t counts[] = {1,    2,    3,    MANIFEST_LEAVES_IN_LINE,
				   1025, 2048, 2049, 5000};
	struct leaf_table *leaves = make_leaves(5000);
	struct text text = {0};
	struct manifest_writer *writer = manifest_writer_create(append, &text);
	struct outcome outcome;
	uint64_t total = 0;

	(void)state;
	assert_int_equal(manifest_write_header(writer), 0);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		char path[2] = {(char)('a' + i), '\0'};
		struct manifest_entry entry =
		    make_file(path, counts[i] * LEAF_SIZE - 1);

		assert_int_equal(
		    leaf_table_digest(leaves, entry.size, &entry.digest), 1);
		assert_int_equal(manifest_write_entry(writer, &entry, leaves),
				 0);
		total += counts[i] > 1 ? counts[i] : 0;
	}
	assert_int_equal(manifest_write_trailer(writer), 0);
	manifest_writer_free(writer);
	outcome = read_all(text.bytes, text.length, NULL);
	assert_true(outcome.complete);
	assert_int_equal(outcome.leaves, total);
	leaf_table_free(leaves);
	free(text.bytes);
}

/* A file whose leaves are not all known has no entry. */
static void test_leaf_missing(void **state)
{
	struct leaf_table *leaves = make_leaves(2);
	struct text text = {0};
	struct manifest_writer *writer = manifest_writer_create(append, &text);
	struct manifest_entry entry = make_file("a", 3 * LEAF_SIZE);

	(void)state;
	assert_int_equal(manifest_write_entry(writer, &entry, leaves), -1);
	manifest_writer_free(writer);
	leaf_table_free(leaves);
	free(text.bytes);
}

static void test_line_stops(void **state)
{
	struct text text = {.stop_at = 2};
	struct manifest_writer *writer = manifest_writer_create(append, &text);
	struct manifest_entry entry = make_file("a", 3);

	(void)state;
	assert_int_equal(manifest_write_header(writer), 0);
	assert_int_equal(manifest_write_entry(writer, &entry, NULL), 7);
	manifest_writer_free(writer);
	free(text.bytes);
}

static int compare(const char *a, const char *b)
{
	int order = manifest_compare_paths(a, strlen(a), b, strlen(b));

	return (order > 0) - (order < 0);
}

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAME_COUNT; i++) {
		for (size_t j = 0; j < NAME_COUNT; j++) {
			int right = (i > j) - (i < j);

			assert_int_equal(compare(names[i], names[j]), right);
		}
	}
	assert_int_equal(compare("a/b", "a-b"), -1);
	assert_int_equal(compare("a/b", "a"), 1);
	assert_int_equal(compare("a/b/c", "a/b d"), -1);
	assert_int_equal(compare("a/\x01", "a/"), 1);
	assert_int_equal(compare("a\xff", "a/z"), 1);
}

/* ---- what is refused ---- */

static void make_sample(struct text *text)
{
	struct leaf_table *leaves = make_leaves(3);
	struct manifest_writer *writer = manifest_writer_create(append, text);
	struct manifest_entry big = make_file("d/big", 3 * LEAF_SIZE);

	assert_int_equal(leaf_table_digest(leaves, big.size, &big.digest), 1);
	assert_int_equal(manifest_write_header(writer), 0);
	write_one(writer, make_text(MANIFEST_FOLDER, "d", ""));
	assert_int_equal(manifest_write_entry(writer, &big, leaves), 0);
	write_one(writer, make_text(MANIFEST_LINK, "d/l\xff", "\xfe"));
	write_one(writer, make_file("e", 17));
	assert_int_equal(manifest_write_trailer(writer), 0);
	manifest_writer_free(writer);
	leaf_table_free(leaves);
}

static void test_cut_at_every_byte(void **state)
{
	struct text text = {0};

	(void)state;
	make_sample(&text);
	assert_true(read_all(text.bytes, text.length, NULL).complete);
	for (size_t i = 0; i < text.length; i++)
		assert_false(read_all(text.bytes, i, NULL).complete);
	free(text.bytes);
}

static void test_every_bit_flipped(void **state)
{
	struct text text = {0};

	(void)state;
	make_sample(&text);
	for (size_t i = 0; i < text.length * 8; i++) {
		text.bytes[i / 8] ^= (char)(1 << i % 8);
		assert_false(read_all(text.bytes, text.length, NULL).complete);
		text.bytes[i / 8] ^= (char)(1 << i % 8);
	}
	free(text.bytes);
}

#define HEAD                                                                   \
	"{\"format\":\"ferry-manifest\",\"version\":1,\"digest\":\"xxh128\","  \
	"\"leaf_size\":1048576}\n"
#define TIMES        "\"mtime\":0,\"mtime_ns\":0,\"mode\":\"0644\""
#define FOLDER(path) "{\"path\":\"" path "\",\"type\":\"folder\"," TIMES "}\n"
#define DIGITS       "00112233445566778899aabbccddeeff"
#define FILE_OF(size)                                                          \
	"{\"path\":\"a\",\"type\":\"file\",\"size\":" size "," TIMES           \
	",\"digest\":\"" DIGITS "\",\"leaf_size\":1048576}\n"

static void test_refused_headers(void **state)
{
	(void)state;
	assert_refused("", "cut off");
	assert_refused("\n", "no JSON object");
	assert_refused("[]\n", "no JSON object");
	assert_refused("{}\n", "\"format\"");
	assert_refused(FOLDER("a"), "\"format\"");
	assert_refused("{\"format\":\"ferry-manifest\",\"version\":2}\n",
		       "version 2");
	assert_refused("{\"format\":\"ferry-manifest\",\"version\":\"1\"}\n",
		       "\"version\"");
	assert_refused(HEAD, "cut off");
	assert_refused(HEAD HEAD, "\"path\"");
	assert_refused("0cc175b9c0f1b6a831c399e269772661  a\n",
		       "no JSON object");
}

static void test_refused_paths(void **state)
{
	static const char *const paths[] = {"/",     "/a",     ".",        "..",
					    "a/..",  "../a",   "a//b",     "a/",
					    "a/./b", "a/../b", "a\\u0000b"};
	char line[300];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		snprintf(line, sizeof(line), HEAD FOLDER("%s"), paths[i]);
		assert_refused(line, "line 2");
	}
	assert_refused(HEAD FOLDER("b") FOLDER("a"), "not in order");
	assert_refused(HEAD FOLDER("a") FOLDER("a"), "not in order");
	assert_refused(HEAD FOLDER("a-b") FOLDER("a/b"), "not in order");
	assert_refused(HEAD "{\"path_hex\":\"6\",\"type\":\"folder\"," TIMES
			    "}\n",
		       "\"path\"");
	assert_refused(HEAD "{\"path_hex\":\"6100\",\"type\":\"folder\"," TIMES
			    "}\n",
		       "\"path\"");
	assert_refused(HEAD "{\"path_hex\":\"2e2e\",\"type\":\"folder\"," TIMES
			    "}\n",
		       "leads out");
	assert_refused(HEAD "{\"path\":\"a\",\"path_hex\":\"61\","
			    "\"type\":\"folder\"," TIMES "}\n",
		       "not known");
}

static void test_refused_entries(void **state)
{
	(void)state;
	assert_refused(HEAD "{\"path\":\"a\",\"type\":\"socket\"," TIMES "}\n",
		       "\"type\"");
	assert_refused(HEAD "{\"path\":\"a\",\"type\":\"folder\"," TIMES
			    ",\"owner\":0}\n",
		       "not known");
	assert_refused(HEAD "{\"path\":\"a\",\"path\":\"a\"}\n",
		       "no JSON object");
	assert_refused(HEAD "{\"path\":\"a\",\"type\":\"link\"," TIMES "}\n",
		       "\"target\"");
	assert_refused(HEAD "{\"path\":\"a\",\"type\":\"folder\",\"mtime\":0,"
			    "\"mtime_ns\":1000000000,\"mode\":\"0644\"}\n",
		       "\"mtime_ns\"");
	assert_refused(HEAD "{\"path\":\"a\",\"type\":\"folder\",\"mtime\":0,"
			    "\"mtime_ns\":0,\"mode\":\"0648\"}\n",
		       "\"mode\"");
	assert_refused(HEAD "{\"path\":\"a\",\"type\":\"folder\",\"mtime\":0,"
			    "\"mtime_ns\":0,\"mode\":420}\n",
		       "\"mode\"");
	assert_refused(HEAD FILE_OF("-1"), "\"size\"");
	assert_refused(HEAD FILE_OF("1.0"), "\"size\"");
	assert_refused(HEAD FILE_OF("1125899906842625"), "\"size\"");
	assert_refused(HEAD FILE_OF("18446744073709551616"), "line 2");
}

static void test_refused_leaves(void **state)
{
	(void)state;
	assert_refused(HEAD FILE_OF("1048577") FOLDER("b"), "\"leaves\"");
	assert_refused(HEAD FILE_OF("1048576") "{\"first\":0,\"leaves\":"
					       "[\"" DIGITS "\"]}\n",
		       "\"path\"");
	assert_refused(HEAD FILE_OF("1048577") "{\"first\":1,\"leaves\":"
					       "[\"" DIGITS "\"]}\n",
		       "\"first\"");
	assert_refused(HEAD FILE_OF("1048577") "{\"first\":0,\"leaves\":[]}\n",
		       "\"leaves\"");
	assert_refused(HEAD FILE_OF("1048577") "{\"first\":0,\"leaves\":"
					       "[\"" DIGITS "\",\"" DIGITS
					       "\",\"" DIGITS "\"]}\n",
		       "\"leaves\"");
	assert_refused(HEAD FILE_OF("1048577") "{\"first\":0,\"leaves\":"
					       "[\"xx\"]}\n",
		       "\"leaves\"");
	assert_refused(HEAD FILE_OF("1048577") "{\"first\":0,\"leaves\":"
					       "[\"" DIGITS "\",\"" DIGITS
					       "\"]}\n",
		       "line 3: the leaves do not make up");
}

static void test_refused_ends(void **state)
{
	struct text text = {0};

	(void)state;
	assert_refused(HEAD "{\"entries\":0,\"files\":0,\"bytes\":0,"
			    "\"errors\":0,\"digest\":\"" DIGITS "\"}\n",
		       "not what the digest says");
	make_sample(&text);
	append(&text, "{}\n", 3);
	assert_refused(text.bytes, "after the end");
	free(text.bytes);
}

static void test_line_too_long(void **state)
{
	size_t length = MANIFEST_LINE_MAX + 1;
	char *line = malloc(length);

	(void)state;
	assert_non_null(line);
	memset(line, ' ', length);
	line[length - 1] = '\n';
	assert_false(read_all(line, length, NULL).complete);
	assert_non_null(strstr(read_all(line, length, NULL).cause, "too long"));
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_other_types),
	    cmocka_unit_test(test_longest_line),
	    cmocka_unit_test(test_leaves),
	    cmocka_unit_test(test_leaf_missing),
	    cmocka_unit_test(test_line_stops),
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_cut_at_every_byte),
	    cmocka_unit_test(test_every_bit_flipped),
	    cmocka_unit_test(test_refused_headers),
	    cmocka_unit_test(test_refused_paths),
	    cmocka_unit_test(test_refused_entries),
	    cmocka_unit_test(test_refused_leaves),
	    cmocka_unit_test(test_refused_ends),
	    cmocka_unit_test(test_line_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
