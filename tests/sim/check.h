/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_SIM_CHECK_H
#define FERRY_TESTS_SIM_CHECK_H

#include "tests/sim/session.h"
#include "tests/sim/world.h"

/*
 * What must be true of the target's disk.  Violations go to world_fail.
 *
 * check_always, at any moment: each file under the target is as it was before
 * or a version that the source had, whole; what was confirmed is that version
 * or a later one, with its mode and times; nothing else has changed.
 *
 * check_final, after the last session: all is as it is at the source.
 *
 * check_tidy: nothing is left of the staging.
 */
void check_always(struct world *);
void check_final(struct world *);
void check_tidy(struct world *);
/* ---- check_told.c ------------------------------------------------------- */

/* The client has ended well: each path was spoken of. */
void check_told(struct world *, const struct session_result *);
/* So have both ends, and nothing went wrong: each file that was placed in this
 * session is in both ledgers, and the sender's journal is gone. */
void check_ledgers(struct world *, const struct session_result *);
/* What the receiver ever confirmed is in its ledger, whatever crashed since. */
void check_received(struct world *);

/* ---- */

/* An engine says that this path is in place: hold it to that from now on. */
void check_confirm(struct world *, struct history *);

#endif
