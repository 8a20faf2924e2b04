/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread that writes a lane's frames to its descriptor, as many as
 * possible in one call: a tree of small files is a stream of small frames.
 */
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <unistd.h>

#include "transfer/lane_fd_internal.h"

#define BATCH_FRAMES 64
#define BATCH_BYTES  ((size_t)256 << 10)
/* Bytes are told gone in portions of this, and when all are. */
#define TELL         ((size_t)256 << 10)

/* What the thread took from the queue and has not written yet. */
struct batch {
	struct frame *first;
	size_t written; /* bytes of first that are gone */
	int lent;       /* first is lent, or part of it */
	size_t untold;  /* bytes that are gone, and not told yet */
};

static size_t frame_size(const struct frame *frame)
{
	return FRAME_HEADER_SIZE + frame->body_length;
}

static void free_frames(struct frame *frame)
{
	while (frame != NULL) {
		struct frame *next = frame->next;

		frame_free(frame);
		frame = next;
	}
}

/* Sleep until there is something to send: 1.  0: there will be nothing. */
static int take_queue(struct lane_fd *lane, struct batch *batch)
{
	pthread_mutex_lock(&lane->lock);
	while (lane->queue == NULL && !lane->closing)
		pthread_cond_wait(&lane->work, &lane->lock);
	batch->first = lane->queue;
	batch->written = batch->untold = 0;
	batch->lent = 0;
	lane->queue = NULL;
	lane->queue_end = &lane->queue;
	pthread_mutex_unlock(&lane->lock);
	return batch->first != NULL;
}

/* One call; what write(2) returns. */
static ssize_t write_once(struct lane_fd *lane, struct batch *batch)
{
	struct iovec parts[BATCH_FRAMES];
	struct msghdr message = {.msg_iov = parts};
	size_t count = 0, bytes = 0, skip = batch->written;

	if (lane_fd_lends(lane, batch->first)) {
		batch->lent = 1;
		return lane_fd_lend(lane, batch->first->bytes + skip,
				    frame_size(batch->first) - skip);
	}
	for (const struct frame *frame = batch->first;
	     frame != NULL && count < BATCH_FRAMES && bytes < BATCH_BYTES &&
	     (count == 0 || !lane_fd_lends(lane, frame));
	     frame = frame->next) {
		parts[count].iov_base = frame->bytes + skip;
		parts[count].iov_len = frame_size(frame) - skip;
		bytes += parts[count++].iov_len;
		skip = 0;
	}
	if (!lane->out_socket)
		return writev(lane->out, parts, (int)count);
	message.msg_iovlen = count;
	return sendmsg(lane->out, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* So many bytes are gone. */
static void advance(struct lane_fd *lane, struct batch *batch, size_t bytes)
{
	batch->untold += bytes;
	while (bytes > 0) {
		struct frame *frame = batch->first;
		size_t left = frame_size(frame) - batch->written;

		if (bytes < left) {
			batch->written += bytes;
			lane->loans.written += bytes;
			return;
		}
		bytes -= left;
		batch->first = frame->next;
		batch->written = 0;
		lane->loans.written += left;
		if (batch->lent)
			lane_fd_lent(lane, frame);
		else
			frame_free(frame);
		batch->lent = 0;
	}
}

static void tell_sent(struct lane_fd *lane, struct batch *batch)
{
	if (batch->first != NULL && batch->untold < TELL)
		return;
	lane_fd_sent(lane, batch->untold);
	batch->untold = 0;
}

/* 0 when all is written; -1 with errno. */
static int write_all(struct lane_fd *lane, struct batch *batch)
{
	while (batch->first != NULL) {
		ssize_t written = write_once(lane, batch);

		if (written >= 0) {
			advance(lane, batch, (size_t)written);
			tell_sent(lane, batch);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			if (lane->out_pipe)
				lane_fd_pause();
			if (!lane_fd_wait_out(lane)) {
				errno = ETIMEDOUT;
				return -1;
			}
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

/*
 * The reader has another second: why the far end went may be on its way, and
 * is better news than a broken pipe.
 */
static void give_up(struct lane_fd *lane, int error)
{
	struct frame *queue;

	pthread_mutex_lock(&lane->lock);
	lane->broken = error;
	lane->broken_until = lane_fd_clock() + LANE_FD_SECOND;
	queue = lane->queue;
	lane->queue = NULL;
	lane->queue_end = &lane->queue;
	pthread_mutex_unlock(&lane->lock);
	eventfd_write(lane->stop, 1);
	free_frames(queue);
}

/* What is in the pipe in part is not ours alone. */
static void drop(struct lane_fd *lane, struct batch *batch)
{
	struct frame *first = batch->first;

	if (batch->lent) {
		batch->first = first->next;
		lane_fd_lent(lane, first);
	}
	free_frames(batch->first);
}

static uint64_t closing_until(struct lane_fd *lane)
{
	uint64_t until;

	pthread_mutex_lock(&lane->lock);
	until = lane->closing ? lane->closing_until : 0;
	pthread_mutex_unlock(&lane->lock);
	return until;
}

void *lane_fd_write(void *cookie)
{
	struct lane_fd *lane = cookie;
	struct batch batch;

	while (take_queue(lane, &batch)) {
		if (write_all(lane, &batch) == -1) {
			give_up(lane, errno);
			drop(lane, &batch);
			break;
		}
	}
	lane_fd_end_loans(lane, closing_until(lane));
	return NULL;
}
