/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: the reading end says rightly what the user named, tells every entry
 * once, gives out only leaves of the planned version, and is neither led away
 * nor held up by what takes a file's place.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/file.h>

#include <cmocka.h>

#include "journal/ledger.h"
#include "journal/uuid.h"
#include "tests/unit/scratch.h"
#include "transfer/source.h"

#define LEAF ((size_t)LEAF_SIZE)

/* A source, and all entries that it told. */
struct reading {
	struct scratch scratch;
	struct source *source;
	struct message_offer offer;
	char *text; /* of a failure to open */
	struct entry *entries[1024];
	size_t count;
	size_t problems;
	char problem_path[300], problem_text[300];
	enum problem_kind problem_kind;
};

static int setup(void **state)
{
	struct reading *reading = calloc(1, sizeof(*reading));

	assert_non_null(reading);
	scratch_make(&reading->scratch);
	*state = reading;
	return 0;
}

static void close_source(struct reading *reading)
{
	while (reading->count > 0)
		entry_free(reading->entries[--reading->count]);
	source_close(reading->source);
	reading->source = NULL;
	free(reading->text);
	reading->text = NULL;
	reading->problems = 0;
}

static int teardown(void **state)
{
	struct reading *reading = *state;

	scratch_self_again();
	close_source(reading);
	scratch_remove(&reading->scratch);
	free(reading);
	return 0;
}

static struct source *open_paths(struct reading *reading, char **paths,
				 size_t count, int state_dir)
{
	struct source_config config = {
	    .io = io_system(),
	    .start_dir = reading->scratch.dir,
	    .paths = paths,
	    .path_count = count,
	    .state_dir = state_dir,
	};

	close_source(reading);
	reading->source = source_open(&config, &reading->offer, &reading->text);
	return reading->source;
}

static struct source *open_path(struct reading *reading, const char *path)
{
	char *copy = strdup(path);
	struct source *source = open_paths(reading, &copy, 1, -1);

	free(copy);
	return source;
}

/* Run the walk to its end, and number the entries as the engine does. */
static void walk_all(struct reading *reading)
{
	uint64_t seq = 100;
	int end = 0;

	while (!end) {
		struct task *task = task_create(TASK_WALK);

		source_run(reading->source, task);
		assert_int_equal(task->error, 0);
		for (size_t i = 0; i < task->walk->count; i++) {
			struct walk_item *item = &task->walk->items[i];

			if (item->entry == NULL) {
				reading->problems++;
				reading->problem_kind = item->problem;
				strncpy(reading->problem_path, item->path, 299);
				strncpy(reading->problem_text, item->text, 299);
				continue;
			}
			item->entry->index = reading->count;
			item->entry->first_seq = seq;
			seq += entry_chunks(item->entry);
			reading->entries[reading->count++] = item->entry;
			item->entry = NULL;
		}
		end = task->walk->end;
		task_free(task);
	}
}

static struct entry *find(struct reading *reading, const char *path)
{
	for (size_t i = 0; i < reading->count; i++)
		if (strcmp(reading->entries[i]->path, path) == 0)
			return reading->entries[i];
	fail_msg("no entry %s", path);
	return NULL;
}

static struct entry *only_file(struct reading *reading, const char *path)
{
	assert_non_null(open_path(reading, path));
	walk_all(reading);
	assert_int_equal(reading->count, 1);
	return reading->entries[0];
}

enum { DIGEST_ONLY = 1, CHECK_ONLY = 2, LAST = 4 };

static struct task *read_leaf(struct reading *reading,
			      const struct entry *entry, uint64_t leaf, int how)
{
	struct task *task = task_create(TASK_READ);

	task->read->entry = entry;
	task->read->leaf = leaf;
	task->read->digest_only = (how & DIGEST_ONLY) != 0;
	task->read->check_only = (how & CHECK_ONLY) != 0;
	task->read->last = (how & LAST) != 0;
	task->read->flags = entry_chunks(entry) == 1 ? CHUNK_WHOLE : 0;
	source_run(reading->source, task);
	return task;
}

static void expect_status(struct reading *reading, const struct entry *entry,
			  enum read_status status)
{
	struct task *task = read_leaf(reading, entry, 0, LAST);

