/* SPDX-License-Identifier: BSD-2-Clause */
/* What the user of a relay is told, from the frames that it passes on. */
#include "transfer/relay_count.h"

#include <stdlib.h>
#include <string.h>

#include "journal/digest.h"
#include "transfer/entry.h"
#include "transfer/root.h"

/* No honest sender has as many without a receipt. */
#define ITEMS_MAX 65536

struct item {
	struct entry *entry;     /* NULL: it could not be announced */
	enum problem_kind given; /* why it was given up; 0: it was not */
	uint64_t sent;           /* bytes of leaves, once each if all is well */
	uint64_t confirmed;      /* likewise, of its size */
};

/* ---- what was asked for ---- */

static int compare_names(const void *one, const void *other)
{
	return strcmp(*(char *const *)one, *(char *const *)other);
}

static int set_asked(struct relay_count *count, char **sources, size_t number)
{
	for (size_t i = 0; i < number; i++)
		if (root_means_contents(sources[i]))
			return 0;
	count->asked = calloc(number + 1, sizeof(char *));
	if (count->asked == NULL)
		return -1;
	for (size_t i = 0; i < number; i++) {
		size_t length;
		const char *name = root_last_name(sources[i], &length);

		count->asked[i] = strndup(name, length);
		if (count->asked[i] == NULL)
			return -1;
		count->asked_count++;
	}
	qsort(count->asked, number, sizeof(char *), compare_names);
	return 0;
}

/* 1 if the first name of a path was asked for. */
static int is_asked(const struct relay_count *count, const char *path,
		    size_t path_length)
{
	const char *slash = memchr(path, '/', path_length);
	size_t length = slash != NULL ? (size_t)(slash - path) : path_length;
	char name[256], *key = name;

	if (count->asked == NULL)
		return 1;
	if (length >= sizeof(name))
		return 0;
	memcpy(name, path, length);
	name[length] = '\0';
	return bsearch(&key, count->asked, count->asked_count, sizeof(char *),
		       compare_names) != NULL;
}

/* ---- begin and end ---- */

int relay_count_begin(struct relay_count *count, struct session *session,
		      char **sources, size_t source_count)
{
	memset(count, 0, sizeof(*count));
	count->session = session;
	return set_asked(count, sources, source_count);
}

static void item_free(struct item *item)
{
	if (item != NULL)
		entry_free(item->entry);
	free(item);
}

void relay_count_end(struct relay_count *count)
{
	size_t position = 0;
	struct item *item;

	while ((item = index_map_each(&count->items, &position)) != NULL)
		item_free(item);
	index_map_clear(&count->items);
	for (size_t i = 0; i < count->asked_count; i++)
		free(count->asked[i]);
	free(count->asked);
}

/* ---- of the end that reads ---- */

/* A new item, which has the entry then.  0 or -1. */
static int add(struct relay_count *count, uint64_t index, struct entry *entry)
{
	struct item *item = calloc(1, sizeof(*item));

	if (item == NULL || count->items.count == ITEMS_MAX ||
	    index_map_put(&count->items, index, item) == -1) {
		free(item);
		return -1;
	}
	item->entry = entry;
	count->next_entry = index + 1;
	return 0;
}

static int take_entry(struct relay_count *count, const struct frame *frame)
{
	struct transfer_stats *stats = &count->session->stats;
	struct entry *entry;

	if (message_entry_decode(frame, &entry) == -1)
		return -1;
	if (!is_asked(count, entry->path, entry->path_length))
		goto refuse;
	if (entry->index < count->next_entry) {
		/* It is said again. */
		entry_free(entry);
		return 0;
	}
	if (add(count, entry->index, entry) == -1)
		goto refuse;
	stats->bytes_planned += entry->size;
	return 0;

refuse:
	entry_free(entry);
	return -1;
}

static int take_chunk(struct relay_count *count, const struct frame *frame)
{
	struct message_chunk chunk;
	struct item *item;

	if (message_chunk_decode(frame, &chunk) == -1)
		return -1;
	count->session->stats.bytes_sent += chunk.size;
	item = index_map_get(&count->items, chunk.entry);
	if (item != NULL)
		item->sent += chunk.length;
	return 0;
}

static void report(struct relay_count *count,
		   const struct engine_report *report)
{
	const struct transfer_observer *observer = count->session->observer;

	if (observer->report != NULL)
		observer->report(observer->cookie, report);
}

static void report_problem(struct relay_count *count,
			   const struct message_problem *problem)
{
	static const enum report_kind kinds[] = {
	    [PROBLEM_FAILED] = REPORT_FAILED,
	    [PROBLEM_VANISHED] = REPORT_VANISHED,
	    [PROBLEM_SKIPPED] = REPORT_SKIPPED,
	};
	struct transfer_stats *stats = &count->session->stats;
	struct engine_report line = {.kind = kinds[problem->kind]};
	char *path = strndup(problem->path, problem->path_length);
	char *text = problem->text_length > 0
			 ? strndup(problem->text, problem->text_length)
			 : NULL;

	stats->files_failed += problem->kind == PROBLEM_FAILED;
	stats->files_vanished += problem->kind == PROBLEM_VANISHED;
	line.path = path != NULL ? path : "out of memory";
	line.text = text;
	report(count, &line);
	free(path);
	free(text);
}

