/* SPDX-License-Identifier: BSD-2-Clause */
/* What goes where: SRC... DST taken apart and checked. */
#include "cli/job.h"

#include <stdlib.h>
#include <string.h>

#include "cli/notice.h"
#include "transfer/message.h"

static int parse_one(const char *text, struct location *location)
{
	char *cause;

	if (location_parse(text, location, &cause) == 0)
		return 0;
	notice_failure(*text != '\0' ? text : "\"\"",
		       cause != NULL ? cause : "out of memory", NULL);
	free(cause);
	return -1;
}

/* The sources share an end. */
static int check_ends(struct job *job)
{
	const struct location *first = &job->sources[0];

	for (size_t i = 1; i < job->source_count; i++) {
		if (location_same_end(first, &job->sources[i]))
			continue;
		notice_error("the sources are on different machines; copy them "
			     "in one run for each");
		return -1;
	}
	job->pull = first->host != NULL && job->target.host == NULL;
	if (first->host != NULL && !job->pull)
		job->reader = first;
	if (job->pull)
		job->far = first;
	else if (job->target.host != NULL)
		job->far = &job->target;
	return 0;
}

static int parse_all(struct job *job, char **operands, size_t count)
{
	for (; job->source_count < count - 1; job->source_count++) {
		struct location *source = &job->sources[job->source_count];

		if (parse_one(operands[job->source_count], source) != 0)
			return -1;
		job->source_paths[job->source_count] = source->path;
	}
	return parse_one(operands[count - 1], &job->target);
}

int job_parse(struct job *job, char **operands, size_t count)
{
	memset(job, 0, sizeof(*job));
	if (count < 2) {
		notice_error("%s; name what to copy and where to",
			     count == 0 ? "SRC and DST are missing"
					: "DST is missing");
		return -1;
	}
	if (count - 1 > OPEN_PATHS_MAX) {
		notice_error(
		    "%zu sources are too many; at most %d, or name the "
		    "folder that holds them",
		    count - 1, OPEN_PATHS_MAX);
		return -1;
	}
	job->sources = calloc(count - 1, sizeof(*job->sources));
	job->source_paths = calloc(count - 1, sizeof(*job->source_paths));
	if (job->sources == NULL || job->source_paths == NULL) {
		notice_error("out of memory");
		job_clear(job);
		return -1;
	}
	if (parse_all(job, operands, count) != 0 || check_ends(job) != 0) {
		job_clear(job);
		return -1;
	}
	return 0;
}

void job_use_sftp(struct job *job)
{
	for (size_t i = 0; i < job->source_count; i++)
		job->sources[i].sftp = job->sources[i].host != NULL;
	job->target.sftp = job->target.host != NULL;
}

void job_clear(struct job *job)
{
	for (size_t i = 0; i < job->source_count; i++)
		location_clear(&job->sources[i]);
	location_clear(&job->target);
	free(job->sources);
	free(job->source_paths);
	memset(job, 0, sizeof(*job));
}
