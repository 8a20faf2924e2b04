/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One SSH connection and the thread that takes turns at its channels, in both
 * directions of each.  A channel is a lane; this is where it begins and ends,
 * lane_ssh_read.c and lane_ssh_write.c move the frames.
 */
#include <sys/eventfd.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transfer/lane_ssh.h"
#include "transfer/lane_ssh_internal.h"
#include "transfer/tcp.h"
#include "transfer/thread.h"

/* A look at the pool of frames is due, or at a deadline, at the latest. */
#define HOLD_STEP 10
#define LOOK_STEP 50
/* Milliseconds for poll: until something happens. */
#define FOREVER   (-1)

/* ---- a turn at one lane ---- */

static uint64_t closing_until(struct lane_ssh *lane)
{
	uint64_t until;

	pthread_mutex_lock(&lane->line->lock);
	until = lane->closing ? lane->closing_until : 0;
	pthread_mutex_unlock(&lane->line->lock);
	return until;
}

static enum lane_ssh_look over(struct lane_ssh *lane)
{
	far_errors_end(&lane->reader.errors, lane->reader.greeted);
	/* What is queued from here on is freed with the lane. */
	lane_ssh_discard(lane);
	lane->stage = LANE_SSH_OVER;
	return LANE_SSH_MOVED;
}

static enum lane_ssh_look fail(struct lane_ssh *lane, const char *what)
{
	lane_ssh_tell_failed(lane, what);
	return over(lane);
}

static enum lane_ssh_look open_channel(struct lane_ssh *lane)
{
	struct lane_ssh_line *line = lane->line;

	if (line->stuck || (line->opening != NULL && line->opening != lane))
		return tcp_clock() < lane->until ? LANE_SSH_IDLE
						 : fail(lane, "SSH channel");
	line->opening = lane;
	lane->channel = ssh_connection_open(line->connection);
	if (lane->channel != NULL) {
		line->opening = NULL;
		lane->stage = LANE_SSH_STARTING;
		return LANE_SSH_MOVED;
	}
	if (libssh2_session_last_errno(ssh_connection_session(
		line->connection)) == LIBSSH2_ERROR_EAGAIN &&
	    tcp_clock() < lane->until)
		return LANE_SSH_IDLE;
	line->opening = NULL;
	return fail(lane, "SSH channel");
}

static enum lane_ssh_look start_agent(struct lane_ssh *lane)
{
	int result = libssh2_channel_process_startup(
	    lane->channel, "exec", sizeof("exec") - 1, lane->command,
	    (unsigned)strlen(lane->command));

	if (result == LIBSSH2_ERROR_EAGAIN && tcp_clock() < lane->until)
		return LANE_SSH_IDLE;
	if (result != 0)
		return fail(lane, "the server refuses to run a command");
	lane->stage = LANE_SSH_RUNNING;
	return LANE_SSH_MOVED;
}

/* Both directions in turn. */
static enum lane_ssh_look converse(struct lane_ssh *lane)
{
	struct lane_ssh_line *line = lane->line;
	enum lane_ssh_look in = lane_ssh_read(lane);
	enum lane_ssh_look errors = lane_ssh_read_errors(lane);
	enum lane_ssh_look out;

	if (in == LANE_SSH_FAILED)
		return over(lane);
	if (in == LANE_SSH_ENDED && errors != LANE_SSH_MOVED) {
		lane->stage = LANE_SSH_ENDING;
		lane->until = tcp_clock() + LANE_SSH_SECOND;
		return LANE_SSH_MOVED;
	}
	if (in == LANE_SSH_LOST) {
		line->lost = 1;
		return LANE_SSH_MOVED;
	}
	out = line->lost_until == 0 ? lane_ssh_write(lane) : LANE_SSH_IDLE;
	/* Why the far end went may be on its way, and is better news than a
	 * broken pipe. */
	if (out == LANE_SSH_LOST)
		line->lost_until = tcp_clock() + LANE_SSH_SECOND;
	if (errors == LANE_SSH_MOVED || out == LANE_SSH_MOVED)
		return LANE_SSH_MOVED;
	return in;
}

