/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_IO_SFTP_INTERNAL_H
#define FERRY_TRANSFER_IO_SFTP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "transfer/io_sftp.h"
#include "transfer/sftp_client.h"

/*
 * Shared by io_sftp*.c and by nobody else.  What holds at all times:
 *
 *  1. A file is in the table, or has requests pending, or is freed.
 *  2. pending of the store is the sum of its files'; both are counted apart
 *     for two ages, so that a sync waits for what was sent before it and not
 *     for what comes.
 *  3. An error of a request that nobody waited for is kept in its file, and
 *     in lost as well once the file is closed, unless a call for that file's
 *     own descriptor said so.  It never goes away.
 *  4. What one file is sent over several connections comes in any order: no
 *     change of its attributes is sent before the writes are answered, nor a
 *     write before such a change is.
 *  5. A file is not closed while all are synced: that sync finds it in the
 *     table, or its close, with a sync before it, is pending.
 */
#define IO_SFTP_AHEAD  64         /* reads in flight of one file */
#define IO_SFTP_SPREAD (8 << 20)  /* what is behind that goes over all */
#define IO_SFTP_SYNC   (64 << 20) /* what a sync holds up, in bytes */

struct sftp_handle {
	size_t length;
	uint8_t bytes[SFTP_HANDLE_MAX];
};

struct sftp_ahead {
	struct sftp_call call;
	struct sftp_client *client;
	uint64_t offset;
	uint8_t *bytes;
};

struct sftp_file {
	char *path; /* absolute */
	int folder; /* it has no handle */
	int flags;  /* how it was opened */
	size_t first_connection;
	atomic_int alone; /* it is to be had on no other */

	/* By connection; NULL: it is not open there.  One comes after another,
	 * under the store's lock, and stays. */
	struct sftp_handle *_Atomic handles[IO_SFTP_CONNECTIONS];
	atomic_size_t handle_count;
	/* Of a fresh one; else what was written of it. */
	_Atomic uint64_t size;

	/* Under the store's lock. */
	size_t pending[2];
	unsigned age;
	int settling; /* one at a time waits for an age */
	int error;
	int told;   /* a call for the descriptor has said error */
	int closed; /* the user has no descriptor of it */
	int ended;  /* its close is sent, or was not needed */
	int put;    /* io_sftp_put.c makes it: all of it is of the store's */
	unsigned put_age; /* age of that time */
	uint64_t changes; /* so many were sent, */
	uint64_t synced;  /* and so many of them are on the disk */

	/* The user's alone. */
	int fresh;           /* made by us, alone: nobody else writes to it */
	uint64_t known_size; /* UINT64_MAX: nobody asked */
	time_t known_time;

	/* Reading: a ring of what was asked for, in order. */
	struct sftp_ahead *ahead; /* IO_SFTP_AHEAD of them, or NULL */
	size_t first, count;
	uint64_t next; /* what will be asked for next */
	uint64_t read; /* where the last read ended */

	/* Locking. */
	char *held;     /* the file that says so; NULL: not locked */
	int local_lock; /* descriptor of this machine, or -1 */
	char local_name[48];
};

struct sftp_put;
struct sftp_puts {
	struct sftp_put *first, *last;
};

struct io_sftp {
	struct io io; /* context is the store */
	struct sftp_client *clients[IO_SFTP_CONNECTIONS];
	atomic_size_t client_count; /* never fewer */
	void (*down)(void *cookie);
	void *cookie;
	unsigned extensions;
	char *home;
	uint64_t round_trip; /* nanoseconds */
	struct sftp_cache *cache;
	char *place;
	int state_dir;
	char owner[33]; /* of what this end locks; "": not known yet */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t pending[2];
	unsigned age;
	int settling;
	int lost;
	struct sftp_file **files;
	size_t capacity;
	/* Whose names changed and are not synced; some more than once. */
	char **folders;
	size_t folder_count, folder_capacity;

