/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One transfer from the client's side:
 *
 *   1. push: open the source, so that a wrong name is told before anything
 *   2. connect, HELLO both ways, OPEN; a push says OFFER too
 *   3. run a session as the reading end (push), as the writing end (pull),
 *      between two others (relay.h), or take the lines of a manifest (verify)
 *   4. when the connection was lost: wait as retry.h says, begin anew
 *
 * What holds across sessions:
 *
 *  - Each session opens its source or target and its journal anew: what was
 *    confirmed is known from the disk alone, as after a crash.
 *  - A session that confirmed something makes the count of failures begin
 *    again, so a bad line that moves on is never given up; request->give_up
 *    bounds how long one that does not move is tried.
 *  - Of the figures, what an earlier session of this run brought counts as
 *    sent, though the later one finds it in place.
 */
#include "transfer/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "transfer/fault.h"
#include "transfer/lane_grow.h"
#include "transfer/lane_policy.h"
#include "transfer/relay.h"
#include "transfer/retry.h"
#include "transfer/session.h"

struct run {
	const struct transfer_request *request;
	struct transfer_result *result;
	uint8_t client[16];
	int reached; /* an agent has answered, once in this run */
	const struct transfer_carrier *tried; /* the last one */
	int connected;       /* some session of this run came up */
	unsigned failures;   /* in a row, without progress */
	uint64_t progressed; /* when the last progress was seen */
	uint64_t confirmed;  /* bytes, by the sessions before this one, that
				were not there before this run */
	uint64_t placed;     /* files, likewise */
};

static uint64_t now_of(const struct run *run)
{
	struct io *io = run->request->io;

	return io->clock(io->context);
}

/* ---- figures of all sessions together ---- */

static uint64_t less(uint64_t from, uint64_t what)
{
	return from > what ? from - what : 0;
}

/*
 * What an earlier session of this run brought, a later one finds in place: it
 * was neither reused nor skipped by the run.
 */
static void add_stats(struct run *run, const struct transfer_stats *session)
{
	struct transfer_stats *all = &run->result->stats;
	uint64_t sent = all->bytes_sent + session->bytes_sent;
	uint64_t resent = all->chunks_resent + session->chunks_resent;

	*all = *session;
	all->bytes_sent = sent;
	all->chunks_resent = resent;
	all->bytes_reused = less(session->bytes_reused, run->confirmed);
	all->files_skipped = less(session->files_skipped, run->placed);
	run->confirmed = less(session->bytes_confirmed, all->bytes_reused);
	run->placed = less(session->files_done, all->files_skipped);
}

/* ---- lanes ---- */

int transfer_carrier_bulk(const struct transfer_carrier *carrier, unsigned kind)
{
	return (int)(carrier->bulk >> kind & 1);
}

int transfer_carrier_wish(const struct transfer_carrier *carrier, unsigned kind)
{
	if (carrier->lanes == 0)
		return LANE_POLICY_AUTO;
	return carrier->lanes - !transfer_carrier_bulk(carrier, kind);
}

/* ---- one session ---- */

static int fail_errno(struct session *session, int code, const char *what)
{
	return session_fail_text(session, code,
				 fault_last_text(NULL, what, errno));
}

static int connect_lane(struct run *run, struct session *session,
			const struct transfer_carrier *carrier, uint32_t id,
			uint8_t nonce[16])
{
	struct io *io = run->request->io;
	struct lane_result made;
	char digits[33];

	if (io->random(io->context, nonce, 16) == -1)
		return fail_errno(session, EXIT_FILE_IO, "random numbers");
	for (int i = 0; i < 16; i++)
		snprintf(digits + 2 * i, 3, "%02x", nonce[i]);
	run->tried = carrier;
	if (carrier->connect(carrier->cookie, session->inbox, id, digits,
			     &made) == -1)
		return session_fail_text(session, made.code, made.text);
	session_set_lane(session, made.lane);
	return 0;
}

