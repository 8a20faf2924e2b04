/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_CONNECT_H
#define FERRY_CLI_CONNECT_H

#include "cli/connect_ssh.h"
#include "cli/location.h"
#include "cli/options.h"
#include "transfer/transfer.h"

/*
 * How the far end is reached: an agent started over SSH, or on this machine
 * as a child.
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

/* The carrier for a transfer_request; valid until connect_free. */
struct transfer_carrier connect_carrier(const struct connection *);

/* What carries the carrier's lanes of a kind, or the first lane
 * (CONNECT_FIRST): "ssh", "libssh2" or "local". */
const char *connect_kind(const struct connection *, int kind);

/* Whose text it is: add the host to one that the far end said of what is
 * there. */
void connect_name_host(const struct connection *, struct transfer_result *);

/*
 * Not before every lane that its carrier made was closed: they use what it
 * holds.  NULL is fine.
 */
void connect_free(struct connection *); /* NULL is fine */

#endif
