/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_LANE_FD_INTERNAL_H
#define FERRY_TRANSFER_LANE_FD_INTERNAL_H

#include <pthread.h>

#include "transfer/lane.h"

/*
 * A lane over descriptors, shared by lane_fd*.c and by nobody else.
 *
 * What holds at all times:
 *
 *  1. Descriptors are non-blocking while the lane lives; a thread sleeps only
 *     in poll, with stop among what it polls or with a deadline, or on work.
 *  2. No event is put once down is set; EVENT_LANE_DOWN sets it.
 *  3. stop becomes readable once and for all with the first of broken and
 *     closing; both are set before, under the lock.
 */
/* Frames whose bytes are in the pipe and not copied; the writer's own. */
#define LANE_FD_LOANS_MAX 8
struct lane_fd_loans {
	uint64_t written; /* bytes into the pipe, ever */
	struct frame *frames[LANE_FD_LOANS_MAX]; /* a ring, from first on */
	uint64_t ends[LANE_FD_LOANS_MAX]; /* what written was behind each */
	unsigned first;
	unsigned count;
	int refused; /* the kernel does not do it */
};

struct lane_fd {
	struct lane lane; /* first */
	int in;
	int out;      /* may be the same */
	int in_flags; /* as they were before */
	int out_flags;
	int out_socket; /* 1 if it is one */
	int in_pipe;    /* 1 if it is one of LANE_FD_KERNEL_SIZE */
	int out_pipe;
	int pid;
	int companion; /* or -1 */
	int stop;      /* an eventfd */
	pthread_t reader;
	pthread_t writer;

	pthread_mutex_t lock; /* of all that follows, to queue_end */
	pthread_cond_t work;
	int down;
	int broken;            /* errno of a failed write */
	uint64_t broken_until; /* when the reader need not go on any more */
	int closing;
	uint64_t closing_until;
	struct frame *queue; /* to be sent */
	struct frame **queue_end;

	struct lane_fd_loans loans;

	uint8_t *buffer; /* the reader's: bytes start..end are not parsed */
	size_t start;
	size_t end;
	int greeted;                   /* the first frame may come, or has */
	struct lane_fd_errors *errors; /* NULL: nothing to listen to */
	int ended;                     /* nothing more can come */
	int large;                     /* the frame read last was */
	int untold; /* frames were added to the inbox since it was last told */
	uint64_t heard_told; /* when the engine was last told of anything */
	size_t heard_bytes;  /* that came since */
};

#define LANE_FD_BUFFER_SIZE ((size_t)256 << 10)
/* What pipes and sockets are asked to hold. */
#define LANE_FD_KERNEL_SIZE (1 << 20)
#define LANE_FD_SECOND      ((uint64_t)1000 * 1000 * 1000)

/*
 * The threads.  Each runs until the lane ends; the reader tells
 * EVENT_LANE_DOWN.  They return NULL, for pthread_join.
 */
void *lane_fd_read(void *lane);
void *lane_fd_write(void *lane);

/* Monotonic nanoseconds. */
uint64_t lane_fd_clock(void);
/* For the reader, which is also the one that says EVENT_LANE_DOWN. */
void lane_fd_put(struct lane_fd *, enum engine_event_type, struct frame *,
		 size_t bytes);
/* For the writer: so many bytes are gone, unless the lane is down. */
void lane_fd_sent(struct lane_fd *, size_t bytes);
/* The end: code and text as in struct lane; text is copied. */
void lane_fd_down(struct lane_fd *, int code, const char *text);
/*
 * Sleep until there is something to read from in, or room to write to out.
 * 1; 0 if the thread should end: the reader when the lane is closed, or some
 * time after it broke; the writer some time after it was closed.
 */
int lane_fd_wait_in(struct lane_fd *);
int lane_fd_wait_out(struct lane_fd *);
/*
 * A pipe wakes its other end for every page, and sshd moves 32 KiB at a time:
 * that many changes of thread cost more than the copying.  Who finds a large
 * pipe full, or empty in the middle of a chunk, lets it come half-way first.
 */
void lane_fd_pause(void);
/* 1 if lane_close was called. */
int lane_fd_closing(struct lane_fd *);

/* lane_fd_lend.c: for the writer. */

/* 1 if the frame is to be lent: it is large, and out a pipe with room for it. */
int lane_fd_lends(struct lane_fd *, const struct frame *);
/* As write(2), but the bytes must stay as they are. */
ssize_t lane_fd_lend(struct lane_fd *, void *, size_t);
/* All of a frame is written, some of it by lane_fd_lend: the frame is freed
 * when it is read. */
void lane_fd_lent(struct lane_fd *, struct frame *);
/* Wait until all is read, or nobody can, or until then. */
void lane_fd_end_loans(struct lane_fd *, uint64_t until);

/* lane_fd_errors.c: what a child says on its stderr, and how it ended. */

/* NULL with errno; config outlives nothing but this call. */
struct lane_fd_errors *lane_fd_errors_create(const struct lane_fd_config *);
/* The descriptor stays open. */
void lane_fd_errors_free(struct lane_fd_errors *);
/* To be polled for input, or -1. */
int lane_fd_errors_descriptor(const struct lane_fd_errors *);
/* Read what is there, and tell its lines; before the greeting keep it. */
void lane_fd_errors_read(struct lane_fd *);
/* Tell what is left, and close the descriptor. */
void lane_fd_errors_end(struct lane_fd *);
/* Before the greeting: 1 if it was found in the buffer, 0 to read on; -1: there
 * was more than a shell's noise, and down was said. */
int lane_fd_greet(struct lane_fd *);
/* As lane_fd_down, for an end of the stream before the greeting. */
void lane_fd_explain(struct lane_fd *);
/* Reap the child, waiting so long at most.  Its exit status; -1: not known. */
int lane_fd_reap(struct lane_fd *, uint64_t patience);

#endif
