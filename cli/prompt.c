/* SPDX-License-Identifier: BSD-2-Clause */
/* How a password or a yes is asked for. */
#include "cli/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/escape.h"
#include "cli/notice.h"
#include "cli/signals.h"

#define ANSWER_MAX        1024
#define POLL_MILLISECONDS 100

static int open_terminal(void)
{
	return open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

int prompt_possible(void)
{
	int terminal = open_terminal();

	if (terminal < 0)
		return 0;
	close(terminal);
	return 1;
}

static void put(int terminal, const char *text)
{
	size_t length = strlen(text);

	while (length > 0) {
		ssize_t count = write(terminal, text, length);

		if (count < 0 && errno != EINTR)
			return;
		if (count > 0) {
			text += count;
			length -= (size_t)count;
		}
	}
}

/*
 * Bytes up to a newline.  Waits in short turns, because the signal that asks
 * for an end may be delivered to another thread.  0, or -1.
 */
static int read_line(int terminal, char answer[ANSWER_MAX])
{
	struct pollfd poll_terminal = {terminal, POLLIN, 0};
	size_t length = 0;

	for (;;) {
		ssize_t count;

		if (signals_stop() != 0)
			return -1;
		if (poll(&poll_terminal, 1, POLL_MILLISECONDS) <= 0)
			continue;
		count = read(terminal, answer + length, 1);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return -1;
		if (answer[length] == '\n') {
			answer[length] = '\0';
			return signals_stop() != 0 ? -1 : 0;
		}
		if (length < ANSWER_MAX - 1)
			length++;
	}
}

static char *ask_at(int terminal, const char *text, int echo)
{
	char answer[ANSWER_MAX];
	struct termios before, hidden;
	char *result = NULL;

	if (tcgetattr(terminal, &before) != 0)
		return NULL;
	put(terminal, text);
	hidden = before;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	if (!echo)
		tcsetattr(terminal, TCSAFLUSH, &hidden);
	if (read_line(terminal, answer) == 0)
		result = strdup(answer);
	if (!echo) {
		tcsetattr(terminal, TCSAFLUSH, &before);
		put(terminal, "\n");
	}
	explicit_bzero(answer, sizeof(answer));
	return result;
}

char *prompt_ask(const char *text, int echo)
{
	char *escaped = escape_text(text, strlen(text));
	char *result = NULL;
	int terminal = open_terminal();

	if (terminal >= 0 && escaped != NULL) {
		notice_hold();
		result = ask_at(terminal, escaped, echo);
		notice_release();
	}
	if (terminal >= 0)
		close(terminal);
	free(escaped);
	return result;
}
