/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How an SSH connection comes up: TCP, the choice of algorithms, key exchange,
 * and after the log-in a channel with a command.  While all that goes on the
 * session is non-blocking and the caller's thread waits in
 * ssh_connection_again, so that a deadline and a ^C end it at any point.
 */
#include "transfer/ssh_connection.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/engine.h"
#include "transfer/ssh_methods.h"
#include "transfer/ssh_proxy.h"
#include "transfer/tcp.h"

struct ssh_connection {
	struct ssh_socket socket;
	int number; /* of the socket, as libssh2 has it: also when closed */
	const struct ssh_config *config;
	struct ssh_proxy *proxy; /* NULL: TCP */
	struct tcp_patience patience;
	LIBSSH2_SESSION *session;
	int shaking; /* hands: the first key exchange is not done */
	int code;
	char *text;
};

/* Larger packets fail on read. */
#define PACKET_SIZE 32768

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void start_library(void)
{
	/* It fails without memory only; the session does then, too. */
	libssh2_init(0);
}

/* ---- what libssh2 calls ---- */

/*
 * Both are called for the key agent's socket too.  That one blocks, and its
 * answers are short; libssh2 wants each as a whole.
 */
static LIBSSH2_SEND_FUNC(send_bytes)
{
	struct ssh_connection *connection = *abstract;
	ssize_t sent;

	if (socket == connection->number)
		return ssh_socket_send(&connection->socket, buffer, length);
	do
		sent = send(socket, buffer, length, flags | MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
	return sent == -1 ? -errno : sent;
}

static LIBSSH2_RECV_FUNC(receive_bytes)
{
	struct ssh_connection *connection = *abstract;
	ssize_t got;

	if (socket == connection->number)
		return ssh_socket_receive(&connection->socket, buffer, length);
	do
		got = recv(socket, buffer, length, flags | MSG_WAITALL);
	while (got == -1 && errno == EINTR);
	return got == -1 ? -errno : got;
}

/* The server says why it goes, and so nothing more will come. */
static LIBSSH2_DISCONNECT_FUNC(note_disconnect)
{
	struct ssh_connection *connection = *abstract;

	(void)session;
	(void)language;
	(void)language_len;
	connection->socket.ended = 1;
	ssh_connection_tell(connection, SSH_TELL_DETAIL,
			    "the server ends the connection (reason %d): %.*s",
			    reason, message_len, message);
}

/* ---- begin and end ---- */

struct ssh_connection *ssh_connection_create(const struct ssh_config *config)
{
	struct ssh_connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL)
		return NULL;
	pthread_once(&library_once, start_library);
	ssh_socket_init(&connection->socket, -1);
	connection->number = -1;
	connection->config = config;
	connection->patience.cookie = config->cookie;
	connection->patience.stop = config->stop;
	connection->patience.family = config->family;
	connection->patience.deadline = tcp_clock() + config->timeout;
	connection->session =
	    libssh2_session_init_ex(NULL, NULL, NULL, connection);
	if (connection->session == NULL) {
		free(connection);
		return NULL;
	}
	libssh2_session_callback_set(connection->session, LIBSSH2_CALLBACK_SEND,
				     (void *)send_bytes);
	libssh2_session_callback_set(connection->session, LIBSSH2_CALLBACK_RECV,
				     (void *)receive_bytes);
	libssh2_session_callback_set(connection->session,
				     LIBSSH2_CALLBACK_DISCONNECT,
				     (void *)note_disconnect);
	libssh2_session_set_blocking(connection->session, 0);
	return connection;
}

void ssh_connection_free(struct ssh_connection *connection)
{
	if (connection == NULL)
		return;
	if (connection->socket.descriptor != -1 &&
	    connection->socket.broken == 0)
		libssh2_session_disconnect(connection->session, "done");
	/* From here on every send and receive fails at once, so nothing
	 * below waits for the server. */
	ssh_socket_close(&connection->socket);
	ssh_proxy_stop(connection->proxy);
	/* A key exchange that is left half-way keeps its keys for good; run on,
	 * it fails now and frees them. */
	if (connection->shaking)
		libssh2_session_handshake(connection->session, -1);
	libssh2_session_free(connection->session);
	free(connection->text);
	free(connection);
}

