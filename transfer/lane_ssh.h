/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_LANE_SSH_H
#define FERRY_TRANSFER_LANE_SSH_H

#include "transfer/lane.h"
#include "transfer/ssh_config.h"

/*
 * A lane over an SSH connection of its own: connect, check the host key, log
 * in, start the agent, and hand all that to the lane's thread.  What comes
 * before the agent's HELLO is skipped (greeting.h); an agent that does not
 * start is told by EVENT_LANE_DOWN.
 *
 * nonce: 32 hexadecimal digits.  0 and *lane; or -1, an exit code (of
 * engine.h, or what stop said) and one line that names the host, malloc'd or
 * NULL.
 */
int lane_ssh_connect(struct inbox *, uint32_t id, const struct ssh_config *,
		     const char *nonce, struct lane **lane, int *code,
		     char **text);

#endif
