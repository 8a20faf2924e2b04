/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How queued frames become SSH packets.  Each call of libssh2_channel_write
 * makes one packet, so small frames go together, and a large one is written
 * from where it lies.
 */
#include <string.h>

#include "transfer/lane_ssh_internal.h"

/* A frame of at most so much is copied to others. */
#define SMALL ((size_t)8 << 10)
/* After so much the other direction gets its turn. */
#define TURN  ((size_t)256 << 10)
/* Bytes are told gone in portions of this, and when there is a pause. */
#define TELL  ((size_t)256 << 10)

static size_t frame_size(const struct frame *frame)
{
	return FRAME_HEADER_SIZE + frame->body_length;
}

/* Take the first frame off the queue, if it is no larger than most. */
static struct frame *take(struct lane_ssh *lane, size_t most)
{
	struct frame *frame;

	pthread_mutex_lock(&lane->line->lock);
	frame = lane->queue;
	if (frame != NULL && frame_size(frame) > most)
		frame = NULL;
	if (frame != NULL) {
		lane->queue = frame->next;
		if (lane->queue == NULL)
			lane->queue_end = &lane->queue;
	}
	pthread_mutex_unlock(&lane->line->lock);
	return frame;
}

/* Copy small frames one behind another. */
static void gather(struct lane_ssh *lane, struct frame *frame)
{
	struct lane_ssh_writer *writer = &lane->writer;
	size_t length = 0, room;

	do {
		memcpy(writer->gathered + length, frame->bytes,
		       frame_size(frame));
		length += frame_size(frame);
		frame_free(frame);
		room = LANE_SSH_PIECE_MAX - length;
		frame = take(lane, room < SMALL ? room : SMALL);
	} while (frame != NULL);
	writer->piece = writer->gathered;
	writer->piece_length = length;
}

/* The next piece to be written.  1, or 0: nothing is queued. */
static int next_piece(struct lane_ssh *lane)
{
	struct lane_ssh_writer *writer = &lane->writer;
	size_t left;

	if (writer->frame != NULL &&
	    writer->written == frame_size(writer->frame)) {
		frame_free(writer->frame);
		writer->frame = NULL;
	}
	if (writer->frame == NULL) {
		struct frame *frame = take(lane, SIZE_MAX);

		if (frame == NULL)
			return 0;
		if (frame_size(frame) <= SMALL) {
			gather(lane, frame);
			return 1;
		}
		writer->frame = frame;
		writer->written = 0;
	}
	left = frame_size(writer->frame) - writer->written;
	writer->piece = writer->frame->bytes + writer->written;
	writer->piece_length =
	    left < LANE_SSH_PIECE_MAX ? left : LANE_SSH_PIECE_MAX;
	writer->written += writer->piece_length;
	return 1;
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

	while ((frame = take(lane, SIZE_MAX)) != NULL)
		frame_free(frame);
	frame_free(lane->writer.frame);
	lane->writer.frame = NULL;
	lane->writer.piece = NULL;
}
