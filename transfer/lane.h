/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_LANE_H
#define FERRY_TRANSFER_LANE_H

#include <stddef.h>
#include <stdint.h>

#include "transfer/frame.h"
#include "transfer/inbox.h"

/*
 * A lane is one full-duplex stream of frames to the far end.  Whatever carries
 * it (a pair of descriptors, a libssh2 channel) has a thread or two of its
 * own, which put what arrives, and how it ended, into an inbox:
 *
 *   EVENT_FRAME      a frame, its header checked
 *   EVENT_LANE_SENT  so many bytes have left the lane's queue
 *   EVENT_LANE_HEARD bytes came but no frame, for a second
 *   EVENT_LANE_DOWN  once, last; code and text below then say why
 *
 * A lane takes no chunk in while the process holds FRAME_POOL_MAX of them (but
 * one a second, so that nothing waits for ever).
 */
struct lane;

/* What an end before any greeting tells of the far side. */
enum lane_absence {
	LANE_ABSENT_NOTHING, /* nothing: it was not reached, or there is one */
	LANE_ABSENT_AGENT,   /* it was reached, and what ran is no agent */
	LANE_ABSENT_PROGRAM  /* it was reached, and has no such program */
};

/* What every carrier provides; embedded first in its own struct. */
struct lane_operations {
	void (*send)(struct lane *, struct frame *); /* sealed; moved */
	void (*close)(struct lane *);                /* see lane_close */
};
struct lane {
	const struct lane_operations *operations;
	struct inbox *inbox;
	uint32_t id;
	int code;   /* of the failure: 0 for a clean end, else an exit code */
	char *text; /* of the failure, malloc'd, or NULL */
	enum lane_absence absent;
};

/* How a try to connect ended, for all that make lanes. */
struct lane_result {
	struct lane *lane; /* NULL: it failed */
	int code;          /* then an exit code: 255 refused or no log-in, 35
			      timed out, EXIT_LOST ..., or what stop said */
	char *text;        /* and why, malloc'd, or NULL */
};

/* Queue a frame; sealed here with epoch.  Never blocks, never fails: what
 * cannot be sent ends in EVENT_LANE_DOWN. */
void lane_send(struct lane *, struct frame *, uint32_t epoch);

/*
 * Send what is queued, end the stream, wait for the far end to end its side
 * (all that for at most about a second), stop the threads, release all.  No
 * event comes after it.  NULL is fine.
 */
void lane_close(struct lane *);

/* What a lane over descriptors is made of. */
struct lane_fd_config {
	int in;
	int out;       /* may be the same */
	int pid;       /* a child to reap at close, or 0 */
	int companion; /* closed with the lane, or -1 */
	/* With a nonce the far end is a shell's child: what comes before its
	 * HELLO is skipped (greeting.h), and an end before that is explained
	 * with the child's status, and with what it said on errors. */
	const uint8_t *nonce; /* 16 bytes, copied; or NULL */
	int errors;           /* its stderr, which becomes the lane's; or -1 */
	const char *host;     /* for texts; must outlive the lane */
	const char *program;  /* likewise */
	/* A line that came on errors, any thread; NULL: nobody wants it. */
	void (*tell)(void *cookie, const char *line);
	void *cookie;
};

/*
 * A lane over descriptors, which become the lane's: read from in, write to
 * out (they may be the same).  pid: a child to reap at close, or 0; a child
 * that does not end within 2 s of the end of its input is killed.
 * They are made non-blocking, and what they were again at the end.
 * NULL with errno: the descriptors are still the caller's.
 */
struct lane *lane_fd_create(struct inbox *, uint32_t id, int in, int out,
			    int pid);
/* The same from a config: errors and companion become the lane's too. */
struct lane *lane_fd_create_from(struct inbox *, uint32_t id,
				 const struct lane_fd_config *);
/*
 * Send what is queued, stop the threads and free the lane, but leave the
 * descriptors open and the stream as it is, to be gone on with by another
 * lane, maybe in another process.  No event comes after it.  0; -1: bytes had
 * come that nobody has seen, so the stream is of no use.
 */
int lane_fd_detach(struct lane *);

#endif
