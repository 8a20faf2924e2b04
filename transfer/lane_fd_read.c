/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread that makes frames of what comes from a lane's descriptor.  Small
 * frames come many at a time through one buffer; the body of a large one is
 * read to where it stays, with at most its first few KiB copied.
 */
#include <sys/uio.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "transfer/lane_fd_internal.h"

/* What is read into the buffer behind a large body: the next header at least,
 * and little of the next large body, for that would have to be copied. */
#define BEHIND_LARGE    ((size_t)4 << 10)
#define LARGE           ((size_t)64 << 10)
/* How long a frame is not taken because there are too many already.  Not for
 * ever: were all of them waiting for this one, nothing would move again. */
#define HOLD_BACK_STEP  10
#define HOLD_BACK_STEPS 100

enum outcome {
	GOT,   /* what was asked for */
	ENDED, /* end of the stream, where it was due or not */
	LOST,  /* errno */
	STOPPED
};

/* Once a second the engine is told that something comes. */
static void note_heard(struct lane_fd *lane, size_t bytes)
{
	uint64_t now = lane_fd_clock();

	lane->heard_bytes += bytes;
	if (now < lane->heard_told + LANE_FD_SECOND)
		return;
	lane_fd_put(lane, EVENT_LANE_HEARD, NULL, lane->heard_bytes);
	lane->heard_told = now;
	lane->heard_bytes = 0;
}

/* The engine is told of the frames that came with one read together, before
 * anything is waited for. */
static void tell(struct lane_fd *lane)
{
	if (lane->untold)
		inbox_tell(lane->lane.inbox);
	lane->untold = 0;
}

/* Read something into the parts; *got bytes. */
static enum outcome read_parts(struct lane_fd *lane, struct iovec *parts,
			       int count, size_t *got)
{
	tell(lane);
	for (;;) {
		ssize_t size;

		/* Looked at before each read, or a stream that never pauses
		 * would go on. */
		if (lane_fd_closing(lane))
			return STOPPED;
		size = readv(lane->in, parts, count);
		if (size > 0) {
			*got = (size_t)size;
			note_heard(lane, *got);
			return GOT;
		}
		if (size == 0)
			return ENDED;
		if (errno == EAGAIN || errno == EWOULDBLOCK) {
			/* Within a large body, more is sure to come. */
			if (lane->in_pipe && count > 1 &&
			    parts->iov_len > LARGE)
				lane_fd_pause();
			if (!lane_fd_wait_in(lane))
				return STOPPED;
		} else if (errno != EINTR) {
			return LOST;
		}
	}
}

/* More into the buffer. */
static enum outcome fill_buffer(struct lane_fd *lane)
{
	struct iovec part;
	size_t got = 0;
	enum outcome outcome;

	if (lane->start > 0) {
		memmove(lane->buffer, lane->buffer + lane->start,
			lane->end - lane->start);
		lane->end -= lane->start;
		lane->start = 0;
	}
	part.iov_base = lane->buffer + lane->end;
	part.iov_len = LANE_FD_BUFFER_SIZE - lane->end;
	if (lane->large && part.iov_len > BEHIND_LARGE)
		part.iov_len = BEHIND_LARGE;
	outcome = read_parts(lane, &part, 1, &got);
	lane->end += got;
	return outcome;
}

/* The body of a frame: what of it is in the buffer, then the rest straight. */
static enum outcome fill_body(struct lane_fd *lane, struct frame *frame)
{
	size_t have = lane->end - lane->start;
	struct iovec parts[2];
	enum outcome outcome = GOT;

	if (have > frame->body_length)
		have = frame->body_length;
	memcpy(frame_body(frame), lane->buffer + lane->start, have);
	lane->start += have;
	while (have < frame->body_length && outcome == GOT) {
		size_t got = 0;

		/* The buffer is empty now. */
		lane->start = lane->end = 0;
		parts[0].iov_base = frame_body(frame) + have;
		parts[0].iov_len = frame->body_length - have;
		parts[1].iov_base = lane->buffer;
		parts[1].iov_len = frame->body_length > LARGE
				       ? BEHIND_LARGE
				       : LANE_FD_BUFFER_SIZE;
		outcome = read_parts(lane, parts, 2, &got);
		if (got > parts[0].iov_len) {
			lane->end = got - parts[0].iov_len;
			got = parts[0].iov_len;
		}
		have += got;
	}
	return outcome;
}