	assert_int_equal(task->read->status, status);
	task_free(task);
}

/* ---- what the user named ------------------------------------------------ */

static void knows_one_file_from_a_folder(void **state)
{
	struct reading *reading = *state;

	scratch_folder(&reading->scratch, "d");
	scratch_text(&reading->scratch, "d/f", "x");
	assert_non_null(open_path(reading, "d/f"));
	assert_int_equal(reading->offer.flags, OFFER_SINGLE);
	assert_int_equal(reading->offer.name_length, 1);
	assert_memory_equal(reading->offer.name, "f", 1);
	assert_non_null(open_path(reading, "d"));
	assert_int_equal(reading->offer.flags, 0);
	assert_non_null(open_path(reading, "d/"));
	assert_int_equal(reading->offer.flags, OFFER_CONTENTS);
	assert_non_null(open_path(reading, "d/."));
	assert_int_equal(reading->offer.flags, OFFER_CONTENTS);
	assert_non_null(open_path(reading, "."));
	assert_int_equal(reading->offer.flags, OFFER_CONTENTS);
}

static void names_of_one_job_have_one_digest(void **state)
{
	struct reading *reading = *state;
	struct digest first;

	scratch_folder(&reading->scratch, "d");
	scratch_folder(&reading->scratch, "e");
	assert_non_null(open_path(reading, "d/"));
	first = reading->offer.names;
	assert_non_null(open_path(reading, "./d//"));
	assert_true(digest_equal(&first, &reading->offer.names));
	assert_non_null(open_path(reading, "d"));
	assert_false(digest_equal(&first, &reading->offer.names));
	assert_non_null(open_path(reading, "e/"));
	assert_false(digest_equal(&first, &reading->offer.names));
}

static void refuses_what_cannot_be_copied(void **state)
{
	struct reading *reading = *state;
	char *twice[] = {"d/f", "e/f"};

	assert_null(open_path(reading, "nothing"));
	assert_int_equal(errno, ENOENT);
	assert_string_equal(reading->text,
			    "nothing: No such file or directory");
	scratch_text(&reading->scratch, "f", "");
	assert_null(open_path(reading, "f/"));
	assert_int_equal(errno, ENOTDIR);
	scratch_folder(&reading->scratch, ".ferry");
	assert_null(open_path(reading, ".ferry"));
	scratch_folder(&reading->scratch, "d");
	scratch_folder(&reading->scratch, "e");
	scratch_text(&reading->scratch, "d/f", "");
	scratch_text(&reading->scratch, "e/f", "");
	assert_null(open_paths(reading, twice, 2, -1));
	assert_non_null(strstr(reading->text, "another source has the same"));
}

/* ---- the walk ----------------------------------------------------------- */

static void tells_paths_relative_to_the_target(void **state)
{
	struct reading *reading = *state;
	char *paths[] = {"d/e", "d/", "x"};

	scratch_folder(&reading->scratch, "d");
	scratch_folder(&reading->scratch, "d/e");
	scratch_text(&reading->scratch, "d/e/f", "1");
	scratch_text(&reading->scratch, "x", "22");
	assert_non_null(open_paths(reading, paths, 3, -1));
	walk_all(reading);
	/* e, e/f, e's end; "", e, e/f, e's end, the end of ""; x */
	assert_int_equal(reading->count, 9);
	assert_string_equal(reading->entries[0]->path, "e");
	assert_string_equal(reading->entries[1]->path, "e/f");
	assert_int_equal(reading->entries[2]->type, ENTRY_FOLDER_END);
	assert_string_equal(reading->entries[3]->path, "");
	assert_string_equal(reading->entries[7]->path, "");
	assert_string_equal(reading->entries[8]->path, "x");
	/* Both ways lead to the file. */
	expect_status(reading, reading->entries[1], READ_DONE);
	expect_status(reading, reading->entries[5], READ_DONE);
	expect_status(reading, reading->entries[8], READ_DONE);
}