static int take_problem(struct relay_count *count, const struct frame *frame)
{
	struct message_problem problem;
	struct item *item;

	if (message_problem_decode(frame, &problem) == -1)
		return -1;
	if (problem.entry >= count->next_entry &&
	    add(count, problem.entry, NULL) == -1)
		return -1;
	item = index_map_get(&count->items, problem.entry);
	if (item == NULL || item->given != 0)
		return 0; /* it is said again */
	item->given = problem.kind;
	report_problem(count, &problem);
	return 0;
}

static int take_stats(struct relay_count *count, const struct frame *frame)
{
	struct transfer_stats *stats = &count->session->stats;
	struct message_stats message;

	if (message_stats_decode(frame, &message) == -1)
		return -1;
	stats->total_files = message.total_files;
	stats->total_bytes = message.total_bytes;
	stats->chunks_resent = message.chunks_resent;
	return 0;
}

static int take_offer(const struct relay_count *count,
		      const struct frame *frame)
{
	struct message_offer offer;

	if (message_offer_decode(frame, &offer) == -1 ||
	    ((offer.flags & OFFER_CONTENTS) != 0 && count->asked != NULL))
		return -1;
	return (offer.flags & OFFER_SINGLE) == 0 ||
		       is_asked(count, offer.name, offer.name_length)
		   ? 0
		   : -1;
}

int relay_count_from(struct relay_count *count, const struct frame *frame)
{
	switch (frame->type) {
	case FRAME_OFFER:
		return take_offer(count, frame);
	case FRAME_ENTRY:
		return take_entry(count, frame);
	case FRAME_CHUNK:
		return take_chunk(count, frame);
	case FRAME_PROBLEM:
		return take_problem(count, frame);
	case FRAME_STATS:
		return take_stats(count, frame);
	default:
		return 0;
	}
}

/* ---- of the end that writes ---- */

/* What is confirmed of files that have no receipt: for the bar, so only what
 * the number that all are below says. */
static void recount(struct relay_count *count)
{
	uint64_t confirmed = count->settled;
	size_t position = 0;
	struct item *item;

	while ((item = index_map_each(&count->items, &position)) != NULL) {
		const struct entry *entry = item->entry;

		if (entry == NULL || entry->size == 0 ||
		    count->below <= entry->first_seq)
			continue;
		item->confirmed = (count->below - entry->first_seq) * LEAF_SIZE;
		if (item->confirmed > entry->size)
			item->confirmed = entry->size;
		confirmed += item->confirmed;
	}
	count->session->stats.bytes_confirmed = confirmed;
}

static int take_ack(struct relay_count *count, const struct frame *frame)
{
	struct message_ack ack;

	if (message_ack_decode(frame, &ack) == -1)
		return -1;
	free(ack.ranges);
	if (ack.below > count->below) {
		count->below = ack.below;
		recount(count);
	}
	return 0;
}

/* An entry is in place, or was. */
static void settle(struct relay_count *count, const struct item *item,
		   const struct message_receipt *receipt)
{
	struct transfer_stats *stats = &count->session->stats;
	const struct entry *entry = item->entry;
	int same = receipt->status == RECEIPT_SAME;
	struct engine_report line = {
	    .kind = same ? REPORT_SAME : REPORT_DONE,
	    .path = entry->path,
	    .size = entry->size,
	    .file = entry->type == ENTRY_FILE,
	    .digest = receipt->file,
	};

	if (line.file) {
		stats->files_done++;
		stats->files_skipped += (uint64_t)same;
		if (item->sent < entry->size)
			stats->bytes_reused += entry->size - item->sent;
		count->settled += entry->size;
		stats->bytes_confirmed += entry->size - item->confirmed;
	}
	/* The end of a folder is no news. */
	if (entry->type != ENTRY_FOLDER_END)
		report(count, &line);
}

static void fail_entry(struct relay_count *count, const struct item *item,
		       const struct message_receipt *receipt)
{
	char *text = strndup(receipt->text, receipt->text_length);
	const struct engine_report line = {
	    .kind = REPORT_FAILED, .path = item->entry->path, .text = text};

	count->session->stats.files_failed++;
	report(count, &line);
	free(text);
}

static int take_receipt(struct relay_count *count, const struct frame *frame)
{
	struct message_receipt receipt;
	struct item *item;

	if (message_receipt_decode(frame, &receipt) == -1)
		return -1;
	item = index_map_remove(&count->items, receipt.entry);
	if (item == NULL)
		return 0; /* it is said again */
	if (item->entry != NULL && item->given == 0) {
		if (receipt.status == RECEIPT_FAILED)
			fail_entry(count, item, &receipt);
		else if (receipt.status != RECEIPT_WITHDRAWN)
			settle(count, item, &receipt);
	}
	item_free(item);
	return 0;
}

int relay_count_to(struct relay_count *count, const struct frame *frame)
{
	switch (frame->type) {
	case FRAME_ACK:
		return take_ack(count, frame);
	case FRAME_RECEIPT:
		return take_receipt(count, frame);
	default:
		return 0;
	}
}
