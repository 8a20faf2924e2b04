/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The far end: what "ferry serve" does.  HELLO both ways, OPEN from the
 * client, then the role that OPEN asks for.  It ends when the client says BYE
 * or is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/fault.h"
#include "transfer/lane_accept.h"
#include "transfer/lane_door.h"
#include "transfer/manifest_walk.h"
#include "transfer/session.h"
#include "transfer/transfer.h"

static int take_open(struct session *session, const struct frame *frame,
		     struct message_open *open)
{
	if (message_open_decode(frame, open) == 0) {
		if (session->version >= 2 || (open->options & OPEN_SENDER) == 0)
			return 0;
		message_open_free(open);
	}
	return session_fail(session, EXIT_PROTOCOL,
			    "the client sent a malformed open frame");
}

/* ---- push: the writing end ---- */

static void serve_push(struct session *session, const struct message_open *open,
		       int state_dir)
{
	struct target_config config = {
	    .io = session->io,
	    .start_dir = AT_FDCWD,
	    .path = open->paths[0],
	    .state_dir = state_dir,
	};

	if (open->path_count != 1) {
		session_fail(session, EXIT_PROTOCOL,
			     "the client names more than one target");
		return;
	}
	memcpy(config.uuid, open->uuid, sizeof(config.uuid));
	memcpy(config.client, open->client, sizeof(config.client));
	session_run_target(session, &config, open->next_entry, open->next_seq,
			   open->options);
}

/* ---- pull: the reading end ---- */

