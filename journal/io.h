/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_IO_H
#define FERRY_JOURNAL_IO_H

#include <sys/stat.h>
#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* A small file, whole. */
struct io_file {
	const void *bytes;
	size_t size;
	mode_t mode; /* bits 0777 */
	struct timespec times[2];
};

/* A rename, as rename_at; error: 0 or the errno of it. */
struct io_rename {
	int from_dir, to_dir;
	const char *from, *to;
	int error;
};

/*
 * Every call that can fail goes through this table, so that a test can fail
 * the n-th one or crash between any two, and so that another place to keep
 * files (a virtual disk, SFTP) is another table and nothing else.
 *
 * All calls return what the POSIX call of the same meaning returns: -1 with
 * errno set on failure.  EINTR and short transfers are possible; the io_*
 * functions below repeat and complete, and are what callers use.
 *
 * Every path given to open_beneath, and every name given to an *_at call, is
 * taken relative to a directory descriptor and never follows a symbolic link.
 * A name is one component.  Only open follows links: it is for folders that
 * the user named.
 *
 * Calls may come from several threads at once; no two at the same descriptor,
 * except pread, pwrite and the syncs.
 */
struct io {
	void *context; /* first argument of every call */

	/* AT_FDCWD is valid for dir.  Follows links. */
	int (*open)(void *, int dir, const char *path, int flags, mode_t mode);
	/* Any length of path; O_NOFOLLOW in every component; ".." is EXDEV;
	 * "" or "." means dir itself (a new descriptor). */
	int (*open_beneath)(void *, int dir, const char *path, int flags,
			    mode_t mode);
	int (*close)(void *, int descriptor);

	ssize_t (*pread)(void *, int descriptor, void *, size_t, off_t);
	ssize_t (*pwrite)(void *, int descriptor, const void *, size_t, off_t);
	int (*truncate)(void *, int descriptor, off_t size);

	int (*sync_data)(void *, int descriptor); /* fdatasync */
	int (*sync)(void *, int descriptor);      /* fsync, also of a folder */
	int (*sync_all)(void *, int descriptor);  /* syncfs */
	/* Start writing a range back, or drop it from the cache; advice is
	 * IO_START_WRITE, IO_DROP_CACHE or IO_READ_AHEAD.  A hint: its
	 * failure is ignored. */
	int (*advise)(void *, int descriptor, off_t, off_t, int advice);

	int (*stat)(void *, int descriptor, struct stat *);
	int (*stat_at)(void *, int dir, const char *name, struct stat *);
	/* Calls each for every name but "." and "..", in no order, until it
	 * returns nonzero; then that is returned, else 0. */
	int (*list)(void *, int dir, int (*each)(void *cookie, const char *),
		    void *cookie);
	ssize_t (*read_link_at)(void *, int dir, const char *name, char *,
				size_t);

	int (*make_dir_at)(void *, int dir, const char *name, mode_t mode);
	int (*make_link_at)(void *, int dir, const char *name,
			    const char *target); /* symbolic */
	int (*rename_at)(void *, int from_dir, const char *from, int to_dir,
			 const char *to);
	/* flags: 0 or AT_REMOVEDIR. */
	int (*unlink_at)(void *, int dir, const char *name, int flags);

	int (*set_mode)(void *, int descriptor, mode_t mode);
	int (*set_times)(void *, int descriptor, const struct timespec[2]);
	int (*set_times_at)(void *, int dir, const char *name,
			    const struct timespec[2]);

	/* flock(2): LOCK_SH, LOCK_EX, LOCK_UN, with LOCK_NB. */
	int (*lock)(void *, int descriptor, int operation);

	uint64_t (*clock)(void *); /* monotonic, nanoseconds */
	int64_t (*wall)(void *);   /* seconds since 1970: for people only */
	int (*random)(void *, void *, size_t);

	/* 1: times of files are whole seconds, of 32 bits without a sign;
	 * others become the nearest. */
	int whole_seconds;

	/* As io_put and io_rename_all below, for a table that has a quicker way
	 * than one call after the other; NULL: it has none. */
	int (*put)(void *, int dir, const char *name, const struct io_file *);
	void (*rename_all)(void *, struct io_rename *, size_t count);
	/* Copy bytes of an open file to another one where they are, if reading
	 * and writing them would bring them here.  -1 with ENOSYS, having done
	 * nothing: it cannot.  NULL: reading and writing is as good. */
	int (*copy)(void *, int from, off_t from_offset, int to,
		    off_t to_offset, size_t);

	/* 1: what somebody asked for who is dead by now may still be done. */
	int late;
};

enum { IO_START_WRITE, IO_DROP_CACHE, IO_READ_AHEAD };

/* The table of this machine's own kernel.  Never freed. */
struct io *io_system(void);

/*
 * Read exactly size bytes at offset unless the file ends before; returns the
 * number read, or -1.  Repeats on EINTR and short reads.
 */
ssize_t io_read(struct io *, int descriptor, void *, size_t size, off_t offset);

/* Write all of size bytes at offset.  0, or -1 with errno. */
int io_write(struct io *, int descriptor, const void *, size_t size,
	     off_t offset);

/*
 * The syncs, repeated on EINTR.  After any other failure the descriptor is
 * finished: the kernel may have marked lost pages clean, and a second sync
 * would claim success.  0 or -1.
 */
int io_sync_data(struct io *, int descriptor);
int io_sync(struct io *, int descriptor);
int io_sync_all(struct io *, int descriptor);

/* open_beneath and close, repeated where EINTR allows it. */
int io_open_beneath(struct io *, int dir, const char *path, int flags,
		    mode_t mode);
void io_close(struct io *, int descriptor); /* -1 is ignored; keeps errno */

/*
 * Write a whole small file so that a crash leaves the old one or the new one:
 * "name.new", sync, rename, sync of dir.  0 or -1.
 */
int io_replace(struct io *, int dir, const char *name, const void *, size_t);

/*
 * Make a new file that is all there.  What bears the name is removed first, a
 * folder with all that is in it.  Nothing is synced.  0, or -1 with errno; a
 * table that is far away may say 0 before it is done: then its failure is that
 * of the next sync_all.
 */
int io_put(struct io *, int dir, const char *name, const struct io_file *);

/* Several renames that do not depend on each other, in any order. */
void io_rename_all(struct io *, struct io_rename *, size_t count);

/*
 * Remove name beneath dir with all that is in it, following no link.
 * A missing name is success.  0, or -1 with errno of the first failure.
 */
int io_remove_tree(struct io *, int dir, const char *name);

#endif
