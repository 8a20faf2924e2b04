/* SPDX-License-Identifier: BSD-2-Clause */
/* How are files summed at a host that has a shell and no ferry? */
#include "cli/far_sums_answer.h"

#include <stdio.h>
#include <string.h>

/* ---- what is run --------------------------------------------------------- */

/*
 * For one batch, with the program as $0 and the paths as "$@".  $d has a letter
 * for each: "a" is summed with all others in one go; "o" is no file (and not
 * opened: a pipe would never end), or its name has a newline, which not every
 * version of every program escapes, and is summed alone, as the standard input;
 * "f" is a filler.  If a sum is missing of those in one go, all go alone.
 */
static const char batch[] =
    "n=$(echo; echo x); n=${n%x}; d=; e=; q=a; for f; do case \"$f\" "
    "in " FAR_SUMS_FILLER ") d=${d}f;; *\"$n\"*) d=${d}o;; "
    "*) if [ -f \"$f\" ]; then d=${d}a; else d=${d}o; fi;; esac; done; "
    "o=$(case $d in *[fo]*) for f; do c=${d%\"${d#?}\"}; d=${d#?}; shift; "
    "if [ $c = a ]; then set -- \"$@\" \"$f\"; fi; done;; esac; "
    "[ $# = 0 ] || $0 \"$@\" 2>/dev/null) || { o=; q=; }; "
    "[ -z \"$o\" ] || printf \"%s$n\" \"$o\"; "
    "for f; do c=${d%\"${d#?}\"}; d=${d#?}; "
    "if [ $c = o ] || { [ $c = a ] && [ -z \"$q\" ]; }; then c=o; "
    "if [ -f \"$f\" ] && l=$($0 2>/dev/null <\"$f\"); "
    "then echo \"${l%% *}\"; else echo -; fi; fi; e=$e$c; done; "
    "echo \". $e\"";

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

/* The end of a batch: ". KINDS".  Puts the answers in the order of the
 * questions. */
static int end_batch(struct far_answers *answers, const char *kinds)
{
	size_t together = 0, alone, next = 0, count = 0;

	if (strspn(kinds, "aof") != strlen(kinds) || *kinds == '\0')
		return -1;
	for (const char *kind = kinds; *kind != '\0'; kind++)
		together += *kind == 'a';
	alone = together;
	for (; *kinds != '\0'; kinds++) {
		size_t from = *kinds == 'a' ? next++ : alone;

		if (*kinds == 'f')
			continue;
		alone += *kinds == 'o';
		if (from >= answers->given_count)
			return -1;
		answers->answers[count++] = answers->given[from];
	}
	if (count != answers->given_count)
		return -1;
	answers->count = count;
	answers->whole = 1;
	return 0;
}

int far_answers_take(struct far_answers *answers, const char *line)
{
	struct far_answer *answer;

	if (answers->whole) {
		answers->whole = 0;
		answers->given_count = 0;
	}
	if (strncmp(line, ". ", 2) == 0)
		return end_batch(answers, line + 2);
	if (answers->given_count == FAR_SUMS_BATCH)
		return -1;
	answer = &answers->given[answers->given_count++];
	answer->found = strcmp(line, "-") != 0;
	if (!answer->found)
		return 0;
	/* Before the sum of a file whose name is escaped. */
	if (*line == '\\')
		line++;
	return parse_sum(line, answers->size, answer->sum) ? 0 : -1;
}
