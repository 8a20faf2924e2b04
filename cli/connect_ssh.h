/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_CONNECT_SSH_H
#define FERRY_CLI_CONNECT_SSH_H

#include "cli/location.h"
#include "cli/options.h"
#include "transfer/lane.h"

/* What the command line says about reaching a host over SSH. */
struct connect_ssh;

/* Both arguments must outlive it.  NULL after telling the user, *code is the
 * exit code then. */
struct connect_ssh *connect_ssh_create(const struct options *,
				       const struct location *far, int *code);
/* Not before every lane that was made with it was closed.  NULL is fine. */
void connect_ssh_free(struct connect_ssh *); /* NULL is fine */

/* As connect of transfer_carrier; may ask the user, unless the same answer got
 * in before. */
int connect_ssh_lane(struct connect_ssh *, struct inbox *, uint32_t id,
		     const char *nonce, struct lane_result *);

#endif