static void tells_attributes(void **state)
{
	struct reading *reading = *state;
	struct entry *entry;
	struct stat status;
	struct digest version;

	scratch_text(&reading->scratch, "f", "12345");
	assert_int_equal(fchmodat(reading->scratch.dir, "f", 0640, 0), 0);
	scratch_times(&reading->scratch, "f", SCRATCH_TIME, SCRATCH_NANO);
	entry = only_file(reading, "f");
	assert_int_equal(entry->size, 5);
	assert_int_equal(entry->mode, 0640);
	assert_int_equal(entry->mtime_seconds, SCRATCH_TIME);
	assert_int_equal(entry->mtime_nanoseconds, SCRATCH_NANO);
	status = scratch_stat(&reading->scratch, "f");
	version = entry_version(&status);
	assert_true(digest_equal(&version, &entry->version));
}

static void a_link_is_copied_unless_it_ends_in_a_slash(void **state)
{
	struct reading *reading = *state;
	struct entry *entry;

	scratch_folder(&reading->scratch, "d");
	scratch_text(&reading->scratch, "d/f", "");
	assert_int_equal(symlinkat("d", reading->scratch.dir, "link"), 0);
	entry = only_file(reading, "link");
	assert_int_equal(entry->type, ENTRY_LINK);
	assert_string_equal(entry->link, "d");
	assert_int_equal(reading->offer.flags, OFFER_SINGLE);
	assert_non_null(open_path(reading, "link/"));
	walk_all(reading);
	assert_int_equal(reading->count, 3);
	expect_status(reading, find(reading, "f"), READ_DONE);
}

static void tells_many_in_batches(void **state)
{
	struct reading *reading = *state;
	char name[40];

	for (int i = 0; i < 700; i++) {
		snprintf(name, sizeof(name), "%04d", i);
		scratch_text(&reading->scratch, name, "");
	}
	assert_non_null(open_path(reading, "."));
	walk_all(reading);
	assert_int_equal(reading->count, 702);
	assert_string_equal(reading->entries[1]->path, "0000");
	assert_string_equal(reading->entries[700]->path, "0699");
}

static void tells_problems_as_the_user_names_them(void **state)
{
	struct reading *reading = *state;

	scratch_folder(&reading->scratch, "d");
	scratch_folder(&reading->scratch, "d/e");
	assert_int_equal(fchmodat(reading->scratch.dir, "d/e", 0, 0), 0);
	scratch_plain_user(&reading->scratch);
	assert_non_null(open_path(reading, "./d/"));
	walk_all(reading);
	assert_int_equal(reading->problems, 1);
	assert_int_equal(reading->problem_kind, PROBLEM_FAILED);
	assert_string_equal(reading->problem_path, "./d/e");
	assert_string_equal(reading->problem_text,
			    "cannot open: Permission denied");
	scratch_self_again();
	mkfifoat(reading->scratch.dir, "d/pipe", 0600);
	unlinkat(reading->scratch.dir, "d/e", AT_REMOVEDIR);
	assert_non_null(open_path(reading, "d"));
	walk_all(reading);
	assert_int_equal(reading->problems, 1);
	assert_int_equal(reading->problem_kind, PROBLEM_SKIPPED);
	assert_string_equal(reading->problem_path, "d/pipe");
	assert_string_equal(reading->problem_text, "is a named pipe");
	unlinkat(reading->scratch.dir, "d/pipe", 0);
	assert_non_null(open_path(reading, "d"));
	unlinkat(reading->scratch.dir, "d", AT_REMOVEDIR);
	walk_all(reading);
	assert_int_equal(reading->problem_kind, PROBLEM_VANISHED);
	assert_string_equal(reading->problem_path, "d");
}

static void counts(void **state)
{
	struct reading *reading = *state;
	char *paths[] = {"d", "f"};
	struct task *task = task_create(TASK_COUNT);

	scratch_folder(&reading->scratch, "d");
	scratch_text(&reading->scratch, "d/1", "1");
	scratch_text(&reading->scratch, "d/2", "22");
	scratch_text(&reading->scratch, "f", "333");
	assert_int_equal(symlinkat("f", reading->scratch.dir, "d/link"), 0);
	assert_non_null(open_paths(reading, paths, 2, -1));
	source_run(reading->source, task);
	assert_int_equal(task->count->files, 3);
	assert_int_equal(task->count->bytes, 6);
	task_free(task);
}

