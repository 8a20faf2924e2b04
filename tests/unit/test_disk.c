/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: the virtual disk forgets what it may forget at a crash, keeps what a
 * sync covered, and otherwise behaves as a kernel does.
 */
#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/disk.h"

#define TRIES 200

static struct disk *new_disk(uint64_t seed)
{
	struct dice dice;

	dice_init(&dice, seed, 0);
	return disk_create(1, dice);
}

static int open_at(struct disk *disk, const char *path, int flags)
{
	struct io *io = disk_io(disk);

	return io->open_beneath(io->context, AT_FDCWD, path, flags, 0644);
}

static void close_it(struct disk *disk, int descriptor)
{
	struct io *io = disk_io(disk);

	assert_int_equal(io->close(io->context, descriptor), 0);
}

static void put(struct disk *disk, int descriptor, const void *bytes,
		size_t size, off_t offset)
{
	struct io *io = disk_io(disk);

	assert_int_equal(
	    io->pwrite(io->context, descriptor, bytes, size, offset), size);
}

/* What a crash may do to "a" when the caller has done its part: bit 0 set:
 * some seed lost it, bit 1: some seed kept it. */
static int fate(void (*prepare)(struct disk *), const char *path)
{
	int seen = 0;
	uint64_t seed;

	for (seed = 0; seed < TRIES; seed++) {
		struct disk *disk = new_disk(seed);
		struct snapshot *after;

		prepare(disk);
		disk_crash(disk);
		assert_int_equal(disk_open_count(disk), 0);
		assert_null(disk_misuse(disk));
		after = disk_snapshot(disk);
		seen |= snapshot_find(after, path) == NULL ? 1 : 2;
		snapshot_free(after);
		disk_free(disk);
	}
	return seen;
}

static void create(struct disk *disk)
{
	put(disk, open_at(disk, "a", O_CREAT | O_WRONLY), "x", 1, 0);
}

static void create_and_sync_file(struct disk *disk)
{
	struct io *io = disk_io(disk);
	int file = open_at(disk, "a", O_CREAT | O_WRONLY);

	put(disk, file, "x", 1, 0);
	assert_int_equal(io->sync(io->context, file), 0);
}

static void create_and_sync_folder(struct disk *disk)
{
	struct io *io = disk_io(disk);

	create(disk);
	assert_int_equal(io->sync(io->context, open_at(disk, "", O_RDONLY)), 0);
}

static void create_and_sync_all(struct disk *disk)
{
	struct io *io = disk_io(disk);

	create(disk);
	assert_int_equal(
	    io->sync_all(io->context, open_at(disk, "a", O_RDONLY)), 0);
}

static void a_name_lasts_when_its_folder_was_synced(void **state)
{
	(void)state;
	assert_int_equal(fate(create, "a"), 3);
	assert_int_equal(fate(create_and_sync_file, "a"), 3);
	assert_int_equal(fate(create_and_sync_folder, "a"), 2);
	assert_int_equal(fate(create_and_sync_all, "a"), 2);
}

static void rename_old(struct disk *disk)
{
	struct io *io = disk_io(disk);

	create_and_sync_all(disk);
	put(disk, open_at(disk, "b", O_CREAT | O_WRONLY), "yy", 2, 0);
	assert_int_equal(io->sync_all(io->context, 10000), 0);
	assert_int_equal(
	    io->rename_at(io->context, AT_FDCWD, "b", AT_FDCWD, "a"), 0);
}

static void a_rename_happens_whole_or_not(void **state)
{
	uint64_t seed;
	unsigned kept = 0;

	(void)state;
	for (seed = 0; seed < TRIES; seed++) {
		struct disk *disk = new_disk(seed);
		struct snapshot *after;
		const struct snapshot_item *a, *b;

		rename_old(disk);
		disk_crash(disk);
		after = disk_snapshot(disk);
		a = snapshot_find(after, "a");
		b = snapshot_find(after, "b");
		assert_non_null(a);
		assert_int_equal(a->size, b == NULL ? 2 : 1);
		kept += b == NULL;
		snapshot_free(after);
		disk_free(disk);
	}
	assert_in_range(kept, 1, TRIES - 1);
}

