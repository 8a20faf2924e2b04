/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_LANE_ACCEPT_H
#define FERRY_TRANSFER_LANE_ACCEPT_H

#include "transfer/lane_crew.h"

struct session;

/*
 * The agent's side of further lanes: opens its door (lane_door.h) when the
 * client asks with LANES, and takes in those who come.  The session must
 * outlive it.  NULL: no memory.
 */
struct lane_crew *lane_accept_create(struct session *);

#endif
