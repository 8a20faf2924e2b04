/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_SFTP_CHILD_H
#define FERRY_CLI_SFTP_CHILD_H

#include <stdatomic.h>
#include <sys/types.h>

/*
 * An ssh that runs the subsystem "sftp" of a host.  What it says on its stderr
 * is kept in a file without a name, for the case that it does not get in.
 */
struct sftp_child {
	atomic_int pid; /* 0: it does not run */
	int errors;     /* descriptor; -1: none */
};

/*
 * Begin with what argv says.  attended: it may ask at our terminal.  0 and the
 * pipes' ends that are ours, or an errno.
 */
int sftp_child_start(struct sftp_child *, char **argv, int attended, int *in,
		     int *out);
/* It is to end soon; any thread. */
void sftp_child_signal(struct sftp_child *);
/* End it, and wait for that.  All that was asked for is answered, or never
 * will be. */
void sftp_child_end(struct sftp_child *);
/* What it said last, as the reason why it does not get in; malloc'd.  NULL: it
 * said nothing. */
char *sftp_child_explain(const struct sftp_child *, const char *host);

#endif
