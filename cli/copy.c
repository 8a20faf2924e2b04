/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main job, from the command line to the exit code:
 *
 *   1. take SRC... DST apart
 *   2. find the state of an earlier run of the same job, or make one, and
 *      lock it
 *   3. transfer
 *   4. --verify
 *   5. say how it ended, and what goes on with it
 *   6. remove the state, if nothing is left to do
 */
#include "cli/copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/connect.h"
#include "cli/exit_code.h"
#include "cli/far_sums.h"
#include "cli/help.h"
#include "cli/job.h"
#include "cli/notice.h"
#include "cli/observe.h"
#include "cli/signals.h"
#include "cli/state.h"
#include "cli/summary.h"
#include "cli/verify.h"

struct copy {
	const struct options *options;
	struct job job;
	struct state_record record;
	struct state *state;       /* NULL: go without */
	struct state_claim *claim; /* NULL: go without */
	struct json_output *json;  /* NULL: not wanted */
	struct observe observe;
	struct transfer_result result;
	int code;
	int said;   /* why it failed */
	int stored; /* over SFTP, which checks nothing */
	int proven; /* by sums there: all that was asked for */
	int differ; /* some sum was another */
	int verified;
};

static int record_place(struct copy *copy, const struct location *location)
{
	return text_list_take(&copy->record.places,
			      location_resolve(location, copy->record.cwd));
}

/* What state keeps of this command line.  0 or -1. */
static int make_record(struct copy *copy)
{
	const struct options *options = copy->options;
	struct state_record *record = &copy->record;

	record->started = (int64_t)time(NULL);
	record->pull = copy->job.pull;
	record->port = copy->job.far != NULL ? options->port : 0;
	record->cwd = getcwd(NULL, 0);
	if (record->cwd == NULL)
		return -1;
	for (size_t i = 0; i < copy->job.source_count; i++) {
		if (record_place(copy, &copy->job.sources[i]) != 0)
			return -1;
	}
	for (size_t i = 0; i < options->recorded.count; i++) {
		if (text_list_add(&record->options,
				  options->recorded.values[i]) != 0)
			return -1;
	}
	for (size_t i = 0; i < options->operand_count; i++) {
		if (text_list_add(&record->operands, options->operands[i]) != 0)
			return -1;
	}
	return record_place(copy, &copy->job.target);
}

/* Step 2.  0 to go on; -1 with copy->code and a text in result. */
static int claim(struct copy *copy)
{
	char *holder = NULL;

	copy->state =
	    state_open(copy->options->state_dir, STATE_WITHOUT_RECORD);
	if (make_record(copy) != 0) {
		notice_note("this folder cannot be recorded; only the same "
			    "command line can resume");
	} else if (copy->state != NULL &&
		   state_claim(copy->state, &copy->record, &copy->claim,
			       &holder) == STATE_HELD) {
		copy->result.code = EXIT_HELD;
		if (asprintf(
			&copy->result.text,
			"this transfer is run by %s; wait for it or end it",
			holder != NULL ? holder : "another process") < 0)
			copy->result.text = NULL;
		free(holder);
		return -1;
	}
	if (copy->claim != NULL) {
		state_claim_uuid(copy->claim, copy->result.uuid);
	} else if (uuid_create(io_system(), copy->result.uuid) != 0) {
		copy->result.code = EXIT_FILE_IO;
		copy->result.text = strdup("no random numbers to be had");
		return -1;
	}
	return 0;
}

/* What is to be done, but for how it is reached. */
static void make_request(const struct copy *copy,
			 struct transfer_request *request)
{
	const struct options *options = copy->options;

	memset(request, 0, sizeof(*request));
	request->io = io_system();
	request->operation = copy->job.pull ? OPERATION_PULL : OPERATION_PUSH;
	request->sources = copy->job.source_paths;
	request->source_count = copy->job.source_count;
	request->target = copy->job.target.path;
	if (options->checksum)
		request->options |= OPEN_CHECKSUM;
	/* Counting reads every folder once more: only for who looks. */
	if (observe_wants_count(&copy->observe))
		request->options |= OPEN_COUNT;
	request->compression = options->compress;
	request->rate = options->bwlimit;
	memcpy(request->uuid, copy->result.uuid, sizeof(request->uuid));
	/* Where no record can be kept, no journal can. */
	request->state_dir =
	    copy->claim != NULL ? state_descriptor(copy->state) : -1;
	request->give_up = options->timeout;
}

/* Of what is not as it was sent, for programs. */
static void put_differences(const struct copy *copy,
			    const struct text_list *paths)
{
	struct json_difference difference = {
	    .kind = "content",
	    .cause = "another sum at the far side",
	};

	for (size_t i = 0; copy->json != NULL && i < paths->count; i++) {
		difference.path = paths->items[i];
		json_difference(copy->json, &difference);
	}
}

