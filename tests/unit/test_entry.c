/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: no name that could lead out of the target, into the staging folder, or
 * to two meanings is ever taken for a path; and no honest name is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transfer/entry.h"

/* A name with a length, for those with a NUL inside. */
struct name {
	const char *bytes;
	size_t length;
};
#define NAME(text)                                                             \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* Parts that no path may have. */
static const struct name bad_parts[] = {
    NAME(""),         NAME("."),           NAME(".."),       NAME(".ferry"),
    NAME("\0"),       NAME("\0x"),         NAME("x\0"),      NAME("x\0y"),
    NAME(".\0"),      NAME("..\0"),        NAME(".ferry\0"), NAME("\0."),
    NAME("\0.."),     NAME("..\0.."),      NAME("./."),      NAME("../.."),
    NAME("a/../.."),  NAME("./.."),        NAME("a//b"),     NAME("//"),
    NAME("/"),        NAME("/.."),         NAME("../"),      NAME("./"),
    NAME(".ferry/x"), NAME("x/.ferry"),    NAME("a/./b"),    NAME("a/b/.."),
    NAME("...\0/.."), NAME("/etc/passwd"), NAME("///"),      NAME("../.ferry"),
};

/* What stands before and after a bad part. */
static const struct {
	const char *before;
	const char *after;
} places[] = {
    {"a/", "/b"},  {"a/b/c/", "/d"}, {"../", "/x"},   {"./", "/x"},
    {"/", "/x"},   {"a/", "/../b"},  {"a/../", "/b"}, {".ferry/", "/x"},
    {"a//", "/b"}, {"a/", "//b"},
};

/* Names that look wild and are nobody's business but their owner's. */
static const struct name honest[] = {
    NAME("a"),
    NAME("a/b/c"),
    NAME("..."),
    NAME("..a"),
    NAME("a.."),
    NAME(".a"),
    NAME("a."),
    NAME(".ferryx"),
    NAME("ferry"),
    NAME(".Ferry"),
    NAME("x.ferry"),
    NAME(".ferry "),
    NAME(" "),
    NAME("\n"),
    NAME("\x1b[31mred"),
    NAME("-rf"),
    NAME("~"),
    NAME("~root/x"),
    NAME("$(id)"),
    NAME("`id`"),
    NAME("a\\..\\b"),
    NAME("\xff\xfe"),
    NAME("\xc0\xae\xc0\xae/x"), /* an overlong "..": only bytes count */
    NAME("C:/x"),
    NAME("host:path"),
    NAME("%2e%2e/x"),
    NAME("\x01"),
    NAME("\x7f"),
};

/* The path before + part + after, on its own so that ASan sees its end. */
static int valid_at(const char *before, const struct name *part,
		    const char *after, int allow_root)
{
	size_t head = strlen(before), tail = strlen(after);
	size_t length = head + part->length + tail;
	char *path = malloc(length + (length == 0));
	int valid;

	assert_non_null(path);
	memcpy(path, before, head);
	memcpy(path + head, part->bytes, part->length);
	memcpy(path + head + part->length, after, tail);
	valid = entry_path_valid(path, length, allow_root);
	free(path);
	return valid;
}

static void test_hostile_names(void **state)
{
	unsigned tried = 0;

	(void)state;
	for (size_t i = 0; i < LENGTH(bad_parts); i++) {
		const struct name *part = &bad_parts[i];

		for (size_t j = 0; j < LENGTH(places); j++, tried++)
			assert_int_equal(valid_at(places[j].before, part,
						  places[j].after, 1),
					 0);
		/* "" alone is the target itself: see test_root. */
		if (part->length > 0) {
			assert_int_equal(valid_at("", part, "", 1), 0);
			tried++;
		}
		if (part->length > 0) {
			assert_int_equal(valid_at("", part, "/b", 1), 0);
			assert_int_equal(valid_at("a/", part, "", 1), 0);
			tried += 2;
		}
	}
	assert_true(tried >= 300);
}

static void test_honest_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(honest); i++) {
		assert_int_equal(valid_at("", &honest[i], "", 0), 1);
		assert_int_equal(valid_at("a/", &honest[i], "/b", 0), 1);
	}
	for (int byte = 1; byte < 256; byte++) {
		char text = (char)byte;
		struct name name = {&text, 1};

		assert_int_equal(valid_at("", &name, "", 0),
				 byte != '/' && byte != '.');
	}
}

