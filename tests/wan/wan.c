/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wan [-n] [-r RATE] [-d DELAY] [-l LOSS] [-q QUEUE] [-s SEED]
 *
 * A long line on one machine: two network namespaces, near (10.0.0.1) and far
 * (10.0.0.2), with a TUN device in each, and this program between them.  Each
 * direction has
 *
 *	-r	bits of IP a second (no limit)
 *	-d	milliseconds of delay, half the round trip (0)
 *	-l	packets in a million that are lost at random (0)
 *	-q	bytes that may wait for their turn (what the line holds in one
 *		round trip, at least 64 KiB)
 *	-s	what the losses follow from (1)
 *	-n	make all, and end: only to see whether it is possible
 *
 * When all is made it prints one line, the paths of the two namespaces for
 * nsenter --net=PATH; tests/lib/wan.bash does that.  It ends at SIGTERM or
 * SIGINT, and prints what each direction carried.  The namespaces go when it
 * and all that runs in them have ended.  Exit status 77: not possible here.
 */
#include "tests/wan/link.h"
#include "tests/wan/place.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NEAR            "10.0.0.1"
#define FAR             "10.0.0.2"
#define MILLISECOND     UINT64_C(1000000)
#define SECOND          UINT64_C(1000000000)
#define EXIT_IMPOSSIBLE 77

/* Packets read before the clock is looked at again. */
#define BURST 64

/* One direction: what is read from a device, and written to the other. */
struct direction {
	struct link *link;
	int from;
	int to;
	const char *name;
};