static enum lane_ssh_look await_close(struct lane_ssh *lane)
{
	if (libssh2_channel_wait_closed(lane->channel) ==
		LIBSSH2_ERROR_EAGAIN &&
	    !ssh_connection_socket(lane->connection)->ended &&
	    tcp_clock() < lane->until)
		return LANE_SSH_IDLE;
	lane_ssh_tell_end(lane);
	return over(lane);
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
 * waited for, so that it sees all before the channel goes.  1: it is done. */
static int wind_down(struct lane_ssh *lane)
{
	if (lane_ssh_write(lane) == LANE_SSH_LOST)
		return 1;
	if (!lane_ssh_unwritten(lane) && !lane->eof_sent) {
		int result = libssh2_channel_send_eof(lane->channel);

		if (result != 0 && result != LIBSSH2_ERROR_EAGAIN)
			return 1;
		lane->eof_sent = result == 0;
	}
	return discard_input(lane);
}

/* Whoever closes it has it back, and may have freed it already. */
static void let_go(struct lane_ssh *lane)
{
	struct lane_ssh_line *line = lane->line;
	struct lane_ssh **at;

	if (lane->stage != LANE_SSH_OVER)
		over(lane);
	if (line->opening == lane) {
		line->opening = NULL;
		line->stuck = 1; /* libssh2 goes on waiting for its answer */
	}
	if (lane->channel != NULL)
		libssh2_channel_free(lane->channel);
	lane->channel = NULL;
	pthread_mutex_lock(&line->lock);
	for (at = &line->lanes; *at != lane; at = &(*at)->next)
		;
	*at = lane->next;
	lane->gone = 1;
	pthread_cond_broadcast(&line->let_go);
	pthread_mutex_unlock(&line->lock);
}

static enum lane_ssh_look turn_closing(struct lane_ssh *lane, uint64_t until)
{
	if (lane->stage == LANE_SSH_RUNNING || lane->stage == LANE_SSH_ENDING)
		lane->stage = LANE_SSH_WINDING_DOWN;
	if (lane->stage == LANE_SSH_WINDING_DOWN && !lane->line->lost &&
	    tcp_clock() < until && !wind_down(lane))
		return LANE_SSH_IDLE;
	let_go(lane);
	return LANE_SSH_MOVED;
}

static enum lane_ssh_look turn_open(struct lane_ssh *lane)
{
	if (lane->line->lost && lane->stage != LANE_SSH_OVER) {
		lane_ssh_tell_lost(lane);
		return over(lane);
	}
	switch (lane->stage) {
	case LANE_SSH_OPENING:
		return open_channel(lane);
	case LANE_SSH_STARTING:
		return start_agent(lane);
	case LANE_SSH_RUNNING:
		return converse(lane);
	case LANE_SSH_ENDING:
		return await_close(lane);
	default:
		return LANE_SSH_IDLE;
	}
}

/* How long the thread may sleep for one that is idle. */
static int patience(const struct lane_ssh *lane)
{
	switch (lane->stage) {
	case LANE_SSH_RUNNING:
		return lane->line->lost_until == 0 ? FOREVER : LOOK_STEP;
	case LANE_SSH_OVER:
		return FOREVER;
	default:
		return LOOK_STEP;
	}
}

/* ---- the thread ---- */

/* What all lanes of a line found in their turns. */
struct round {
	int moved;
	int held;
	int reads;   /* some lane would take what comes */
	int timeout; /* the shortest patience, or FOREVER */
};

/* 1 if something may be written that was queued meanwhile. */
static int has_work_locked(const struct lane_ssh_line *line)
{
	for (const struct lane_ssh *lane = line->lanes; lane != NULL;
	     lane = lane->next) {
		/* Queued behind a piece that waits: nothing new to do. */
		if (lane->queue != NULL && lane->writer.piece == NULL &&
		    lane->stage == LANE_SSH_RUNNING)
			return 1;
	}
	return 0;
}

/* Until the socket can be read, what is unsent can be sent, or somebody wakes
 * us; at most so many milliseconds. */
static void sleep_on_socket(struct lane_ssh_line *line,
			    const struct round *round, int timeout)
{
	enum { SOCKET, WAKE };
	struct ssh_socket *socket = ssh_connection_socket(line->connection);
	struct pollfd slots[2] = {
	    [SOCKET] = {.fd = socket->descriptor},
	    [WAKE] = {.fd = line->wake, .events = POLLIN},
	};
	eventfd_t count;
	int work;

	if (round->reads)
		slots[SOCKET].events |= POLLIN;
	if (ssh_socket_unsent(socket) > 0)
		slots[SOCKET].events |= POLLOUT;
	/* Else poll would say for ever what nobody wants to know. */
	if (line->lost || slots[SOCKET].events == 0)
		slots[SOCKET].fd = -1;
	pthread_mutex_lock(&line->lock);
	work = has_work_locked(line) && line->lost_until == 0 &&
	       ssh_socket_unsent(socket) == 0;
	line->sleeping = !work;
	pthread_mutex_unlock(&line->lock);
	if (work)
		return;
	poll(slots, 2, timeout);
	pthread_mutex_lock(&line->lock);
	line->sleeping = 0;
	pthread_mutex_unlock(&line->lock);
	if (slots[WAKE].revents != 0)
		eventfd_read(line->wake, &count);
}

static void count_turn(struct round *round, const struct lane_ssh *lane,
		       enum lane_ssh_look look)
{
	int timeout;

