/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lane whose far end is a child that a shell starts, over ssh: its greeting,
 * what it says on its stderr, and how it ended.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "transfer/far_errors.h"
#include "transfer/greeting.h"
#include "transfer/lane_fd_internal.h"

#define CHILD_LOOK_NANOSECONDS (10 * 1000 * 1000)
/* How long the end of a child is waited for that has ended its output. */
#define STATUS_PATIENCE        LANE_FD_SECOND

struct lane_fd_errors {
	struct far_errors lines;
	int descriptor; /* -1: at its end */
	uint8_t nonce[16];
	const char *host;
	const char *program;
	void (*tell)(void *cookie, const char *line);
	void *cookie;
};

/* ---- the lines ---- */

static void tell(void *cookie, int greeted, const char *line)
{
	const struct lane_fd_errors *errors = cookie;

	if (greeted && errors->tell != NULL)
		errors->tell(errors->cookie, line);
}

struct lane_fd_errors *
lane_fd_errors_create(const struct lane_fd_config *config)
{
	struct lane_fd_errors *errors = calloc(1, sizeof(*errors));
	int flags = fcntl(config->errors, F_GETFL);

	if (errors == NULL)
		return NULL;
	if (flags == -1 ||
	    fcntl(config->errors, F_SETFL, flags | O_NONBLOCK) == -1) {
		free(errors);
		return NULL;
	}
	errors->lines.tell = tell;
	errors->lines.cookie = errors;
	errors->descriptor = config->errors;
	memcpy(errors->nonce, config->nonce, sizeof(errors->nonce));
	errors->host = config->host;
	errors->program = config->program;
	errors->tell = config->tell;
	errors->cookie = config->cookie;
	return errors;
}

void lane_fd_errors_free(struct lane_fd_errors *errors)
{
	free(errors);
}

int lane_fd_errors_descriptor(const struct lane_fd_errors *errors)
{
	return errors->descriptor;
}

void lane_fd_errors_read(struct lane_fd *lane)
{
	struct lane_fd_errors *errors = lane->errors;
	ssize_t got;
	char *at;

	while (errors->descriptor != -1) {
		size_t room =
		    far_errors_room(&errors->lines, lane->greeted, &at);

		got = read(errors->descriptor, at, room);
		if (got > 0) {
			far_errors_took(&errors->lines, lane->greeted,
					(size_t)got);
		} else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
			close(errors->descriptor);
			errors->descriptor = -1;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

void lane_fd_errors_end(struct lane_fd *lane)
{
	struct lane_fd_errors *errors = lane->errors;

	if (errors == NULL)
		return;
	lane_fd_errors_read(lane);
	far_errors_end(&errors->lines, lane->greeted);
	if (errors->descriptor != -1)
		close(errors->descriptor);
	errors->descriptor = -1;
}

/* ---- the greeting, or why there is none ---- */

/* Until the child has said all: it may be what counts. */
static void read_last_errors(struct lane_fd *lane)
{
	const struct timespec pause = {.tv_nsec = CHILD_LOOK_NANOSECONDS};
	uint64_t until = lane_fd_clock() + STATUS_PATIENCE;

	lane_fd_errors_read(lane);
	while (lane->errors->descriptor != -1 && lane_fd_clock() < until &&
	       !lane_fd_closing(lane)) {
		nanosleep(&pause, NULL);
		lane_fd_errors_read(lane);
	}
}

static void explain(struct lane_fd *lane, int status)
{
	const struct lane_fd_errors *errors = lane->errors;
	char *cause =
	    status == FAR_STATUS_SSH
		? far_errors_explain_ssh(&errors->lines, errors->host)
		: far_errors_explain(&errors->lines, lane->buffer, lane->end,
				     errors->program, status);
	char *text = NULL;

	if (cause == NULL || asprintf(&text, "%s: %s", errors->host, cause) < 0)
		text = NULL;
	/* Before anybody hears of the end. */
	if (status != FAR_STATUS_SSH)
		lane->lane.absent = far_errors_absence(status);
	lane_fd_down(lane, EXIT_UNREACHABLE, text);
	free(text);
	free(cause);
}

void lane_fd_explain(struct lane_fd *lane)
{
	lane->ended = 1;
	read_last_errors(lane);
	explain(lane, lane_fd_reap(lane, STATUS_PATIENCE));
}

int lane_fd_greet(struct lane_fd *lane)
{
	size_t offset;

	switch (greeting_find(lane->buffer, lane->end, lane->errors->nonce,
			      &offset)) {
	case GREETING_FOUND:
		lane->start = offset;
		lane->greeted = 1;
		return 1;
	case GREETING_MISSING:
		lane_fd_errors_read(lane);
		explain(lane, FAR_STATUS_UNKNOWN);
		return -1;
	default:
		return 0;
	}
}

/* ---- the end of the child ---- */

int lane_fd_reap(struct lane_fd *lane, uint64_t patience)
{
	const struct timespec pause = {.tv_nsec = CHILD_LOOK_NANOSECONDS};
	uint64_t until = lane_fd_clock() + patience;
	int status = 0;
	pid_t gone;

	if (lane->pid <= 0)
		return FAR_STATUS_UNKNOWN;
	while ((gone = waitpid(lane->pid, &status, WNOHANG)) == 0 ||
	       (gone == -1 && errno == EINTR)) {
		if (lane_fd_clock() >= until) {
			kill(lane->pid, SIGKILL);
			while (waitpid(lane->pid, NULL, 0) == -1 &&
			       errno == EINTR)
				;
			break;
		}
		nanosleep(&pause, NULL);
	}
	gone = gone == lane->pid;
	lane->pid = 0;
	return gone && WIFEXITED(status) ? WEXITSTATUS(status)
					 : FAR_STATUS_UNKNOWN;
}
