/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lane over a libssh2 channel.  Here is how it begins and ends, and the
 * thread that takes turns at both directions; lane_ssh_read.c and
 * lane_ssh_write.c move the frames.
 */
#include "transfer/lane_ssh.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/hexadecimal.h"
#include "transfer/lane_ssh_internal.h"
#include "transfer/ssh_host_key.h"
#include "transfer/ssh_login.h"
#include "transfer/tcp.h"

#define MILLISECOND ((uint64_t)1000 * 1000)
/* A look at the pool of frames is due, or at a deadline, at the latest. */
#define HOLD_STEP   10
#define LOOK_STEP   50

/* ---- events ---- */

void lane_ssh_put(struct lane_ssh *lane, enum engine_event_type type,
		  struct frame *frame, size_t bytes)
{
	struct engine_event event = {.type = type, .bytes = bytes};
	int down;

	event.lane = lane->lane.id;
	event.frame = frame;
	pthread_mutex_lock(&lane->lock);
	down = lane->down;
	if (!down)
		inbox_put(lane->lane.inbox, &event);
	pthread_mutex_unlock(&lane->lock);
	if (down)
		frame_free(frame);
}

static void down(struct lane_ssh *lane, int code, char *text)
{
	struct engine_event event = {.type = EVENT_LANE_DOWN};

	event.lane = lane->lane.id;
	pthread_mutex_lock(&lane->lock);
	if (!lane->down) {
		lane->lane.code = code;
		lane->lane.text = text;
		text = NULL;
		lane->down = 1;
		inbox_put(lane->lane.inbox, &event);
	}
	pthread_mutex_unlock(&lane->lock);
	free(text);
}

void lane_ssh_down(struct lane_ssh *lane, int code, const char *format, ...)
{
	const char *host = ssh_connection_config(lane->connection)->host;
	char *cause, *text = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&cause, format, arguments);
	va_end(arguments);
	if (length >= 0) {
		if (asprintf(&text, "%s: %s", host, cause) < 0)
			text = NULL;
		free(cause);
	}
	down(lane, code, text);
}

/* ---- how it ends ---- */

void lane_ssh_explain(struct lane_ssh *lane)
{
	const struct lane_ssh_reader *reader = &lane->reader;
	int status = FAR_STATUS_UNKNOWN;
	char *text;

	if (libssh2_channel_eof(lane->channel) == 1)
		status = libssh2_channel_get_exit_status(lane->channel);
	text = far_errors_explain(
	    &reader->errors, reader->buffer, reader->end,
	    ssh_connection_config(lane->connection)->program, status);
	lane_ssh_down(lane, EXIT_UNREACHABLE, "%s",
		      text != NULL ? text : "out of memory");
	free(text);
}

/* The signal that ended the agent, malloc'd, or NULL. */
static char *take_signal(struct lane_ssh *lane)
{
	char *signal = NULL, *copy;

	if (libssh2_channel_get_exit_signal(lane->channel, &signal, NULL, NULL,
					    NULL, NULL, NULL) != 0 ||
	    signal == NULL)
		return NULL;
	copy = strdup(signal);
	libssh2_free(ssh_connection_session(lane->connection), signal);
	return copy;
}

/* The far end has ended its side, and the channel is closed if it was so in
 * time: tell why. */
static void tell_end(struct lane_ssh *lane)
{
	char *signal = take_signal(lane);

	if (signal != NULL)
		lane_ssh_down(lane, EXIT_LOST,
			      "the ferry there was ended by signal %s", signal);
	else if (!lane->reader.greeted)
		lane_ssh_explain(lane);
	else if (lane->reader.frame != NULL ||
		 lane->reader.end > lane->reader.start)
		lane_ssh_down(lane, EXIT_LOST,
			      "the connection ended in the middle of a frame");
	else
		down(lane, 0, NULL);
	free(signal);
}

static void tell_lost(struct lane_ssh *lane)
{
	const struct ssh_socket *socket =
	    ssh_connection_socket(lane->connection);
	int error = socket->broken != 0 ? socket->broken : socket->end_error;
	char *message = NULL;

	if (error != 0)
		lane_ssh_down(lane, EXIT_LOST, "the connection was lost: %s",
			      strerror(error));
	else if (socket->ended)
		lane_ssh_down(lane, EXIT_LOST,
			      "the server closed the connection");
	else {
		int code = libssh2_session_last_error(
		    ssh_connection_session(lane->connection), &message, NULL,
		    0);

		lane_ssh_down(lane, EXIT_LOST,
			      "the connection failed: %s (libssh2 error %d)",
			      message, code);
	}
}

/* ---- the thread ---- */

static uint64_t closing_until(struct lane_ssh *lane)
{
	uint64_t until;

	pthread_mutex_lock(&lane->lock);
	until = lane->closing ? lane->closing_until : 0;
	pthread_mutex_unlock(&lane->lock);
	return until;
}

/* Until the socket can be read, what is unsent can be sent, or somebody wakes
 * us; at most so many milliseconds, or for ever (-1). */
