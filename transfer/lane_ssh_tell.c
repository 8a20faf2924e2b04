/* SPDX-License-Identifier: BSD-2-Clause */
/* What a lane over SSH tells its user, and above all why it ended. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/lane_ssh_internal.h"

/* ---- events ---- */

void lane_ssh_put(struct lane_ssh *lane, enum engine_event_type type,
		  struct frame *frame, size_t bytes)
{
	struct engine_event event = {.type = type, .bytes = bytes};
	int down;

	event.lane = lane->lane.id;
	event.frame = frame;
	pthread_mutex_lock(&lane->line->lock);
	down = lane->down;
	if (!down) {
		inbox_add(lane->lane.inbox, &event);
		if (type == EVENT_FRAME)
			lane->reader.untold = 1;
		else
			inbox_tell(lane->lane.inbox);
	}
	pthread_mutex_unlock(&lane->line->lock);
	if (down)
		frame_free(frame);
}

static void down(struct lane_ssh *lane, int code, char *text)
{
	struct engine_event event = {.type = EVENT_LANE_DOWN};

	event.lane = lane->lane.id;
	pthread_mutex_lock(&lane->line->lock);
	if (!lane->down) {
		lane->lane.code = code;
		lane->lane.text = text;
		text = NULL;
		lane->down = 1;
		inbox_put(lane->lane.inbox, &event);
	}
	pthread_mutex_unlock(&lane->line->lock);
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
	/* Before anybody hears of the end. */
	lane->lane.absent = far_errors_absence(status);
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

void lane_ssh_tell_end(struct lane_ssh *lane)
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

void lane_ssh_tell_lost(struct lane_ssh *lane)
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

void lane_ssh_tell_failed(struct lane_ssh *lane, const char *what)
{
	char *message = NULL;
	int code = libssh2_session_last_error(
	    ssh_connection_session(lane->connection), &message, NULL, 0);

	if (ssh_connection_socket(lane->connection)->ended)
		lane_ssh_tell_lost(lane);
	else
		lane_ssh_down(lane, EXIT_UNREACHABLE,
			      "%s: %s (libssh2 error %d)", what, message, code);
}
