/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_EXCHANGE_H
#define FERRY_TRANSFER_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "transfer/ssh_connection.h"

/*
 * A command on the far side that is no agent: what it says, and what it is
 * told, in turn, by the caller's thread.  Its end is closed by whoever made it.
 */
struct exchange {
	void *cookie;
	/* What its standard output brings: bytes, 0 at its end, -1: failed. */
	ssize_t (*read)(void *, void *buffer, size_t size);
	/* All of it to its standard input: 0, or -1 if that cannot be. */
	int (*write)(void *, const void *bytes, size_t length);
	/* The end of its standard input: 0 or -1. */
	int (*end)(void *);
};

/* How to deal with it: what went wrong is kept behind cookie. */
struct exchange_talk {
	void *cookie;
	void (*talk)(void *cookie, const struct exchange *);
};

/*
 * Over a connection that is logged in and that no line has taken yet.  0; or
 * -1 when the connection has failed, then ssh_connection_failure says how.
 */
int exchange_ssh(struct ssh_connection *, const char *command,
		 const struct exchange_talk *);

/*
 * Over a child, an ssh: argv as child_start has it.  Its stderr comes with its
 * output.  stop as in ssh_config.h; silence: nanoseconds in which nothing goes
 * either way, after which it has failed.  0, or an errno: it was not started.
 */
struct exchange_child {
	char *const *argv;
	int (*stop)(void *cookie);
	void *cookie;
	uint64_t silence;
};
int exchange_child(const struct exchange_child *, const struct exchange_talk *);

#endif