static void sleep_on_socket(struct lane_ssh *lane, int timeout)
{
	enum { SOCKET, WAKE };
	struct ssh_socket *socket = ssh_connection_socket(lane->connection);
	struct pollfd slots[2] = {
	    [SOCKET] = {.fd = socket->descriptor, .events = POLLIN},
	    [WAKE] = {.fd = lane->wake, .events = POLLIN},
	};
	eventfd_t count;
	int queued;

	if (ssh_socket_unsent(socket) > 0)
		slots[SOCKET].events |= POLLOUT;
	pthread_mutex_lock(&lane->lock);
	/* Queued behind a piece that waits: nothing new to do. */
	queued = lane->queue != NULL && lane->writer.piece == NULL &&
		 ssh_socket_unsent(socket) == 0;
	lane->sleeping = !queued;
	pthread_mutex_unlock(&lane->lock);
	if (queued)
		return;
	poll(slots, 2, timeout);
	pthread_mutex_lock(&lane->lock);
	lane->sleeping = 0;
	pthread_mutex_unlock(&lane->lock);
	if (slots[WAKE].revents != 0)
		eventfd_read(lane->wake, &count);
}

static void pause_held(struct lane_ssh *lane)
{
	if (lane_ssh_unwritten(lane))
		sleep_on_socket(lane, HOLD_STEP);
	else
		frame_pool_wait(HOLD_STEP);
}

/* Wait for the server to close the channel: only then the exit status is
 * sure to be known. */
static void await_close(struct lane_ssh *lane)
{
	uint64_t until = tcp_clock() + LANE_SSH_SECOND;

	while (libssh2_channel_wait_closed(lane->channel) ==
		   LIBSSH2_ERROR_EAGAIN &&
	       !ssh_connection_socket(lane->connection)->ended &&
	       tcp_clock() < until && closing_until(lane) == 0) {
		ssh_socket_flush(ssh_connection_socket(lane->connection));
		sleep_on_socket(lane, LOOK_STEP);
	}
}

/* Both directions in turn, until the lane is down or to be closed. */
static void converse(struct lane_ssh *lane)
{
	uint64_t lost_until = 0;

	while (closing_until(lane) == 0) {
		enum lane_ssh_look in = lane_ssh_read(lane);
		enum lane_ssh_look errors = lane_ssh_read_errors(lane);
		enum lane_ssh_look out;

		if (in == LANE_SSH_FAILED)
			return;
		if (in == LANE_SSH_ENDED && errors != LANE_SSH_MOVED) {
			await_close(lane);
			tell_end(lane);
			return;
		}
		if (in == LANE_SSH_LOST ||
		    (lost_until != 0 && tcp_clock() > lost_until)) {
			tell_lost(lane);
			return;
		}
		out = lost_until == 0 ? lane_ssh_write(lane) : LANE_SSH_IDLE;
		/* Why the far end went may be on its way, and is better news
		 * than a broken pipe. */
		if (out == LANE_SSH_LOST)
			lost_until = tcp_clock() + LANE_SSH_SECOND;
		if (in == LANE_SSH_MOVED || errors == LANE_SSH_MOVED ||
		    out == LANE_SSH_MOVED)
			continue;
		if (in == LANE_SSH_HELD)
			pause_held(lane);
		else
			sleep_on_socket(lane, lost_until == 0 ? -1 : LOOK_STEP);
	}
}

/* Throw away what comes.  1 when the far end has ended its side. */
static int discard_input(struct lane_ssh *lane)
{
	uint8_t *buffer = lane->reader.buffer;
	ssize_t got;

	do
		got = libssh2_channel_read(lane->channel, (char *)buffer,
					   LANE_SSH_BUFFER_SIZE);
	while (got > 0);
	if (got != LIBSSH2_ERROR_EAGAIN)
		return 1;
	while (lane_ssh_read_errors(lane) == LANE_SSH_MOVED)
		;
	return ssh_connection_socket(lane->connection)->ended;
}

/* What was queued is sent, then the end of our side; then the far end is
 * waited for, so that it sees all before the connection goes. */
static void wind_down(struct lane_ssh *lane)
{
	int result = LIBSSH2_ERROR_EAGAIN;

	while (tcp_clock() < closing_until(lane)) {
		enum lane_ssh_look out = lane_ssh_write(lane);

		if (out == LANE_SSH_LOST)
			return;
		if (!lane_ssh_unwritten(lane) && result != 0) {
			result = libssh2_channel_send_eof(lane->channel);
			if (result != 0 && result != LIBSSH2_ERROR_EAGAIN)
				return;
		}
		if (discard_input(lane))
			return;
		if (out != LANE_SSH_MOVED)
			sleep_on_socket(lane, LOOK_STEP);
	}
}

static void *run(void *cookie)
{
	struct lane_ssh *lane = cookie;

	converse(lane);
	if (closing_until(lane) != 0)
		wind_down(lane);
	far_errors_end(&lane->reader.errors, lane->reader.greeted);
	/* What is queued from here on is freed with the lane. */
	lane_ssh_discard(lane);
	return NULL;
}

