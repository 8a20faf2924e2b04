/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SSH_LOGIN_H
#define FERRY_TRANSFER_SSH_LOGIN_H

#include "transfer/ssh_connection.h"

/*
 * After the host key was checked: log in, in ssh's order.  Keys that were asked
 * for by name (held by the agent, or in their file), the other keys of the
 * agent, the usual files; then keyboard-interactive and password, where there
 * is somebody to ask.  0, or -1 with the failure set.
 */
int ssh_login(struct ssh_connection *);

#endif
