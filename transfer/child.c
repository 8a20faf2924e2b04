/* SPDX-License-Identifier: BSD-2-Clause */
/* How another program is started. */
#include "transfer/child.h"

#include <signal.h>
#include <spawn.h>
#include <unistd.h>

static int set_attributes(posix_spawnattr_t *attributes, short flags)
{
	sigset_t blocked, all;
	int error;

	sigemptyset(&blocked);
	if ((flags & POSIX_SPAWN_SETSID) == 0) {
		sigaddset(&blocked, SIGINT);
		sigaddset(&blocked, SIGHUP);
	}
	sigfillset(&all);
	error = posix_spawnattr_setsigmask(attributes, &blocked);
	if (error == 0)
		error = posix_spawnattr_setsigdefault(attributes, &all);
	if (error == 0)
		error = posix_spawnattr_setflags(
		    attributes, (short)(flags | POSIX_SPAWN_SETSIGMASK |
					POSIX_SPAWN_SETSIGDEF));
	return error;
}

static int start(const char *program, char *const *argv,
		 const int descriptors[3], short flags, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error = posix_spawn_file_actions_init(&actions);

	if (error != 0)
		return error;
	error = posix_spawnattr_init(&attributes);
	if (error != 0)
		goto destroy_actions;
	error = set_attributes(&attributes, flags);
	for (int i = 0; i < 3 && error == 0; i++) {
		if (descriptors[i] != -1)
			error = posix_spawn_file_actions_adddup2(
			    &actions, descriptors[i], i);
	}
	if (error == 0)
		error = posix_spawnp(pid, program, &actions, &attributes, argv,
				     environ);
	posix_spawnattr_destroy(&attributes);
destroy_actions:
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

int child_start(const char *program, char *const *argv,
		const int descriptors[3], pid_t *pid)
{
	return start(program, argv, descriptors, POSIX_SPAWN_SETSID, pid);
}

int child_start_attended(const char *program, char *const *argv,
			 const int descriptors[3], pid_t *pid)
{
	return start(program, argv, descriptors, 0, pid);
}
