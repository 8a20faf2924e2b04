/* SPDX-License-Identifier: BSD-2-Clause */
/* Do SRC and DST hold the same bytes? */
#include "cli/verify.h"

#include <stdlib.h>
#include <string.h>

#include "cli/compare.h"
#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/notice.h"
#include "cli/observe.h"
#include "cli/signals.h"
#include "cli/verify_end.h"
#include "transfer/root.h"

struct verify {
	const struct options *options;
	const struct job *job;
	char **target_paths; /* DST, and what the copy has to bring there */
	size_t target_path_count;
	char *source_name, *target_name; /* for people */
	struct json_output *json;        /* NULL: not wanted */
	struct observe observe;
	struct compare_result result;
};

/* The name that a source has in DST. */
static char *name_in_target(const char *path)
{
	size_t length;
	const char *name;

	if (root_means_contents(path))
		return strdup(".");
	name = root_last_name(path, &length);
	return strndup(name, length);
}

/* What "ferry" shows of a place; as the user wrote it, more or less. */
static char *place_name(const struct location *location)
{
	return location->host == NULL ? strdup(location->path)
				      : location_resolve(location, "");
}

static int set_names(struct verify *verify)
{
	const struct job *job = verify->job;
	size_t count = job->source_count + 1;

	verify->target_paths = calloc(count, sizeof(*verify->target_paths));
	if (verify->target_paths == NULL)
		return -1;
	for (size_t i = 0; i < count; i++) {
		char *path = i == 0 ? strdup(job->target.path)
				    : name_in_target(job->source_paths[i - 1]);

		if (path == NULL)
			return -1;
		verify->target_paths[verify->target_path_count++] = path;
	}
	verify->source_name = job->source_count == 1
				  ? place_name(&job->sources[0])
				  : strdup("the sources");
	verify->target_name = place_name(&job->target);
	return verify->source_name != NULL && verify->target_name != NULL ? 0
									  : -1;
}

static void release(struct verify *verify)
{
	for (size_t i = 0; i < verify->target_path_count; i++)
		free(verify->target_paths[i]);
	free(verify->target_paths);
	free(verify->source_name);
	free(verify->target_name);
}

/* Begin to make the manifest of one end. */
static struct side *begin_side(struct verify *verify, int target)
{
	const struct job *job = verify->job;
	char **paths = target ? verify->target_paths : job->source_paths;
	size_t count = target ? verify->target_path_count : job->source_count;
	const struct location *far = job->far;

	if (!target && job->reader != NULL)
		far = job->reader;
	else if (job->pull == target)
		far = NULL;
	return far != NULL ? side_far(&verify->observe, verify->options, far,
				      paths, count, target)
			   : side_walk(&verify->observe, paths, count, target);
}

/* Compare, with verify->observe begun. */
static void compare(struct verify *verify, int extra_is_fine)
{
	struct compare_request request;

	memset(&request, 0, sizeof(request));
	request.left = begin_side(verify, 0);
	request.right = begin_side(verify, 1);
	request.left_name = verify->source_name;
	request.right_name = verify->target_name;
	request.extra_is_fine = extra_is_fine;
	request.observe = &verify->observe;
	request.json = verify->json;
	if (request.left != NULL && request.right != NULL) {
		compare_run(&request, &verify->result);
	} else {
		notice_error("out of memory");
		verify->result.code = EXIT_FILE_IO;
	}
	side_free(request.left);
	side_free(request.right);
}

/* Nanoseconds that it took. */
static uint64_t run(struct verify *verify, int extra_is_fine)
{
	observe_begin(&verify->observe, verify->options, verify->json, NULL);
	if (set_names(verify) == 0) {
		compare(verify, extra_is_fine);
	} else {
		notice_error("out of memory");
		verify->result.code = EXIT_FILE_IO;
	}
	release(verify);
	return observe_end(&verify->observe);
}

int verify_compare(const struct options *options, const struct job *job)
{
	struct verify verify;

	memset(&verify, 0, sizeof(verify));
	verify.options = options;
	verify.job = job;
	if (options->json && (verify.json = json_open()) == NULL) {
		notice_error("out of memory");
		return EXIT_FILE_IO;
	}
	run(&verify, 1);
	if (json_close(verify.json) != 0 && verify.result.code == EXIT_DONE)
		return EXIT_FILE_IO;
	return verify.result.code;
}

int verify_command(const struct options *options)
{
	struct verify verify;
	struct job job;
	uint64_t nanoseconds;
	int code;

	if (job_parse(&job, options->operands, options->operand_count) != 0)
		return help_hint(options);
	signals_install();
	memset(&verify, 0, sizeof(verify));
	verify.options = options;
	verify.job = &job;
	if (options->json && (verify.json = json_open()) == NULL) {
		notice_error("out of memory");
		job_clear(&job);
		return EXIT_FILE_IO;
	}
	nanoseconds = run(&verify, 0);
	code = verify_end(&verify.result, verify.json, nanoseconds);
	job_clear(&job);
	return code;
}
