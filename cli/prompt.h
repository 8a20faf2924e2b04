/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_PROMPT_H
#define FERRY_CLI_PROMPT_H

/*
 * Questions to the person at the terminal, on /dev/tty, so that they work
 * when stdin, stdout and stderr are elsewhere.
 */

/* 1 if there is a terminal to ask at. */
int prompt_possible(void);

/*
 * Show text (escaped) and read a line; echo 0 hides what is typed.  The
 * answer without its newline, malloc'd; NULL when there is no terminal, at
 * end of file, or when a signal asked for an end.
 */
char *prompt_ask(const char *text, int echo);

#endif
