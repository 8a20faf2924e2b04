/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lane over a pair of descriptors: a socketpair to a local agent, the
 * standard input and output of an agent, the pipes of an ssh child.  Here is
 * how it begins and ends; lane_fd_read.c and lane_fd_write.c move the frames.
 */
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "transfer/lane_fd_internal.h"
#include "transfer/thread.h"

#define MILLISECOND    ((uint64_t)1000 * 1000)
/* At 500 MB/s a pipe is half empty, or half full, after twice as long. */
#define PAUSE          (MILLISECOND / 2)
#define CHILD_PATIENCE (2 * LANE_FD_SECOND)
#define FOREVER        UINT64_MAX

uint64_t lane_fd_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * LANE_FD_SECOND + (uint64_t)now.tv_nsec;
}

void lane_fd_put(struct lane_fd *lane, enum engine_event_type type,
		 struct frame *frame, size_t bytes)
{
	struct engine_event event = {.type = type, .bytes = bytes};

	event.lane = lane->lane.id;
	event.frame = frame;
	inbox_put(lane->lane.inbox, &event);
}

void lane_fd_sent(struct lane_fd *lane, size_t bytes)
{
	pthread_mutex_lock(&lane->lock);
	if (!lane->down)
		lane_fd_put(lane, EVENT_LANE_SENT, NULL, bytes);
	pthread_mutex_unlock(&lane->lock);
}

void lane_fd_down(struct lane_fd *lane, int code, const char *text)
{
	char broken[160];

	pthread_mutex_lock(&lane->lock);
	if (code == 0 && lane->broken != 0) {
		/* The end was not so clean: not all that we sent arrived. */
		snprintf(broken, sizeof(broken), "the connection was lost: %s",
			 strerror(lane->broken));
		code = EXIT_LOST;
		text = broken;
	}
	if (!lane->down) {
		lane->lane.code = code;
		lane->lane.text = text == NULL ? NULL : strdup(text);
		lane->down = 1;
		lane_fd_put(lane, EVENT_LANE_DOWN, NULL, 0);
	}
	pthread_mutex_unlock(&lane->lock);
}

int lane_fd_closing(struct lane_fd *lane)
{
	int closing;

	pthread_mutex_lock(&lane->lock);
	closing = lane->closing;
	pthread_mutex_unlock(&lane->lock);
	return closing;
}

/* When the thread that waits for events must end. */
static uint64_t deadline(struct lane_fd *lane, short events)
{
	uint64_t until = FOREVER;

	pthread_mutex_lock(&lane->lock);
	if (events == POLLOUT && lane->closing)
		until = lane->closing_until;
	else if (events == POLLIN && lane->closing)
		until = 0;
	else if (events == POLLIN && lane->broken != 0)
		until = lane->broken_until;
	pthread_mutex_unlock(&lane->lock);
	return until;
}

/* Milliseconds until then for poll, rounded up. */
static int milliseconds_until(uint64_t until)
{
	uint64_t now = lane_fd_clock();

	return until <= now
		   ? 0
		   : (int)((until - now + MILLISECOND - 1) / MILLISECOND);
}

static int wait_for(struct lane_fd *lane, int descriptor, short events)
{
	enum { DATA, ERRORS, STOP };
	struct pollfd slots[3] = {
	    [DATA] = {.fd = descriptor, .events = events},
	    [ERRORS] = {.fd = -1, .events = POLLIN},
	    [STOP] = {.fd = lane->stop, .events = POLLIN},
	};

	for (;;) {
		uint64_t until = deadline(lane, events);
		int timeout;

		/* Once there is a deadline, stop stays readable and says
		 * nothing new. */
		timeout = until == FOREVER ? -1 : milliseconds_until(until);
		if (timeout == 0)
			return 0;
		if (events == POLLIN && lane->errors != NULL)
			slots[ERRORS].fd =
			    lane_fd_errors_descriptor(lane->errors);
		if (poll(slots, timeout == -1 ? 3 : 2, timeout) == -1)
			continue; /* EINTR */
		if (slots[ERRORS].revents != 0)
			lane_fd_errors_read(lane);
		if (slots[DATA].revents != 0)
			return 1;
	}
}

