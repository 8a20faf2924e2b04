/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames between two agents:
 *
 *   1. OFFER: is it what was asked for
 *   2. READY: the session is up
 *   3. all others, of which are counted: ENTRY, CHUNK, ACK, RECEIPT, PROBLEM
 *      and STATS
 *   4. BYE of the one that writes: done
 *
 * An agent that says ERROR or is lost ends it for the other one too.
 */
#include "transfer/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/relay_count.h"
#include "transfer/session_internal.h"

enum { FROM, TO };

struct relay {
	struct relay_end ends[2];
	struct session *session; /* that of FROM, whose end counts */
	struct relay_count count;
	uint64_t heard[2]; /* when */
	int over;
};

static uint64_t now_of(const struct relay *relay)
{
	struct io *io = relay->session->io;

	return io->clock(io->context);
}

/* ---- how it ends ---- */

/* Both ends, as far as they listen. */
static void tell(struct relay *relay, int side, int code, const char *text)
{
	const char *name = relay->ends[side].name;
	char *named;

	session_fail(relay->ends[TO].session, code, text);
	if (name == NULL)
		named = strdup(text);
	else if (asprintf(&named, "%s: %s", name, text) < 0)
		named = NULL;
	session_fail_text(relay->session, code, named);
	relay->over = 1;
}

/* Because of an end, to which nothing more can be said; for our user with the
 * name of its host. */
static void fail(struct relay *relay, int side, int code, const char *text)
{
	relay->ends[side].session->down = 1;
	tell(relay, side, code, text);
}

/* An end that breaks the protocol: it is told, too. */
static void refuse(struct relay *relay, int side)
{
	tell(relay, side, EXIT_PROTOCOL,
	     "the far end says what it may not say, or what was not asked for");
}

static void fail_as_told(struct relay *relay, int side,
			 const struct frame *frame)
{
	struct message_error error;
	char *text;

	if (message_error_decode(frame, &error) == -1 ||
	    error.code == EXIT_DONE) {
		fail(relay, side, EXIT_PROTOCOL,
		     "the far end sent a malformed error frame");
		return;
	}
	text = strndup(error.text, error.text_length);
	fail(relay, side, message_error_exit_code(&error),
	     text != NULL ? text : "out of memory");
	free(text);
}

/* What a lane says of its end names the host already. */
static void fail_as_lost(struct relay *relay, int side)
{
	const struct session *session = relay->ends[side].session;
	const struct lane *lane = session->lanes.slots[0].lane;
	int code = lane->code != 0 ? lane->code : EXIT_LOST;

	if (lane->text == NULL) {
		fail(relay, side, code, "the far end closed the connection");
		return;
	}
	relay->ends[side].name = NULL;
	fail(relay, side, code, lane->text);
}

/* ---- frames ---- */

static int take_ready(struct relay *relay, const struct frame *frame)
{
	struct session *session = relay->session;
	const struct transfer_observer *observer = session->observer;
	struct message_ready ready;

	if (message_ready_decode(frame, &ready) == -1)
		return -1;
	session->up = 1;
	session->resumed = ready.resumed;
	memcpy(session->uuid, ready.uuid, sizeof(session->uuid));
	if (observer->session != NULL)
		observer->session(observer->cookie, session->uuid,
				  session->resumed);
	return 0;
}

/* 0; -1: it may not be said. */
static int look_at(struct relay *relay, int side, const struct frame *frame)
{
	switch (frame->type) {
	case FRAME_HELLO:
	case FRAME_OPEN:
	case FRAME_MANIFEST:
	case FRAME_LANES:
	case FRAME_JOIN:
		return -1;
	case FRAME_READY:
		return side == TO && !relay->session->up
			   ? take_ready(relay, frame)
			   : -1;
	case FRAME_BYE:
		relay->over = side == TO;
		return 0;
	default:
		return side == FROM ? relay_count_from(&relay->count, frame)
				    : relay_count_to(&relay->count, frame);
	}
}

static void pass(struct relay *relay, int side, struct frame *frame)
{
	if (frame->type == FRAME_ERROR) {
		fail_as_told(relay, side, frame);
	} else if (look_at(relay, side, frame) == -1) {
		refuse(relay, side);
	} else {
		lane_set_send(&relay->ends[!side].session->lanes, 0, frame,
			      frame->epoch);
		return;
	}
	frame_free(frame);
}

/* ---- the loop ---- */

static void handle(struct relay *relay, const struct engine_event *event)
{
	int side = event->lane == relay->ends[TO].lane ? TO : FROM;

	switch (event->type) {
	case EVENT_FRAME:
		relay->heard[side] = now_of(relay);
		pass(relay, side, event->frame);
		break;
	case EVENT_LANE_HEARD:
		relay->heard[side] = now_of(relay);
		break;
	case EVENT_LANE_DOWN:
		fail_as_lost(relay, side);
		break;
	default:
		break;
	}
}

/* Each says PING at least, when there is nothing else to be said. */
static void look_at_silence(struct relay *relay)
{
	uint64_t now = now_of(relay);

	for (int side = FROM; side <= TO && !relay->over; side++) {
		if (now > relay->heard[side] + SESSION_SILENCE)
			fail(relay, side, EXIT_LOST,
			     "the far end says nothing");
	}
}

static void run(struct relay *relay)
{
	struct session *session = relay->session;
	struct engine_event event;

	while (!relay->over) {
		if (inbox_take(session->inbox, &event,
			       now_of(relay) + WATCH_INTERVAL))
			handle(relay, &event);
		else
			look_at_silence(relay);
		if (!relay->over && session_watch(session) == -1) {
			session_fail(relay->ends[TO].session, session->code,
				     "the other end was told to stop");
			relay->over = 1;
		}
	}
}

int relay_run(const struct relay_end *from, const struct relay_end *to,
	      char **sources, size_t source_count)
{
	struct relay relay = {
	    .ends = {*from, *to},
	    .session = from->session,
	};

	relay.heard[FROM] = relay.heard[TO] = now_of(&relay);
	if (relay_count_begin(&relay.count, from->session, sources,
			      source_count) == -1)
		session_fail(from->session, EXIT_FILE_IO, "out of memory");
	else
		run(&relay);
	relay_count_end(&relay.count);
	return from->session->code == EXIT_DONE ? 0 : -1;
}