/* There are frames enough in this process: let the far end wait. */
static void hold_back(struct lane_fd *lane)
{
	for (int step = 0; step < HOLD_BACK_STEPS; step++) {
		if (!frame_pool_full() || lane_fd_closing(lane))
			return;
		tell(lane);
		frame_pool_wait(HOLD_BACK_STEP);
	}
}

static void bad_header(struct lane_fd *lane)
{
	const uint8_t *bytes = lane->buffer + lane->start;
	char digits[3 * FRAME_HEADER_SIZE + 1];
	char text[160];

	for (size_t i = 0; i < FRAME_HEADER_SIZE; i++)
		snprintf(digits + 3 * i, 4, " %02x", bytes[i]);
	snprintf(text, sizeof(text),
		 "what came from the far end is not a frame of this protocol "
		 "(its header:%s)",
		 digits);
	lane_fd_down(lane, EXIT_PROTOCOL, text);
}

/* Skip a shell's noise.  1 when the first frame begins at start; 0 when the
 * lane is down. */
static int await_greeting(struct lane_fd *lane)
{
	enum outcome outcome = GOT;
	int found = 0;

	while (found == 0 && outcome == GOT) {
		outcome = fill_buffer(lane);
		found = lane_fd_greet(lane);
	}
	if (found == 0 && outcome == STOPPED)
		lane_fd_down(lane, 0, NULL);
	else if (found == 0)
		lane_fd_explain(lane);
	return found == 1;
}

/* The stream is over; in_frame: in the middle of one. */
static void over(struct lane_fd *lane, enum outcome outcome, int in_frame)
{
	char text[160];

	lane->ended = outcome == ENDED || outcome == LOST;
	if (outcome == LOST) {
		snprintf(text, sizeof(text), "the connection was lost: %s",
			 strerror(errno));
		lane_fd_down(lane, EXIT_LOST, text);
	} else if (outcome == ENDED && in_frame) {
		lane_fd_down(lane, EXIT_LOST,
			     "the connection ended in the middle of a frame");
	} else {
		lane_fd_down(lane, 0, NULL);
	}
}

static void add_frame(struct lane_fd *lane, struct frame *frame)
{
	struct engine_event event = {.type = EVENT_FRAME, .frame = frame};

	event.lane = lane->lane.id;
	inbox_add(lane->lane.inbox, &event);
	lane->untold = 1;
}

/* One frame.  1; 0 when the lane is down. */
static int read_frame(struct lane_fd *lane)
{
	enum outcome outcome = GOT;
	struct frame *frame;

	while (lane->end - lane->start < FRAME_HEADER_SIZE && outcome == GOT)
		outcome = fill_buffer(lane);
	if (outcome != GOT) {
		over(lane, outcome, lane->end > lane->start);
		return 0;
	}
	if (lane->buffer[lane->start] == FRAME_CHUNK || frame_small_full())
		hold_back(lane);
	switch (frame_parse_header(lane->buffer + lane->start, &frame)) {
	case 1:
		break;
	case 0:
		bad_header(lane);
		return 0;
	default:
		lane_fd_down(lane, EXIT_FILE_IO, "out of memory");
		return 0;
	}
	lane->start += FRAME_HEADER_SIZE;
	outcome = fill_body(lane, frame);
	if (outcome != GOT) {
		frame_free(frame);
		over(lane, outcome, 1);
		return 0;
	}
	lane->large = frame->body_length > LARGE;
	lane->heard_told = lane_fd_clock();
	lane->heard_bytes = 0;
	add_frame(lane, frame);
	return 1;
}

void *lane_fd_read(void *cookie)
{
	struct lane_fd *lane = cookie;

	lane->heard_told = lane_fd_clock();
	if (!lane->greeted && !await_greeting(lane))
		return NULL;
	while (read_frame(lane))
		;
	return NULL;
}
