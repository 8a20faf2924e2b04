/* SPDX-License-Identifier: BSD-2-Clause */
/* Are the sums at the far side those of what was transferred? */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/far_sums_internal.h"
#include "cli/notice.h"
#include "journal/io.h"

/* What start-up files may print before, as in greeting.h. */
#define NOISE_MAXIMUM ((size_t)64 << 10)

/* ---- lines --------------------------------------------------------------- */

static uint64_t now(void)
{
	struct io *io = io_system();

	return io->clock(io->context);
}

/* 1, or 0: nothing more comes, or not in time. */
static int read_more(struct far_sums *sums, uint64_t until)
{
	struct pollfd wanted = {.fd = sums->in, .events = POLLIN};
	ssize_t got;

	while (!atomic_load(&sums->over) && now() < until) {
		if (poll(&wanted, 1, FAR_SUMS_POLL) <= 0)
			continue;
		got = read(sums->in, sums->bytes, sizeof(sums->bytes));
		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			return 0;
		sums->start = 0;
		sums->end = (size_t)got;
		return 1;
	}
	return 0;
}

/* The next line, cut off where it is long.  How many bytes it had with its end,
 * or 0: no whole line comes. */
static size_t next_line(struct far_sums *sums, char line[FAR_SUMS_LINE],
			uint64_t until)
{
	size_t length = 0, kept = 0;

	for (;;) {
		char byte;

		if (sums->start == sums->end && !read_more(sums, until))
			return 0;
		byte = sums->bytes[sums->start++];
		length++;
		if (byte == '\n')
			break;
		if (kept + 1 < FAR_SUMS_LINE && byte != '\0')
			line[kept++] = byte;
	}
	line[kept] = '\0';
	return length;
}

/* ---- the greeting -------------------------------------------------------- */

/* A text with a name in it, malloc'd; NULL: no memory. */
static char *text_of(const char *format, const char *name)
{
	char *text;

	return asprintf(&text, format, name) < 0 ? NULL : text;
}

/* Why there is no shell that answers. */
static char *no_shell(const struct far_sums *sums)
{
	char *said = sftp_child_explain(&sums->child, sums->job->far->host);

	return said != NULL ? said : strdup("no shell answers there");
}

/* The program there has to make the same of the same as we do. */
static int begin_local(struct far_sums *sums,
		       const uint8_t there[FAR_SUMS_SIZE])
{
	const char *sample = far_sums_sample();
	const size_t length = strlen(sample);
	char *text = NULL;
	uint8_t here[FAR_SUMS_SIZE];
	int result = -1;

	sums->local =
	    far_local_create(sums->program, sums->options->verify, &sums->over);
	if (sums->local != NULL && asprintf(&text, "%s\n", sample) < 0)
		text = NULL;
	if (text != NULL &&
	    far_local_sum_bytes(sums->local, text, length + 1, here) == 0 &&
	    memcmp(here, there, far_program_size(sums->program)) == 0)
		result = 0;
	else
		sums->why =
		    text_of("%s there makes another sum of the same bytes",
			    far_program_name(sums->program));
	free(text);
	return result;
}

/* 0, or -1 with sums->why. */
static int greet(struct far_sums *sums)
{
	char line[FAR_SUMS_LINE];
	uint8_t sum[FAR_SUMS_SIZE];
	size_t noise = 0, length;

	do {
		length = next_line(sums, line, sums->greeting_until);
		noise += length;
		if (length == 0 || noise > NOISE_MAXIMUM) {
			sums->why = no_shell(sums);
			return -1;
		}
	} while (!far_sums_greeting(line, sums->nonce, &sums->program, sum));
	if (sums->program == FAR_NO_PROGRAM) {
		sums->why = strdup("none of xxh128sum, sha256sum, b2sum and "
				   "shasum is there");
		return -1;
	}
	sums->answers.size = far_program_size(sums->program);
	return begin_local(sums, sum);
}

static void tell_greeted(struct far_sums *sums, int greeted)
{
	pthread_mutex_lock(&sums->mutex);
	sums->greeted = greeted;
	pthread_cond_broadcast(&sums->changed);
	pthread_mutex_unlock(&sums->mutex);
}

/* ---- the answers --------------------------------------------------------- */

