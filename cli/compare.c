/* SPDX-License-Identifier: BSD-2-Clause */
/* What differs between two sides, and where? */
#include "cli/compare.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/notice.h"
#include "cli/signals.h"
#include "journal/io.h"

/* So many ranges of a file are told by number; more than that are counted. */
#define RANGES_KEPT  256
#define RANGES_SHOWN 8

/* A side, and where it is. */
struct cursor {
	struct side *side;
	const char *name;
	struct manifest_item item;
	const struct manifest_entry *entry; /* NULL: at the end */
	size_t next_leaf; /* of item.leaves, or of the one of a small file */
	char *unreadable; /* path of the last entry that is, or NULL */
};

struct compare {
	const struct compare_request *request;
	struct compare_result *result;
	struct cursor left, right;
	struct transfer_stats stats; /* for the progress bar */
	int failed;                  /* a side did */
	char *text;                  /* of cause() */

	/* Leaves of the file being compared that differ. */
	struct seq_range ranges[RANGES_KEPT];
	size_t range_count;
	uint64_t leaves_differ;
};

/* ---- telling ---- */

/* A text that is valid until the next. */
static const char *cause(struct compare *compare, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static const char *cause(struct compare *compare, const char *format, ...)
{
	va_list arguments;

	free(compare->text);
	va_start(arguments, format);
	if (vasprintf(&compare->text, format, arguments) == -1)
		compare->text = NULL;
	va_end(arguments);
	return compare->text != NULL ? compare->text : "differs";
}

static void tell(struct compare *compare, const struct manifest_entry *entry,
		 const char *kind, const char *text)
{
	struct json_difference difference = {
	    .path = *entry->path != '\0' ? entry->path : ".",
	    .kind = kind,
	    .cause = text,
	    .ranges = compare->ranges,
	    .range_count = compare->range_count,
	};

	notice_failure(difference.path, text, NULL);
	if (compare->request->json != NULL)
		json_difference(compare->request->json, &difference);
}

static void tell_difference(struct compare *compare,
			    const struct manifest_entry *entry,
			    const char *kind, const char *text)
{
	compare->result->differences++;
	tell(compare, entry, kind, text);
}

static const char *type_name(enum manifest_type type)
{
	static const char *const names[] = {"a file", "a folder",
					    "a symbolic link", "unreadable"};

	return names[type];
}

/* ---- the two sides ---- */

/* Take the next item.  1, 0 at the end, -1 after telling the user. */
static int next_item(struct compare *compare, struct cursor *cursor)
{
	int result = side_next(cursor->side, &cursor->item);

	if (result != -1)
		return result;
	if (!compare->failed) {
		compare->result->code = side_code(cursor->side);
		if (side_text(cursor->side) != NULL)
			notice_failure(NULL, side_text(cursor->side), NULL);
	}
	compare->failed = 1;
	return -1;
}

/* Remember what is not known of the side. */
static int note_unreadable(struct cursor *cursor)
{
	free(cursor->unreadable);
	cursor->unreadable = strdup(cursor->entry->path);
	return cursor->unreadable != NULL ? 0 : -1;
}

/* Go on to the next entry, or to the end.  0 or -1. */
static int advance(struct compare *compare, struct cursor *cursor)
{
	int result;

	cursor->entry = NULL;
	cursor->next_leaf = 0;
	do {
		result = next_item(compare, cursor);
	} while (result == 1 && cursor->item.type != MANIFEST_ENTRY);
	if (result == 1)
		cursor->entry = cursor->item.entry;
	if (result == 1 && cursor->entry->type == MANIFEST_UNREADABLE &&
	    note_unreadable(cursor) == -1) {
		notice_error("out of memory");
		compare->result->code = EXIT_FILE_IO;
		compare->failed = 1;
		return -1;
	}
	return result == -1 ? -1 : 0;
}

/* Is path in a folder that the side could not look into? */
static int is_unknown(const struct cursor *cursor,
		      const struct manifest_entry *entry)
{
	size_t length;

	if (cursor->unreadable == NULL)
		return 0;
	length = strlen(cursor->unreadable);
	if (length == 0)
		return 1;
	return entry->path_length > length && entry->path[length] == '/' &&
	       memcmp(entry->path, cursor->unreadable, length) == 0;
}

/* The next leaf of the cursor's file.  1 and *leaf, 0: it has no more, -1. */
static int next_leaf(struct compare *compare, struct cursor *cursor,
		     uint64_t index, struct digest *leaf)
{
	uint64_t count = leaf_count(cursor->entry->size);
	int result;

	if (index >= count)
		return 0;
	if (count == 1) {
		*leaf = cursor->entry->digest;
		return 1;
	}
	/* The reader sees to it that all leaves follow their entry. */
	if (cursor->item.type != MANIFEST_LEAVES ||
	    cursor->next_leaf == cursor->item.leaf_count) {
		result = next_item(compare, cursor);
		if (result != 1)
			return result;
		cursor->next_leaf = 0;
	}
	*leaf = cursor->item.leaves[cursor->next_leaf++];
	return 1;
}

/* ---- files ---- */

static void note_leaf(struct compare *compare, uint64_t index)
{
	size_t count = compare->range_count;

	compare->leaves_differ++;
	if (count > 0 && compare->ranges[count - 1].end == index) {
		compare->ranges[count - 1].end++;
	} else if (count < RANGES_KEPT) {
		compare->ranges[count].first = index;
		compare->ranges[count].end = index + 1;
		compare->range_count++;
	}
}

/* Find the leaves that differ.  0 or -1. */
static int compare_leaves(struct compare *compare)
{
	struct digest left, right;
	int has_left, has_right;

	for (uint64_t i = 0;; i++) {
		has_left = next_leaf(compare, &compare->left, i, &left);
		has_right = next_leaf(compare, &compare->right, i, &right);
		if (has_left == -1 || has_right == -1)
			return -1;
		if (!has_left && !has_right)
			return 0;
		if (!has_left || !has_right || !digest_equal(&left, &right))
			note_leaf(compare, i);
	}
}

/* "1, 3-4 and 7 more". */
static char *format_ranges(const struct compare *compare)
{
	char *text = NULL;
	size_t size = 0;
	uint64_t left = compare->leaves_differ;
	FILE *stream = open_memstream(&text, &size);

	if (stream == NULL)
		return NULL;
	for (size_t i = 0; i < compare->range_count && i < RANGES_SHOWN; i++) {
		const struct seq_range *range = &compare->ranges[i];

		fprintf(stream, "%s%llu", i > 0 ? ", " : "",
			(unsigned long long)range->first);
		if (range->end - range->first > 1)
			fprintf(stream, "-%llu",
				(unsigned long long)(range->end - 1));
		left -= range->end - range->first;
	}
	if (left > 0)
		fprintf(stream, " and %llu more", (unsigned long long)left);
	if (fclose(stream) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* What comes before the ranges; there are none if a manifest lies. */
static const char *tell_where(const char *ranges, const char *before)
{
	return *ranges != '\0' ? before : "";
}

static void tell_content(struct compare *compare, uint64_t left_size,
			 uint64_t right_size)
{
	const struct manifest_entry *entry = compare->left.entry;
	char *ranges = format_ranges(compare);
	const char *at = ranges != NULL ? ranges : "";

	if (left_size == right_size)
		tell_difference(compare, entry, "content",
				cause(compare, "differs%s%s",
				      tell_where(at, " at MiB "), at));
	else
		tell_difference(
		    compare, entry, "content",
		    cause(compare,
			  "differs in size (%llu bytes in %s, %llu in %s)%s%s",
			  (unsigned long long)left_size, compare->left.name,
			  (unsigned long long)right_size, compare->right.name,
			  tell_where(at, ", at MiB "), at));
	free(ranges);
}

static int compare_files(struct compare *compare)
{
	const struct manifest_entry *left = compare->left.entry;
	const struct manifest_entry *right = compare->right.entry;
	uint64_t left_size = left->size, right_size = right->size;

	if (left_size == right_size &&
	    digest_equal(&left->digest, &right->digest)) {
		compare->result->files++;
		compare->result->bytes += left_size;
		return 0;
	}
	compare->range_count = 0;
	compare->leaves_differ = 0;
	if (compare_leaves(compare) == -1)
		return -1;
	tell_content(compare, left_size, right_size);
	compare->range_count = 0;
	return 0;
}

/* ---- entries ---- */

/* Times and modes are no content. */
static void mention_attributes(const struct manifest_entry *left,
			       const struct manifest_entry *right)
{
	const char *path = *left->path != '\0' ? left->path : ".";

	if (left->type != MANIFEST_LINK && left->mode != right->mode)
		notice_verbose(1, "%s: same content, mode %04o and %04o", path,
			       (unsigned)left->mode, (unsigned)right->mode);
	if (left->mtime_seconds != right->mtime_seconds ||
	    left->mtime_nanoseconds != right->mtime_nanoseconds)
		notice_verbose(1, "%s: same content, another time", path);
}

static void tell_unreadable(struct compare *compare,
			    const struct cursor *cursor)
{
	compare->result->errors++;
	tell(compare, cursor->entry, "unreadable",
	     cause(compare, "cannot be compared: in %s: %s", cursor->name,
		   cursor->entry->text));
}

/* Both sides have it. */
static int compare_entry(struct compare *compare)
{
	const struct manifest_entry *left = compare->left.entry;
	const struct manifest_entry *right = compare->right.entry;

	if (left->type == MANIFEST_UNREADABLE) {
		tell_unreadable(compare, &compare->left);
	} else if (right->type == MANIFEST_UNREADABLE) {
		tell_unreadable(compare, &compare->right);
	} else if (left->type != right->type) {
		tell_difference(compare, left, "type",
				cause(compare, "is %s in %s, %s in %s",
				      type_name(left->type), compare->left.name,
				      type_name(right->type),
				      compare->right.name));
	} else if (left->type == MANIFEST_FILE) {
		mention_attributes(left, right);
		return compare_files(compare);
	} else if (left->type == MANIFEST_LINK &&
		   strcmp(left->text, right->text) != 0) {
		tell_difference(compare, left, "link",
				cause(compare, "leads to %s in %s, to %s in %s",
				      left->text, compare->left.name,
				      right->text, compare->right.name));
	} else {
		mention_attributes(left, right);
	}
	return 0;
}

static void tell_missing(struct compare *compare)
{
	if (!is_unknown(&compare->right, compare->left.entry))
		tell_difference(
		    compare, compare->left.entry, "missing",
		    cause(compare, "missing in %s", compare->right.name));
}

static void tell_extra(struct compare *compare)
{
	const struct manifest_entry *entry = compare->right.entry;

	if (is_unknown(&compare->left, entry))
		return;
	if (compare->request->extra_is_fine)
		notice_verbose(1, "%s: only in %s", entry->path,
			       compare->right.name);
	else
		tell_difference(
		    compare, entry, "extra",
		    cause(compare, "only in %s", compare->right.name));
}

/* <0: the left entry is next, 0: both, >0: the right one. */
static int order(const struct compare *compare)
{
	const struct manifest_entry *left = compare->left.entry;
	const struct manifest_entry *right = compare->right.entry;

	if (left == NULL || right == NULL)
		return left == NULL ? 1 : -1;
	return manifest_compare_paths(left->path, left->path_length,
				      right->path, right->path_length);
}

static void show_progress(struct compare *compare)
{
	struct progress *progress = compare->request->observe->progress;
	struct io *io = io_system();

	compare->stats.files_done = compare->result->files;
	compare->stats.bytes_confirmed = compare->result->bytes;
	progress_update(progress, &compare->stats, io->clock(io->context));
	if (signals_status_wanted())
		progress_print_status(progress);
}

/* Until both are at their end.  0 or -1. */
static int compare_all(struct compare *compare)
{
	if (advance(compare, &compare->left) == -1 ||
	    advance(compare, &compare->right) == -1)
		return -1;
	while (compare->left.entry != NULL || compare->right.entry != NULL) {
		int next = order(compare);

		if (next < 0)
			tell_missing(compare);
		else if (next > 0)
			tell_extra(compare);
		else if (compare_entry(compare) == -1)
			return -1;
		show_progress(compare);
		if ((next <= 0 && advance(compare, &compare->left) == -1) ||
		    (next >= 0 && advance(compare, &compare->right) == -1))
			return -1;
	}
	return 0;
}

void compare_run(const struct compare_request *request,
		 struct compare_result *result)
{
	struct compare *compare = calloc(1, sizeof(*compare));

	memset(result, 0, sizeof(*result));
	if (compare == NULL) {
		notice_error("out of memory");
		result->code = EXIT_FILE_IO;
		return;
	}
	compare->request = request;
	compare->result = result;
	compare->left.side = request->left;
	compare->left.name = request->left_name;
	compare->right.side = request->right;
	compare->right.name = request->right_name;
	if (compare_all(compare) == 0)
		result->code = result->differences > 0 ? EXIT_DIFFERENT
			       : result->errors > 0    ? EXIT_PARTIAL
						       : EXIT_DONE;
	free(compare->left.unreadable);
	free(compare->right.unreadable);
	free(compare->text);
	free(compare);
}