static void serve_pull(struct session *session, const struct message_open *open,
		       int state_dir)
{
	struct source_config config = {
	    .io = session->io,
	    .start_dir = AT_FDCWD,
	    .paths = open->paths,
	    .path_count = open->path_count,
	    .state_dir = state_dir,
	};
	const struct session_manner manner = {
	    .options = open->options,
	    .compression = open->compression,
	    .rate = open->rate,
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
	if (source_open_journal(source, open->uuid, &summary) == -1)
		session_fail_text(session, EXIT_FILE_IO,
				  fault_last_text(NULL,
						  "the state folder there "
						  "cannot be written",
						  errno));
	else if (session_send(session, message_offer_encode(&offer)) == 0)
		session_run_source(session, source, open->uuid, &manner);
	source_close(source);
}

/* ---- verify: a manifest of what is here ---- */

#define MANIFEST_BATCH   ((size_t)32 << 10)
#define MANIFEST_QUEUED  ((size_t)1 << 20)
#define MANIFEST_SILENCE ((uint64_t)5 * 1000 * 1000 * 1000)

struct manifest_stream {
	struct session *session;
	struct frame *batch; /* whole lines; NULL: empty */
	size_t queued;       /* bytes on the lane */
	uint64_t spoke;
};

static void stream_send(struct manifest_stream *stream, struct frame *frame)
{
	struct session *session = stream->session;

	if (frame != NULL)
		stream->queued += FRAME_HEADER_SIZE + frame->body_length;
	stream->spoke = session->io->clock(session->io->context);
	session_send(session, frame);
}

static void stream_flush(struct manifest_stream *stream)
{
	if (stream->batch != NULL)
		stream_send(stream, stream->batch);
	stream->batch = NULL;
}

/* What was said before the stream began is not in queued, and may be told of
 * as sent only now. */
static void note_sent(struct manifest_stream *stream, size_t bytes)
{
	stream->queued -= bytes < stream->queued ? bytes : stream->queued;
}

/* See what the lane says; wait while too much is queued on it. */
static int stream_pump(void *cookie)
{
	struct manifest_stream *stream = cookie;
	struct session *session = stream->session;
	uint64_t now = session->io->clock(session->io->context);
	struct engine_event event;

	if (now - stream->spoke > MANIFEST_SILENCE)
		stream_send(stream, message_empty(FRAME_PING));
	while (inbox_take(session->inbox, &event,
			  stream->queued > MANIFEST_QUEUED ? UINT64_MAX : 0)) {
		if (event.type == EVENT_LANE_DOWN) {
			session->down = 1;
			session_fail(session, EXIT_LOST, "the client is gone");
			break;
		}
		if (event.type == EVENT_LANE_SENT)
			note_sent(stream, event.bytes);
		if (event.type == EVENT_FRAME)
			frame_free(event.frame);
	}
	return session->code;
}

static int stream_line(void *cookie, const char *line, size_t length)
{
	struct manifest_stream *stream = cookie;
	struct frame *batch = stream->batch;

	if (batch != NULL && batch->capacity - batch->body_length < length) {
		stream_flush(stream);
		batch = NULL;
	}
	if (batch == NULL) {
		batch = frame_create(FRAME_MANIFEST, length > MANIFEST_BATCH
							 ? length
							 : MANIFEST_BATCH);
		if (batch == NULL)
			return session_fail(stream->session, EXIT_FILE_IO,
					    "out of memory");
		batch->body_length = 0;
		stream->batch = batch;
	}
	memcpy(frame_body(batch) + batch->body_length, line, length);
	batch->body_length += length;
	return stream_pump(stream);
}

static void serve_verify(struct session *session,
			 const struct message_open *open)
{
	struct manifest_stream stream = {.session = session};
	struct manifest_walk_result result;
	struct manifest_walk_config config = {
	    .io = session->io,
	    .start_dir = AT_FDCWD,
	    .paths = open->paths,
	    .path_count = open->path_count,
	    .target = (open->options & OPEN_TARGET) != 0,
	    .line = stream_line,
	    .stop = stream_pump,
	    .cookie = &stream,
	};
	int walked;

	memset(&result, 0, sizeof(result));
	stream.spoke = session->io->clock(session->io->context);
	walked = manifest_walk(&config, &result);
	if (walked == 0) {
		stream_flush(&stream);
		stream_send(&stream, message_empty(FRAME_BYE));
	} else {
		frame_free(stream.batch);
		session_fail_text(session, EXIT_PARTIAL, result.text);
		result.text = NULL;
	}
	free(result.text);
}

/* ---- */

/* This process was started for a lane of another one's session. */
static void serve_join(struct session *session, const struct frame *frame,
		       int in, int out)
{
	struct message_join join;
	struct lane *lane;

	if (message_join_decode(frame, &join) == -1) {
		session_fail(session, EXIT_PROTOCOL,
			     "the client sent a malformed join frame");
		return;
	}
	if (session_detach(session) == -1) {
		session_fail(session, EXIT_PROTOCOL,
			     "the client said more than join");
		return;
	}
	if (lane_door_enter(join.token, join.flags, in, out) == 0)
		return;
	/* It is ours again, to say why. */
	lane = lane_fd_create(session->inbox, 0, in, out, 0);
	if (lane != NULL)
		session_set_lane(session, lane);
	session_fail(session, EXIT_HELD,
		     "the agent of this transfer does not take it; "
		     "is it on another host?");
}

static void serve_open(struct session *session, const struct message_open *open,
		       int state_dir)
{
	if (session->version >= 2 && open->operation != OPERATION_VERIFY)
		session->crew = lane_accept_create(session);
	switch (open->operation) {
	case OPERATION_PUSH:
		serve_push(session, open, state_dir);
		break;
	case OPERATION_PULL:
		serve_pull(session, open, state_dir);
		break;
	case OPERATION_VERIFY:
		serve_verify(session, open);
		break;
	}
}

struct agent {
	struct session session;
	enum agent_access access;
	int in;
	int out;
	int state_dir;
};

/* 1; or 0 after telling the client that it may not. */
static int may_serve(struct agent *agent, const struct message_open *open)
{
	int writes = open->operation == OPERATION_PUSH;

	if (agent->access == AGENT_READ_ONLY && writes)
		session_fail(&agent->session, EXIT_FILE_IO,
			     "this key may only read there (--read-only)");
	else if (agent->access == AGENT_WRITE_ONLY && !writes)
		session_fail(&agent->session, EXIT_FILE_IO,
			     "this key may only write there (--write-only)");
	else
		return 1;
	return 0;
}

static void serve(struct agent *agent, const uint8_t nonce[16])
{
	struct session *session = &agent->session;
	struct message_open open;
	struct frame *frame;

	if (session_expect_hello(session, nonce) == -1 ||
	    session_hello(session, nonce) == -1 ||
	    session_expect_any(session, FRAME_OPEN, FRAME_JOIN, &frame) == -1)
		return;
	if (frame->type == FRAME_JOIN) {
		serve_join(session, frame, agent->in, agent->out);
	} else if (take_open(session, frame, &open) == 0) {
		if (may_serve(agent, &open))
			serve_open(session, &open, agent->state_dir);
		message_open_free(&open);
	}
	frame_free(frame);
}

int agent_run(struct io *io, int in, int out, const uint8_t nonce[16],
	      int state_dir, enum agent_access access)
{
	const struct transfer_observer nobody = {0};
	struct agent agent = {
	    .access = access, .in = in, .out = out, .state_dir = state_dir};
	struct session *session = &agent.session;
	struct lane *lane;
	int code;

	if (session_init(session, io, &nobody) == -1)
		return EXIT_FILE_IO;
	lane = lane_fd_create(session->inbox, 0, in, out, 0);
	if (lane == NULL) {
		session_fail(session, EXIT_FILE_IO, "out of memory");
	} else {
		session_set_lane(session, lane);
		serve(&agent, nonce);
	}
	code = session->code;
	session_release(session);
	return code;
}