/* summary: the numbers that this end has used; NULL if it has none. */
static int send_open(struct run *run, struct session *session,
		     enum operation operation,
		     const struct journal_summary *summary)
{
	const struct transfer_request *request = run->request;
	struct message_open open = {
	    .operation = operation,
	    .options = request->options,
	    .paths = request->sources,
	    .path_count = request->source_count,
	};
	char *target = (char *)request->target;

	if (operation == OPERATION_PUSH) {
		open.paths = &target;
		open.path_count = 1;
	}
	if (operation == OPERATION_PULL && session->version >= 2) {
		open.options |= OPEN_SENDER;
		open.compression = (uint8_t)request->compression;
		open.rate = request->rate;
	}
	if (summary != NULL) {
		open.next_entry = summary->next_entry;
		open.next_seq = summary->next_seq;
	}
	memcpy(open.uuid, request->uuid, sizeof(open.uuid));
	memcpy(open.client, run->client, sizeof(open.client));
	return session_send(session, message_open_encode(&open));
}

/* Up to HELLO, which is not awaited. */
static int greet(struct run *run, struct session *session,
		 const struct transfer_carrier *carrier, uint32_t id,
		 uint8_t nonce[16])
{
	return connect_lane(run, session, carrier, id, nonce) == -1
		   ? -1
		   : session_hello(session, nonce);
}

static int expect_version(struct session *session, const uint8_t nonce[16])
{
	if (session_expect_hello(session, nonce) == -1)
		return -1;
	if (session->version == 0)
		return session_fail(session, EXIT_INCOMPATIBLE,
				    "the far end's ferry speaks another "
				    "version of the protocol; update the "
				    "older of both");
	return 0;
}

/* What the far end has said decides. */
static int agree(struct run *run, struct session *session,
		 const uint8_t nonce[16])
{
	if (expect_version(session, nonce) == -1)
		return -1;
	if (session->version < 2 && run->request->rate > 0 &&
	    run->request->operation == OPERATION_PULL)
		return session_fail(session, EXIT_INCOMPATIBLE,
				    "the far end's ferry is too old to keep "
				    "to a rate; update it, or go without");
	run->reached = 1;
	/* Without it there is one lane, which is no harm. */
	if (session->version >= 2 && run->request->carrier.kinds > 0 &&
	    run->request->operation != OPERATION_VERIFY)
		session->crew =
		    lane_grow_create(session, &run->request->carrier);
	return 0;
}

/* What a push says first is the same in every version, so it is said at once:
 * it waits for one answer, not for two. */
static int start_push(struct run *run, struct session *session,
		      const struct journal_summary *summary,
		      const struct message_offer *offer)
{
	uint8_t nonce[16];

	if (greet(run, session, &run->request->carrier, 0, nonce) == -1 ||
	    send_open(run, session, OPERATION_PUSH, summary) == -1 ||
	    session_send(session, message_offer_encode(offer)) == -1)
		return -1;
	return agree(run, session, nonce);
}

static int start(struct run *run, struct session *session)
{
	uint8_t nonce[16];

	if (greet(run, session, &run->request->carrier, 0, nonce) == -1 ||
	    agree(run, session, nonce) == -1)
		return -1;
	return send_open(run, session, run->request->operation, NULL);
}

static void push(struct run *run, struct session *session)
{
	const struct transfer_request *request = run->request;
	struct source_config config = {
	    .io = request->io,
	    .start_dir = AT_FDCWD,
	    .paths = request->sources,
	    .path_count = request->source_count,
	    .state_dir = request->state_dir,
	};
	const struct session_manner manner = {
	    .options = request->options,
	    .compression = request->compression,
	    .rate = request->rate,
	};
	struct message_offer offer;
	struct journal_summary summary;
	struct source *source;
	char *text;

	source = source_open(&config, &offer, &text);
	if (source == NULL) {
		session_fail_text(session, EXIT_PARTIAL, text);
		return;
	}
	if (source_open_journal(source, request->uuid, &summary) == -1)
		fail_errno(session, EXIT_FILE_IO, "the journal of this end");
	else if (start_push(run, session, &summary, &offer) == 0)
		session_run_source(session, source, request->uuid, &manner);
	source_close(source);
}