/* ---- reading ------------------------------------------------------------ */

static void expect_chunk(struct reading *reading, const struct entry *entry,
			 uint64_t leaf, int how, const uint8_t *bytes,
			 size_t length)
{
	struct task *task = read_leaf(reading, entry, leaf, how);
	struct message_chunk chunk;
	struct digest digest = digest_of(bytes, length);

	assert_int_equal(task->read->status, READ_DONE);
	assert_non_null(task->read->chunk);
	assert_int_equal(message_chunk_decode(task->read->chunk, &chunk), 0);
	assert_int_equal(chunk.entry, entry->index);
	assert_int_equal(chunk.seq, entry->first_seq + leaf);
	assert_int_equal(chunk.offset, leaf * LEAF_SIZE);
	assert_int_equal(chunk.length, length);
	assert_memory_equal(chunk.data, bytes, length);
	assert_true(digest_equal(&chunk.digest, &digest));
	assert_true(digest_equal(&task->read->digest, &digest));
	assert_int_equal(chunk.flags,
			 entry_chunks(entry) == 1 ? CHUNK_WHOLE : 0);
	task_free(task);
}

static void reads_leaves(void **state)
{
	struct reading *reading = *state;
	size_t size = 2 * LEAF + 12345;
	uint8_t *bytes = scratch_bytes(size, 1);
	struct digest digest = digest_of(bytes + LEAF, LEAF);
	struct entry *entry;
	struct task *task;

	scratch_write(&reading->scratch, "f", bytes, size);
	entry = only_file(reading, "f");
	expect_chunk(reading, entry, 0, 0, bytes, LEAF);
	task = read_leaf(reading, entry, 1, DIGEST_ONLY);
	assert_int_equal(task->read->status, READ_DONE);
	assert_null(task->read->chunk);
	assert_true(digest_equal(&task->read->digest, &digest));
	task_free(task);
	expect_chunk(reading, entry, 2, LAST, bytes + 2 * LEAF, 12345);
	task = read_leaf(reading, entry, 0, CHECK_ONLY | LAST);
	assert_int_equal(task->read->status, READ_DONE);
	task_free(task);
	free(bytes);
}

static void reads_a_small_file_whole(void **state)
{
	struct reading *reading = *state;

	scratch_text(&reading->scratch, "f", "hello");
	expect_chunk(reading, only_file(reading, "f"), 0, LAST,
		     (const uint8_t *)"hello", 5);
}

/* The chunk that was read becomes smaller, if it can. */
static void packs_what_was_read(void **state)
{
	struct reading *reading = *state;
	uint8_t *bytes = scratch_bytes(5000, 1);

	for (int shrinks = 0; shrinks < 2; shrinks++) {
		struct message_chunk chunk;
		struct task *task;

		if (shrinks)
			memset(bytes, 'x', 5000);
		scratch_write(&reading->scratch, "f", bytes, 5000);
		task = read_leaf(reading, only_file(reading, "f"), 0, LAST);
		task->type = TASK_PACK;
		task->read->level = 3;
		source_run(reading->source, task);
		assert_int_equal(task->error, 0);
		assert_int_equal(
		    message_chunk_decode(task->read->chunk, &chunk), 0);
		assert_int_equal(chunk.length, 5000);
		assert_int_equal(chunk.flags & CHUNK_PACKED,
				 shrinks ? CHUNK_PACKED : 0);
		assert_int_equal(task->read->packed, shrinks ? chunk.size : 0);
		assert_int_equal(task->read->duration > 0, shrinks);
		task_free(task);
	}
	free(bytes);
}

/* More files at once than are kept open. */
static void reads_many_files_in_turn(void **state)
{
	struct reading *reading = *state;
	uint8_t *bytes = scratch_bytes(LEAF + 1, 2);
	char name[40];

	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "%02d", i);
		scratch_write(&reading->scratch, name, bytes, LEAF + 1);
	}
	assert_non_null(open_path(reading, "./"));
	walk_all(reading);
	for (uint64_t leaf = 0; leaf < 2; leaf++)
		for (size_t i = 1; i <= 40; i++)
			expect_chunk(reading, reading->entries[i], leaf,
				     leaf == 1 ? LAST : 0, bytes + leaf * LEAF,
				     leaf == 1 ? 1 : LEAF);
	free(bytes);
}

