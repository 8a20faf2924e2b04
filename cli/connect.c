/* SPDX-License-Identifier: BSD-2-Clause */
/* How the far end is reached. */
#include "cli/connect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/connect_sftp.h"
#include "cli/exit_code.h"
#include "cli/notice.h"
#include "transfer/child.h"

/* A socket's buffer is what a local lane has for a window. */
#define SOCKET_BUFFER (1 << 20)

struct connection {
	const struct options *options;
	const struct location *far;
	/* One of them; or neither: a child on this machine. */
	struct connect_ssh *ssh;
	struct connect_sftp *sftp;
};

struct connection *connect_create(const struct options *options,
				  const struct location *far, int *code)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	*code = EXIT_FILE_IO;
	if (connection == NULL) {
		notice_error("out of memory");
		return NULL;
	}
	connection->options = options;
	connection->far = far;
	if (far == NULL || far->host == NULL)
		return connection;
	if (far->sftp)
		connection->sftp = connect_sftp_create(options, far, code);
	else
		connection->ssh = connect_ssh_create(options, far, code);
	if (connection->ssh == NULL && connection->sftp == NULL) {
		free(connection);
		return NULL;
	}
	return connection;
}

int connect_is_local(const struct connection *connection)
{
	return connection->ssh == NULL && connection->sftp == NULL;
}

int connect_is_sftp(const struct connection *connection)
{
	return connection->sftp != NULL;
}

const char *connect_home(const struct connection *connection)
{
	return connection->sftp != NULL ? connect_sftp_home(connection->sftp)
					: NULL;
}

void connect_free(struct connection *connection)
{
	if (connection == NULL)
		return;
	connect_ssh_free(connection->ssh);
	connect_sftp_free(connection->sftp);
	free(connection);
}

/* Start this program as an agent on descriptor.  0 and *pid, or an errno. */
static int spawn_agent(int descriptor, const char *nonce,
		       const char *state_option, pid_t *pid)
{
	/* Of the state folder, which is ours too, we have spoken already. */
	const char *const words[] = {
	    "ferry", "serve", "--quiet", "--nonce", nonce, state_option, NULL};
	const int descriptors[3] = {descriptor, descriptor, -1};
	char *argv[sizeof(words) / sizeof(words[0])];

	memcpy(argv, words, sizeof(argv));
	return child_start("/proc/self/exe", argv, descriptors, pid);
}

static void enlarge(int descriptor)
{
	int size = SOCKET_BUFFER;

	/* A smaller one is slower and nothing else. */
	setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static int fail(int error, struct lane_result *result)
{
	result->code = EXIT_FILE_IO;
	if (asprintf(&result->text, "the agent on this machine: %s",
		     strerror(error)) < 0)
		result->text = NULL;
	return -1;
}

static int connect_child(struct connection *connection, struct inbox *inbox,
			 uint32_t id, const char *nonce,
			 struct lane_result *result)
{
	char *state_option = NULL;
	int pair[2], error;
	pid_t pid;

	if (connection->options->state_dir != NULL &&
	    asprintf(&state_option, "--state-dir=%s",
		     connection->options->state_dir) < 0)
		return fail(ENOMEM, result);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		error = errno;
		free(state_option);
		return fail(error, result);
	}
	enlarge(pair[0]);
	enlarge(pair[1]);
	error = spawn_agent(pair[1], nonce, state_option, &pid);
	free(state_option);
	close(pair[1]);
	if (error != 0) {
		close(pair[0]);
		return fail(error, result);
	}
	result->lane = lane_fd_create(inbox, id, pair[0], pair[0], pid);
	if (result->lane == NULL) {
		/* The agent ends by itself when its input does. */
		error = errno;
		close(pair[0]);
		return fail(error, result);
	}
	return 0;
}

