/* SPDX-License-Identifier: BSD-2-Clause */
/* How a program is run for what it says: ssh -G, SSH_ASKPASS. */
#include "cli/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/signals.h"
#include "transfer/child.h"
#include "transfer/tcp.h"

#define TEXT_MAX          ((size_t)1 << 20)
#define TURN_MILLISECONDS 100

enum { FROM_OUTPUT, FROM_ERRORS, FROM_COUNT };

/* What comes from one of its descriptors. */
struct stream {
	int descriptor;
	char *text; /* TEXT_MAX + 1 at most */
	size_t length;
	size_t capacity;
};

/* ---- reading ---- */

/* 0 or an errno.  What is more than anybody would say is thrown away. */
static int keep(struct stream *stream, const char *bytes, size_t count)
{
	size_t wanted;
	char *grown;

	if (count > TEXT_MAX - stream->length)
		count = TEXT_MAX - stream->length;
	wanted = stream->length + count + 1;
	if (wanted > stream->capacity) {
		grown = malloc(2 * wanted);
		if (grown == NULL)
			return ENOMEM;
		if (stream->text != NULL) {
			memcpy(grown, stream->text, stream->length);
			/* It may be a password. */
			explicit_bzero(stream->text, stream->length);
		}
		free(stream->text);
		stream->text = grown;
		stream->capacity = 2 * wanted;
	}
	memcpy(stream->text + stream->length, bytes, count);
	stream->length += count;
	stream->text[stream->length] = '\0';
	return 0;
}

/* There is something, or the end: then it is closed. */
static int take(struct stream *stream)
{
	char bytes[4096];
	ssize_t count = read(stream->descriptor, bytes, sizeof(bytes));
	int error = 0;

	if (count == -1 && errno == EINTR)
		return 0;
	if (count <= 0) {
		close(stream->descriptor);
		stream->descriptor = -1;
	} else {
		error = keep(stream, bytes, (size_t)count);
	}
	explicit_bzero(bytes, sizeof(bytes));
	return error;
}

/* Until both are closed.  0 or an errno. */
static int read_all(struct stream streams[FROM_COUNT], uint64_t timeout)
{
	uint64_t begin = tcp_clock();
	int error = 0;

	while (error == 0 && (streams[FROM_OUTPUT].descriptor != -1 ||
			      streams[FROM_ERRORS].descriptor != -1)) {
		struct pollfd slots[FROM_COUNT] = {
		    {streams[FROM_OUTPUT].descriptor, POLLIN, 0},
		    {streams[FROM_ERRORS].descriptor, POLLIN, 0}};

		if (signals_stop() != 0)
			return EINTR;
		if (timeout != 0 && tcp_clock() - begin >= timeout)
			return ETIMEDOUT;
		poll(slots, FROM_COUNT, TURN_MILLISECONDS);
		for (int i = 0; i < FROM_COUNT && error == 0; i++) {
			if (slots[i].revents != 0)
				error = take(&streams[i]);
		}
	}
	return error;
}

/* ---- the program ---- */

static int start(char *const *argv, struct stream streams[FROM_COUNT],
		 pid_t *pid)
{
	int theirs[3] = {-1, -1, -1}, error = 0;

	theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (theirs[0] == -1)
		error = errno;
	for (int i = 0; i < FROM_COUNT && error == 0; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) == -1) {
			error = errno;
			break;
		}
		streams[i].descriptor = ends[0];
		theirs[i + 1] = ends[1];
	}
	if (error == 0)
		error = child_start(argv[0], argv, theirs, pid);
	for (int i = 0; i < 3; i++) {
		if (theirs[i] != -1)
			close(theirs[i]);
	}
	return error;
}

int program_run(char *const *argv, uint64_t timeout,
		struct program_answer *answer)
{
	struct stream streams[FROM_COUNT] = {{.descriptor = -1},
					     {.descriptor = -1}};
	pid_t pid;
	int error;

	memset(answer, 0, sizeof(*answer));
	error = argv[0] == NULL ? ENOENT : start(argv, streams, &pid);
	if (error == 0) {
		error = read_all(streams, timeout);
		if (error == 0)
			error = keep(&streams[FROM_OUTPUT], "", 0);
		if (error == 0)
			error = keep(&streams[FROM_ERRORS], "", 0);
		/* It leads a session, and so a group, of its own. */
		if (error != 0)
			kill(-pid, SIGKILL);
		while (waitpid(pid, &answer->status, 0) == -1 && errno == EINTR)
			continue;
	}
	for (int i = 0; i < FROM_COUNT; i++) {
		if (streams[i].descriptor != -1)
			close(streams[i].descriptor);
	}
	answer->output = streams[FROM_OUTPUT].text;
	answer->errors = streams[FROM_ERRORS].text;
	return error;
}

static void wipe(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

void program_answer_clear(struct program_answer *answer)
{
	wipe(answer->output);
	wipe(answer->errors);
	memset(answer, 0, sizeof(*answer));
}
