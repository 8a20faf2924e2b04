/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_CONNECT_SFTP_H
#define FERRY_CLI_CONNECT_SFTP_H

#include <stdatomic.h>

#include "cli/location.h"
#include "cli/options.h"
#include "transfer/lane.h"

/*
 * A far side with an SFTP server and no ferry: the agent is a thread of this
 * process, and works on the files there (transfer/io_sftp.h) over "ssh -s".
 * The first ssh asks at the terminal what it has to; further ones ask nothing.
 */
struct connect_sftp;

/* Both arguments must outlive it.  NULL after telling the user, *code is the
 * exit code then. */
struct connect_sftp *connect_sftp_create(const struct options *,
					 const struct location *far, int *code);
/* Ends the agent, which may take some seconds.  Not before every lane that was
 * made with it was closed.  NULL is fine. */
void connect_sftp_free(struct connect_sftp *);

/* As connect of transfer_carrier.  Agents of before are ended. */
int connect_sftp_lane(struct connect_sftp *, struct inbox *, uint32_t id,
		      const char *nonce, struct lane_result *);

/* As round_trip of transfer_carrier, of the server that is connected. */
uint64_t connect_sftp_round_trip(const struct connect_sftp *);

/* As further of transfer_carrier: one connection more to the same server. */
int connect_sftp_further(struct connect_sftp *, struct inbox *, uint32_t id,
			 const char *nonce, const atomic_int *over,
			 struct lane_result *);

/* The folder there in which relative paths begin, valid until the next
 * connect_sftp_lane; NULL: there is no connection. */
const char *connect_sftp_home(const struct connect_sftp *);

#endif
