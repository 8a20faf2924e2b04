/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_CONNECT_SSH_H
#define FERRY_CLI_CONNECT_SSH_H

#include "cli/location.h"
#include "cli/options.h"
#include "transfer/transfer.h"

/* What the command line says about reaching a host over SSH. */
struct connect_ssh;

/* Both arguments must outlive it.  NULL after telling the user, *code is the
 * exit code then. */
struct connect_ssh *connect_ssh_create(const struct options *,
				       const struct location *far, int *code);
/* Not before every lane that was made with it was closed.  NULL is fine. */
void connect_ssh_free(struct connect_ssh *); /* NULL is fine */

/* 1 if the user says where ferry is on the far side. */
int connect_ssh_names_program(const struct options *);

/* How this may carry lanes: the kinds, bulk and lanes of a carrier. */
void connect_ssh_describe(const struct connect_ssh *,
			  struct transfer_carrier *);
/* "ssh" or "libssh2": what carries lanes of a kind. */
#define CONNECT_FIRST (-1) /* the first lane */
const char *connect_ssh_kind(const struct connect_ssh *, int kind);

/* As connect of transfer_carrier; may ask the user, unless the same answer got
 * in before. */
int connect_ssh_lane(struct connect_ssh *, struct inbox *, uint32_t id,
		     const char *nonce, struct lane_result *);
/* As further of transfer_carrier. */
int connect_ssh_further(struct connect_ssh *, unsigned kind, struct inbox *,
			uint32_t id, const char *nonce, const atomic_int *over,
			struct lane_result *);

/* As provide of transfer_carrier; NULL is fine. */
int connect_ssh_provide(struct connect_ssh *);

#endif
