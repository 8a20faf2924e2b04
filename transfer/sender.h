/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SENDER_H
#define FERRY_TRANSFER_SENDER_H

#include "transfer/engine.h"

/* The reading end of one session.  NULL: no memory. */
struct engine *sender_create(const struct engine_config *);

#endif