/* ---- for the other parts ---- */

const struct ssh_config *
ssh_connection_config(const struct ssh_connection *connection)
{
	return connection->config;
}

LIBSSH2_SESSION *ssh_connection_session(const struct ssh_connection *connection)
{
	return connection->session;
}

struct ssh_socket *ssh_connection_socket(struct ssh_connection *connection)
{
	return &connection->socket;
}

char *ssh_connection_ask(struct ssh_connection *connection,
			 const char *question, int echo)
{
	const struct ssh_config *config = connection->config;
	uint64_t start = tcp_clock();
	char *answer;

	if (config->ask == NULL)
		return NULL;
	answer = config->ask(config->cookie, question, echo);
	connection->patience.deadline += tcp_clock() - start;
	/* No answer may be a ^C, which is the user's end, not the server's. */
	if (answer == NULL && connection->code == 0 && config->stop != NULL)
		connection->code = config->stop(config->cookie);
	return answer;
}

void ssh_connection_tell(struct ssh_connection *connection, enum ssh_tell level,
			 const char *format, ...)
{
	const struct ssh_config *config = connection->config;
	char *text;
	va_list arguments;
	int length;

	if (config->tell == NULL)
		return;
	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	config->tell(config->cookie, level, text);
	free(text);
}

int ssh_connection_fail(struct ssh_connection *connection, int code,
			const char *format, ...)
{
	va_list arguments;

	if (connection->code != 0)
		return -1;
	connection->code = code;
	va_start(arguments, format);
	if (vasprintf(&connection->text, format, arguments) < 0)
		connection->text = NULL;
	va_end(arguments);
	return -1;
}

/* Whether the way or the server has ended is not to be seen from here. */
static int fail_proxy(struct ssh_connection *connection, const char *what)
{
	char *said = ssh_proxy_said(connection->proxy);

	ssh_connection_fail(connection, EXIT_UNREACHABLE,
			    "%s: the proxy ended (%s): %s; see ProxyCommand "
			    "and ProxyJump in ssh_config",
			    what, said != NULL ? said : "it said nothing",
			    connection->config->proxy);
	free(said);
	return -1;
}

int ssh_connection_fail_session(struct ssh_connection *connection,
				const char *what)
{
	char *message = NULL;
	int error =
	    libssh2_session_last_error(connection->session, &message, NULL, 0);

	if (connection->socket.ended)
		error = LIBSSH2_ERROR_SOCKET_RECV;
	switch (error) {
	case LIBSSH2_ERROR_SOCKET_DISCONNECT:
	case LIBSSH2_ERROR_SOCKET_RECV:
	case LIBSSH2_ERROR_SOCKET_SEND:
		if (connection->proxy != NULL)
			return fail_proxy(connection, what);
		/* A server that starts, or has too many log-ins at once. */
		return ssh_connection_fail(connection, EXIT_LOST,
					   "%s: the server closed the "
					   "connection",
					   what);
	default:
		return ssh_connection_fail(connection, EXIT_UNREACHABLE,
					   "%s: %s (libssh2 error %d)", what,
					   message, error);
	}
}

int ssh_connection_failure(struct ssh_connection *connection, char **text)
{
	*text = connection->text;
	connection->text = NULL;
	return connection->code;
}

int ssh_connection_again(struct ssh_connection *connection, long result)
{
	struct ssh_socket *socket = &connection->socket;
	short events = POLLIN;
	int code;

	if (result != LIBSSH2_ERROR_EAGAIN || connection->code != 0)
		return 0;
	if (socket->ended)
		return 0;
	if (ssh_socket_flush(socket) == 1)
		events |= POLLOUT;
	if (tcp_wait(socket->descriptor, events, &connection->patience,
		     &code) == 0)
		return 1;
	if (code == EXIT_CONNECT_TIMEOUT)
		ssh_connection_fail(connection, code,
				    "no answer from the SSH server in time");
	else
		connection->code = code;
	return 0;
}

void ssh_connection_moved(struct ssh_connection *connection)
{
	connection->patience.deadline =
	    tcp_clock() + connection->config->timeout;
}

int ssh_connection_has_failed(const struct ssh_connection *connection)
{
	return connection->code != 0;
}

