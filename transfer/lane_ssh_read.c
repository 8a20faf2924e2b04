/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How frames are made of what an SSH channel brings.  Small frames come many
 * at a time through one buffer; the body of a large one is read to where it
 * stays.  Before the first, a shell's noise is skipped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/lane_ssh_internal.h"
#include "transfer/tcp.h"

/* What is read behind a large body: little, for it would have to be copied. */
#define BEHIND_LARGE ((size_t)4 << 10)
#define LARGE        ((size_t)64 << 10)
/* libssh2 widens the window by what is asked for, so not a whole chunk. */
#define READ_MAX     ((size_t)256 << 10)
/* After so much the other direction gets its turn. */
#define TURN         ((size_t)512 << 10)
/* How long a chunk is not taken because there are too many already.  Not for
 * ever: were all of them waiting for this one, nothing would move again. */
#define HOLD_MAX     LANE_SSH_SECOND

/* Read from a stream of the channel.  Bytes; 0 and *look if none came. */
static size_t read_stream(struct lane_ssh *lane, int stream, void *to,
			  size_t size, enum lane_ssh_look *look)
{
	ssize_t got = libssh2_channel_read_ex(lane->channel, stream, to, size);

	if (got > 0)
		return (size_t)got;
	if (got == 0 && libssh2_channel_eof(lane->channel) == 1)
		*look = LANE_SSH_ENDED;
	else if (got != 0 && got != LIBSSH2_ERROR_EAGAIN)
		*look = LANE_SSH_LOST;
	else if (ssh_connection_socket(lane->connection)->ended)
		*look = LANE_SSH_LOST;
	else
		*look = LANE_SSH_IDLE;
	return 0;
}

/* Once a second the engine is told that something comes. */
static void note_heard(struct lane_ssh *lane, size_t bytes)
{
	struct lane_ssh_reader *reader = &lane->reader;
	uint64_t now = tcp_clock();

	reader->heard_bytes += bytes;
	if (now < reader->heard_told + LANE_SSH_SECOND)
		return;
	lane_ssh_put(lane, EVENT_LANE_HEARD, NULL, reader->heard_bytes);
	reader->heard_told = now;
	reader->heard_bytes = 0;
}

/* ---- the greeting ---- */

/* 1 when it is there; else 0 and *look. */
static int look_for_greeting(struct lane_ssh *lane, enum lane_ssh_look *look)
{
	struct lane_ssh_reader *reader = &lane->reader;
	char *noise;
	size_t offset;

	*look = LANE_SSH_MOVED;
	switch (
	    greeting_find(reader->buffer, reader->end, lane->nonce, &offset)) {
	case GREETING_AWAITED:
		return 0;
	case GREETING_MISSING:
		lane_ssh_explain(lane);
		*look = LANE_SSH_FAILED;
		return 0;
	case GREETING_FOUND:
		break;
	}
	noise = greeting_quote_noise(reader->buffer, offset);
	if (noise != NULL)
		ssh_connection_tell(lane->connection, SSH_TELL_DETAIL,
				    "skipped %zu bytes that the shell there "
				    "printed: %s",
				    offset, noise);
	free(noise);
	reader->start = offset;
	reader->greeted = 1;
	return 1;
}

/* ---- frames ---- */

static void bad_header(struct lane_ssh *lane)
{
	const uint8_t *bytes = lane->reader.buffer + lane->reader.start;
	char digits[3 * FRAME_HEADER_SIZE + 1];

	for (size_t i = 0; i < FRAME_HEADER_SIZE; i++)
		snprintf(digits + 3 * i, 4, " %02x", bytes[i]);
	lane_ssh_down(lane, EXIT_PROTOCOL,
		      "what came from the far end is not a frame of this "
		      "protocol (its header:%s)",
		      digits);
}

/* 1 if a frame must wait because the process has too many. */
static int is_held(struct lane_ssh_reader *reader)
{
	uint64_t now;

	if (!(reader->buffer[reader->start] == FRAME_CHUNK
		  ? frame_pool_full()
		  : frame_small_full())) {
		reader->held_since = 0;
		return 0;
	}
	now = tcp_clock();
	if (reader->held_since == 0)
		reader->held_since = now;
	if (now < reader->held_since + HOLD_MAX)
		return 1;
	reader->held_since = 0;
	return 0;
}

/* Begin a frame with the header at start.  1, or 0 and *look. */
static int begin_frame(struct lane_ssh *lane, enum lane_ssh_look *look)
{
	struct lane_ssh_reader *reader = &lane->reader;

	if (is_held(reader)) {
		*look = LANE_SSH_HELD;
		return 0;
	}
	*look = LANE_SSH_FAILED;
	switch (frame_parse_header(reader->buffer + reader->start,
				   &reader->frame)) {
	case 1:
		reader->start += FRAME_HEADER_SIZE;
		reader->have = 0;
		return 1;
	case 0:
		bad_header(lane);
		return 0;
	default:
		lane_ssh_down(lane, EXIT_FILE_IO, "out of memory");
		return 0;
	}
}

