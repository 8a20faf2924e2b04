/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulator's command line:
 *
 *     sim --seeds 0..20000 [--jobs 2]   run seeds 0 to 19999
 *     sim --seeds 4711 -v               run one, and tell its story
 *     sim --faults engines|push|pull [-v]       fail every call of struct io
 *
 * A seed that fails is printed, and fails again the same way.
 */
#include <sys/wait.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/story.h"

/* No seed takes longer, in seconds. */
#define SEED_SECONDS 60
/* A job that has seen so many failures stops: they are most likely one. */
#define FAILURES_MAX 20
#define JOBS_MAX     64

struct options {
	uint64_t first, end; /* seeds first..end-1 */
	unsigned jobs;
	int verbose;
	const char *faults;
};

static int usage(void)
{
	fputs("usage: sim --seeds A..B [--jobs N] [-v]\n"
	      "       sim --faults engines|push|pull [-v]\n",
	      stderr);
	return 2;
}

static int parse_seeds(const char *text, struct options *options)
{
	char *end;

	options->first = strtoull(text, &end, 10);
	options->end = options->first + 1;
	if (strncmp(end, "..", 2) == 0)
		options->end = strtoull(end + 2, &end, 10);
	return *end == 0 && end != text ? 0 : -1;
}

static int parse(int argc, char **argv, struct options *options)
{
	static const struct option table[] = {
	    {"faults", required_argument, NULL, 'f'},
	    {"jobs", required_argument, NULL, 'j'},
	    {"seeds", required_argument, NULL, 's'},
	    {NULL, 0, NULL, 0},
	};
	int letter;

	memset(options, 0, sizeof(*options));
	options->jobs = 1;
	while ((letter = getopt_long(argc, argv, "v", table, NULL)) != -1) {
		switch (letter) {
		case 'f':
			options->faults = optarg;
			break;
		case 'j':
			options->jobs = (unsigned)atoi(optarg);
			break;
		case 's':
			if (parse_seeds(optarg, options) == -1)
				return -1;
			break;
		case 'v':
			options->verbose = 1;
			break;
		default:
			return -1;
		}
	}
	if (optind != argc || options->jobs < 1 || options->jobs > JOBS_MAX)
		return -1;
	return options->faults == NULL && options->end == 0 ? -1 : 0;
}

/* One job's share of the seeds; its exit status is 1 if any failed. */
static int run_share(const struct options *options, unsigned job)
{
	unsigned failures = 0;
	uint64_t seed;

	for (seed = options->first + job;
	     seed < options->end && failures < FAILURES_MAX;
	     seed += options->jobs) {
		char failure[500];

		alarm(SEED_SECONDS);
		if (options->verbose)
			printf("seed %" PRIu64 "\n", seed);
		if (story_run(seed, options->verbose, failure,
			      sizeof(failure))) {
			printf("seed %" PRIu64 ": %s\n", seed, failure);
			failures++;
		}
		fflush(stdout);
	}
	return failures > 0;
}

static int run_jobs(const struct options *options)
{
	pid_t jobs[JOBS_MAX];
	unsigned job;
	int failed = 0;

	if (options->jobs == 1)
		return run_share(options, 0);
	for (job = 0; job < options->jobs; job++) {
		jobs[job] = fork();
		if (jobs[job] == -1) {
			perror("fork");
			exit(1);
		}
		if (jobs[job] == 0)
			exit(run_share(options, job));
	}
	for (job = 0; job < options->jobs; job++) {
		int status;

		while (waitpid(jobs[job], &status, 0) == -1 && errno == EINTR)
			;
		if (WIFSIGNALED(status))
			printf("a job died of signal %d: run it with "
			       "--jobs 1 -v to see the seed\n",
			       WTERMSIG(status));
		failed |= status != 0;
	}
	return failed;
}

static int run_faults(const struct options *options)
{
	enum faults_kind kind;

	if (strcmp(options->faults, "engines") == 0)
		kind = FAULTS_ENGINES;
	else if (strcmp(options->faults, "push") == 0)
		kind = FAULTS_PUSH;
	else if (strcmp(options->faults, "pull") == 0)
		kind = FAULTS_PULL;
	else
		return usage();
	return faults_run(kind, 1, options->verbose) > 0;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct options options;
	double begin = seconds(), took;
	int failed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (parse(argc, argv, &options) == -1)
		return usage();
	if (options.faults != NULL)
		return run_faults(&options);
	failed = run_jobs(&options);
	took = seconds() - begin;
	printf("%" PRIu64 " seeds in %.1f s, %.0f a second: %s\n",
	       options.end - options.first, took,
	       (double)(options.end - options.first) / took,
	       failed ? "FAILED" : "all well");
	return failed;
}
