/* SPDX-License-Identifier: BSD-2-Clause */
/* How a thread is started that is not to see signals. */
#include "transfer/thread.h"

#include <signal.h>

int thread_start(pthread_t *thread, void *(*run)(void *), void *cookie)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(thread, NULL, run, cookie);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}
