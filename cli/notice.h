/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_NOTICE_H
#define FERRY_CLI_NOTICE_H

/*
 * All that people read goes to stderr through here, in one style:
 *
 *     ferry: PATH: CAUSE; WHAT TO DO
 *
 * Each call writes one line, escaped as a whole.  The progress bar is the last
 * line; whatever is printed erases it first and draws it again below.
 * Any thread may call.
 */

/* quiet leaves errors only; verbose is the number of -v. */
void notice_configure(int quiet, int verbose);

/* Something failed: shown always. */
void notice_error(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* path: cause; todo.  path and todo may be NULL. */
void notice_failure(const char *path, const char *cause, const char *todo);
/* Worth knowing: not shown with -q. */
void notice_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Shown with so many -v or more. */
void notice_verbose(int level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Asked for by a signal: always, without the program's name. */
void notice_status(const char *text);

/*
 * Draw the progress bar: ASCII, narrower than the terminal.  NULL: erase it
 * and keep it away until the next call.
 */
void notice_bar(const char *text);

/* Erase the bar, and hold all other notices back, while somebody else writes
 * to the terminal: a prompt, or JSON on stdout. */
void notice_hold(void);
void notice_release(void);

#endif
