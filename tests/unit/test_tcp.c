/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: a host is reached if it can be, and if not it is said why, in bounded
 * time and as soon as the user wants the end.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "transfer/engine.h"
#include "transfer/tcp.h"

#define SECOND ((uint64_t)1000 * 1000 * 1000)

/* A socket on a port of loopback's own choice. */
static int bind_loopback(unsigned *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	int bound = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_not_equal(bound, -1);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(
	    bind(bound, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(
	    getsockname(bound, (struct sockaddr *)&address, &length), 0);
	*port = ntohs(address.sin_port);
	return bound;
}

static struct tcp_patience patience(unsigned seconds)
{
	struct tcp_patience patience = {.deadline =
					    tcp_clock() + seconds * SECOND};

	return patience;
}

static void a_server_is_reached(void **state)
{
	struct tcp_patience some = patience(60);
	int one = 0, code, descriptor = -1, accepted;
	socklen_t length = sizeof(one);
	unsigned port;
	int listener = bind_loopback(&port);
	char *text;

	(void)state;
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(
	    tcp_connect("127.0.0.1", port, &some, &descriptor, &code, &text),
	    0);
	assert_null(text);
	assert_true(fcntl(descriptor, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(
	    getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, &length), 0);
	assert_int_not_equal(one, 0);
	accepted = accept(listener, NULL, NULL);
	assert_int_not_equal(accepted, -1);
	assert_int_equal(write(accepted, "x", 1), 1);
	assert_int_equal(tcp_wait(descriptor, POLLIN, &some, &code), 0);
	close(accepted);
	close(descriptor);
	close(listener);
}

static void nobody_listens(void **state)
{
	struct tcp_patience some = patience(60);
	int code, descriptor;
	unsigned port;
	int bound = bind_loopback(&port); /* and does not listen */
	char *text;

	(void)state;
	assert_int_equal(
	    tcp_connect("127.0.0.1", port, &some, &descriptor, &code, &text),
	    -1);
	assert_int_equal(code, EXIT_UNREACHABLE);
	assert_non_null(strstr(text, strerror(ECONNREFUSED)));
	free(text);
	close(bound);
}

static void no_such_host(void **state)
{
	struct tcp_patience some = patience(60);
	int code, descriptor;
	char *text;

	(void)state;
	/* RFC 6761: there never is one; and it needs no network to know. */
	assert_int_equal(tcp_connect("no host.invalid", 22, &some, &descriptor,
				     &code, &text),
			 -1);
	assert_int_equal(code, EXIT_UNREACHABLE);
	assert_non_null(strstr(text, "no address of that name"));
	free(text);
}

/* One whose queue of new connections is full: packets go unanswered. */
struct deaf {
	int listener;
	int fillers[64];
	size_t count;
	unsigned port;
};

static void deaf_make(struct deaf *deaf)
{
	struct sockaddr_in address = {.sin_family = AF_INET};

	deaf->listener = bind_loopback(&deaf->port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)deaf->port);
	assert_int_equal(listen(deaf->listener, 0), 0);
	for (deaf->count = 0; deaf->count < 64; deaf->count++) {
		int filler = socket(
		    AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		connect(filler, (struct sockaddr *)&address, sizeof(address));
		deaf->fillers[deaf->count] = filler;
	}
}

static void deaf_free(struct deaf *deaf)
{
	while (deaf->count > 0)
		close(deaf->fillers[--deaf->count]);
	close(deaf->listener);
}

static void nobody_answers(void **state)
{
	struct tcp_patience little = patience(0);
	int code, descriptor;
	struct deaf deaf;
	char *text;

	(void)state;
	deaf_make(&deaf);
	little.deadline += SECOND / 5;
	assert_int_equal(tcp_connect("127.0.0.1", deaf.port, &little,
				     &descriptor, &code, &text),
			 -1);
	assert_int_equal(code, EXIT_CONNECT_TIMEOUT);
	assert_non_null(strstr(text, "no answer on port"));
	free(text);
	/* No time at all is left. */
	assert_int_equal(tcp_connect("127.0.0.1", deaf.port, &little,
				     &descriptor, &code, &text),
			 -1);
	assert_int_equal(code, EXIT_CONNECT_TIMEOUT);
	free(text);
	deaf_free(&deaf);
}

static int stop_at_third(void *cookie)
{
	return ++*(unsigned *)cookie >= 3 ? EXIT_INTERRUPTED : 0;
}

static void the_user_wants_the_end(void **state)
{
	struct tcp_patience much = patience(3600);
	unsigned asked = 0;
	int code, descriptor;
	struct deaf deaf;
	char *text;

	(void)state;
	much.cookie = &asked;
	much.stop = stop_at_third;
	deaf_make(&deaf);
	assert_int_equal(tcp_connect("127.0.0.1", deaf.port, &much, &descriptor,
				     &code, &text),
			 -1);
	assert_int_equal(code, EXIT_INTERRUPTED);
	assert_null(text);
	assert_int_equal(asked, 3);
	deaf_free(&deaf);
}

static void waiting(void **state)
{
	struct tcp_patience little = patience(0);
	int pair[2], code = 77;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(tcp_wait(pair[0], POLLIN, &little, &code), -1);
	assert_int_equal(code, EXIT_CONNECT_TIMEOUT);
	little.deadline = UINT64_MAX;
	assert_int_equal(tcp_wait(pair[0], POLLOUT, &little, &code), 0);
	/* The end of the stream is something to read, too. */
	close(pair[1]);
	assert_int_equal(tcp_wait(pair[0], POLLIN, &little, &code), 0);
	close(pair[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_server_is_reached),
	    cmocka_unit_test(nobody_listens),
	    cmocka_unit_test(no_such_host),
	    cmocka_unit_test(nobody_answers),
	    cmocka_unit_test(the_user_wants_the_end),
	    cmocka_unit_test(waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
