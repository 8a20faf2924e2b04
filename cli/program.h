/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_PROGRAM_H
#define FERRY_CLI_PROGRAM_H

#include <stdint.h>

/* What a program that was run has written, and how it ended. */
struct program_answer {
	int status;   /* as of waitpid(2) */
	char *output; /* text, ended by NUL; malloc'd */
	char *errors; /* the same */
};

/*
 * Run a program (argv[0] is looked for in PATH; NULL after the last), without
 * input and without our terminal, and wait for its end: for so many
 * nanoseconds, or 0: without limit.  0; or an errno: ENOENT for no such
 * program, ETIMEDOUT, EINTR when a signal asked for an end; then it is killed.
 * program_answer_clear in any case.
 */
int program_run(char *const *argv, uint64_t timeout, struct program_answer *);
/* Wipes and frees the texts. */
void program_answer_clear(struct program_answer *);

#endif