static void test_root(void **state)
{
	(void)state;
	assert_int_equal(entry_path_valid("", 0, 1), 1);
	assert_int_equal(entry_path_valid("", 0, 0), 0);
}

/* size bytes of x, with a '/' before each part'th. */
static struct name long_path(size_t size, size_t part)
{
	char *bytes = malloc(size);
	struct name name = {bytes, size};

	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = i % part == part - 1 ? '/' : 'x';
	bytes[size - 1] = 'x';
	return name;
}

static void test_lengths(void **state)
{
	struct name path;

	(void)state;
	path = long_path(255, 300);
	assert_int_equal(valid_at("", &path, "", 0), 1);
	assert_int_equal(valid_at("", &path, "x", 0), 0);
	assert_int_equal(valid_at("x", &path, "", 0), 0);
	assert_int_equal(valid_at("a/", &path, "/b", 0), 1);
	assert_int_equal(valid_at("a/", &path, "x/b", 0), 0);
	free((char *)path.bytes);

	path = long_path(ENTRY_PATH_MAX, 100);
	assert_int_equal(valid_at("", &path, "", 0), 1);
	assert_int_equal(valid_at("", &path, "x", 0), 0);
	free((char *)path.bytes);
}

static void test_owners(void **state)
{
	struct entry *entry = entry_create(ENTRY_LINK, "a/bc", 3, "to", 2);

	(void)state;
	assert_non_null(entry);
	assert_string_equal(entry->path, "a/b");
	assert_int_equal(entry->path_length, 3);
	assert_string_equal(entry->link, "to");
	assert_int_equal(entry->link_length, 2);
	assert_ptr_equal(entry_share(entry), entry);
	entry_free(entry);
	assert_string_equal(entry->path, "a/b");
	entry_free(entry);
	entry_free(NULL);

	entry = entry_create(ENTRY_FOLDER, "", 0, NULL, 0);
	assert_non_null(entry);
	assert_string_equal(entry->path, "");
	assert_null(entry->link);
	entry_free(entry);
}

static void test_chunks(void **state)
{
	struct entry entry = {.type = ENTRY_FILE};

	(void)state;
	assert_int_equal(entry_chunks(&entry), 0);
	entry.size = 1;
	assert_int_equal(entry_chunks(&entry), 1);
	entry.size = LEAF_SIZE;
	assert_int_equal(entry_chunks(&entry), 1);
	entry.size = LEAF_SIZE + 1;
	assert_int_equal(entry_chunks(&entry), 2);
	entry.size = ENTRY_SIZE_MAX;
	assert_int_equal(entry_chunks(&entry), 1 << 30);
	entry.type = ENTRY_FOLDER;
	assert_int_equal(entry_chunks(&entry), 0);
}

/* Each of the seven numbers makes another version, and nothing else does. */
static void test_version(void **state)
{
	struct stat stat = {.st_size = 5};
	struct stat other;
	struct digest version, changed;
	int64_t *numbers[7];

	(void)state;
	version = entry_version(&stat);
	for (size_t i = 0; i < LENGTH(numbers); i++) {
		other = stat;
		numbers[0] = (int64_t *)&other.st_dev;
		numbers[1] = (int64_t *)&other.st_ino;
		numbers[2] = (int64_t *)&other.st_size;
		numbers[3] = (int64_t *)&other.st_mtim.tv_sec;
		numbers[4] = (int64_t *)&other.st_mtim.tv_nsec;
		numbers[5] = (int64_t *)&other.st_ctim.tv_sec;
		numbers[6] = (int64_t *)&other.st_ctim.tv_nsec;
		*numbers[i] += 1;
		changed = entry_version(&other);
		assert_memory_not_equal(changed.bytes, version.bytes, 16);
	}
	other = stat;
	other.st_atim.tv_sec = 77;
	changed = entry_version(&other);
	assert_memory_equal(changed.bytes, version.bytes, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hostile_names),
	    cmocka_unit_test(test_honest_names),
	    cmocka_unit_test(test_root),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_owners),
	    cmocka_unit_test(test_chunks),
	    cmocka_unit_test(test_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
