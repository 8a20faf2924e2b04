/* SPDX-License-Identifier: BSD-2-Clause */
/* A command on the far side, behind a child of ours. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transfer/child.h"
#include "transfer/exchange.h"
#include "transfer/tcp.h"

/* How often a stop is looked for. */
#define LOOK_MILLISECONDS 100

struct stream {
	const struct exchange_child *child;
	int descriptor; /* both ways, non-blocking */
};

/* Wait for events: 0, or -1 if there is nothing more to wait for. */
static int await(const struct stream *stream, short events)
{
	uint64_t until = tcp_clock() + stream->child->silence;
	struct pollfd slot = {.fd = stream->descriptor, .events = events};

	while (tcp_clock() < until) {
		int ready = poll(&slot, 1, LOOK_MILLISECONDS);

		if (ready > 0)
			return 0;
		if ((ready == -1 && errno != EINTR) ||
		    stream->child->stop(stream->child->cookie) != 0)
			return -1;
	}
	return -1;
}

static ssize_t stream_read(void *cookie, void *buffer, size_t size)
{
	const struct stream *stream = cookie;
	ssize_t got;

	do
		got = read(stream->descriptor, buffer, size);
	while (got == -1 && (errno == EINTR ||
			     (errno == EAGAIN && await(stream, POLLIN) == 0)));
	/* That it did not read what it was told. */
	return got == -1 && errno == ECONNRESET ? 0 : got;
}

static int stream_write(void *cookie, const void *bytes, size_t length)
{
	const struct stream *stream = cookie;
	const char *at = bytes;

	while (length > 0) {
		ssize_t sent =
		    send(stream->descriptor, at, length, MSG_NOSIGNAL);

		if (sent == -1 && errno == EAGAIN) {
			if (await(stream, POLLOUT) == -1)
				return -1;
		} else if (sent == -1 && errno != EINTR) {
			return -1;
		} else if (sent > 0) {
			at += sent;
			length -= (size_t)sent;
		}
	}
	return 0;
}

static int stream_end(void *cookie)
{
	const struct stream *stream = cookie;

	return shutdown(stream->descriptor, SHUT_WR);
}

int exchange_child(const struct exchange_child *child,
		   const struct exchange_talk *talk)
{
	struct stream stream = {.child = child};
	const struct exchange exchange = {&stream, stream_read, stream_write,
					  stream_end};
	int pair[2], error;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return errno;
	error = child_start(child->argv[0], child->argv,
			    (const int[3]){pair[1], pair[1], pair[1]}, &pid);
	close(pair[1]);
	if (error == 0) {
		stream.descriptor = pair[0];
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
		talk->talk(talk->cookie, &exchange);
		/* It has nothing more to say, or is not listened to. */
		kill(pid, SIGTERM);
		while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
			;
	}
	close(pair[0]);
	return error;
}
