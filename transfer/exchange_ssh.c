/* SPDX-License-Identifier: BSD-2-Clause */
/* A command on a channel of a connection that carries no lanes yet. */
#include "transfer/exchange.h"

#include <string.h>

struct channel {
	struct ssh_connection *connection;
	LIBSSH2_CHANNEL *channel;
};

static ssize_t channel_read(void *cookie, void *buffer, size_t size)
{
	struct channel *channel = cookie;
	ssize_t got;

	do
		got = libssh2_channel_read(channel->channel, buffer, size);
	while (ssh_connection_again(channel->connection, got));
	if (got < 0)
		return ssh_connection_fail_session(channel->connection,
						   "SSH channel");
	ssh_connection_moved(channel->connection);
	return got;
}

static int channel_write(void *cookie, const void *bytes, size_t length)
{
	struct channel *channel = cookie;
	const char *at = bytes;

	while (length > 0) {
		ssize_t sent;

		do
			sent =
			    libssh2_channel_write(channel->channel, at, length);
		while (ssh_connection_again(channel->connection, sent));
		/* The far end may have closed it, after saying why. */
		if (sent < 0)
			return -1;
		ssh_connection_moved(channel->connection);
		at += sent;
		length -= (size_t)sent;
	}
	return 0;
}

static int channel_end(void *cookie)
{
	struct channel *channel = cookie;
	int result;

	do
		result = libssh2_channel_send_eof(channel->channel);
	while (ssh_connection_again(channel->connection, result));
	return result == 0 ? 0 : -1;
}

static int start(struct channel *channel, const char *command)
{
	LIBSSH2_SESSION *session = ssh_connection_session(channel->connection);
	int result;

	do {
		channel->channel = ssh_connection_open(channel->connection);
		result = channel->channel != NULL
			     ? 0
			     : libssh2_session_last_errno(session);
	} while (ssh_connection_again(channel->connection, result));
	if (result != 0)
		return ssh_connection_fail_session(channel->connection,
						   "SSH channel");
	do
		result = libssh2_channel_process_startup(
		    channel->channel, "exec", sizeof("exec") - 1, command,
		    (unsigned)strlen(command));
	while (ssh_connection_again(channel->connection, result));
	if (result != 0)
		return ssh_connection_fail_session(
		    channel->connection, "the server refuses to run a command");
	return 0;
}

int exchange_ssh(struct ssh_connection *connection, const char *command,
		 const struct exchange_talk *talk)
{
	struct channel channel = {.connection = connection};
	const struct exchange exchange = {&channel, channel_read, channel_write,
					  channel_end};
	int result = start(&channel, command);

	if (result == 0) {
		talk->talk(talk->cookie, &exchange);
		result = ssh_connection_has_failed(connection) ? -1 : 0;
	}
	if (channel.channel == NULL)
		return result;
	/* In non-blocking mode it may want to be called again; if the
	 * connection has failed, what is left goes with the session. */
	do {
		int freed = libssh2_channel_free(channel.channel);

		if (!ssh_connection_again(connection, freed))
			break;
	} while (1);
	return result;
}