static void reads_the_depths(void **state)
{
	struct reading *reading = *state;
	char *path;

	scratch_deep(&reading->scratch, 300, &path);
	assert_true(strlen(path) > PATH_MAX);
	assert_non_null(open_path(reading, "."));
	walk_all(reading);
	expect_chunk(reading, find(reading, path), 0, LAST,
		     (const uint8_t *)"deep", 4);
	free(path);
}

/* ---- what changes meanwhile --------------------------------------------- */

static struct task *expect_changed(struct reading *reading,
				   const struct entry *entry, uint64_t leaf,
				   int how)
{
	struct task *task = read_leaf(reading, entry, leaf, how);
	struct stat status = scratch_stat(&reading->scratch, entry->path);
	struct digest version = entry_version(&status);

	assert_int_equal(task->read->status, READ_CHANGED);
	assert_non_null(task->read->now);
	assert_string_equal(task->read->now->path, entry->path);
	assert_int_equal(task->read->now->size, status.st_size);
	assert_true(digest_equal(&task->read->now->version, &version));
	return task;
}

static void notices_a_change_before(void **state)
{
	struct reading *reading = *state;
	struct entry *entry;

	scratch_text(&reading->scratch, "f", "one");
	entry = only_file(reading, "f");
	scratch_text(&reading->scratch, "f", "three");
	task_free(expect_changed(reading, entry, 0, LAST));
	task_free(expect_changed(reading, entry, 0, CHECK_ONLY));
}

static void notices_a_change_while_reading(void **state)
{
	struct reading *reading = *state;
	uint8_t *bytes = scratch_bytes(2 * LEAF, 3);
	struct entry *entry;

	scratch_write(&reading->scratch, "f", bytes, 2 * LEAF);
	entry = only_file(reading, "f");
	task_free(read_leaf(reading, entry, 0, 0));
	bytes[0] ^= 1;
	scratch_write(&reading->scratch, "f", bytes, 2 * LEAF);
	scratch_times(&reading->scratch, "f", entry->mtime_seconds,
		      entry->mtime_nanoseconds);
	/* Size and mtime are as before; ctime tells. */
	task_free(expect_changed(reading, entry, 1, LAST));
	free(bytes);
}

static void notices_a_file_cut_short(void **state)
{
	struct reading *reading = *state;
	uint8_t *bytes = scratch_bytes(2 * LEAF, 4);
	struct entry *entry;
	struct task *task;

	scratch_write(&reading->scratch, "f", bytes, 2 * LEAF);
	entry = only_file(reading, "f");
	task_free(read_leaf(reading, entry, 0, 0));
	scratch_write(&reading->scratch, "f", bytes, LEAF + 5);
	task = expect_changed(reading, entry, 1, 0);
	/* What comes now is what is planned next. */
	task->read->now->index = 77;
	expect_chunk(reading, task->read->now, 1, LAST, bytes + LEAF, 5);
	task_free(task);
	free(bytes);
}

static void notices_a_file_replaced(void **state)
{
	struct reading *reading = *state;
	struct entry *entry;
	uint8_t *bytes = scratch_bytes(2 * LEAF, 5);

	scratch_write(&reading->scratch, "f", bytes, 2 * LEAF);
	entry = only_file(reading, "f");
	task_free(read_leaf(reading, entry, 0, 0));
	scratch_text(&reading->scratch, "g", "other");
	renameat(reading->scratch.dir, "g", reading->scratch.dir, "f");
	/* now is the new one, not the one that was open. */
	task_free(expect_changed(reading, entry, 1, LAST));
	free(bytes);
}

