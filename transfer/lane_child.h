/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_LANE_CHILD_H
#define FERRY_TRANSFER_LANE_CHILD_H

#include "transfer/lane.h"

/* A program whose standard input and output are a lane to a far agent: ssh. */
struct lane_child_config {
	/* NULL after the last; argv[0] is looked for in PATH. */
	char *const *argv;
	const char *host; /* for texts; these outlive the lane */
	const char *program;
	/* A line that came on its stderr after the greeting; any thread. */
	void (*tell)(void *cookie, const char *line);
	void *cookie;
};

/*
 * Start it, in a session of its own, so that ^C at the terminal is not for
 * it.  Whether it gets through shows later: by the agent's HELLO, which is
 * skipped to as by lane_ssh.h, or EVENT_LANE_DOWN.  0 or -1, as the result
 * says.
 */
int lane_child_start(struct inbox *, uint32_t id,
		     const struct lane_child_config *, const uint8_t nonce[16],
		     struct lane_result *);

#endif