_Noreturn static void die(const char *what, int status)
{
	fprintf(stderr, "wan: %s: %s\n", what, strerror(errno));
	exit(status);
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

/* Returns 1 if there may be more to read. */
static int receive(struct direction *direction)
{
	static unsigned char packet[65536];
	uint64_t time = now();

	for (int i = 0; i < BURST; i++) {
		ssize_t length = read(direction->from, packet, sizeof(packet));

		if (length == -1 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (length == -1)
			die("read", EXIT_FAILURE);
		if (link_put(direction->link, time, packet, (size_t)length) ==
		    -1)
			die("a packet", EXIT_FAILURE);
	}
	return 1;
}

static void deliver(struct direction *direction)
{
	const void *packet;
	size_t length;

	while ((packet = link_take(direction->link, now(), &length)) != NULL) {
		/* What the kernel does not take, it would have dropped. */
		if (write(direction->to, packet, length) == -1 &&
		    errno != EAGAIN && errno != EINTR && errno != ENOBUFS &&
		    errno != EINVAL)
			die("write", EXIT_FAILURE);
	}
}

/*
 * Until something can be read or is due, or a signal says to end; not at all
 * if there is more to do.  Returns 1 for the signal.
 */
static int wait_for(const struct direction directions[2], int more, int signals)
{
	struct pollfd files[3] = {{.fd = directions[0].from, .events = POLLIN},
				  {.fd = directions[1].from, .events = POLLIN},
				  {.fd = signals, .events = POLLIN}};
	struct timespec time;
	uint64_t due = LINK_NEVER, present = now(), left;

	for (int i = 0; i < 2; i++) {
		uint64_t next = link_due(directions[i].link);

		due = next < due ? next : due;
	}
	left = due > present && !more ? due - present : 0;
	time.tv_sec = (time_t)(left / SECOND);
	time.tv_nsec = (long)(left % SECOND);
	if (ppoll(files, 3, !more && due == LINK_NEVER ? NULL : &time, NULL) ==
	    -1)
		die("ppoll", EXIT_FAILURE);
	return files[2].revents != 0;
}

static void pass_packets(struct direction directions[2], int signals)
{
	int more;

	do {
		more = 0;
		for (int i = 0; i < 2; i++) {
			deliver(&directions[i]);
			more |= receive(&directions[i]);
		}
	} while (!wait_for(directions, more, signals));
}

static void report(const struct direction *direction)
{
	struct link_counts counts = link_counts(direction->link);

	printf("%s packets %" PRIu64 " bytes %" PRIu64 " lost %" PRIu64
	       " full %" PRIu64 "\n",
	       direction->name, counts.packets, counts.bytes, counts.lost,
	       counts.full);
}

/* ---- the command line ---------------------------------------------------- */

_Noreturn static void usage(void)
{
	fputs("usage: wan [-n] [-r BIT/S] [-d MILLISECONDS] [-l PER-MILLION]"
	      " [-q BYTES] [-s SEED]\n",
	      stderr);
	exit(EXIT_FAILURE);
}

static uint64_t number(const char *text)
{
	char *rest;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &rest, 10);
	if (errno != 0 || *text < '0' || *text > '9' || *rest != '\0')
		usage();
	return value;
}

static void read_options(int argc, char **argv, struct link_shape *shape,
			 uint64_t *seed, int *only_try)
{
	int option, has_queue = 0;

	while ((option = getopt(argc, argv, "nr:d:l:q:s:")) != -1) {
		switch (option) {
		case 'n':
			*only_try = 1;
			break;
		case 'r':
			shape->rate = number(optarg);
			break;
		case 'd':
			shape->delay = number(optarg) * MILLISECOND;
			break;
		case 'l':
			shape->loss = number(optarg);
			break;
		case 'q':
			shape->queue = number(optarg);
			has_queue = 1;
			break;
		case 's':
			*seed = number(optarg);
			break;
		default:
			usage();
		}
	}
	if (optind != argc || shape->rate > 100 * SECOND ||
	    shape->delay > 60 * SECOND || shape->queue >= (1U << 31))
		usage();
	if (!has_queue) {
		shape->queue =
		    shape->rate / 8 * (2 * shape->delay / MILLISECOND) / 1000;
		if (shape->queue < 65536)
			shape->queue = 65536;
	}
}

/* ---- */

static int catch_signals(void)
{
	sigset_t caught;
	int signals;

	sigemptyset(&caught);
	sigaddset(&caught, SIGTERM);
	sigaddset(&caught, SIGINT);
	sigprocmask(SIG_BLOCK, &caught, NULL);
	signals = signalfd(-1, &caught, SFD_CLOEXEC);
	if (signals == -1)
		die("signals", EXIT_FAILURE);
	return signals;
}

static void make_places(struct place *near, struct place *far)
{
	const char *what;

	if (place_make(near, NEAR, FAR, &what) == -1 ||
	    place_make(far, FAR, NEAR, &what) == -1)
		die(what, EXIT_IMPOSSIBLE);
}

/* A line has a processor of its own; here it goes before those it serves. */
static void hurry(void)
{
	setpriority(PRIO_PROCESS, 0, -15);
	prctl(PR_SET_TIMERSLACK, 20000UL);
}

int main(int argc, char **argv)
{
	struct link_shape shape = {0, 0, 0, 0};
	struct direction directions[2];
	struct place near, far;
	uint64_t seed = 1;
	int signals, only_try = 0;

	read_options(argc, argv, &shape, &seed, &only_try);
	signals = catch_signals();
	make_places(&near, &far);
	if (only_try)
		return EXIT_SUCCESS;
	hurry();
	directions[0] = (struct direction){link_new(&shape, seed, 0), near.tun,
					   far.tun, "up"};
	directions[1] = (struct direction){link_new(&shape, seed, 1), far.tun,
					   near.tun, "down"};
	if (directions[0].link == NULL || directions[1].link == NULL)
		die("a link", EXIT_FAILURE);
	printf("/proc/%ld/fd/%d /proc/%ld/fd/%d\n", (long)getpid(), near.space,
	       (long)getpid(), far.space);
	fflush(stdout);
	pass_packets(directions, signals);
	for (int i = 0; i < 2; i++) {
		report(&directions[i]);
		link_free(directions[i].link);
	}
	return EXIT_SUCCESS;
}