static int connect_any(void *cookie, struct inbox *inbox, uint32_t id,
		       const char *nonce, struct lane_result *result)
{
	struct connection *connection = cookie;

	memset(result, 0, sizeof(*result));
	if (connection->ssh != NULL)
		return connect_ssh_lane(connection->ssh, inbox, id, nonce,
					result);
	if (connection->sftp != NULL)
		return connect_sftp_lane(connection->sftp, inbox, id, nonce,
					 result);
	return connect_child(connection, inbox, id, nonce, result);
}

/* Whose text it is: add the host to one that the far end said of what is
 * there. */
static void name_host(const struct connection *connection,
		      struct transfer_result *result)
{
	char *text;

	if (!result->told || result->text == NULL ||
	    connect_is_local(connection) ||
	    asprintf(&text, "%s: %s", connection->far->host, result->text) < 0)
		return;
	free(result->text);
	result->text = text;
}

static int connect_further(void *cookie, unsigned kind, struct inbox *inbox,
			   uint32_t id, const char *nonce,
			   const atomic_int *over, struct lane_result *result)
{
	struct connection *connection = cookie;

	if (connection->sftp != NULL)
		return connect_sftp_further(connection->sftp, inbox, id, nonce,
					    over, result);
	return connect_ssh_further(connection->ssh, kind, inbox, id, nonce,
				   over, result);
}

static uint64_t round_trip(void *cookie)
{
	const struct connection *connection = cookie;

	return connect_sftp_round_trip(connection->sftp);
}

static int provide(void *cookie)
{
	struct connection *connection = cookie;

	return connect_ssh_provide(connection->ssh);
}

struct transfer_carrier connect_carrier(const struct connection *connection)
{
	struct transfer_carrier carrier;

	memset(&carrier, 0, sizeof(carrier));
	/* Its functions take it as what it is. */
	carrier.cookie = (void *)(uintptr_t)connection;
	carrier.name =
	    connect_is_local(connection) ? NULL : connection->far->host;
	carrier.connect = connect_any;
	carrier.further = connect_further;
	carrier.quick = -1;
	if (connection->sftp != NULL) {
		carrier.lanes = (int)connection->options->lanes;
		carrier.kinds = carrier.lanes == 1 ? 0 : 1;
		carrier.round_trip = round_trip;
	}
	/* A socket on this machine is as fast as several. */
	if (connection->ssh == NULL)
		return carrier;
	carrier.provide = provide;
	connect_ssh_describe(connection->ssh, &carrier);
	return carrier;
}

const char *connect_kind(const struct connection *connection, int kind)
{
	if (connection->sftp != NULL)
		return "sftp";
	return connection->ssh == NULL
		   ? "local"
		   : connect_ssh_kind(connection->ssh, kind);
}

/* 1: there is no ferry, and what is there is to be reached over SFTP now. */
static int fall_back(struct connection *connection,
		     const struct transfer_result *result)
{
	const struct options *options = connection->options;
	int code;

	/* Who says where it is has one, and wants to know what is wrong. */
	if (connection->ssh == NULL || result->absent == LANE_ABSENT_NOTHING ||
	    connect_ssh_names_program(options))
		return 0;
	connection->sftp = connect_sftp_create(options, connection->far, &code);
	if (connection->sftp == NULL)
		return 0;
	notice_note("%s has no ferry: going on over SFTP",
		    connection->far->host);
	connect_ssh_free(connection->ssh);
	connection->ssh = NULL;
	return 1;
}

void connect_run(struct connection *connection,
		 struct transfer_request *request,
		 struct transfer_result *result)
{
	char *why;

	request->carrier = connect_carrier(connection);
	transfer_run(request, result);
	/* Of two hosts it is not said which one has none. */
	if (request->reader == NULL && fall_back(connection, result)) {
		why = result->text;
		/* An SFTP server unpacks nothing. */
		request->compression = COMPRESS_NO;
		request->carrier = connect_carrier(connection);
		transfer_run(request, result);
		if (result->code == EXIT_UNREACHABLE && why != NULL) {
			/* There is neither: to have ferry is the better one. */
			free(result->text);
			result->text = why;
		} else {
			free(why);
		}
	}
	name_host(connection, result);
}