/* ---- the steps ---- */

static int start_proxy(struct ssh_connection *connection)
{
	const struct ssh_config *config = connection->config;
	int descriptor;

	ssh_connection_tell(connection, SSH_TELL_DETAIL,
			    "connecting as %s by: %s", config->user,
			    config->proxy);
	connection->proxy =
	    ssh_proxy_start(config->proxy, config->proxy_attended, &descriptor);
	if (connection->proxy == NULL)
		return ssh_connection_fail(connection, EXIT_FILE_IO, "%s: %s",
					   config->proxy, strerror(errno));
	ssh_socket_init(&connection->socket, descriptor);
	connection->number = descriptor;
	return 0;
}

static int connect_socket(struct ssh_connection *connection)
{
	const struct ssh_config *config = connection->config;
	const char *address =
	    config->address != NULL ? config->address : config->host;
	int descriptor;

	if (config->proxy != NULL)
		return start_proxy(connection);
	ssh_connection_tell(connection, SSH_TELL_DETAIL,
			    "connecting to %s port %u as %s", address,
			    config->port, config->user);
	if (tcp_connect(address, config->port, &connection->patience,
			&descriptor, &connection->code,
			&connection->text) == -1)
		return -1;
	ssh_socket_init(&connection->socket, descriptor);
	connection->number = descriptor;
	return 0;
}

/* libssh2 cannot do what is wanted here: maybe ssh can.  -1 in any case. */
static int leave_to_others(struct ssh_connection *connection, const char *what)
{
	const struct ssh_config *config = connection->config;

	if (config->elsewhere != NULL)
		config->elsewhere(config->cookie, what);
	return ssh_connection_fail(
	    connection, EXIT_UNREACHABLE,
	    "libssh2 cannot use %s; see that ssh gets "
	    "in, and use --transport=ssh, or name others",
	    what);
}

static int set_methods(struct ssh_connection *connection,
		       const char *host_key_types)
{
	struct ssh_methods_lack lack;
	int result = ssh_methods_set(connection->session, connection->config,
				     host_key_types, &lack);
	char *what;

	if (result == 0)
		return 0;
	if (result == -1)
		return ssh_connection_fail_session(connection, "algorithms");
	if (asprintf(&what, "the %s %s", lack.kind, lack.names) < 0)
		return ssh_connection_fail(connection, EXIT_FILE_IO,
					   "out of memory");
	leave_to_others(connection, what);
	free(what);
	return -1;
}

static void tell_methods(struct ssh_connection *connection)
{
	LIBSSH2_SESSION *session = connection->session;

	ssh_connection_tell(
	    connection, SSH_TELL_DETAIL, "%s, %s, %s, %s; %s",
	    libssh2_session_methods(session, LIBSSH2_METHOD_KEX),
	    libssh2_session_methods(session, LIBSSH2_METHOD_HOSTKEY),
	    libssh2_session_methods(session, LIBSSH2_METHOD_CRYPT_CS),
	    libssh2_session_methods(session, LIBSSH2_METHOD_MAC_CS),
	    libssh2_session_banner_get(session));
}

int ssh_connection_handshake(struct ssh_connection *connection,
			     const char *host_key_types)
{
	int result;

	if (set_methods(connection, host_key_types) == -1 ||
	    connect_socket(connection) == -1)
		return -1;
	do
		result = libssh2_session_handshake(
		    connection->session, connection->socket.descriptor);
	while (ssh_connection_again(connection, result));
	connection->shaking = result == LIBSSH2_ERROR_EAGAIN;
	/* What the server offers and what we do have nothing in common. */
	if (result == LIBSSH2_ERROR_KEX_FAILURE && !connection->socket.ended &&
	    connection->config->elsewhere != NULL)
		return leave_to_others(connection, "the server's algorithms");
	if (result != 0)
		return ssh_connection_fail_session(connection,
						   "SSH key exchange");
	tell_methods(connection);
	return 0;
}

LIBSSH2_CHANNEL *ssh_connection_open(struct ssh_connection *connection)
{
	return libssh2_channel_open_ex(
	    connection->session, "session", sizeof("session") - 1,
	    SSH_RECEIVE_WINDOW, PACKET_SIZE, NULL, 0);
}
