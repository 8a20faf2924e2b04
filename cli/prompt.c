/* SPDX-License-Identifier: BSD-2-Clause */
/* How a password or a yes is asked for. */
#include "cli/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cli/escape.h"
#include "cli/notice.h"
#include "cli/program.h"
#include "cli/signals.h"

#define ANSWER_MAX        1024
#define POLL_MILLISECONDS 100

static int open_terminal(void)
{
	return open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

/* ---- SSH_ASKPASS ---- */

enum way { WAY_NONE, WAY_TERMINAL, WAY_PROGRAM };

static int is_set(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0';
}

static const char *askpass(void)
{
	return is_set("SSH_ASKPASS") ? getenv("SSH_ASKPASS")
				     : "/usr/bin/ssh-askpass";
}

/* How ssh would ask. */
static enum way find_way(void)
{
	const char *require = getenv("SSH_ASKPASS_REQUIRE");
	int allowed = is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
	int wanted = 0;

	if (require != NULL && strcasecmp(require, "force") == 0)
		allowed = wanted = 1;
	else if (require != NULL && strcasecmp(require, "prefer") == 0)
		wanted = allowed;
	else if (require != NULL && strcasecmp(require, "never") == 0)
		allowed = 0;
	if (!wanted && prompt_on_terminal())
		return WAY_TERMINAL;
	return allowed && access(askpass(), X_OK) == 0 ? WAY_PROGRAM : WAY_NONE;
}

static char *ask_program(const char *text)
{
	char *argv[] = {(char *)(uintptr_t)askpass(), (char *)(uintptr_t)text,
			NULL};
	struct program_answer answer;
	char *result = NULL;

	if (program_run(argv, 0, &answer) == 0 && WIFEXITED(answer.status) &&
	    WEXITSTATUS(answer.status) == 0)
		result = strndup(answer.output, strcspn(answer.output, "\r\n"));
	program_answer_clear(&answer);
	return result;
}

/* ---- the terminal ---- */

int prompt_possible(void)
{
	return find_way() != WAY_NONE;
}

int prompt_on_terminal(void)
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
	enum way way = find_way();
	char *result = NULL;
	int terminal = way == WAY_TERMINAL ? open_terminal() : -1;

	if (way == WAY_PROGRAM && escaped != NULL)
		result = ask_program(escaped);
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
