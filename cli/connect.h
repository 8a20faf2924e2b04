/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_CONNECT_H
#define FERRY_CLI_CONNECT_H

#include "cli/connect_ssh.h"
#include "cli/location.h"
#include "cli/options.h"
#include "transfer/transfer.h"

/*
 * How the far end is reached: an agent started over SSH, on this machine as a
 * child, or in a thread of this process that works over SFTP.
 */
struct connection;

/*
 * far NULL, or without a host: an agent on this machine.  Both arguments must
 * outlive it.  NULL after telling the user, *code is the exit code then.
 */
struct connection *connect_create(const struct options *,
				  const struct location *far, int *code);

/* 1 if the far end is a child on this machine. */
int connect_is_local(const struct connection *);

/* 1 if what is there is reached over SFTP. */
int connect_is_sftp(const struct connection *);

/* Over SFTP, and while lanes are up: the folder there in which relative paths
 * begin.  Else NULL. */
const char *connect_home(const struct connection *);

/* The carrier for a transfer_request, as its reader; valid until
 * connect_free. */
struct transfer_carrier connect_carrier(const struct connection *);

/*
 * Run a transfer, whose carrier is filled in.  Where the host is reached and
 * has no ferry, and the user did not say that it has, it is run again over
 * SFTP, after a note.  Of a text that the far end said it says whose it is.
 */
void connect_run(struct connection *, struct transfer_request *,
		 struct transfer_result *);

/* What carries the carrier's lanes of a kind, or the first lane
 * (CONNECT_FIRST): "ssh", "libssh2", "sftp" or "local". */
const char *connect_kind(const struct connection *, int kind);

/*
 * Not before every lane that its carrier made was closed: they use what it
 * holds.  NULL is fine.
 */
void connect_free(struct connection *); /* NULL is fine */

#endif
