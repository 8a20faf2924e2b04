/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How is it proven what an SFTP server stored?
 *
 *  1. When the first bytes are sent, ssh is started with the command of
 *     far_sums_answer.h, and two threads.
 *  2. Each further receipt is spooled, and costs the transfer nothing else.
 *  3. At the end the last answers are waited for.
 */
#include "cli/far_sums.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/far_sums_internal.h"
#include "cli/notice.h"
#include "cli/ssh_command.h"
#include "cli/ssh_options.h"
#include "cli/time_size.h"
#include "transfer/thread.h"

/* What a log-in and its start-up files may take. */
#define GREETING_SECONDS 15
/* What is in more places is not asked for, nor by a longer path. */
#define QUESTIONS_MAX    8
#define PATH_LENGTH_MAX  4095

struct far_sums *far_sums_create(const struct options *options,
				 const struct job *job)
{
	struct far_sums *sums = calloc(1, sizeof(*sums));
	pthread_condattr_t attributes;

	if (sums == NULL)
		return NULL;
	sums->options = options;
	sums->job = job;
	sums->in = sums->out = sums->child.errors = -1;
	pthread_mutex_init(&sums->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&sums->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return sums;
}

size_t far_sums_questions(const struct far_sums *sums,
			  const struct far_file *file)
{
	const size_t count = far_places_count(sums->there, file->path);

	for (size_t i = 0; i < count && count <= QUESTIONS_MAX; i++) {
		char *path = far_places_path(sums->there, file->path, i);
		const size_t length =
		    path != NULL ? strlen(path) : PATH_LENGTH_MAX + 1;

		free(path);
		if (length > PATH_LENGTH_MAX)
			return 0;
	}
	return count <= QUESTIONS_MAX ? count : 0;
}

/* ---- the beginning ------------------------------------------------------- */

static int make_nonce(char nonce[33])
{
	struct io *io = io_system();
	struct digest random;

	if (io->random(io->context, random.bytes, sizeof(random.bytes)) == -1)
		return -1;
	digest_format(&random, nonce);
	return 0;
}

/* ssh, which asks nothing.  0 or -1. */
static int start_ssh(struct far_sums *sums, const struct ssh_options *how)
{
	char *command = far_sums_command(sums->nonce), **argv = NULL;
	struct ssh_command ssh;
	int result = -1, in, out;

	if (command != NULL &&
	    ssh_command_make(&ssh, sums->options, how, sums->job->far, 0) ==
		0 &&
	    text_list_add(&ssh.words, "-oServerAliveInterval=15") == 0)
		argv = ssh_command_argv(&ssh, command);
	if (argv != NULL &&
	    sftp_child_start(&sums->child, argv, 0, &in, &out) == 0) {
		sums->in = in;
		sums->out = out;
		result = fcntl(out, F_SETFL, O_NONBLOCK);
	}
	free(argv);
	if (command != NULL)
		ssh_command_clear(&ssh);
	free(command);
	return result;
}

static int start_threads(struct far_sums *sums)
{
	struct io *io = io_system();

	sums->greeting_until =
	    io->clock(io->context) + GREETING_SECONDS * TIME_SECOND;
	if (thread_start(&sums->checker, far_sums_check, sums) != 0)
		return -1;
	sums->running = 1;
	if (thread_start(&sums->asker, far_sums_ask, sums) != 0)
		return -1;
	sums->running = 2;
	return 0;
}

/* Step 1.  0, or -1: there will be no proof. */
static int start(struct far_sums *sums, const char *home)
{
	const struct job *job = sums->job;
	struct ssh_options how;
	int code, result = -1;

	memset(&how, 0, sizeof(how));
	sums->spool = far_spool_create();
	sums->here = far_places_create(job, job->pull, NULL);
	sums->there = far_places_create(job, !job->pull, home);
	if (sums->spool != NULL && sums->here != NULL && sums->there != NULL &&
	    make_nonce(sums->nonce) == 0 &&
	    ssh_options_gather(&how, sums->options, job->far, &code) == 0 &&
	    start_ssh(sums, &how) == 0)
		result = start_threads(sums);
	ssh_options_clear(&how);
	return result;
}

void far_sums_begin(struct far_sums *sums, const char *home)
{
	if (sums->started)
		return;
	sums->started = 1;
	if (start(sums, home) == -1)
		atomic_store(&sums->over, 1);
}

void far_sums_report(struct far_sums *sums, const char *home,
		     const struct engine_report *report)
{
	const int done = report->kind == REPORT_DONE;
	const int same = report->kind == REPORT_SAME && sums->options->verify;
	struct far_file file;

	if (!(done || same) || !report->file)
		return;
	sums->files++;
	far_sums_begin(sums, home);
	memset(&file, 0, offsetof(struct far_file, path));
	file.size = report->size;
	file.known = done;
	file.digest = report->digest;
	file.path_length = strlen(report->path);
	if (atomic_load(&sums->over) || file.path_length > FAR_SPOOL_PATH)
		return;
	memcpy(file.path, report->path, file.path_length + 1);
	far_spool_add(sums->spool, &file);
}

/* ---- the end ------------------------------------------------------------- */

/* Until the checker has ended. */
static void await_checker(struct far_sums *sums, const struct observe *observe)
{
	struct timespec until;

	pthread_mutex_lock(&sums->mutex);
	while (!sums->checked && observe_stop(observe) == 0) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += FAR_SUMS_POLL * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&sums->changed, &sums->mutex, &until);
	}
	pthread_mutex_unlock(&sums->mutex);
}

/* Both threads are over, and ssh. */
static void end(struct far_sums *sums)
{
	atomic_store(&sums->over, 1);
	sftp_child_signal(&sums->child);
	if (sums->running >= 1)
		pthread_join(sums->checker, NULL);
	if (sums->running >= 2)
		pthread_join(sums->asker, NULL);
	else if (sums->out != -1)
		close(sums->out);
	if (sums->in != -1)
		close(sums->in);
	sums->running = 0;
	sums->in = sums->out = -1;
	sftp_child_end(&sums->child);
}

/* For who wants to know it. */
static void tell(const struct far_sums *sums)
{
	if (sums->same > 0)
		notice_verbose(1, "%llu of %llu files proven by %s at %s",
			       (unsigned long long)sums->same,
			       (unsigned long long)sums->files,
			       far_program_name(sums->program),
			       sums->job->far->host);
	if (sums->why != NULL)
		notice_verbose(1, "not verified: %s", sums->why);
	else if (sums->unseen > 0)
		notice_verbose(1,
			       "not verified: of %llu files the shell at %s "
			       "makes no sum",
			       (unsigned long long)sums->unseen,
			       sums->job->far->host);
}

void far_sums_finish(struct far_sums *sums, const struct observe *observe,
		     struct far_sums_result *result)
{
	if (sums->running == 2) {
		far_spool_close(sums->spool);
		await_checker(sums, observe);
	}
	end(sums);
	tell(sums);
	result->files = sums->files;
	result->same = sums->same;
	result->different = &sums->different;
}

void far_sums_free(struct far_sums *sums)
{
	if (sums == NULL)
		return;
	end(sums);
	far_spool_free(sums->spool);
	far_places_free(sums->here);
	far_places_free(sums->there);
	far_local_free(sums->local);
	text_list_clear(&sums->different);
	free(sums->why);
	pthread_cond_destroy(&sums->changed);
	pthread_mutex_destroy(&sums->mutex);
	free(sums);
}