static void make_below(struct disk *disk)
{
	struct io *io = disk_io(disk);
	int folder, file;

	assert_int_equal(io->make_dir_at(io->context, AT_FDCWD, "d", 0755), 0);
	folder = open_at(disk, "d", O_RDONLY | O_DIRECTORY);
	file = io->open_beneath(io->context, folder, "a", O_CREAT | O_WRONLY,
				0600);
	assert_int_equal(io->sync(io->context, file), 0);
	assert_int_equal(io->sync(io->context, folder), 0);
}

static void a_folder_must_be_synced_in_its_own_folder(void **state)
{
	(void)state;
	assert_int_equal(fate(make_below, "d/a"), 3);
}

#define PAGES 8
static void unsynced_pages_come_and_go_alone(void **state)
{
	uint8_t old[PAGES * 4096], new[PAGES * 4096], seen[PAGES * 4096];
	unsigned mixed = 0;
	uint64_t seed;

	(void)state;
	memset(old, 'o', sizeof(old));
	memset(new, 'n', sizeof(new));
	for (seed = 0; seed < TRIES; seed++) {
		struct disk *disk = new_disk(seed);
		struct io *io = disk_io(disk);
		int file = open_at(disk, "a", O_CREAT | O_WRONLY);
		unsigned page, fresh = 0;

		put(disk, file, old, sizeof(old), 0);
		assert_int_equal(io->sync_all(io->context, file), 0);
		put(disk, file, new, sizeof(new), 0);
		disk_crash(disk);
		file = open_at(disk, "a", O_RDONLY);
		assert_int_equal(
		    io->pread(io->context, file, seen, sizeof(seen), 0),
		    sizeof(seen));
		for (page = 0; page < PAGES; page++) {
			uint8_t *at = seen + page * 4096;

			assert_true(memcmp(at, old, 4096) == 0 ||
				    memcmp(at, new, 4096) == 0);
			fresh += *at == 'n';
		}
		mixed += fresh > 0 && fresh < PAGES;
		disk_free(disk);
	}
	assert_true(mixed > 10);
}

static void data_synced_lasts_and_times_need_more(void **state)
{
	struct timespec times[2] = {{1, 1}, {1, 1}};
	unsigned lost = 0;
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < TRIES; seed++) {
		struct disk *disk = new_disk(seed);
		struct io *io = disk_io(disk);
		int file = open_at(disk, "a", O_CREAT | O_WRONLY);
		struct stat status;

		assert_int_equal(io->sync_all(io->context, file), 0);
		put(disk, file, "xyz", 3, 5000);
		io->set_times(io->context, file, times);
		assert_int_equal(io->sync_data(io->context, file), 0);
		disk_crash(disk);
		assert_int_equal(
		    io->stat_at(io->context, AT_FDCWD, "a", &status), 0);
		assert_int_equal(status.st_size, 5003);
		lost += status.st_mtim.tv_sec != 1;
		disk_free(disk);
	}
	assert_in_range(lost, 1, TRIES - 1);
}

static void a_failed_sync_leaves_pages_clean(void **state)
{
	unsigned lost = 0;
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < TRIES; seed++) {
		struct disk *disk = new_disk(seed);
		struct io *io = disk_io(disk);
		int file = open_at(disk, "a", O_CREAT | O_RDWR);
		char byte = 0;

		put(disk, file, "x", 1, 0);
		disk_fail_sync(disk, 0);
		assert_int_equal(io->sync(io->context, file), -1);
		assert_int_equal(errno, EIO);
		assert_int_equal(io->sync_all(io->context, file), 0);
		disk_crash(disk);
		file = open_at(disk, "a", O_RDONLY);
		assert_int_equal(io->pread(io->context, file, &byte, 1, 0), 1);
		lost += byte != 'x';
		disk_free(disk);
	}
	assert_in_range(lost, 1, TRIES - 1);
}