/* The proof of what went over SFTP, for which there was time meanwhile. */
static void prove(struct copy *copy)
{
	const int code = copy->result.code;
	struct far_sums_result proof;

	if (copy->observe.sums == NULL ||
	    (code != EXIT_DONE && code != EXIT_PARTIAL &&
	     code != EXIT_VANISHED))
		return;
	far_sums_finish(copy->observe.sums, &copy->observe, &proof);
	copy->differ = proof.different->count > 0;
	put_differences(copy, proof.different);
	copy->proven = proof.files > 0 && proof.same == proof.files;
}

static void run_transfer(struct copy *copy, struct connection *connection,
			 const struct connection *reader)
{
	struct transfer_carrier carrier;
	struct transfer_request request;

	make_request(copy, &request);
	/* Between two places on one machine there is no line, and an SFTP
	 * server unpacks nothing. */
	if (connect_is_local(connection) || copy->job.far->sftp)
		request.compression = COMPRESS_NO;
	if (reader != NULL) {
		carrier = connect_carrier(reader);
		request.reader = &carrier;
		copy->observe.relayed = 1;
	}
	observe_lanes(&copy->observe, connection);
	if (reader == NULL && !connect_is_local(connection))
		copy->observe.sums = far_sums_create(copy->options, &copy->job);
	request.observer = observe_observer(&copy->observe);
	connect_run(connection, &request, &copy->result);
	if (connect_is_sftp(connection)) {
		job_use_sftp(&copy->job);
		observe_lanes(&copy->observe, connection);
	}
	copy->stored = connect_is_sftp(connection) && !copy->job.pull;
	prove(copy);
	far_sums_free(copy->observe.sums);
	copy->observe.sums = NULL;
}

/* Step 3. */
static void transfer(struct copy *copy)
{
	const struct job *job = &copy->job;
	struct connection *reader = NULL;
	struct connection *connection =
	    connect_create(copy->options, job->far, &copy->result.code);

	if (connection != NULL && job->reader != NULL)
		reader = connect_create(copy->options, job->reader,
					&copy->result.code);
	if (connection == NULL || (job->reader != NULL && reader == NULL))
		copy->said = 1;
	else
		run_transfer(copy, connection, reader);
	connect_free(reader);
	connect_free(connection);
}

/* Step 4. */
static void verify(struct copy *copy)
{
	const int all =
	    copy->options->verify || copy->result.stats.files_skipped == 0;

	if (copy->differ)
		copy->code = EXIT_DIFFERENT;
	if (copy->code != EXIT_DONE)
		return;
	copy->verified = copy->proven && all;
	if (!copy->options->verify || copy->verified)
		return;
	copy->code = verify_compare(copy->options, &copy->job);
	copy->verified = copy->code == EXIT_DONE;
}

/* Nothing is left that a later run could go on with. */
static int is_finished(const struct copy *copy)
{
	if (copy->code == EXIT_DONE || copy->result.code == EXIT_DONE ||
	    copy->code == EXIT_VANISHED)
		return 1;
	return !copy->observe.had_session && copy->claim != NULL &&
	       state_claim_is_new(copy->claim);
}

/* Steps 5 and 6. */
static void finish(struct copy *copy, uint64_t nanoseconds)
{
	struct summary summary;

	memset(&summary, 0, sizeof(summary));
	summary.options = copy->options;
	summary.result = &copy->result;
	summary.code = copy->code;
	summary.verified = copy->verified;
	summary.stored = copy->stored;
	summary.proven = copy->proven;
	summary.nanoseconds = nanoseconds;
	summary.lanes = copy->observe.lanes;
	summary.transport = copy->observe.transport;
	summary.errors = copy->observe.errors;
	summary.vanished = copy->observe.vanished;
	summary.recorded = copy->claim != NULL && !is_finished(copy);
	if (!copy->said)
		summary_print(&summary);
	if (copy->json != NULL)
		summary_json(&summary, copy->json);
	state_claim_release(copy->claim, is_finished(copy));
	copy->claim = NULL;
}

static void run(struct copy *copy)
{
	uint64_t nanoseconds;
	int claimed = claim(copy) == 0;

	observe_begin(&copy->observe, copy->options, copy->json, copy->claim);
	if (claimed) {
		if (copy->json != NULL)
			json_start(copy->json, &copy->job, copy->result.uuid);
		transfer(copy);
	}
	copy->code = copy->result.code;
	nanoseconds = observe_end(&copy->observe);
	verify(copy);
	finish(copy, nanoseconds);
}

int copy_command(const struct options *options)
{
	struct copy copy;

	memset(&copy, 0, sizeof(copy));
	copy.options = options;
	if (job_parse(&copy.job, options->operands, options->operand_count) !=
	    0)
		return help_hint(options);
	signals_install();
	if (options->json && (copy.json = json_open()) == NULL) {
		notice_error("out of memory");
		job_clear(&copy.job);
		return EXIT_FILE_IO;
	}
	run(&copy);
	if (json_close(copy.json) != 0 && copy.code == EXIT_DONE) {
		notice_failure("standard output", "cannot be written",
			       "all files are copied");
		copy.code = EXIT_FILE_IO;
	}
	free(copy.result.text);
	state_record_clear(&copy.record);
	state_close(copy.state);
	job_clear(&copy.job);
	return copy.code;
}
