/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SSH_HOST_KEY_H
#define FERRY_TRANSFER_SSH_HOST_KEY_H

#include "transfer/ssh_connection.h"

/*
 * The host key types to ask for, names with commas: those that known_hosts
 * has for the host first.  malloc'd, or NULL: no memory.
 */
char *ssh_host_key_types(struct ssh_connection *);

/*
 * After the handshake: is the server the one that known_hosts knows?  An
 * unknown one is asked about, accepted or refused as the configuration says; a
 * known one with another key is refused.  0, or -1 with the failure set.
 */
int ssh_host_key_check(struct ssh_connection *);

#endif