	/* io_sftp_put.c */
	struct sftp_puts waiting, opened;
	size_t put_count, put_bytes, opening;
	pthread_t putter;
	int putting; /* the thread is there */
	int ending;

	/* One sync of all at a time, and no close of a file; before lock. */
	pthread_mutex_t sync_all;
};

/* ---- io_sftp_connection.c: which connection ------------------------------ */

/* The one that has the least to do; its number, for the other. */
size_t io_sftp_least(struct io_sftp *);
struct sftp_client *io_sftp_client(struct io_sftp *);
/* The connection for what ends at an offset of a file: the file's own, or one
 * on which it is open now as well. */
size_t io_sftp_choose(struct io_sftp *, struct sftp_file *, uint64_t end);
/* Open it on that connection too, by its path, if it is not.  0, or -1. */
int io_sftp_reach(struct io_sftp *, struct sftp_file *, size_t connection);
void io_sftp_put_handle(struct sftp_writer *, const struct sftp_file *,
			size_t connection);
/* Begin a request with a file's handle. */
void io_sftp_begin(struct sftp_writer *, const struct sftp_file *,
		   size_t connection);
/* The body of SFTP_OPEN. */
void io_sftp_begin_open(struct sftp_writer *, const char *path, int flags,
			mode_t mode);
/* Take the handle that its answer holds, of a file that nobody else has.  0,
 * or -1 with errno. */
int io_sftp_take_handle(struct sftp_file *, size_t connection,
			const struct sftp_call *);
/* SFTP_OPEN of the file's path on a connection.  0, or -1 with errno. */
int io_sftp_ask_handle(struct io_sftp *, struct sftp_file *, size_t connection,
		       int flags, mode_t mode);

/* ---- io_sftp_path.c: names ---------------------------------------------- */

static inline void sftp_begin(struct sftp_writer *body)
{
	body->length = 0;
	body->overflow = 0;
}

/* What SFTP can say of a time. */
static inline uint32_t io_sftp_time(time_t seconds)
{
	if (seconds < 0)
		return 0;
	return seconds > (time_t)UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}

/* "dir/name", malloc'd; NULL with errno. */
char *io_sftp_join(const char *dir, const char *name);
/* One component that is a name: 1, or 0 with errno. */
int io_sftp_is_name(const char *);
/* The path of a name in an open folder, malloc'd; NULL with errno. */
char *io_sftp_path_at(struct io_sftp *, int dir, const char *name);
/* type is SFTP_STAT or SFTP_LSTAT.  0, or -1 with errno. */
int io_sftp_look(struct io_sftp *, uint8_t type, const char *path,
		 struct stat *);
/* A request of one path.  0, or -1 with errno. */
int io_sftp_ask_path(struct io_sftp *, uint8_t type, const char *path);
/* st_ino and st_dev. */
void io_sftp_identify(const char *path, struct stat *);
/* What the server calls a path; malloc'd, NULL with errno. */
char *io_sftp_real_path(struct io_sftp *, const char *path);
/* Links.  0, or -1 with errno; malloc'd, or NULL with errno. */
int io_sftp_make_link(struct io_sftp *, const char *path, const char *target);
char *io_sftp_read_link(struct io_sftp *, const char *path);
/*
 * All names of a folder, but "." and "..", with what the server tells of each
 * (SFTP_ATTR_*), until one is answered with something else than 0: that, else
 * 0; -1 with errno.
 */
int io_sftp_list(struct io_sftp *, const char *path,
		 int (*each)(void *, const char *name, const struct stat *,
			     uint32_t told),
		 void *cookie);

void io_sftp_fill_names(struct io *);

/* ---- io_sftp_rename.c --------------------------------------------------- */

void io_sftp_fill_rename(struct io *);

/* ---- io_sftp_cache.c: names that are known ------------------------------ */

enum sftp_known { SFTP_UNKNOWN, SFTP_ABSENT, SFTP_PRESENT };

