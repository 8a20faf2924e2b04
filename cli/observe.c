/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said while a transfer runs. */
#include "cli/observe.h"

#include <string.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/far_sums.h"
#include "cli/notice.h"
#include "cli/signals.h"
#include "cli/time_size.h"
#include "journal/io.h"

static uint64_t monotonic_now(void)
{
	struct io *io = io_system();

	return io->clock(io->context);
}

void observe_begin(struct observe *observe, const struct options *options,
		   struct json_output *json, struct state_claim *claim)
{
	/* Two things that write to one terminal would garble each other. */
	int allowed = !options->quiet && (json == NULL || options->progress ||
					  !isatty(STDOUT_FILENO));

	memset(observe, 0, sizeof(*observe));
	observe->options = options;
	observe->json = json;
	observe->claim = claim;
	observe->begun = monotonic_now();
	observe->deadline = UINT64_MAX;
	if (options->stop_after > 0)
		observe->deadline = observe->begun + options->stop_after;
	observe->progress = progress_create(options->progress, allowed);
}

uint64_t observe_end(struct observe *observe)
{
	progress_free(observe->progress);
	observe->progress = NULL;
	return monotonic_now() - observe->begun;
}

int observe_wants_count(const struct observe *observe)
{
	return observe->json != NULL || progress_shown(observe->progress);
}

int observe_stop(const struct observe *observe)
{
	if (signals_stop() != 0)
		return EXIT_INTERRUPTED;
	if (observe->deadline != UINT64_MAX &&
	    monotonic_now() >= observe->deadline)
		return EXIT_DEADLINE;
	return 0;
}

static int on_stop(void *cookie)
{
	struct observe *observe = cookie;

	if (signals_status_wanted())
		progress_print_status(observe->progress);
	return observe_stop(observe);
}

/* One entry, for people: what is well only with -v. */
static void say(struct observe *observe, const struct engine_report *report)
{
	const char *cause = report->text != NULL ? report->text : "failed";
	/* The target itself has no name in it. */
	const char *path = report->path[0] != '\0' ? report->path : ".";

	switch (report->kind) {
	case REPORT_DONE:
		notice_verbose(1, "%s", path);
		break;
	case REPORT_SAME:
		notice_verbose(2, "%s: is there already", path);
		break;
	case REPORT_FAILED:
		observe->errors++;
		notice_failure(path, cause, NULL);
		break;
	case REPORT_VANISHED:
		observe->vanished++;
		notice_failure(path,
			       report->text != NULL
				   ? report->text
				   : "vanished while it was copied",
			       NULL);
		break;
	case REPORT_SKIPPED:
		notice_note("%s: left out: %s", path,
			    report->text != NULL
				? report->text
				: "no file, folder or symbolic link");
		break;
	case REPORT_RESENT:
		notice_verbose(1, "%s: arrived damaged, a chunk goes again",
			       path);
		break;
	case REPORT_SESSION:
		break;
	}
}

static void on_report(void *cookie, const struct engine_report *report)
{
	struct observe *observe = cookie;

	if (report->path != NULL)
		say(observe, report);
	if (observe->json != NULL)
		json_report(observe->json, report);
	if (observe->sums != NULL && report->path != NULL &&
	    connect_is_sftp(observe->connection))
		far_sums_report(observe->sums,
				connect_home(observe->connection), report);
}

static void on_progress(void *cookie, const struct transfer_stats *stats)
{
	struct observe *observe = cookie;
	uint64_t now = monotonic_now();

	/* The first receipts come with a group, a second later. */
	if (observe->sums != NULL && connect_is_sftp(observe->connection) &&
	    (stats->bytes_sent > 0 || observe->options->verify))
		far_sums_begin(observe->sums,
			       connect_home(observe->connection));
	progress_update(observe->progress, stats, now);
	if (signals_status_wanted())
		progress_print_status(observe->progress);
	if (observe->relayed && observe->claim != NULL &&
	    now >= observe->noted + TIME_SECOND) {
		observe->noted = now;
		state_claim_note(observe->claim, stats->bytes_confirmed,
				 stats->total_bytes);
	}
	if (observe->json == NULL || now < observe->json_drawn + TIME_SECOND)
		return;
	observe->json_drawn = now;
	json_progress(observe->json, stats, progress_rate(observe->progress));
}

static void on_session(void *cookie, const uint8_t uuid[16], int resumed)
{
	struct observe *observe = cookie;

	observe->had_session = 1;
	observe->up = observe->bulk_up = 0;
	if (observe->claim != NULL)
		state_claim_adopt(observe->claim, uuid);
	if (resumed)
		notice_verbose(1, "going on with what is there already");
	if (observe->json != NULL)
		json_session(observe->json, uuid, resumed);
}

static void on_retry(void *cookie, unsigned attempt, uint64_t wait_nanoseconds,
		     const char *why)
{
	struct observe *observe = cookie;
	const char *cause = why != NULL ? why : "connection lost";
	/* What follows is for who has to do something: nobody now. */
	const char *advice = strstr(cause, "; ");
	int length =
	    (int)(advice != NULL ? (size_t)(advice - cause) : strlen(cause));
	/* A tenth of a second is all that anybody wants to know. */
	double seconds = (double)wait_nanoseconds / (double)TIME_SECOND;

	notice_note("%.*s; trying again in %.1f s", length, cause, seconds);
	if (observe->json != NULL)
		json_retry(observe->json, attempt, wait_nanoseconds, why);
}

void observe_lanes(struct observe *observe, const struct connection *connection)
{
	observe->connection = connection;
	observe->transport = connect_kind(connection, CONNECT_FIRST);
	observe->lanes = 1;
}

static void count_lane(struct observe *observe, int bulk, int more)
{
	unsigned *up = bulk ? &observe->bulk_up : &observe->up;
	unsigned carrying;

	if (more)
		++*up;
	else if (*up > 0)
		--*up;
	/* While a bulk lane is up, no other carries chunks. */
	carrying = observe->bulk_up > 0 ? observe->bulk_up : 1 + observe->up;
	if (carrying > observe->lanes)
		observe->lanes = carrying;
}

static void on_lane(void *cookie, enum lane_news news, unsigned kind, int bulk,
		    const char *text)
{
	struct observe *observe = cookie;
	const char *name = connect_kind(observe->connection, (int)kind);
	const char *why = text != NULL ? text : "no reason was given";

	switch (news) {
	case LANE_CAME_UP:
		if (bulk)
			observe->transport = name;
		count_lane(observe, bulk, 1);
		notice_verbose(1, "one more lane, over %s", name);
		break;
	case LANE_REFUSED:
		notice_verbose(1, "no further lane over %s: %s", name, why);
		break;
	case LANE_LOST:
		count_lane(observe, bulk, 0);
		notice_verbose(1, "a lane over %s was lost: %s", name, why);
		break;
	}
}

struct transfer_observer observe_observer(struct observe *observe)
{
	struct transfer_observer observer;

	memset(&observer, 0, sizeof(observer));
	observer.cookie = observe;
	observer.report = on_report;
	observer.progress = on_progress;
	observer.session = on_session;
	observer.retry = on_retry;
	observer.lane = on_lane;
	observer.stop = on_stop;
	return observer;
}
