/* SPDX-License-Identifier: BSD-2-Clause */
/* How does a manifest get here while it is still being made? */
#include "cli/side.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/connect.h"
#include "cli/exit_code.h"
#include "journal/uuid.h"
#include "transfer/manifest_walk.h"
#include "transfer/transfer.h"

/* Lines that wait to be taken: enough to keep either side busy. */
#define QUEUE_BYTES      ((size_t)1 << 20)
/* How often who waits looks whether all has to end. */
#define POLL_NANOSECONDS (100L * 1000 * 1000)

struct line {
	struct line *next;
	size_t length;
	char text[];
};

struct side {
	struct observe *observe;
	const struct options *options;
	const struct location *far;
	const char *file;
	char **paths;
	size_t path_count;
	int target;
	struct manifest_reader *reader;
	int code; /* of side_next's failure */
	char *text;

	/* Of the thread: lines given out, and how many of them come once more
	 * after the connection was lost. */
	uint64_t given, repeated;
	int was_lost;

	pthread_t thread;
	pthread_mutex_t mutex; /* of all below */
	pthread_cond_t changed;
	struct line *first, **last;
	size_t bytes;
	int closed; /* nobody takes lines any more */
	int ended;  /* no more lines come: */
	int end_code;
	char *end_text;
};

/* ---- the queue ---- */

/* Wait for a change, but not for long.  The mutex is held. */
static void wait_a_while(struct side *side)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += POLL_NANOSECONDS;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&side->changed, &side->mutex, &until);
}

/* The exit code for which the thread has to end, or 0. */
static int must_stop(void *cookie)
{
	struct side *side = cookie;
	int closed;

	pthread_mutex_lock(&side->mutex);
	closed = side->closed;
	pthread_mutex_unlock(&side->mutex);
	return closed ? EXIT_INTERRUPTED : observe_stop(side->observe);
}

/* Append a line; waits for room.  0, or an exit code: end. */
static int give(void *cookie, const char *text, size_t length)
{
	struct side *side = cookie;
	struct line *line;

	if (side->repeated > 0) {
		side->repeated--;
		return 0;
	}
	line = malloc(sizeof(*line) + length);
	if (line == NULL)
		return EXIT_FILE_IO;
	line->next = NULL;
	line->length = length;
	memcpy(line->text, text, length);
	pthread_mutex_lock(&side->mutex);
	while (side->bytes > QUEUE_BYTES && !side->closed)
		wait_a_while(side);
	side->given++;
	side->bytes += length;
	*side->last = line;
	side->last = &line->next;
	pthread_cond_broadcast(&side->changed);
	pthread_mutex_unlock(&side->mutex);
	return must_stop(side);
}

/* The thread's end; text is taken. */
static void end(struct side *side, int code, char *text)
{
	pthread_mutex_lock(&side->mutex);
	side->ended = 1;
	side->end_code = code;
	side->end_text = text;
	pthread_cond_broadcast(&side->changed);
	pthread_mutex_unlock(&side->mutex);
}

/* The next line, to be freed; NULL: none comes any more, or all has to end. */
static struct line *take(struct side *side)
{
	struct line *line;

	pthread_mutex_lock(&side->mutex);
	while (side->first == NULL && !side->ended &&
	       observe_stop(side->observe) == 0)
		wait_a_while(side);
	line = side->first;
	if (line != NULL) {
		side->bytes -= line->length;
		side->first = line->next;
		if (side->first == NULL)
			side->last = &side->first;
		pthread_cond_broadcast(&side->changed);
	}
	pthread_mutex_unlock(&side->mutex);
	return line;
}

/* ---- the threads ---- */

static void *run_walk(void *cookie)
{
	struct side *side = cookie;
	struct manifest_walk_result result;
	struct manifest_walk_config config = {
	    .io = io_system(),
	    .start_dir = AT_FDCWD,
	    .paths = side->paths,
	    .path_count = side->path_count,
	    .target = side->target,
	    .line = give,
	    .stop = must_stop,
	    .cookie = side,
	};
	int code = manifest_walk(&config, &result);

	if (code == -1 && result.text == NULL)
		result.text = strdup("out of memory");
	end(side, code == -1 ? EXIT_PARTIAL : code, result.text);
	return NULL;
}

/* The connection was lost: the far end begins its manifest anew, and what we
 * have of it comes once more.  The trailer's digest is over all lines, so a
 * change in between is found. */
static void on_retry(void *cookie, unsigned attempt, uint64_t wait_nanoseconds,
		     const char *why)
{
	struct side *side = cookie;
	struct transfer_observer observer = observe_observer(side->observe);

	side->repeated = side->given;
	side->was_lost = 1;
	observer.retry(observer.cookie, attempt, wait_nanoseconds, why);
}

/* What is said when nobody knows more. */
static char *default_text(int code)
{
	switch (code) {
	case EXIT_DONE:
	case EXIT_INTERRUPTED:
	case EXIT_DEADLINE:
		return NULL;
	case EXIT_UNREACHABLE:
		return strdup("no connection to the far side");
	case EXIT_CONNECT_TIMEOUT:
		return strdup("the far side did not answer in time");
	default:
		return strdup("the connection was lost");
	}
}

static void transfer(struct side *side, struct connection *connection)
{
	struct transfer_request request;
	struct transfer_result result;

	memset(&request, 0, sizeof(request));
	request.io = io_system();
	request.operation = OPERATION_VERIFY;
	request.sources = side->paths;
	request.source_count = side->path_count;
	request.options = side->target ? OPEN_TARGET : 0;
	request.state_dir = -1;
	request.observer.cookie = side;
	request.observer.retry = on_retry;
	request.observer.stop = must_stop;
	request.observer.manifest = give;
	request.give_up = side->options->timeout;
	if (uuid_create(request.io, request.uuid) != 0) {
		end(side, EXIT_FILE_IO, strdup("no random numbers to be had"));
		return;
	}
	connect_run(connection, &request, &result);
	if (result.text == NULL)
		result.text = default_text(result.code);
	end(side, result.code, result.text);
}

