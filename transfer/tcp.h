/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_TCP_H
#define FERRY_TRANSFER_TCP_H

#include <stdint.h>

/* How long to try, and whether to go on. */
struct tcp_patience {
	uint64_t deadline; /* CLOCK_MONOTONIC, nanoseconds */
	void *cookie;
	int (*stop)(void *); /* nonzero ends it: an exit code */
	int family;          /* of addresses: AF_INET, AF_INET6; 0: any */
};

/*
 * Connect to each address of host, IPv6 and IPv4 in the order of the system's
 * resolver, until one answers.  0 and a non-blocking *descriptor without
 * delay of small packets; or -1, an exit code and a text (malloc'd, or NULL)
 * that does not name the host.
 */
int tcp_connect(const char *host, unsigned port, const struct tcp_patience *,
		int *descriptor, int *code, char **text);

/*
 * Sleep until one of the events of poll(2) is there, until the deadline or
 * until stop says so.  0; or -1 and *code (text is the caller's).
 */
int tcp_wait(int descriptor, short events, const struct tcp_patience *,
	     int *code);

/* Monotonic nanoseconds. */
uint64_t tcp_clock(void);

#endif