static void pull(struct run *run, struct session *session)
{
	const struct transfer_request *request = run->request;
	struct target_config config = {
	    .io = request->io,
	    .start_dir = AT_FDCWD,
	    .path = request->target,
	    .state_dir = request->state_dir,
	    .asked = request->sources,
	    .asked_count = request->source_count,
	};

	memcpy(config.uuid, request->uuid, sizeof(config.uuid));
	memcpy(config.client, run->client, sizeof(config.client));
	if (start(run, session) == 0)
		session_run_target(session, &config, 0, 0, request->options);
}

/* Frames hold whole lines. */
static int take_lines(struct run *run, struct session *session,
		      const struct frame *frame)
{
	const struct transfer_observer *observer = &run->request->observer;
	const char *text = (const char *)frame_body(frame);
	const char *end = text + frame->body_length;
	int code;

	while (text < end) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text));

		if (line_end == NULL)
			return session_fail(
			    session, EXIT_PROTOCOL,
			    "the far end sent half a line of a manifest");
		line_end++;
		code = observer->manifest(observer->cookie, text,
					  (size_t)(line_end - text));
		if (code != 0)
			return session_fail(session, code, "stopped");
		text = line_end;
	}
	return 0;
}

static void verify(struct run *run, struct session *session)
{
	struct frame *frame;
	int at_end = 0;

	if (start(run, session) == -1)
		return;
	session->up = 1;
	while (!at_end && session_expect_any(session, FRAME_MANIFEST, FRAME_BYE,
					     &frame) == 0) {
		at_end = frame->type == FRAME_BYE ||
			 take_lines(run, session, frame) == -1;
		frame_free(frame);
	}
}

/* ---- between two agents ---- */

static int start_relay(struct run *run, struct session *from,
		       struct session *to)
{
	uint8_t nonce[16];

	if (greet(run, from, run->request->reader, 0, nonce) == -1 ||
	    expect_version(from, nonce) == -1)
		return -1;
	if (greet(run, to, &run->request->carrier, 1, nonce) == -1 ||
	    expect_version(to, nonce) == -1) {
		from->absent = to->absent;
		return session_fail_text(
		    from, to->code, to->text == NULL ? NULL : strdup(to->text));
	}
	if (from->version < 2 || to->version < 2)
		return session_fail(from, EXIT_INCOMPATIBLE,
				    "one of the two ferries is too old to "
				    "copy to another host; update it");
	run->reached = 1;
	if (send_open(run, to, OPERATION_PUSH, NULL) == -1)
		return session_fail(from, EXIT_FILE_IO, "out of memory");
	return send_open(run, from, OPERATION_PULL, NULL);
}

static void relay(struct run *run, struct session *session)
{
	const struct transfer_request *request = run->request;
	struct session to;
	const struct relay_end from_end = {session, request->reader->name, 0};
	const struct relay_end to_end = {&to, request->carrier.name, 1};

	if (session_init(&to, request->io, &request->observer) == -1) {
		session_fail(session, EXIT_FILE_IO, "out of memory");
		return;
	}
	/* One thread listens to both. */
	inbox_free(to.inbox);
	to.inbox = session->inbox;
	if (start_relay(run, session, &to) == 0)
		relay_run(&from_end, &to_end, request->sources,
			  request->source_count);
	to.inbox = NULL;
	session_release(&to);
}

/* ---- one try after the other ---- */

