/* SPDX-License-Identifier: BSD-2-Clause */
/* How a program is started that carries a lane. */
#include "transfer/lane_child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "transfer/child.h"

/* Each pipe's two ends: for us, and for the child. */
struct pipes {
	int ours[3];
	int theirs[3];
};

static int fail(const struct lane_child_config *config, int error,
		struct lane_result *result)
{
	result->code = error == ENOENT ? EXIT_UNREACHABLE : EXIT_FILE_IO;
	if (asprintf(&result->text, "%s: %s: %s", config->host, config->argv[0],
		     strerror(error)) < 0)
		result->text = NULL;
	return -1;
}

static void close_all(const int descriptors[3])
{
	for (int i = 0; i < 3; i++) {
		if (descriptors[i] != -1)
			close(descriptors[i]);
	}
}

/* 0 or an errno; then none is open. */
static int open_pipes(struct pipes *pipes)
{
	memset(pipes, -1, sizeof(*pipes));
	for (int i = 0; i < 3; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) == -1) {
			int error = errno;

			close_all(pipes->ours);
			close_all(pipes->theirs);
			return error;
		}
		/* Its input is written by us, the others are read. */
		pipes->ours[i] = ends[i == STDIN_FILENO];
		pipes->theirs[i] = ends[i != STDIN_FILENO];
	}
	return 0;
}

int lane_child_start(struct inbox *inbox, uint32_t id,
		     const struct lane_child_config *child,
		     const uint8_t nonce[16], struct lane_result *result)
{
	struct lane_fd_config config = {.companion = -1, .nonce = nonce};
	struct pipes pipes;
	pid_t pid;
	int error;

	memset(result, 0, sizeof(*result));
	error = open_pipes(&pipes);
	if (error != 0)
		return fail(child, error, result);
	error = child_start(child->argv[0], child->argv, pipes.theirs, &pid);
	close_all(pipes.theirs);
	if (error != 0) {
		close_all(pipes.ours);
		return fail(child, error, result);
	}
	config.in = pipes.ours[STDOUT_FILENO];
	config.out = pipes.ours[STDIN_FILENO];
	config.errors = pipes.ours[STDERR_FILENO];
	config.pid = pid;
	config.host = child->host;
	config.program = child->program;
	config.tell = child->tell;
	config.cookie = child->cookie;
	result->lane = lane_fd_create_from(inbox, id, &config);
	if (result->lane != NULL)
		return 0;
	error = errno;
	/* It ends by itself when its input does; nobody waits for it, but
	 * without memory there are other worries. */
	close_all(pipes.ours);
	return fail(child, error, result);
}
