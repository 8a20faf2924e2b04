/* SPDX-License-Identifier: BSD-2-Clause */
/* How a host's name and port become a connected socket, in bounded time. */
#include "transfer/tcp.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "transfer/engine.h"

#define SECOND                    ((uint64_t)1000 * 1000 * 1000)
#define MILLISECOND               ((uint64_t)1000 * 1000)
/* How often stop is asked. */
#define TURN                      (100 * MILLISECOND)
/* An address gets so long at least, even if others follow. */
#define SHARE_LEAST               (2 * SECOND)
/* Half-open connections are otherwise noticed after hours; frames notice it
 * sooner while something is said, this when nothing is. */
#define USER_TIMEOUT_MILLISECONDS 60000

uint64_t tcp_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

int tcp_wait(int descriptor, short events, const struct tcp_patience *patience,
	     int *code)
{
	struct pollfd slot = {.fd = descriptor, .events = events};

	for (;;) {
		uint64_t now = tcp_clock(), turn = TURN;
		int ready;

		*code = patience->stop == NULL
			    ? 0
			    : patience->stop(patience->cookie);
		if (*code != 0)
			return -1;
		if (now >= patience->deadline) {
			*code = EXIT_CONNECT_TIMEOUT;
			return -1;
		}
		if (patience->deadline - now < turn)
			turn = patience->deadline - now;
		ready = poll(&slot, 1, (int)(turn / MILLISECOND) + 1);
		if (ready > 0)
			return 0;
	}
}

static void tune(int descriptor)
{
	const int one = 1;
	const unsigned timeout = USER_TIMEOUT_MILLISECONDS;

	/* Wishes only. */
	setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout,
		   sizeof(timeout));
}

/* One address.  0 and *descriptor, or -1 with *code, and errno if that is
 * EXIT_UNREACHABLE. */
static int connect_address(const struct addrinfo *address,
			   const struct tcp_patience *patience, int *descriptor,
			   int *code)
{
	int error = 0;
	socklen_t length = sizeof(error);
	int new = socket(address->ai_family,
			 address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
			 address->ai_protocol);

	*code = EXIT_UNREACHABLE;
	if (new == -1)
		return -1;
	tune(new);
	if (connect(new, address->ai_addr, address->ai_addrlen) == -1) {
		if (errno != EINPROGRESS && errno != EINTR)
			goto close_new;
		if (tcp_wait(new, POLLOUT, patience, code) == -1)
			goto close_new;
		*code = EXIT_UNREACHABLE;
		if (getsockopt(new, SOL_SOCKET, SO_ERROR, &error, &length) ==
		    -1)
			goto close_new;
		errno = error;
		if (error != 0)
			goto close_new;
	}
	*descriptor = new;
	return 0;

close_new:
	error = errno;
	close(new);
	errno = error;
	return -1;
}

static size_t count_addresses(const struct addrinfo *address)
{
	size_t count = 0;

	for (; address != NULL; address = address->ai_next)
		count++;
	return count;
}

/* All of them, each with its share of the time.  As connect_address. */
static int connect_any(const struct addrinfo *first,
		       const struct tcp_patience *patience, int *descriptor,
		       int *code)
{
	errno = EADDRNOTAVAIL;
	*code = EXIT_UNREACHABLE;
	for (; first != NULL; first = first->ai_next) {
		struct tcp_patience share = *patience;
		uint64_t now = tcp_clock(), time;

		if (now >= patience->deadline) {
			*code = EXIT_CONNECT_TIMEOUT;
			return -1;
		}
		time = (patience->deadline - now) / count_addresses(first);
		if (time < SHARE_LEAST)
			time = SHARE_LEAST;
		if (time < patience->deadline - now)
			share.deadline = now + time;
		if (connect_address(first, &share, descriptor, code) == 0)
			return 0;
		if (*code != EXIT_UNREACHABLE && *code != EXIT_CONNECT_TIMEOUT)
			return -1;
	}
	return -1;
}

int tcp_connect(const char *host, unsigned port,
		const struct tcp_patience *patience, int *descriptor, int *code,
		char **text)
{
	struct addrinfo hints = {.ai_family = patience->family,
				 .ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_NUMERICSERV};
	struct addrinfo *addresses;
	char service[16];
	int error, length, failure;

	*text = NULL;
	snprintf(service, sizeof(service), "%u", port);
	error = getaddrinfo(host, service, &hints, &addresses);
	if (error != 0) {
		*code = EXIT_UNREACHABLE;
		if (asprintf(text,
			     "no address of that name: %s; "
			     "check how it is written",
			     error == EAI_SYSTEM ? strerror(errno)
						 : gai_strerror(error)) < 0)
			*text = NULL;
		return -1;
	}
	if (connect_any(addresses, patience, descriptor, &failure) == 0) {
		freeaddrinfo(addresses);
		return 0;
	}
	error = errno;
	freeaddrinfo(addresses);
	*code = failure;
	if (failure == EXIT_CONNECT_TIMEOUT)
		length = asprintf(text, "no answer on port %u in time", port);
	else if (failure == EXIT_UNREACHABLE)
		length = asprintf(text,
				  "port %u: %s; check the host and the port, "
				  "and that an SSH server runs there",
				  port, strerror(error));
	else
		return -1;
	if (length < 0)
		*text = NULL;
	return -1;
}