static void nothing_below_follows_links(void **state)
{
	struct disk *disk = new_disk(1);
	struct io *io = disk_io(disk);

	(void)state;
	io->make_dir_at(io->context, AT_FDCWD, "d", 0755);
	io->make_link_at(io->context, AT_FDCWD, "l", "d");
	close_it(disk, open_at(disk, "d/a", O_CREAT | O_WRONLY));
	assert_int_equal(open_at(disk, "l/a", O_RDONLY), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(open_at(disk, "d/../d/a", O_RDONLY), -1);
	assert_int_equal(errno, EXDEV);
	close_it(disk,
		 io->open(io->context, AT_FDCWD, "/l/../l/a", O_RDONLY, 0));
	assert_int_equal(open_at(disk, "d/a/x", O_RDONLY), -1);
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(disk_open_count(disk), 0);
	disk_free(disk);
}

static void locks_keep_others_out_until_closed(void **state)
{
	struct disk *disk = new_disk(1);
	struct io *io = disk_io(disk);
	int first = open_at(disk, "a", O_CREAT | O_RDWR);
	int second = open_at(disk, "a", O_RDWR);

	(void)state;
	assert_int_equal(io->lock(io->context, first, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(io->lock(io->context, second, LOCK_SH | LOCK_NB), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	close_it(disk, first);
	assert_int_equal(io->lock(io->context, second, LOCK_SH | LOCK_NB), 0);
	disk_kill(disk);
	assert_int_equal(disk_open_count(disk), 0);
	assert_null(disk_misuse(disk));
	assert_int_equal(io->close(io->context, second), -1);
	assert_non_null(disk_misuse(disk));
	disk_free(disk);
}

static void a_full_disk_writes_short_and_then_not(void **state)
{
	static const uint8_t bytes[4 * 4096] = {1};
	uint8_t full[sizeof(bytes)];
	struct disk *disk = new_disk(1);
	struct io *io = disk_io(disk);
	int file = open_at(disk, "a", O_CREAT | O_RDWR);

	(void)state;
	memset(full, 'f', sizeof(full));
	disk_set_space(disk, 3);
	assert_int_equal(io->pwrite(io->context, file, full, sizeof(full), 0),
			 3 * 4096);
	assert_int_equal(io->pwrite(io->context, file, full, 4096, 3 * 4096),
			 -1);
	assert_int_equal(errno, ENOSPC);
	close_it(disk, file);
	assert_int_equal(io->unlink_at(io->context, AT_FDCWD, "a", 0), 0);
	file = open_at(disk, "b", O_CREAT | O_RDWR);
	put(disk, file, full, 3 * 4096, 0);
	disk_free(disk);
}

static void a_stopped_process_changes_nothing_more(void **state)
{
	struct disk *disk = new_disk(1);
	struct io *io = disk_io(disk);
	int file;

	(void)state;
	disk_stop_after(disk, 1);
	file = open_at(disk, "a", O_CREAT | O_RDWR);
	assert_int_equal(io->make_dir_at(io->context, AT_FDCWD, "d", 0), -1);
	assert_true(disk_stopped(disk));
	close_it(disk, file);
	disk_kill(disk);
	assert_false(disk_stopped(disk));
	assert_int_equal(open_at(disk, "d", O_RDONLY), -1);
	assert_int_equal(errno, ENOENT);
	disk_free(disk);
}

static void strict_permissions_hold(void **state)
{
	struct disk *disk = new_disk(1);
	struct io *io = disk_io(disk);
	int file = open_at(disk, "a", O_CREAT | O_RDWR);

	(void)state;
	io->set_mode(io->context, file, 0400);
	close_it(disk, file);
	io->make_dir_at(io->context, AT_FDCWD, "d", 0555);
	close_it(disk, open_at(disk, "a", O_RDWR));
	disk_set_strict(disk, 1);
	assert_int_equal(open_at(disk, "a", O_RDWR), -1);
	assert_int_equal(errno, EACCES);
	assert_int_equal(open_at(disk, "d/a", O_CREAT | O_RDWR), -1);
	assert_int_equal(errno, EACCES);
	close_it(disk, open_at(disk, "a", O_RDONLY));
	disk_free(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_name_lasts_when_its_folder_was_synced),
	    cmocka_unit_test(a_rename_happens_whole_or_not),
	    cmocka_unit_test(a_folder_must_be_synced_in_its_own_folder),
	    cmocka_unit_test(unsynced_pages_come_and_go_alone),
	    cmocka_unit_test(data_synced_lasts_and_times_need_more),
	    cmocka_unit_test(a_failed_sync_leaves_pages_clean),
	    cmocka_unit_test(nothing_below_follows_links),
	    cmocka_unit_test(locks_keep_others_out_until_closed),
	    cmocka_unit_test(a_full_disk_writes_short_and_then_not),
	    cmocka_unit_test(a_stopped_process_changes_nothing_more),
	    cmocka_unit_test(strict_permissions_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
