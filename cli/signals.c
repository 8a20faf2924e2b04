/* SPDX-License-Identifier: BSD-2-Clause */
/* What signals ask for. */
#include "cli/signals.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "cli/exit_code.h"

static atomic_int stop_signal; /* without a lock, as all of its size */
static volatile sig_atomic_t status_count;
static sig_atomic_t status_seen;

static void on_stop(int number)
{
	if (number == SIGINT && stop_signal == SIGINT)
		_exit(EXIT_INTERRUPTED);
	stop_signal = number;
}

static void on_status(int number)
{
	(void)number;
	/* Only ever compared for equality: it may wrap. */
	status_count = (status_count + 1) & 0xffff;
}

static void install(int number, void (*handler)(int))
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	sigemptyset(&action.sa_mask);
	/* Calls in lanes' threads need not know of signals: who waits for an
	 * end asks signals_stop. */
	action.sa_flags = SA_RESTART;
	sigaction(number, &action, NULL);
}

/* nohup ignores SIGHUP and a background shell job SIGINT: so it stays. */
static void install_unless_ignored(int number, void (*handler)(int))
{
	struct sigaction action;

	if (sigaction(number, NULL, &action) == 0 &&
	    action.sa_handler != SIG_IGN)
		install(number, handler);
}

void signals_install(void)
{
	install_unless_ignored(SIGINT, on_stop);
	install_unless_ignored(SIGHUP, on_stop);
	install(SIGTERM, on_stop);
	install(SIGUSR1, on_status);
#ifdef SIGINFO
	install(SIGINFO, on_status);
#endif
	install(SIGPIPE, SIG_IGN);
}

int signals_stop(void)
{
	return stop_signal;
}

const atomic_int *signals_stop_flag(void)
{
	return &stop_signal;
}

int signals_status_wanted(void)
{
	if (status_seen == status_count)
		return 0;
	status_seen = status_count;
	return 1;
}
