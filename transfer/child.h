/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_CHILD_H
#define FERRY_TRANSFER_CHILD_H

#include <sys/types.h>

/*
 * Start a program (a path, or a name that is looked for in PATH) with these
 * for its standard input, output and error; -1: it has ours.  It gets a session
 * of its own: ^C at the terminal is for us, who then end it in order.  Its
 * signals are as they are by default.  0 and *pid, or an errno.
 */
int child_start(const char *program, char *const *argv,
		const int descriptors[3], pid_t *pid);

/* The same, but in our session and group: it may read from the terminal.  What
 * that sends to all, SIGINT and SIGHUP, is blocked there, which ssh leaves as
 * it is: the end is up to us here too. */
int child_start_attended(const char *program, char *const *argv,
			 const int descriptors[3], pid_t *pid);

#endif
