/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_LANE_SSH_INTERNAL_H
#define FERRY_TRANSFER_LANE_SSH_INTERNAL_H

#include <pthread.h>

#include "transfer/far_errors.h"
#include "transfer/greeting.h"
#include "transfer/lane.h"
#include "transfer/ssh_connection.h"

/*
 * Lanes over the channels of an SSH connection, shared by lane_ssh*.c and by
 * nobody else.
 *
 * What holds at all times:
 *
 *  1. The thread of the line alone touches the connection, from its start
 *     until it was joined.  libssh2 has no locks.
 *  2. libssh2 never sees a packet half sent (ssh_socket.h), so reading and
 *     writing don't depend on each other's order.  A piece that
 *     libssh2_channel_write did not take is all the same offered again as it
 *     is, for in a key exchange libssh2 holds on to it.
 *  3. No event is put once down is set; EVENT_LANE_DOWN sets it.
 */

/* A packet holds so much at most; libssh2 writes that much per call. */
#define LANE_SSH_PIECE_MAX   ((size_t)32700)
/* What is read at a time, and the most that stays unparsed. */
#define LANE_SSH_BUFFER_SIZE (GREETING_NOISE_MAX + GREETING_SIZE)
#define LANE_SSH_SECOND      ((uint64_t)1000 * 1000 * 1000)

struct lane_ssh_reader {
	uint8_t *buffer; /* start..end are not parsed */
	size_t start;
	size_t end;
	int greeted;
	struct frame *frame; /* its body is being read, or NULL */
	size_t have;         /* of that body */
	int large;           /* the frame read last was */
	uint64_t held_since; /* a chunk waits for room in the pool; or 0 */
	uint64_t heard_told; /* when the engine was last told of anything */
	size_t heard_bytes;  /* that came since */
	int untold; /* frames were added to the inbox since it was last told */
	struct far_errors errors;
};

struct lane_ssh_writer {
	struct frame *frame;  /* its bytes are being written, or NULL */
	size_t written;       /* of them */
	uint8_t *gathered;    /* parts of frames, together */
	const uint8_t *piece; /* what libssh2 is offered; NULL: nothing */
	size_t piece_length;
	size_t sent; /* and not told yet */
};

struct lane_ssh_window {
	uint64_t wanted; /* bytes; it only grows */
	uint64_t since;  /* of what follows */
	uint64_t bytes;  /* read */
};

enum lane_ssh_stage {
	LANE_SSH_OPENING,  /* its channel is being opened */
	LANE_SSH_STARTING, /* the agent is being started on it */
	LANE_SSH_RUNNING,
	LANE_SSH_ENDING, /* the far end has ended its side: wait for the close,
			    for only then the exit status is sure to be known */
	LANE_SSH_OVER,   /* down was told; nothing to do but to be closed */
	LANE_SSH_WINDING_DOWN /* closed by us: send what is queued, and wait
				 for the far end to end its side */
};

struct lane_ssh {
	struct lane lane; /* first */
	struct lane_ssh_line *line;
	struct lane_ssh *next;             /* on the line */
	struct ssh_connection *connection; /* the line's */
	LIBSSH2_CHANNEL *channel;
	char *command;
	uint8_t nonce[16];

	/* Under the line's lock. */
	struct frame *queue; /* to be sent */
	struct frame **queue_end;
	int down;
	int closing;
	uint64_t closing_until;
	int gone; /* the thread is done with it */

	/* The thread's own. */
	enum lane_ssh_stage stage;
	uint64_t until; /* for OPENING to STARTING, and ENDING */
	int eof_sent;
	struct lane_ssh_reader reader;
	struct lane_ssh_writer writer;
	struct lane_ssh_window window;
};

struct lane_ssh_line {
	struct ssh_connection *connection;
	pthread_t thread;
	int started;
	int wake; /* an eventfd: a look at what follows is due */

	pthread_mutex_t lock;  /* of all that follows, to stopping */
	pthread_cond_t let_go; /* some lane is gone */
	int sleeping;          /* the thread polls; wake it */
	struct lane_ssh *lanes;
	unsigned references; /* lanes, and who may open more */
	int stopping;        /* the thread is to end once no lane is left */

	/* The thread's own. */
	struct lane_ssh *opening; /* libssh2 opens one channel at a time */
	int stuck;                /* one that nobody waits for any more */
	int lost;                 /* nothing comes any more */
	uint64_t lost_until;      /* nothing can be sent any more; or 0 */
};

/* What a look at one direction found. */
enum lane_ssh_look {
	LANE_SSH_IDLE,  /* nothing to do until something happens */
	LANE_SSH_MOVED, /* some bytes; look again */
	LANE_SSH_HELD,  /* there is no room for a chunk: look again soon */
	LANE_SSH_ENDED, /* the far end has ended its side */
	LANE_SSH_LOST,  /* the connection is gone */
	LANE_SSH_FAILED /* down was told already */
};

/* Read what is there: up to so much that the other direction can wait. */
enum lane_ssh_look lane_ssh_read(struct lane_ssh *);
/* Read the far end's stderr. */
enum lane_ssh_look lane_ssh_read_errors(struct lane_ssh *);
/* Write what is queued.  IDLE: all is gone, or there is no room for more. */
enum lane_ssh_look lane_ssh_write(struct lane_ssh *);
/* 1 if something is left to be written. */
int lane_ssh_unwritten(struct lane_ssh *);
/* Forget it. */
void lane_ssh_discard(struct lane_ssh *);

/* lane_ssh_window.c */
/* So many bytes were read: widen the window if the line is worth it. */
void lane_ssh_window_read(struct lane_ssh *, size_t bytes);
/* The window for a line that brought so much in a time. */
uint64_t lane_ssh_window_for(uint64_t bytes, uint64_t nanoseconds,
			     uint64_t round_trip_microseconds);

/* lane_ssh_line.c */
/* NULL: no memory. */
struct lane_ssh_line *lane_ssh_line_create(const struct ssh_config *);
/* Logged in: from here on the connection is the thread's.  0 or an errno. */
int lane_ssh_line_start(struct lane_ssh_line *);
/* All its lanes are closed, or about to be: take the connection back from the
 * thread.  0; -1: nothing can be done with it any more. */
int lane_ssh_line_stop(struct lane_ssh_line *);
/* The lane has its command; its channel is opened in its turn. */
void lane_ssh_line_add(struct lane_ssh_line *, struct lane_ssh *);
/* Wait until the thread is done with it, and take it off. */
void lane_ssh_line_remove(struct lane_ssh_line *, struct lane_ssh *);
void lane_ssh_line_wake(struct lane_ssh_line *);

/* For the thread: an event, unless the lane is down.  Of frames the engine is
 * told when no more of them have come. */
void lane_ssh_put(struct lane_ssh *, enum engine_event_type, struct frame *,
		  size_t bytes);
/* The end: code and text (NULL is fine) as in struct lane; the host's name is
 * put before the text. */
void lane_ssh_down(struct lane_ssh *, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As lane_ssh_down, for an end before the greeting: why there was none. */
void lane_ssh_explain(struct lane_ssh *);
/* The far end has ended its side, and the channel is closed if it was so in
 * time: tell why. */
void lane_ssh_tell_end(struct lane_ssh *);
/* The connection is gone: tell why. */
void lane_ssh_tell_lost(struct lane_ssh *);
/* libssh2 failed at a step. */
void lane_ssh_tell_failed(struct lane_ssh *, const char *what);

#endif