static void run_session(struct run *run)
{
	struct transfer_result *result = run->result;
	struct session session;
	uint64_t before = run->confirmed + run->placed;

	free(result->text);
	result->text = NULL;
	result->told = 0;
	if (session_init(&session, run->request->io, &run->request->observer) ==
	    -1) {
		result->code = EXIT_FILE_IO;
		return;
	}
	switch (run->request->operation) {
	case OPERATION_PUSH:
		if (run->request->reader != NULL)
			relay(run, &session);
		else
			push(run, &session);
		break;
	case OPERATION_PULL:
		pull(run, &session);
		break;
	case OPERATION_VERIFY:
		verify(run, &session);
		break;
	}
	result->code = session.code;
	result->text = session.text;
	result->told = session.told;
	result->absent = session.absent;
	session.text = NULL;
	if (session.up) {
		add_stats(run, &session.stats);
		memcpy(result->uuid, session.uuid, sizeof(result->uuid));
		result->resumed |= session.resumed && !run->connected;
		result->reconnects += (unsigned)run->connected;
		run->connected = 1;
	}
	if (run->confirmed + run->placed > before) {
		run->progressed = now_of(run);
		run->failures = 0;
	}
	session_release(&session);
}

/* Nonzero: the exit code that the observer wants. */
static int wait_for(struct run *run, uint64_t nanoseconds)
{
	const struct transfer_observer *observer = &run->request->observer;
	const struct timespec step = {.tv_nsec = 50 * 1000 * 1000};
	uint64_t end = now_of(run) + nanoseconds;
	int code = 0;

	while (code == 0 && now_of(run) < end) {
		nanosleep(&step, NULL);
		if (observer->stop != NULL)
			code = observer->stop(observer->cookie);
	}
	return code;
}

/* There is no ferry on the far side.  1: there will be one. */
static int provide(struct run *run)
{
	const struct transfer_carrier *carrier = run->tried;

	return !run->reached && carrier->provide != NULL &&
	       carrier->provide(carrier->cookie);
}

/* 1: a new session is to be tried now. */
static int try_again(struct run *run)
{
	const struct transfer_observer *observer = &run->request->observer;
	struct transfer_result *result = run->result;
	struct io *io = run->request->io;
	uint64_t random = 0, wait;
	int code;

	if (result->absent == LANE_ABSENT_PROGRAM && provide(run))
		return 1;
	/* Before that it is rather a wrong name or key. */
	if (!run->reached || !retry_wanted(result->code, run->reached))
		return 0;
	if (run->request->give_up != 0 &&
	    now_of(run) - run->progressed > run->request->give_up) {
		result->code = EXIT_LOST;
		return 0;
	}
	io->random(io->context, &random, sizeof(random));
	wait = retry_delay(run->failures++, random);
	result->retries++;
	if (observer->retry != NULL)
		observer->retry(observer->cookie, result->retries, wait,
				result->text);
	code = wait_for(run, wait);
	if (code == 0)
		return 1;
	result->code = code;
	free(result->text);
	result->text = NULL;
	return 0;
}

void transfer_run(const struct transfer_request *request,
		  struct transfer_result *result)
{
	struct run run = {.request = request, .result = result};
	const struct transfer_observer *observer = &request->observer;

	memset(result, 0, sizeof(*result));
	memcpy(result->uuid, request->uuid, sizeof(result->uuid));
	if (request->io->random(request->io->context, run.client,
				sizeof(run.client)) == -1) {
		result->code = EXIT_FILE_IO;
		result->text = strdup("no random numbers to be had");
		return;
	}
	run.progressed = now_of(&run);
	do
		run_session(&run);
	while (try_again(&run));
	if (observer->progress != NULL && run.connected)
		observer->progress(observer->cookie, &result->stats);
	if (result->code != EXIT_DONE)
		return;
	if (result->stats.files_failed > 0)
		result->code = EXIT_PARTIAL;
	else if (result->stats.files_vanished > 0)
		result->code = EXIT_VANISHED;
}