struct sftp_cache *io_sftp_cache_create(void); /* NULL: no memory */
void io_sftp_cache_free(struct sftp_cache *);  /* NULL is fine */
/* As LSTAT of an absolute path, as far as it is known. */
enum sftp_known io_sftp_cache_look(struct io_sftp *, const char *path,
				   struct stat *);
/* It was not known, and looked for. */
void io_sftp_cache_looked(struct io_sftp *, const char *path);
/* We made this folder; we made, renamed or removed what bears this name. */
void io_sftp_cache_made(struct io_sftp *, const char *path);
void io_sftp_cache_changed(struct io_sftp *, const char *path);

/* ---- io_sftp_open.c: the table ------------------------------------------ */

/* The file of a descriptor, or NULL with errno. */
struct sftp_file *io_sftp_file(struct io_sftp *, int descriptor);
/* Of a path, open nowhere yet.  NULL with errno. */
struct sftp_file *io_sftp_create(const char *path);
/* Open by an absolute path, whose parts are checked already.  NULL with errno;
 * the file is in no table. */
struct sftp_file *io_sftp_open_path(struct io_sftp *, const char *path,
				    int flags, mode_t mode);
/* Close it; what is not synced will be.  It frees itself. */
void io_sftp_let_go(struct io_sftp *, struct sftp_file *);
void io_sftp_fill_open(struct io *);

/* ---- io_sftp_write.c: what is not waited for ---------------------------- */

/* Send a request that begins with the file's handle; its error is kept. */
int io_sftp_post(struct io_sftp *, struct sftp_file *, size_t connection,
		 uint8_t type, const struct sftp_writer *body, const void *data,
		 size_t size);
/* Bytes, in as many requests as it takes; attributes, as SFTP_FSETSTAT has
 * them.  0, or -1 with errno. */
int io_sftp_write(struct io_sftp *, struct sftp_file *, const void *bytes,
		  size_t size, uint64_t offset);
int io_sftp_change(struct io_sftp *, struct sftp_file *,
		   const struct sftp_writer *attributes);
/* To be called before something that changes the file is sent, so that its
 * error counts, and after it, so that a sync which began between the two does
 * not. */
void io_sftp_note_change(struct io_sftp *, struct sftp_file *);
void io_sftp_note_error(struct io_sftp *, struct sftp_file *, int error);
/* Its closes are posted: it is freed when all is answered. */
void io_sftp_ended(struct io_sftp *, struct sftp_file *);
/* Wait for all that was posted for the file.  0, or -1 with errno. */
int io_sftp_settle_file(struct io_sftp *, struct sftp_file *);
/* Wait for all that was posted.  0, or -1 with errno: something was lost. */
int io_sftp_settle(struct io_sftp *);
void io_sftp_fill_write(struct io *);

/* ---- io_sftp_sync.c: what is on the disk -------------------------------- */

/* A name in a folder was made or changed. */
void io_sftp_note_folder(struct io_sftp *, const char *path);
/* It is in no table any more: what is not synced will be; it frees itself. */
void io_sftp_end(struct io_sftp *, struct sftp_file *);
void io_sftp_fill_sync(struct io *);

/* ---- io_sftp_put.c ------------------------------------------------------ */

/* All jobs are done, or the connection is cut: end the thread. */
void io_sftp_end_puts(struct io_sftp *);
void io_sftp_fill_put(struct io *);

/* ---- io_sftp_read.c ----------------------------------------------------- */

/* SFTP_FSTAT.  0, or -1 with errno. */
int io_sftp_ask_status(struct io_sftp *, const struct sftp_file *,
		       size_t connection, struct stat *);
void io_sftp_forget_ahead(struct sftp_file *);
void io_sftp_fill_read(struct io *);

/* ---- io_sftp_lock.c ----------------------------------------------------- */

void io_sftp_unlock(struct io_sftp *, struct sftp_file *);
/* A file of that path is about to be removed: its lock goes with it. */
void io_sftp_unlock_path(struct io_sftp *, const char *path);
void io_sftp_fill_lock(struct io *);

#endif