	round->moved |= look == LANE_SSH_MOVED;
	round->held |= look == LANE_SSH_HELD;
	if (round->moved)
		return; /* nobody sleeps, and the lane may be gone */
	round->reads |= lane->stage != LANE_SSH_OVER;
	timeout = patience(lane);
	if (round->timeout == FOREVER ||
	    (timeout != FOREVER && timeout < round->timeout))
		round->timeout = timeout;
}

/* Only this thread takes lanes off the list; others put them before all. */
static struct round take_turns(struct lane_ssh_line *line)
{
	struct round round = {.timeout = FOREVER};
	struct lane_ssh *lane, *next;

	pthread_mutex_lock(&line->lock);
	lane = line->lanes;
	pthread_mutex_unlock(&line->lock);
	for (; lane != NULL; lane = next) {
		uint64_t until = closing_until(lane);

		next = lane->next;
		if (until != 0)
			count_turn(&round, lane, turn_closing(lane, until));
		else
			count_turn(&round, lane, turn_open(lane));
	}
	if (line->lost_until != 0 && tcp_clock() > line->lost_until)
		line->lost = 1;
	return round;
}

/* 1 if there is nothing, and will be nothing, to do. */
static int is_done(struct lane_ssh_line *line)
{
	int done;

	pthread_mutex_lock(&line->lock);
	done = line->references == 0 || (line->stopping && line->lanes == NULL);
	pthread_mutex_unlock(&line->lock);
	return done;
}

static void *run(void *cookie)
{
	struct lane_ssh_line *line = cookie;
	struct ssh_socket *socket = ssh_connection_socket(line->connection);

	while (!is_done(line)) {
		struct round round;

		socket->received = 0;
		round = take_turns(line);
		if (!line->lost)
			ssh_socket_flush(socket);
		/* Whatever is asked of libssh2 takes in all packets there are,
		 * and those for a stream that had its turn before lie in its
		 * queues now: poll would not tell of them. */
		if (round.moved || socket->received)
			continue;
		if (!round.held)
			sleep_on_socket(line, &round, round.timeout);
		else if (ssh_socket_unsent(socket) > 0)
			sleep_on_socket(line, &round, HOLD_STEP);
		else
			frame_pool_wait(HOLD_STEP);
	}
	return NULL;
}

/* ---- lines ---- */

struct lane_ssh_line *lane_ssh_line_create(const struct ssh_config *config)
{
	struct lane_ssh_line *line = calloc(1, sizeof(*line));

	if (line == NULL)
		return NULL;
	line->references = 1;
	pthread_mutex_init(&line->lock, NULL);
	pthread_cond_init(&line->let_go, NULL);
	line->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	line->connection = ssh_connection_create(config);
	if (line->wake != -1 && line->connection != NULL)
		return line;
	lane_ssh_line_release(line);
	return NULL;
}

int lane_ssh_line_start(struct lane_ssh_line *line)
{
	int error = thread_start(&line->thread, run, line);

	line->started = error == 0;
	return error;
}

int lane_ssh_line_stop(struct lane_ssh_line *line)
{
	pthread_mutex_lock(&line->lock);
	line->stopping = 1;
	pthread_mutex_unlock(&line->lock);
	lane_ssh_line_wake(line);
	pthread_join(line->thread, NULL);
	line->started = line->stopping = 0;
	return line->lost || line->lost_until != 0 || line->stuck ? -1 : 0;
}

void lane_ssh_line_wake(struct lane_ssh_line *line)
{
	eventfd_write(line->wake, 1);
}

void lane_ssh_line_add(struct lane_ssh_line *line, struct lane_ssh *lane)
{
	pthread_mutex_lock(&line->lock);
	line->references++;
	lane->next = line->lanes;
	line->lanes = lane;
	pthread_mutex_unlock(&line->lock);
	lane_ssh_line_wake(line);
}

void lane_ssh_line_remove(struct lane_ssh_line *line, struct lane_ssh *lane)
{
	lane_ssh_line_wake(line);
	pthread_mutex_lock(&line->lock);
	while (!lane->gone)
		pthread_cond_wait(&line->let_go, &line->lock);
	pthread_mutex_unlock(&line->lock);
}

void lane_ssh_line_release(struct lane_ssh_line *line)
{
	unsigned left;

	if (line == NULL)
		return;
	pthread_mutex_lock(&line->lock);
	left = --line->references;
	pthread_mutex_unlock(&line->lock);
	if (left > 0)
		return;
	if (line->started) {
		lane_ssh_line_wake(line);
		pthread_join(line->thread, NULL);
	}
	if (line->connection != NULL)
		ssh_connection_free(line->connection);
	if (line->wake != -1)
		close(line->wake);
	pthread_cond_destroy(&line->let_go);
	pthread_mutex_destroy(&line->lock);
	free(line);
}
