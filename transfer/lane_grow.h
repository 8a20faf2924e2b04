/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_LANE_GROW_H
#define FERRY_TRANSFER_LANE_GROW_H

#include "transfer/lane_crew.h"
#include "transfer/transfer.h"

struct session;

/*
 * The client's side of further lanes: has the carrier make them, each in a
 * thread of its own, as many as lane_policy.h says; says HELLO and JOIN on
 * each; makes a new one for one that dies.  Session and carrier must outlive
 * it.  NULL: no memory.
 */
struct lane_crew *lane_grow_create(struct session *,
				   const struct transfer_carrier *);

#endif