static void is_neither_led_away_nor_held_up(void **state)
{
	struct reading *reading = *state;
	struct entry *entry;
	int dir = reading->scratch.dir;

	scratch_text(&reading->scratch, "secret", "s");
	scratch_folder(&reading->scratch, "d");
	scratch_text(&reading->scratch, "d/f", "x");
	assert_non_null(open_path(reading, "d"));
	walk_all(reading);
	entry = find(reading, "d/f");

	unlinkat(dir, "d/f", 0);
	expect_status(reading, entry, READ_GONE);
	assert_int_equal(symlinkat("../secret", dir, "d/f"), 0);
	expect_status(reading, entry, READ_GONE);
	unlinkat(dir, "d/f", 0);
	mkfifoat(dir, "d/f", 0600);
	expect_status(reading, entry, READ_GONE);
	unlinkat(dir, "d/f", 0);
	scratch_folder(&reading->scratch, "d/f");
	expect_status(reading, entry, READ_GONE);
}

static void does_not_follow_a_link_in_a_folders_place(void **state)
{
	struct reading *reading = *state;
	struct entry *entry;
	int dir = reading->scratch.dir;

	scratch_folder(&reading->scratch, "outside");
	scratch_text(&reading->scratch, "outside/f", "x");
	scratch_folder(&reading->scratch, "d");
	scratch_text(&reading->scratch, "d/f", "x");
	assert_non_null(open_path(reading, "."));
	walk_all(reading);
	entry = find(reading, "d/f");
	renameat(dir, "d", dir, "moved");
	assert_int_equal(symlinkat("outside", dir, "d"), 0);
	expect_status(reading, entry, READ_GONE);
}

static void tells_what_it_may_not_read(void **state)
{
	struct reading *reading = *state;
	struct entry *entry;
	struct task *task;

	scratch_text(&reading->scratch, "f", "x");
	assert_int_equal(fchmodat(reading->scratch.dir, "f", 0, 0), 0);
	scratch_plain_user(&reading->scratch);
	entry = only_file(reading, "f");
	task = read_leaf(reading, entry, 0, LAST);
	assert_int_equal(task->read->status, READ_FAILED);
	assert_int_equal(task->error, EACCES);
	assert_string_equal(task->text, "cannot open: Permission denied");
	task_free(task);
}

/* ---- what is kept ------------------------------------------------------- */

static int count_receipt(void *cookie, const struct ledger_receipt *receipt)
{
	unsigned *count = cookie;

	assert_int_equal(receipt->path_length, 1);
	assert_memory_equal(receipt->path, "f", 1);
	assert_int_equal(receipt->size, 5);
	++*count;
	return 0;
}

static void record(struct reading *reading, struct entry *entry)
{
	struct task *task = task_create(TASK_RECORD);
	struct task_record *items = task->record;

	items->items = calloc(3, sizeof(*items->items));
	items->items[0].kind = RECORD_PLAN;
	items->items[1].kind = RECORD_LEAVES;
	items->items[1].leaf_count = 1;
	items->items[2].kind = RECORD_RECEIPT;
	items->items[2].ledger = 1;
	items->items[2].file = digest_of("hello", 5);
	for (size_t i = 0; i < 3; i++)
		items->items[i].entry = entry_share(entry);
	items->count = 3;
	items->total_files = 1;
	items->total_bytes = 5;
	source_run(reading->source, task);
	assert_int_equal(task->error, 0);
	task_free(task);
}