/* ---- for the lane's user ---- */

static void lane_ssh_send(struct lane *base, struct frame *frame)
{
	struct lane_ssh *lane = (struct lane_ssh *)base;
	int dead, sleeping;

	frame->next = NULL;
	pthread_mutex_lock(&lane->lock);
	dead = lane->down || lane->closing;
	sleeping = lane->sleeping;
	if (!dead) {
		*lane->queue_end = frame;
		lane->queue_end = &frame->next;
		lane->sleeping = 0;
	}
	pthread_mutex_unlock(&lane->lock);
	if (dead)
		frame_free(frame);
	else if (sleeping)
		eventfd_write(lane->wake, 1);
}

static void release(struct lane_ssh *lane)
{
	lane_ssh_discard(lane);
	frame_free(lane->reader.frame);
	ssh_connection_free(lane->connection);
	pthread_mutex_destroy(&lane->lock);
	if (lane->wake != -1)
		close(lane->wake);
	free(lane->reader.buffer);
	free(lane->writer.gathered);
	free(lane->lane.text);
	free(lane);
}

static void lane_ssh_close(struct lane *base)
{
	struct lane_ssh *lane = (struct lane_ssh *)base;

	pthread_mutex_lock(&lane->lock);
	lane->down = 1; /* no event any more */
	lane->closing = 1;
	lane->closing_until = tcp_clock() + LANE_SSH_SECOND;
	pthread_mutex_unlock(&lane->lock);
	eventfd_write(lane->wake, 1);
	pthread_join(lane->thread, NULL);
	release(lane);
}

/* ---- how it begins ---- */

static void tell_error(void *cookie, int greeted, const char *line)
{
	const struct lane_ssh *lane = cookie;

	ssh_connection_tell(lane->connection,
			    greeted ? SSH_TELL_REMOTE : SSH_TELL_DETAIL, "%s",
			    line);
}

static struct lane_ssh *create(struct inbox *inbox, uint32_t id,
			       const struct ssh_config *config)
{
	static const struct lane_operations operations = {lane_ssh_send,
							  lane_ssh_close};
	struct lane_ssh *lane = calloc(1, sizeof(*lane));

	if (lane == NULL)
		return NULL;
	lane->lane.operations = &operations;
	lane->lane.inbox = inbox;
	lane->lane.id = id;
	lane->queue_end = &lane->queue;
	pthread_mutex_init(&lane->lock, NULL);
	lane->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	lane->reader.buffer = malloc(LANE_SSH_BUFFER_SIZE);
	lane->reader.errors.tell = tell_error;
	lane->reader.errors.cookie = lane;
	lane->writer.gathered = malloc(LANE_SSH_PIECE_MAX);
	lane->connection = ssh_connection_create(config);
	if (lane->wake != -1 && lane->reader.buffer != NULL &&
	    lane->writer.gathered != NULL && lane->connection != NULL)
		return lane;
	release(lane);
	return NULL;
}

/* All that comes before the thread.  0, or -1 with the failure set. */
static int establish(struct lane_ssh *lane, const char *nonce)
{
	struct ssh_connection *connection = lane->connection;
	char *types = ssh_host_key_types(connection), *command = NULL;
	int result = -1;

	if (types == NULL ||
	    hex_bytes(nonce, lane->nonce, sizeof(lane->nonce)) == -1 ||
	    asprintf(&command, "%s%s",
		     ssh_connection_config(connection)->command, nonce) < 0) {
		command = NULL;
		ssh_connection_fail(connection, EXIT_FILE_IO, "out of memory");
	} else if (ssh_connection_handshake(connection, types) == 0 &&
		   ssh_host_key_check(connection) == 0 &&
		   ssh_login(connection) == 0 &&
		   ssh_connection_start(connection, command) == 0) {
		lane->channel = ssh_connection_channel(connection);
		result = 0;
	}
	free(types);
	free(command);
	return result;
}

/* With all signals blocked in it: they are for the program's own thread.  0
 * or an errno. */
static int start_thread(struct lane_ssh *lane)
{
	sigset_t all, before;
	int error;

	lane->reader.heard_told = tcp_clock();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&lane->thread, NULL, run, lane);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

int lane_ssh_connect(struct inbox *inbox, uint32_t id,
		     const struct ssh_config *config, const char *nonce,
		     struct lane_result *result)
{
	struct lane_ssh *lane = create(inbox, id, config);
	char *cause;

	memset(result, 0, sizeof(*result));
	result->code = EXIT_FILE_IO;
	if (lane == NULL)
		return -1;
	if (establish(lane, nonce) == 0) {
		int error = start_thread(lane);

		if (error == 0) {
			result->lane = &lane->lane;
			return 0;
		}
		ssh_connection_fail(lane->connection, EXIT_FILE_IO, "%s",
				    strerror(error));
	}
	result->code = ssh_connection_failure(lane->connection, &cause);
	if (cause != NULL &&
	    asprintf(&result->text, "%s: %s", config->host, cause) < 0)
		result->text = NULL;
	free(cause);
	release(lane);
	return -1;
}
