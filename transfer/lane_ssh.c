/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lane over a libssh2 channel, as its user sees it: how it is made, queued
 * to, and closed.  lane_ssh_line.c has the thread that does the work.
 */
#include "transfer/lane_ssh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/hexadecimal.h"
#include "transfer/lane_ssh_internal.h"
#include "transfer/ssh_host_key.h"
#include "transfer/ssh_login.h"
#include "transfer/tcp.h"

/* ---- for the lane's user ---- */

static void lane_ssh_send(struct lane *base, struct frame *frame)
{
	struct lane_ssh *lane = (struct lane_ssh *)base;
	struct lane_ssh_line *line = lane->line;
	int dead, sleeping;

	frame->next = NULL;
	pthread_mutex_lock(&line->lock);
	dead = lane->down || lane->closing;
	sleeping = line->sleeping;
	if (!dead) {
		*lane->queue_end = frame;
		lane->queue_end = &frame->next;
		line->sleeping = 0;
	}
	pthread_mutex_unlock(&line->lock);
	if (dead)
		frame_free(frame);
	else if (sleeping)
		lane_ssh_line_wake(line);
}

/* The thread has nothing to do with it, or has not yet. */
static void release(struct lane_ssh *lane)
{
	lane_ssh_discard(lane);
	frame_free(lane->reader.frame);
	free(lane->reader.buffer);
	free(lane->writer.gathered);
	free(lane->command);
	free(lane->lane.text);
	free(lane);
}

static void lane_ssh_close(struct lane *base)
{
	struct lane_ssh *lane = (struct lane_ssh *)base;
	struct lane_ssh_line *line = lane->line;

	pthread_mutex_lock(&line->lock);
	lane->down = 1; /* no event any more */
	lane->closing = 1;
	lane->closing_until = tcp_clock() + LANE_SSH_SECOND;
	pthread_mutex_unlock(&line->lock);
	lane_ssh_line_remove(line, lane);
	release(lane);
	lane_ssh_line_release(line);
}

/* ---- how it begins ---- */

static void tell_error(void *cookie, int greeted, const char *line)
{
	const struct lane_ssh *lane = cookie;

	ssh_connection_tell(lane->connection,
			    greeted ? SSH_TELL_REMOTE : SSH_TELL_DETAIL, "%s",
			    line);
}

/* A lane of the line, which is not on it yet.  NULL: no memory. */
static struct lane_ssh *create(struct lane_ssh_line *line, struct inbox *inbox,
			       uint32_t id, const char *nonce)
{
	static const struct lane_operations operations = {lane_ssh_send,
							  lane_ssh_close};
	const struct ssh_config *config =
	    ssh_connection_config(line->connection);
	struct lane_ssh *lane = calloc(1, sizeof(*lane));

	if (lane == NULL)
		return NULL;
	lane->lane.operations = &operations;
	lane->lane.inbox = inbox;
	lane->lane.id = id;
	lane->line = line;
	lane->connection = line->connection;
	lane->queue_end = &lane->queue;
	lane->until = tcp_clock() + config->timeout;
	lane->reader.heard_told = tcp_clock();
	lane->window.since = tcp_clock();
	lane->reader.errors.tell = tell_error;
	lane->reader.errors.cookie = lane;
	lane->reader.buffer = malloc(LANE_SSH_BUFFER_SIZE);
	lane->writer.gathered = malloc(LANE_SSH_PIECE_MAX);
	if (asprintf(&lane->command, "%s%s", config->command, nonce) < 0)
		lane->command = NULL;
	if (lane->reader.buffer != NULL && lane->writer.gathered != NULL &&
	    lane->command != NULL &&
	    hex_bytes(nonce, lane->nonce, sizeof(lane->nonce)) == 0)
		return lane;
	release(lane);
	return NULL;
}

int lane_ssh_open(struct lane_ssh_line *line, struct inbox *inbox, uint32_t id,
		  const char *nonce, struct lane_result *result)
{
	struct lane_ssh *lane = create(line, inbox, id, nonce);

	memset(result, 0, sizeof(*result));
	result->code = EXIT_FILE_IO;
	if (lane == NULL)
		return -1;
	ssh_connection_tell(line->connection, SSH_TELL_DETAIL, "running: %s",
			    lane->command);
	lane_ssh_line_add(line, lane);
	result->lane = &lane->lane;
	return 0;
}

/* All that comes before the thread.  0, or -1 with the failure set. */
static int establish(struct ssh_connection *connection)
{
	char *types = ssh_host_key_types(connection);
	int result = -1;

	if (types == NULL)
		ssh_connection_fail(connection, EXIT_FILE_IO, "out of memory");
	else if (ssh_connection_handshake(connection, types) == 0 &&
		 ssh_host_key_check(connection) == 0 &&
		 ssh_login(connection) == 0)
		result = 0;
	free(types);
	return result;
}

/* 0, or -1 with the failure set. */
static int start_line(struct lane_ssh_line *line)
{
	int error;

	if (establish(line->connection) == -1)
		return -1;
	error = lane_ssh_line_start(line);
	return error == 0 ? 0
			  : ssh_connection_fail(line->connection, EXIT_FILE_IO,
						"%s", strerror(error));
}

/* What the connection says of its end, with the host. */
static void take_failure(struct lane_ssh_line *line, struct lane_result *result)
{
	const char *host = ssh_connection_config(line->connection)->host;
	char *cause;

	result->code = ssh_connection_failure(line->connection, &cause);
	if (cause != NULL && asprintf(&result->text, "%s: %s", host, cause) < 0)
		result->text = NULL;
	free(cause);
}

int lane_ssh_exchange(struct lane_ssh_line *line, const char *command,
		      const struct exchange_talk *talk,
		      struct lane_result *result)
{
	int error;

	memset(result, 0, sizeof(*result));
	if (lane_ssh_line_stop(line) == -1)
		return 1;
	ssh_connection_moved(line->connection);
	if (exchange_ssh(line->connection, command, talk) == -1) {
		take_failure(line, result);
		return -1;
	}
	error = lane_ssh_line_start(line);
	if (error == 0)
		return 0;
	result->code = EXIT_FILE_IO;
	result->text = strdup(strerror(error));
	return -1;
}

struct lane_ssh_line *lane_ssh_line_connect(const struct ssh_config *config,
					    struct lane_result *result)
{
	struct lane_ssh_line *line = lane_ssh_line_create(config);

	memset(result, 0, sizeof(*result));
	result->code = EXIT_FILE_IO;
	if (line == NULL || start_line(line) == 0)
		return line;
	take_failure(line, result);
	lane_ssh_line_release(line);
	return NULL;
}

int lane_ssh_connect(struct inbox *inbox, uint32_t id,
		     const struct ssh_config *config, const char *nonce,
		     struct lane_result *result)
{
	struct lane_ssh_line *line = lane_ssh_line_connect(config, result);
	int opened;

	if (line == NULL)
		return -1;
	opened = lane_ssh_open(line, inbox, id, nonce, result);
	/* The lane holds it, if there is one. */
	lane_ssh_line_release(line);
	return opened;
}
