/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_FAR_SUMS_ANSWER_H
#define FERRY_CLI_FAR_SUMS_ANSWER_H

#include <stddef.h>
#include <stdint.h>

/*
 * What is run at a host to sum files there, and what it says.
 *
 *  - One command line, the same for every host but for a nonce, in words that
 *    every log-in shell takes (as those of bootstrap.h): it says the nonce,
 *    the program that was found, and that program's sum of a text that we
 *    know.
 *  - Then it takes paths on its standard input, a NUL behind each, and hands
 *    so many at a time (FAR_SUMS_BATCH) to the program.  No name is ever part
 *    of a command.
 *  - Each path is answered by one line that begins with the sum, or is "-" if
 *    there is no file that can be read.  Names that come back in it are not
 *    looked at.  A line ". KINDS" ends a batch, with a letter for each path in
 *    order: first came the lines of all that have an "a", in order, then
 *    those of all with an "o"; a filler has "f", and no line.
 *  - FAR_SUMS_FILLER in place of paths fills a batch that is to be answered
 *    at once; all of them are behind the others.
 */
#define FAR_SUMS_BATCH  128
#define FAR_SUMS_FILLER "/dev/null"
#define FAR_SUMS_SIZE   64 /* of the longest sum, in bytes */
#define FAR_SUMS_LINE   200

/* In the order in which they are looked for. */
enum far_program {
	FAR_XXH128SUM,
	FAR_SHA256SUM,
	FAR_B2SUM,
	FAR_SHASUM,
	FAR_NO_PROGRAM
};

const char *far_program_name(enum far_program);
/* Bytes in its sums. */
size_t far_program_size(enum far_program);

/* The command for the log-in shell there, malloc'd; NULL: no memory. */
char *far_sums_command(const char *nonce);
/* The text whose sum the first line of it tells, without its NUL. */
const char *far_sums_sample(void);

/*
 * Is line that first line?  1 with *program (FAR_NO_PROGRAM: there is none) and
 * its sum; 0 if it is something else: start-up files print, too.
 */
int far_sums_greeting(const char *line, const char *nonce,
		      enum far_program *program, uint8_t sum[FAR_SUMS_SIZE]);

/* The answers of one batch. */
struct far_answers {
	size_t size; /* of a sum; set by the caller, all else is zero */
	int whole;
	size_t count; /* once it is whole: to all but fillers, in order */
	struct far_answer {
		int found;
		uint8_t sum[FAR_SUMS_SIZE];
	} answers[FAR_SUMS_BATCH];
	size_t given_count; /* so far, as they come */
	struct far_answer given[FAR_SUMS_BATCH];
};

/* Take the next line, maybe cut after FAR_SUMS_LINE bytes; after a whole batch
 * another one begins.  0, or -1: that is no answer. */
int far_answers_take(struct far_answers *, const char *line);

#endif
