/* SPDX-License-Identifier: BSD-2-Clause */
/* How are files summed at a host that has a shell and no ferry? */
#include "cli/far_sums_answer.h"

#include <stdio.h>
#include <string.h>

/* ---- what is run --------------------------------------------------------- */

/*
 * For one batch, with the program as $0 and the paths as "$@".  All at once; or
 * one by one where a sum is missing, or a name has a newline, which not every
 * version of every program escapes.  A file is read as the standard input then.
 * What is no file (a pipe would never end) is not opened.
 */
static const char batch[] =
    "n=$(echo; echo x); n=${n%x}; b=; k=0; "
    "case \"$*\" in *\"$n\"*) b=1;; esac; "
    "for f; do if [ \"$f\" = " FAR_SUMS_FILLER " ]; then k=$((k+1)); "
    "elif [ -f \"$f\" ]; then :; else b=1; fi; done; "
    "if [ -z \"$b\" ] && o=$($0 \"$@\" 2>/dev/null); then "
    "printf \"%s$n\" \"$o\"; else for f; do "
    "if { [ \"$f\" = " FAR_SUMS_FILLER " ] || [ -f \"$f\" ]; } && "
    "o=$($0 2>/dev/null <\"$f\"); then echo \"${o%% *}\"; "
    "else echo -; fi; done; fi; echo \". $# $k\"";

/* The first program that can sum the text above, which is $0 here. */
static const char begin[] =
    "export LC_ALL=C; for p in xxh128sum sha256sum b2sum \"shasum -a 256\" "
    "\"\"; do s=$(echo \"$0\" | $p 2>/dev/null) && break; done; echo; "
    "echo \"$1 ${p%% *} ${s%% *}\"; "
    "[ -n \"$p\" ] && exec xargs -0 -n ";

char *far_sums_command(const char *nonce)
{
	char *command;

	/* Each is one word in every shell: no quote, '!', backslash or
	 * newline. */
	if (asprintf(&command, "exec sh -c '%s%d sh -c \"$0\" \"$p\"' '%s' %s",
		     begin, FAR_SUMS_BATCH, batch, nonce) < 0)
		return NULL;
	return command;
}

const char *far_sums_sample(void)
{
	return batch;
}

/* ---- the programs -------------------------------------------------------- */

static const struct {
	const char *name;
	size_t size;
} programs[FAR_NO_PROGRAM] = {
    {"xxh128sum", 16},
    {"sha256sum", 32},
    {"b2sum", 64},
    {"shasum", 32},
};

const char *far_program_name(enum far_program program)
{
	return programs[program].name;
}

size_t far_program_size(enum far_program program)
{
	return programs[program].size;
}

/* ---- what it says -------------------------------------------------------- */

static int digit(char letter)
{
	if (letter >= '0' && letter <= '9')
		return letter - '0';
	if (letter >= 'a' && letter <= 'f')
		return letter - 'a' + 10;
	return -1;
}

/* size bytes in hexadecimal, and then a space or the end.  1 or 0. */
static int parse_sum(const char *text, size_t size, uint8_t *sum)
{
	for (size_t i = 0; i < size; i++, text += 2) {
		int high = digit(text[0]);
		int low = high == -1 ? -1 : digit(text[1]);

		if (low == -1)
			return 0;
		sum[i] = (uint8_t)(high << 4 | low);
	}
	return *text == '\0' || *text == ' ';
}

int far_sums_greeting(const char *line, const char *nonce,
		      enum far_program *program, uint8_t sum[FAR_SUMS_SIZE])
{
	const size_t nonce_length = strlen(nonce);

	if (strncmp(line, nonce, nonce_length) != 0 ||
	    line[nonce_length] != ' ')
		return 0;
	line += nonce_length + 1;
	for (int i = 0; i < FAR_NO_PROGRAM; i++) {
		const size_t length = strlen(programs[i].name);

		if (strncmp(line, programs[i].name, length) != 0 ||
		    line[length] != ' ')
			continue;
		*program = (enum far_program)i;
		return parse_sum(line + length + 1, programs[i].size, sum);
	}
	*program = FAR_NO_PROGRAM;
	return *line == ' ' || *line == '\0';
}

/* The end of a batch: ". COUNT FILLERS". */
static int end_batch(struct far_answers *answers, const char *line)
{
	size_t count, fillers;
	int length = 0;

	if (sscanf(line, ". %4zu %4zu%n", &count, &fillers, &length) != 2 ||
	    line[length] != '\0' || count != answers->count || count == 0 ||
	    fillers > count)
		return -1;
	answers->count = count - fillers;
	answers->whole = 1;
	return 0;
}

int far_answers_take(struct far_answers *answers, const char *line)
{
	struct far_answer *answer;

	if (answers->whole) {
		answers->whole = 0;
		answers->count = 0;
	}
	if (line[0] == '.')
		return end_batch(answers, line);
	if (answers->count == FAR_SUMS_BATCH)
		return -1;
	answer = &answers->answers[answers->count++];
	answer->found = strcmp(line, "-") != 0;
	if (!answer->found)
		return 0;
	/* Before the sum of a file whose name is escaped. */
	if (*line == '\\')
		line++;
	return parse_sum(line, answers->size, answer->sum) ? 0 : -1;
}
