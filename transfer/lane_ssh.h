/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_LANE_SSH_H
#define FERRY_TRANSFER_LANE_SSH_H

#include "transfer/exchange.h"
#include "transfer/lane.h"
#include "transfer/ssh_config.h"

/*
 * A lane over an SSH connection of its own: connect, check the host key, log
 * in, and hand all that to a thread, which starts the agent on a channel.
 * What comes before the agent's HELLO is skipped (greeting.h); an agent that
 * does not start is told by EVENT_LANE_DOWN.
 *
 * nonce: 32 hexadecimal digits.  0 or -1, as the result says; its text is one
 * line that names the host.  The caller's thread waits, for config->timeout
 * and as long as answers take; config must outlive the lane.
 */
int lane_ssh_connect(struct inbox *, uint32_t id, const struct ssh_config *,
		     const char *nonce, struct lane_result *);

/*
 * Such a connection without a lane, to open some on: the caller's, until
 * lane_ssh_line_release; the connection lasts until then and until its lanes
 * are closed.  NULL: as the result says.
 */
struct lane_ssh_line;
struct lane_ssh_line *lane_ssh_line_connect(const struct ssh_config *,
					    struct lane_result *);
void lane_ssh_line_release(struct lane_ssh_line *); /* NULL is fine */

/*
 * A command that is no agent, over the connection of a line whose lanes were
 * all closed: the caller's thread talks, and lanes can be opened after that.
 * 0; 1: the connection is of no use any more, and nothing was said; or -1, as
 * the result says.
 */
int lane_ssh_exchange(struct lane_ssh_line *, const char *command,
		      const struct exchange_talk *, struct lane_result *);

/* A channel, with an agent: as lane_ssh_connect, but at once. */
int lane_ssh_open(struct lane_ssh_line *, struct inbox *, uint32_t id,
		  const char *nonce, struct lane_result *);

#endif
