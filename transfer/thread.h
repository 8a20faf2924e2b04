/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_THREAD_H
#define FERRY_TRANSFER_THREAD_H

#include <pthread.h>

/*
 * As pthread_create with default attributes: 0 or an errno.  All signals are
 * blocked in the new thread: they are for the program's own thread, and a
 * broken pipe is to be an error and not an end.
 */
int thread_start(pthread_t *, void *(*run)(void *), void *cookie);

#endif
