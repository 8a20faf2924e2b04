/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_IO_SFTP_H
#define FERRY_TRANSFER_IO_SFTP_H

#include <stdatomic.h>

#include "journal/io.h"

/*
 * The files behind an SFTP server, as a struct io: the same engines work on
 * them.  Descriptors of this machine (the state folder) go to io_system; those
 * of the server are numbers of our own, from IO_SFTP_FIRST on.  AT_FDCWD is
 * the folder in which the server starts.
 *
 * What is less than on a local disk:
 *
 *  - SFTP has no descriptors of folders and no O_NOFOLLOW.  A folder is its
 *    path here, and every part of a path beneath it is looked at before it is
 *    used: a link that is there is never followed, one that somebody puts
 *    there between the look and the use is.
 *  - Writes and changes of attributes are sent and not waited for.  What went
 *    wrong with one is the error of the next write or sync of the descriptor,
 *    which is finished then; after a close, of every sync from then on.
 *  - A sync is fsync@openssh.com, for a folder too if the server opens one as
 *    a file; without it, it waits for the replies.
 *  - Times are whole seconds from 1970 to 2106; others are the nearest.  A
 *    link's are set by lsetstat@openssh.com or not at all.
 *  - A rename replaces nothing without posix-rename@openssh.com, but a link:
 *    the error is ENOTUNIQ then.  What is in .ferry, where nobody looks for a
 *    whole file, is removed first.
 *  - lock is always for one alone: see io_sftp_lock.c.
 *  - st_ino is made of the path, st_dev is the same for all.
 */
#define IO_SFTP_FIRST       (1 << 20)
#define IO_SFTP_CONNECTIONS 9 /* the first, and LANE_POLICY_MAX */

struct io_sftp;

struct io_sftp_config {
	int in, out;       /* of the server; they become the store's */
	int milliseconds;  /* that it may take to begin; 0: for ever */
	const char *place; /* the server's name: for the locks of this end */
	int state_dir;     /* where they are; -1: nowhere */
	const atomic_int *over; /* as for io_sftp_add */
	/* As in sftp_client.h. */
	void (*down)(void *cookie);
	void *cookie;
};

/* NULL with *text, malloc'd (NULL: no memory); in and out are closed then. */
struct io_sftp *io_sftp_open(const struct io_sftp_config *, char **text);
/*
 * One connection more to the same server, for what is asked for from now on;
 * each request goes where the least is to be done.  0; or -1, like
 * io_sftp_open, also if there are IO_SFTP_CONNECTIONS, or it is another kind of
 * server.  The loss of any connection is the loss of all.  over (NULL: none)
 * ends the wait for the server.  Any thread.
 */
int io_sftp_add(struct io_sftp *, int in, int out, int milliseconds,
		const atomic_int *over, char **text);
/* What the first question took, in nanoseconds. */
uint64_t io_sftp_round_trip(const struct io_sftp *);
/* Valid until io_sftp_close. */
struct io *io_sftp_io(struct io_sftp *);
/* 1: a server broke the protocol, and will again. */
int io_sftp_is_broken(struct io_sftp *);
/* The folder in which the server starts, absolute; valid as long. */
const char *io_sftp_home(const struct io_sftp *);
/* The connection is of no use any more: all calls fail.  Any thread. */
void io_sftp_cut(struct io_sftp *);
/* No call is out.  NULL is fine. */
void io_sftp_close(struct io_sftp *);

#endif
