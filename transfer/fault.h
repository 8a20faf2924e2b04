/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_FAULT_H
#define FERRY_TRANSFER_FAULT_H

#include "transfer/task.h"

/* What went wrong with a file, in words for the user. */

/* 1 if no other file would fare better, so that the session must end: the
 * disk is full or broken, or memory or descriptors ran out. */
int fault_is_fatal(int error);

/* "path: what: reason", or without the path if it is NULL.  what may be NULL
 * too.  malloc'd; NULL: no memory. */
char *fault_text(const char *path, const char *what, int error);

/*
 * What the user can do about an error that ends a session, in the imperative
 * and without a full stop; NULL where that depends on more than errno.
 */
const char *fault_advice(int error);

/* As fault_text, with the advice, if there is any, behind "; ": for a failure
 * after which nothing else is said. */
char *fault_last_text(const char *path, const char *what, int error);

/*
 * The whole task failed with this errno.  The text names the path if the
 * error is fatal; else the engine tells it with the entry's path.  A failure
 * that was noted before stays.
 */
void fault_task(struct task *, const char *path, const char *what, int error);

#endif
