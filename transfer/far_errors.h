/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_FAR_ERRORS_H
#define FERRY_TRANSFER_FAR_ERRORS_H

#include <stddef.h>
#include <stdint.h>

#include "transfer/lane.h"

/*
 * What the far side writes to its stderr, taken apart into lines.  Before the
 * agent's greeting it is kept, for it may be the reason why there is none.
 */
#define FAR_ERRORS_MAX ((size_t)4 << 10)
struct far_errors {
	char bytes[FAR_ERRORS_MAX]; /* not told yet */
	size_t length;
	/* One line, without its end.  greeted 0: why there was no greeting
	 * was told already, with what counts. */
	void (*tell)(void *cookie, int greeted, const char *line);
	void *cookie;
};

/* Where the next bytes go, and how many fit: at least one. */
size_t far_errors_room(struct far_errors *, int greeted, char **at);
/* So many were put there. */
void far_errors_took(struct far_errors *, int greeted, size_t length);
/* Nothing more comes: tell all. */
void far_errors_end(struct far_errors *, int greeted);

/*
 * Why there was no greeting: a text without the host, malloc'd, or NULL.
 * status is the exit status of program, or FAR_STATUS_UNKNOWN; noise is what
 * came on its stdout.
 */
#define FAR_STATUS_UNKNOWN (-1)
char *far_errors_explain(const struct far_errors *, const uint8_t *noise,
			 size_t noise_length, const char *program, int status);

/* What such an end tells. */
enum lane_absence far_errors_absence(int status);

/* The same for OpenSSH's client that ended with 255, which is how it says that
 * it did not get through: its last line, and what to do. */
#define FAR_STATUS_SSH 255
char *far_errors_explain_ssh(const struct far_errors *, const char *host);

#endif