/* Hand the frame on if it is whole: 1, else 0. */
static int end_frame(struct lane_ssh *lane)
{
	struct lane_ssh_reader *reader = &lane->reader;
	struct frame *frame = reader->frame;

	if (reader->have < frame->body_length)
		return 0;
	reader->large = frame->body_length > LARGE;
	reader->heard_told = tcp_clock();
	reader->heard_bytes = 0;
	reader->frame = NULL;
	lane_ssh_put(lane, EVENT_FRAME, frame, 0);
	return 1;
}

/* Make frames of what is in the buffer.  MOVED: all of it is used up, but for
 * part of a header. */
static enum lane_ssh_look parse(struct lane_ssh *lane)
{
	struct lane_ssh_reader *reader = &lane->reader;
	enum lane_ssh_look look = LANE_SSH_MOVED;

	if (!reader->greeted && !look_for_greeting(lane, &look))
		return look;
	for (;;) {
		size_t left = reader->end - reader->start, part;

		if (reader->frame == NULL) {
			if (left < FRAME_HEADER_SIZE)
				return LANE_SSH_MOVED;
			if (!begin_frame(lane, &look))
				return look;
			left -= FRAME_HEADER_SIZE;
		}
		part = reader->frame->body_length - reader->have;
		if (part > left)
			part = left;
		memcpy(frame_body(reader->frame) + reader->have,
		       reader->buffer + reader->start, part);
		reader->start += part;
		reader->have += part;
		if (!end_frame(lane))
			return LANE_SSH_MOVED;
	}
}

/* ---- reading ---- */

/* Into the body of the frame; the buffer is empty. */
static size_t read_body(struct lane_ssh *lane, enum lane_ssh_look *look)
{
	struct lane_ssh_reader *reader = &lane->reader;
	size_t want = reader->frame->body_length - reader->have;
	size_t got =
	    read_stream(lane, 0, frame_body(reader->frame) + reader->have,
			want < READ_MAX ? want : READ_MAX, look);

	reader->have += got;
	if (got > 0) {
		note_heard(lane, got);
		end_frame(lane);
	}
	return got;
}

static size_t read_buffer(struct lane_ssh *lane, enum lane_ssh_look *look)
{
	struct lane_ssh_reader *reader = &lane->reader;
	size_t room, got;

	/* What is left is part of a header, or a held chunk's beginning. */
	if (reader->greeted && reader->start > 0) {
		memmove(reader->buffer, reader->buffer + reader->start,
			reader->end - reader->start);
		reader->end -= reader->start;
		reader->start = 0;
	}
	room = LANE_SSH_BUFFER_SIZE - reader->end;
	if (reader->large && room > BEHIND_LARGE)
		room = BEHIND_LARGE;
	got = read_stream(lane, 0, reader->buffer + reader->end, room, look);
	reader->end += got;
	if (got > 0) {
		note_heard(lane, got);
		*look = parse(lane);
	}
	return got;
}

static void tell_frames(struct lane_ssh *lane)
{
	if (lane->reader.untold)
		inbox_tell(lane->lane.inbox);
	lane->reader.untold = 0;
}

enum lane_ssh_look lane_ssh_read(struct lane_ssh *lane)
{
	struct lane_ssh_reader *reader = &lane->reader;
	enum lane_ssh_look look = LANE_SSH_MOVED;
	size_t moved = 0;

	if (reader->held_since != 0)
		look = parse(lane);
	while (look == LANE_SSH_MOVED && moved < TURN) {
		size_t got = reader->frame != NULL ? read_body(lane, &look)
						   : read_buffer(lane, &look);

		tell_frames(lane);
		if (got == 0)
			break;
		moved += got;
	}
	tell_frames(lane);
	if (moved > 0)
		lane_ssh_window_read(lane, moved);
	return look == LANE_SSH_IDLE && moved > 0 ? LANE_SSH_MOVED : look;
}

/* ---- stderr ---- */

enum lane_ssh_look lane_ssh_read_errors(struct lane_ssh *lane)
{
	struct lane_ssh_reader *reader = &lane->reader;
	enum lane_ssh_look look = LANE_SSH_MOVED;
	char *at;
	size_t room = far_errors_room(&reader->errors, reader->greeted, &at);

	far_errors_took(
	    &reader->errors, reader->greeted,
	    read_stream(lane, SSH_EXTENDED_DATA_STDERR, at, room, &look));
	return look;
}