int lane_fd_wait_in(struct lane_fd *lane)
{
	return wait_for(lane, lane->in, POLLIN);
}

int lane_fd_wait_out(struct lane_fd *lane)
{
	return wait_for(lane, lane->out, POLLOUT);
}

void lane_fd_pause(void)
{
	const struct timespec pause = {.tv_nsec = PAUSE};

	nanosleep(&pause, NULL);
}

static void lane_fd_send(struct lane *base, struct frame *frame)
{
	struct lane_fd *lane = (struct lane_fd *)base;
	int dead;

	frame->next = NULL;
	pthread_mutex_lock(&lane->lock);
	dead = lane->broken != 0 || lane->closing;
	if (!dead) {
		if (lane->queue == NULL)
			pthread_cond_signal(&lane->work);
		*lane->queue_end = frame;
		lane->queue_end = &frame->next;
	}
	pthread_mutex_unlock(&lane->lock);
	if (dead)
		frame_free(frame);
}

/* After the last byte: the far end sees the end of the stream.  No thread is
 * left, so the descriptors, which others may share, may block again. */
static void end_stream(struct lane_fd *lane)
{
	fcntl(lane->in, F_SETFL, lane->in_flags);
	fcntl(lane->out, F_SETFL, lane->out_flags);
	if (lane->out_socket)
		shutdown(lane->out, SHUT_WR);
	if (lane->out != lane->in)
		close(lane->out);
}

/*
 * Throw away what still comes until the far end has ended its side too.  A
 * socket that is closed with bytes unread is reset, and our last frames may
 * be lost with it.
 */
static void discard(struct lane_fd *lane)
{
	struct pollfd slot = {.fd = lane->in, .events = POLLIN};

	while (!lane->ended) {
		int timeout = milliseconds_until(lane->closing_until);
		ssize_t size;

		if (timeout == 0)
			return;
		if (poll(&slot, 1, timeout) <= 0)
			continue;
		size = read(lane->in, lane->buffer, LANE_FD_BUFFER_SIZE);
		lane->ended = size == 0 ||
			      (size == -1 && errno != EAGAIN && errno != EINTR);
	}
}

static void release(struct lane_fd *lane)
{
	lane_fd_errors_free(lane->errors);
	pthread_cond_destroy(&lane->work);
	pthread_mutex_destroy(&lane->lock);
	if (lane->stop != -1)
		close(lane->stop);
	free(lane->buffer);
	free(lane->lane.text);
	free(lane);
}

/* What is queued is sent, if that is done in a second. */
static void end_threads(struct lane_fd *lane)
{
	pthread_mutex_lock(&lane->lock);
	lane->down = 1; /* no event any more */
	lane->closing = 1;
	lane->closing_until = lane_fd_clock() + LANE_FD_SECOND;
	pthread_cond_signal(&lane->work);
	pthread_mutex_unlock(&lane->lock);
	eventfd_write(lane->stop, 1);

	pthread_join(lane->writer, NULL);
	pthread_join(lane->reader, NULL);
}

static void lane_fd_close(struct lane *base)
{
	struct lane_fd *lane = (struct lane_fd *)base;

	end_threads(lane);
	/* Nobody waits for one that is still on its way. */
	if (lane->pid > 0 && !lane->greeted)
		kill(lane->pid, SIGTERM);
	end_stream(lane);
	discard(lane);
	close(lane->in);
	if (lane->companion != -1)
		close(lane->companion);
	if (lane->pid > 0)
		lane_fd_reap(lane, CHILD_PATIENCE);
	lane_fd_errors_end(lane);
	release(lane);
}

int lane_fd_detach(struct lane *base)
{
	struct lane_fd *lane = (struct lane_fd *)base;
	int result;

	end_threads(lane);
	result = lane->start == lane->end && !lane->ended ? 0 : -1;
	fcntl(lane->in, F_SETFL, lane->in_flags);
	fcntl(lane->out, F_SETFL, lane->out_flags);
	release(lane);
	return result;
}