static void keeps_a_journal_and_a_ledger(void **state)
{
	struct reading *reading = *state;
	uint8_t uuid[16] = {1, 2, 3};
	char text[UUID_TEXT_SIZE], path[200];
	struct journal_summary summary;
	uint32_t session;
	char *paths[] = {"f"};
	unsigned receipts = 0;
	int state_dir;

	scratch_folder(&reading->scratch, "state");
	scratch_text(&reading->scratch, "f", "hello");
	state_dir = openat(reading->scratch.dir, "state",
			   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_non_null(open_paths(reading, paths, 1, state_dir));
	assert_int_equal(source_open_journal(reading->source, uuid, &summary),
			 0);
	session = summary.session;
	assert_int_not_equal(session, 0);
	walk_all(reading);
	reading->entries[0]->index = 9;
	reading->entries[0]->first_seq = 20;
	record(reading, reading->entries[0]);

	/* The next session numbers from where this one was. */
	assert_non_null(open_paths(reading, paths, 1, state_dir));
	assert_int_equal(source_open_journal(reading->source, uuid, &summary),
			 0);
	assert_int_equal(summary.session, session + 1);
	assert_int_equal(summary.next_entry, 10);
	assert_int_equal(summary.next_seq, 21);
	assert_int_equal(summary.files, 1);

	source_finish(reading->source);
	uuid_format(uuid, text);
	snprintf(path, sizeof(path), "state/transfers/%s/journal", text);
	assert_false(scratch_exists(&reading->scratch, path));
	assert_int_equal(ledger_read(io_system(), state_dir, uuid, LEDGER_SENT,
				     count_receipt, &receipts),
			 0);
	assert_int_equal(receipts, 1);
	close(state_dir);
}

/* io_system() with a look, at each change of names, whether somebody who wants
 * transfers/ for himself alone is held off. */
struct watched {
	struct io io;
	int dir;
	unsigned looks;
	unsigned held_off;
};

/* Outlives a test that fails, as the source that uses it does. */
static struct watched watched;

static void look(void)
{
	int transfers = openat(watched.dir, "state/transfers",
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (transfers == -1)
		return; /* not made yet */
	watched.looks++;
	if (flock(transfers, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK)
		watched.held_off++;
	close(transfers);
}

static int watched_make_dir(void *context, int dir, const char *name,
			    mode_t mode)
{
	look();
	return io_system()->make_dir_at(context, dir, name, mode);
}

static int watched_rename(void *context, int from_dir, const char *from,
			  int to_dir, const char *to)
{
	look();
	return io_system()->rename_at(context, from_dir, from, to_dir, to);
}

/* Between the making of the journal's folder and the journal's getting its
 * name, what is tidied up must not be that folder. */
static void is_not_tidied_away_while_it_begins(void **state)
{
	struct reading *reading = *state;
	char path[] = "f", *paths[] = {path};
	struct source_config config = {.io = &watched.io,
				       .start_dir = reading->scratch.dir,
				       .paths = paths,
				       .path_count = 1};
	struct journal_summary summary;
	uint8_t uuid[16] = {1, 2, 3};

	watched =
	    (struct watched){.io = *io_system(), .dir = reading->scratch.dir};
	watched.io.make_dir_at = watched_make_dir;
	watched.io.rename_at = watched_rename;
	scratch_folder(&reading->scratch, "state");
	scratch_text(&reading->scratch, "f", "hello");
	config.state_dir = openat(reading->scratch.dir, "state",
				  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	reading->source = source_open(&config, &reading->offer, &reading->text);
	assert_non_null(reading->source);
	assert_int_equal(source_open_journal(reading->source, uuid, &summary),
			 0);
	/* The folder was made, the journal was renamed. */
	assert_int_equal(watched.looks, 2);
	assert_int_equal(watched.held_off, 2);
	watched.looks = watched.held_off = 0;
	look();
	assert_int_equal(watched.looks, 1);
	assert_int_equal(watched.held_off, 0);
	close_source(reading);
	close(config.state_dir);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(knows_one_file_from_a_folder),
	    TEST(names_of_one_job_have_one_digest),
	    TEST(refuses_what_cannot_be_copied),
	    TEST(tells_paths_relative_to_the_target),
	    TEST(tells_attributes),
	    TEST(a_link_is_copied_unless_it_ends_in_a_slash),
	    TEST(tells_many_in_batches),
	    TEST(tells_problems_as_the_user_names_them),
	    TEST(counts),
	    TEST(reads_leaves),
	    TEST(reads_a_small_file_whole),
	    TEST(packs_what_was_read),
	    TEST(reads_many_files_in_turn),
	    TEST(reads_the_depths),
	    TEST(notices_a_change_before),
	    TEST(notices_a_change_while_reading),
	    TEST(notices_a_file_cut_short),
	    TEST(notices_a_file_replaced),
	    TEST(is_neither_led_away_nor_held_up),
	    TEST(does_not_follow_a_link_in_a_folders_place),
	    TEST(tells_what_it_may_not_read),
	    TEST(keeps_a_journal_and_a_ledger),
	    TEST(is_not_tidied_away_while_it_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
