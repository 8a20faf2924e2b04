/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_SIGNALS_H
#define FERRY_CLI_SIGNALS_H

#include <stdatomic.h>

/*
 * SIGINT, SIGTERM and SIGHUP ask for an end in order; a second SIGINT ends
 * the process at once with exit code 20, which is as safe as kill -9 is.
 * SIGUSR1 (and SIGINFO) ask for a status line.  SIGPIPE is ignored.
 */
void signals_install(void);

/* The signal that asked for an end, or 0. */
int signals_stop(void);
/* The same, for who looks at it again and again. */
const atomic_int *signals_stop_flag(void);

/* 1 once for each time a status line was asked for. */
int signals_status_wanted(void);

#endif