static void *run_far(void *cookie)
{
	struct side *side = cookie;
	int code = EXIT_FILE_IO;
	struct connection *connection =
	    connect_create(side->options, side->far, &code);

	if (connection == NULL) {
		end(side, code, NULL);
		return NULL;
	}
	transfer(side, connection);
	connect_free(connection);
	return NULL;
}

/* Why the file cannot be read, malloc'd. */
static char *file_text(const struct side *side, int error)
{
	char *text;

	return asprintf(&text, "%s: %s", side->file, strerror(error)) == -1
		   ? NULL
		   : text;
}

/* Give out the lines of a file.  One that is too long for a manifest is given
 * out in part, and refused by who reads it. */
static int give_file(struct side *side, FILE *file)
{
	const size_t size = MANIFEST_LINE_MAX + 1;
	char *line = malloc(size);
	size_t length = 0;
	int byte, code = 0;

	if (line == NULL)
		return EXIT_FILE_IO;
	do {
		byte = getc(file);
		if (byte != EOF)
			line[length++] = (char)byte;
		if (byte == '\n' || length == size ||
		    (byte == EOF && length > 0)) {
			code = give(side, line, length);
			length = 0;
		}
	} while (byte != EOF && code == 0);
	free(line);
	return code;
}

static void *run_file(void *cookie)
{
	struct side *side = cookie;
	int is_stdin = strcmp(side->file, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(side->file, "re");
	char *text = NULL;
	int code = EXIT_FILE_IO;

	if (file == NULL) {
		text = file_text(side, errno);
	} else {
		code = give_file(side, file);
		if (code == 0 && ferror(file)) {
			text = file_text(side, errno);
			code = EXIT_FILE_IO;
		}
		if (!is_stdin)
			fclose(file);
	}
	end(side, code, text);
	return NULL;
}

/* ---- */

static struct side *create(struct observe *observe)
{
	struct side *side = calloc(1, sizeof(*side));
	pthread_condattr_t attributes;

	if (side == NULL)
		return NULL;
	side->observe = observe;
	side->last = &side->first;
	side->reader = manifest_reader_create();
	if (side->reader == NULL) {
		free(side);
		return NULL;
	}
	pthread_mutex_init(&side->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&side->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return side;
}

static void release(struct side *side)
{
	while (side->first != NULL) {
		struct line *line = side->first;

		side->first = line->next;
		free(line);
	}
	free(side->text);
	free(side->end_text);
	manifest_reader_free(side->reader);
	pthread_mutex_destroy(&side->mutex);
	pthread_cond_destroy(&side->changed);
	free(side);
}

static struct side *start(struct side *side, void *(*run)(void *))
{
	if (pthread_create(&side->thread, NULL, run, side) == 0)
		return side;
	release(side);
	return NULL;
}

struct side *side_walk(struct observe *observe, char **paths, size_t count,
		       int target)
{
	struct side *side = create(observe);

	if (side == NULL)
		return NULL;
	side->paths = paths;
	side->path_count = count;
	side->target = target;
	return start(side, run_walk);
}

struct side *side_far(struct observe *observe, const struct options *options,
		      const struct location *far, char **paths, size_t count,
		      int target)
{
	struct side *side = create(observe);

	if (side == NULL)
		return NULL;
	side->options = options;
	side->far = far;
	side->paths = paths;
	side->path_count = count;
	side->target = target;
	return start(side, run_far);
}

struct side *side_file(struct observe *observe, const char *path)
{
	struct side *side = create(observe);

	if (side == NULL)
		return NULL;
	side->file = path;
	return start(side, run_file);
}

static int fail(struct side *side, int code, char *text)
{
	side->code = code;
	side->text = text;
	return -1;
}

/* No line is left. */
static int at_end(struct side *side)
{
	int code = observe_stop(side->observe);

	if (code != 0)
		return fail(side, code, NULL);
	if (side->end_code == EXIT_DONE)
		return 0;
	code = side->end_code;
	fail(side, code, side->end_text);
	side->end_text = NULL;
	return -1;
}

/* The reader does not take what came. */
static int refused(struct side *side)
{
	const char *cause = manifest_reader_cause(side->reader);
	char *text;

	if (side->was_lost)
		return fail(side, EXIT_LOST,
			    strdup("what is at the far side changed while the "
				   "connection was lost; run it again"));
	if (asprintf(&text, "%s: %s",
		     side->file != NULL ? side->file : "the manifest",
		     cause) == -1)
		text = NULL;
	return fail(side, side->file != NULL ? EXIT_FILE_IO : EXIT_PROTOCOL,
		    text);
}

int side_next(struct side *side, struct manifest_item *item)
{
	struct line *line;
	int result;

	if (side->code != 0)
		return -1;
	line = take(side);
	if (line == NULL) {
		if (at_end(side) == -1)
			return -1;
		return manifest_read_end(side->reader) == 0 ? 0 : refused(side);
	}
	result =
	    manifest_read_line(side->reader, line->text, line->length, item);
	free(line);
	return result == 0 ? 1 : refused(side);
}

int side_code(const struct side *side)
{
	return side->code;
}

const char *side_text(const struct side *side)
{
	return side->text;
}

void side_free(struct side *side)
{
	if (side == NULL)
		return;
	pthread_mutex_lock(&side->mutex);
	side->closed = 1;
	pthread_cond_broadcast(&side->changed);
	pthread_mutex_unlock(&side->mutex);
	pthread_join(side->thread, NULL);
	release(side);
}
