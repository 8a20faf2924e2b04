/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How queued frames become SSH packets.  Each call of libssh2_channel_write
 * makes one packet, and a packet costs as much as a small file's bytes, so none
 * is less than full while more is queued: what does not fill one by itself is
 * copied together, and the rest is written from where it lies.
 */
#include <string.h>

#include "transfer/lane_ssh_internal.h"

/* After so much the other direction gets its turn. */
#define TURN ((size_t)256 << 10)
/* Bytes are told gone in portions of this, and when there is a pause. */
#define TELL ((size_t)256 << 10)

static size_t frame_size(const struct frame *frame)
{
	return FRAME_HEADER_SIZE + frame->body_length;
}

/* Take the first frame off the queue, or NULL. */
static struct frame *take(struct lane_ssh *lane)
{
	struct frame *frame;

	pthread_mutex_lock(&lane->line->lock);
	frame = lane->queue;
	if (frame != NULL) {
		lane->queue = frame->next;
		if (lane->queue == NULL)
			lane->queue_end = &lane->queue;
	}
	pthread_mutex_unlock(&lane->line->lock);
	return frame;
}

/* Have a frame of which something is to be written.  Bytes of it, or 0: nothing
 * is queued. */
static size_t next_frame(struct lane_ssh *lane)
{
	struct lane_ssh_writer *writer = &lane->writer;

	if (writer->frame != NULL &&
	    writer->written == frame_size(writer->frame)) {
		frame_free(writer->frame);
		writer->frame = NULL;
	}
	if (writer->frame == NULL) {
		writer->frame = take(lane);
		writer->written = 0;
	}
	return writer->frame == NULL
		   ? 0
		   : frame_size(writer->frame) - writer->written;
}

/* The next piece to be written.  1, or 0: nothing is queued. */
static int next_piece(struct lane_ssh *lane)
{
	struct lane_ssh_writer *writer = &lane->writer;
	size_t length = 0, left;

	while ((left = next_frame(lane)) > 0 && length < LANE_SSH_PIECE_MAX) {
		const uint8_t *bytes = writer->frame->bytes + writer->written;

		if (length == 0 && left >= LANE_SSH_PIECE_MAX) {
			writer->written += LANE_SSH_PIECE_MAX;
			writer->piece = bytes;
			writer->piece_length = LANE_SSH_PIECE_MAX;
			return 1;
		}
		if (left > LANE_SSH_PIECE_MAX - length)
			left = LANE_SSH_PIECE_MAX - length;
		memcpy(writer->gathered + length, bytes, left);
		writer->written += left;
		length += left;
	}
	writer->piece = length > 0 ? writer->gathered : NULL;
	writer->piece_length = length;
	return length > 0;
}

static void tell_sent(struct lane_ssh *lane, size_t least)
{
	struct lane_ssh_writer *writer = &lane->writer;

	if (writer->sent == 0 || writer->sent < least)
		return;
	lane_ssh_put(lane, EVENT_LANE_SENT, NULL, writer->sent);
	writer->sent = 0;
}

/*
 * One packet.  The kernel is told when the next follows at once, so that it
 * wakes the server for two and not for each.
 */
static ssize_t write_piece(struct lane_ssh *lane)
{
	struct lane_ssh_writer *writer = &lane->writer;
	struct ssh_socket *socket = ssh_connection_socket(lane->connection);
	ssize_t taken;

	socket->more = writer->frame != NULL &&
		       writer->written < frame_size(writer->frame);
	taken = libssh2_channel_write(
	    lane->channel, (const char *)writer->piece, writer->piece_length);
	if (socket->more && taken == LIBSSH2_ERROR_EAGAIN)
		ssh_socket_push(socket);
	socket->more = 0;
	return taken;
}

enum lane_ssh_look lane_ssh_write(struct lane_ssh *lane)
{
	struct lane_ssh_writer *writer = &lane->writer;
	struct ssh_socket *socket = ssh_connection_socket(lane->connection);
	size_t moved = 0;

	while (moved < TURN) {
		ssize_t taken;
		int flushed = ssh_socket_flush(socket);

		if (flushed == -1)
			return LANE_SSH_LOST;
		if (flushed == 1 ||
		    (writer->piece == NULL && !next_piece(lane)))
			break;
		taken = write_piece(lane);
		if (taken == LIBSSH2_ERROR_EAGAIN || taken == 0)
			break;
		if (taken < 0)
			return LANE_SSH_LOST;
		writer->piece += taken;
		writer->piece_length -= (size_t)taken;
		if (writer->piece_length == 0)
			writer->piece = NULL;
		writer->sent += (size_t)taken;
		moved += (size_t)taken;
		tell_sent(lane, TELL);
	}
	if (moved == 0) {
		tell_sent(lane, 0);
		return LANE_SSH_IDLE;
	}
	return LANE_SSH_MOVED;
}

int lane_ssh_unwritten(struct lane_ssh *lane)
{
	struct lane_ssh_writer *writer = &lane->writer;
	int queued;

	pthread_mutex_lock(&lane->line->lock);
	queued = lane->queue != NULL;
	pthread_mutex_unlock(&lane->line->lock);
	return queued || writer->piece != NULL ||
	       (writer->frame != NULL &&
		writer->written < frame_size(writer->frame)) ||
	       ssh_socket_unsent(ssh_connection_socket(lane->connection)) > 0;
}

void lane_ssh_discard(struct lane_ssh *lane)
{
	struct frame *frame;

	while ((frame = take(lane)) != NULL)
		frame_free(frame);
	frame_free(lane->writer.frame);
	lane->writer.frame = NULL;
	lane->writer.piece = NULL;
}
