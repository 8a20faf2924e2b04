/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_PROMPT_H
#define FERRY_CLI_PROMPT_H

/*
 * Questions to the person at the terminal, on /dev/tty, so that they work
 * when stdin, stdout and stderr are elsewhere.  Where there is no terminal,
 * but DISPLAY or WAYLAND_DISPLAY is set, the program SSH_ASKPASS asks, as it
 * does for ssh; SSH_ASKPASS_REQUIRE says "never", "prefer" or "force".
 */

/* 1 if there is somebody to ask, at a terminal or by SSH_ASKPASS. */
int prompt_possible(void);
/* 1 if there is a terminal. */
int prompt_on_terminal(void);

/*
 * Show text (escaped) and read a line; echo 0 hides what is typed.  The
 * answer without its newline, malloc'd; NULL when there is nobody to ask, at
 * end of file, when that program fails, or when a signal asked for an end.
 */
char *prompt_ask(const char *text, int echo);

#endif