/* The next one, or NULL with sums->why. */
static const struct far_answer *next_answer(struct far_sums *sums)
{
	struct far_answers *answers = &sums->answers;
	char line[FAR_SUMS_LINE];

	while (!answers->whole || sums->next_answer == answers->count) {
		if (next_line(sums, line, UINT64_MAX) == 0) {
			sums->why = strdup("the shell there was lost");
			return NULL;
		}
		if (far_answers_take(answers, line) == -1) {
			sums->why = strdup("the shell there makes no sense");
			return NULL;
		}
		sums->next_answer = 0;
	}
	return &answers->answers[sums->next_answer++];
}

/* The answers to all questions of a file: 1 and the sum of the first place that
 * has one; 0: none has; -1: with sums->why. */
static int far_sum(struct far_sums *sums, size_t questions,
		   uint8_t sum[FAR_SUMS_SIZE])
{
	int found = 0;

	for (size_t i = 0; i < questions; i++) {
		const struct far_answer *answer = next_answer(sums);

		if (answer == NULL)
			return -1;
		if (answer->found && !found) {
			memcpy(sum, answer->sum, FAR_SUMS_SIZE);
			found = 1;
		}
	}
	return found;
}

/* The sum of what was transferred: 1, or 0: it is here no more. */
static int near_sum(struct far_sums *sums, const struct far_file *file,
		    uint8_t sum[FAR_SUMS_SIZE])
{
	const size_t count = far_places_count(sums->here, file->path);
	int result = far_local_sum_known(sums->local, file, sum);

	for (size_t i = 0; i < count && result != 1; i++) {
		char *path = far_places_path(sums->here, file->path, i);

		result = path != NULL
			     ? far_local_sum(sums->local, path, file, sum)
			     : -1;
		free(path);
	}
	return result == 1;
}

/* 0, or -1: no memory. */
static int tell_different(struct far_sums *sums, const struct far_file *file)
{
	const char *path = file->path[0] != '\0' ? file->path : ".";
	const char *host = sums->job->far->host;
	const char *program = far_program_name(sums->program);
	char *cause;

	if (asprintf(&cause,
		     sums->job->pull
			 ? "what is at %s is not what came, says %s there"
			 : "what is at %s is not what was sent, says %s there",
		     host, program) < 0)
		return -1;
	notice_failure(path, cause, NULL);
	free(cause);
	return text_list_add(&sums->different, path);
}

/* 0, or -1: it goes no further. */
static int check(struct far_sums *sums, const struct far_file *file)
{
	const size_t questions = far_sums_questions(sums, file);
	uint8_t here[FAR_SUMS_SIZE], there[FAR_SUMS_SIZE];
	/* At the same time as the one there. */
	const int is_here = questions > 0 && near_sum(sums, file, here);
	const int is_there = far_sum(sums, questions, there);

	if (is_there == -1)
		return -1;
	if (!is_there) {
		sums->unseen++;
		return 0;
	}
	if (!is_here) {
		sums->changed_since++;
		notice_verbose(1, "%s: changed since; not verified",
			       file->path);
		return 0;
	}
	if (memcmp(here, there, sums->answers.size) == 0) {
		sums->same++;
		return 0;
	}
	return tell_different(sums, file);
}

static void check_all(struct far_sums *sums)
{
	struct far_file *file = malloc(sizeof(*file));
	enum far_spool_next next = FAR_SPOOL_LATER;

	while (file != NULL && next != FAR_SPOOL_END &&
	       !atomic_load(&sums->over)) {
		next = far_spool_take(sums->spool, FAR_CHECKER, FAR_SUMS_POLL,
				      file);
		if (next == FAR_SPOOL_FILE && check(sums, file) == -1)
			break;
	}
	free(file);
}

void *far_sums_check(void *cookie)
{
	struct far_sums *sums = cookie;
	const int greeted = greet(sums) == 0;

	tell_greeted(sums, greeted ? 1 : -1);
	if (greeted)
		check_all(sums);
	atomic_store(&sums->over, 1);
	pthread_mutex_lock(&sums->mutex);
	sums->checked = 1;
	pthread_cond_broadcast(&sums->changed);
	pthread_mutex_unlock(&sums->mutex);
	return NULL;
}