/* Large buffers in the kernel spare both ends some waking; a wish only.  Not
 * for TCP, which sizes its own to the line.  1: it is a pipe, and large. */
static int grow_kernel_buffer(int descriptor)
{
	int domain = 0, size = LANE_FD_KERNEL_SIZE;
	socklen_t length = sizeof(domain);

	if (getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &length) ==
	    -1)
		return fcntl(descriptor, F_SETPIPE_SZ, size) >= size;
	if (domain == AF_UNIX)
		setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size,
			   sizeof(size));
	return 0;
}

static int set_descriptors(struct lane_fd *lane, int in, int out)
{
	int type;
	socklen_t length = sizeof(type);

	lane->in = in;
	lane->out = out;
	lane->in_flags = fcntl(in, F_GETFL);
	lane->out_flags = fcntl(out, F_GETFL);
	if (lane->in_flags == -1 || lane->out_flags == -1 ||
	    fcntl(in, F_SETFL, lane->in_flags | O_NONBLOCK) == -1)
		return -1;
	if (fcntl(out, F_SETFL, lane->out_flags | O_NONBLOCK) == -1) {
		fcntl(in, F_SETFL, lane->in_flags);
		return -1;
	}
	lane->out_socket =
	    getsockopt(out, SOL_SOCKET, SO_TYPE, &type, &length) == 0;
	lane->out_pipe = grow_kernel_buffer(out);
	if (in != out)
		lane->in_pipe = grow_kernel_buffer(in);
	return 0;
}

/* Both threads, or none and an errno value. */
static int start_threads(struct lane_fd *lane)
{
	int error = thread_start(&lane->writer, lane_fd_write, lane);

	if (error != 0)
		return error;
	error = thread_start(&lane->reader, lane_fd_read, lane);
	if (error == 0)
		return 0;
	pthread_mutex_lock(&lane->lock);
	lane->closing = 1;
	pthread_cond_signal(&lane->work);
	pthread_mutex_unlock(&lane->lock);
	pthread_join(lane->writer, NULL);
	return error;
}

static const struct lane_operations operations = {lane_fd_send, lane_fd_close};

/* All but the descriptors and the threads. */
static struct lane_fd *create(struct inbox *inbox, uint32_t id,
			      const struct lane_fd_config *config)
{
	struct lane_fd *lane = calloc(1, sizeof(*lane));

	if (lane == NULL)
		return NULL;
	lane->lane.operations = &operations;
	lane->lane.inbox = inbox;
	lane->lane.id = id;
	lane->pid = config->pid;
	lane->companion = config->companion;
	lane->queue_end = &lane->queue;
	lane->greeted = config->nonce == NULL;
	pthread_mutex_init(&lane->lock, NULL);
	pthread_cond_init(&lane->work, NULL);
	lane->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	lane->buffer = malloc(LANE_FD_BUFFER_SIZE);
	if (config->nonce != NULL)
		lane->errors = lane_fd_errors_create(config);
	if (lane->stop != -1 && lane->buffer != NULL &&
	    (config->nonce == NULL || lane->errors != NULL))
		return lane;
	release(lane);
	return NULL;
}

struct lane *lane_fd_create_from(struct inbox *inbox, uint32_t id,
				 const struct lane_fd_config *config)
{
	struct lane_fd *lane = create(inbox, id, config);
	int error;

	if (lane == NULL)
		return NULL;
	if (set_descriptors(lane, config->in, config->out) == -1) {
		error = errno;
	} else {
		error = start_threads(lane);
		if (error == 0)
			return &lane->lane;
		fcntl(config->in, F_SETFL, lane->in_flags);
		fcntl(config->out, F_SETFL, lane->out_flags);
	}
	release(lane);
	errno = error;
	return NULL;
}

struct lane *lane_fd_create(struct inbox *inbox, uint32_t id, int in, int out,
			    int pid)
{
	const struct lane_fd_config config = {
	    .in = in, .out = out, .pid = pid, .companion = -1, .errors = -1};

	return lane_fd_create_from(inbox, id, &config);
}
