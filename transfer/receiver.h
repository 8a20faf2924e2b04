/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_RECEIVER_H
#define FERRY_TRANSFER_RECEIVER_H

#include "transfer/engine.h"

/* The writing end of one session.  NULL: no memory. */
struct engine *receiver_create(const struct engine_config *);

#endif
