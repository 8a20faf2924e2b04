/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said before an engine runs, and how a session ends. */
#include "transfer/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/session_internal.h"

int session_init(struct session *session, struct io *io,
		 const struct transfer_observer *observer)
{
	memset(session, 0, sizeof(*session));
	session->io = io;
	session->observer = observer;
	session->inbox = inbox_create();
	return session->inbox == NULL ? -1 : 0;
}

void session_release(struct session *session)
{
	if (session->crew != NULL)
		session->crew->operations->free(session->crew);
	lane_set_release(&session->lanes);
	inbox_free(session->inbox);
	free(session->down_text);
	free(session->text);
	memset(session, 0, sizeof(*session));
}

void session_set_lane(struct session *session, struct lane *lane)
{
	uint32_t number = lane_set_reserve(&session->lanes);

	lane_set_put(&session->lanes, number, lane);
	lane_set_up(&session->lanes, number);
}

int session_detach(struct session *session)
{
	struct lane *lane = session->lanes.slots[0].lane;

	session->lanes.slots[0].lane = NULL;
	lane_set_lose(&session->lanes, 0);
	return lane_fd_detach(lane);
}

static void tell_far_end(struct session *session, int code, const char *text)
{
	struct message_error message = {.code = (uint8_t)code, .text = text};
	struct frame *frame;

	uint32_t number = lane_set_first(&session->lanes);

	if (number == LANES_MAX || session->down || text == NULL)
		return;
	message.text_length = strnlen(text, TEXT_MAX);
	frame = message_error_encode(&message);
	if (frame != NULL)
		lane_set_send(&session->lanes, number, frame, 0);
}

int session_end(struct session *session, int code, char *text)
{
	if (session->code != EXIT_DONE) {
		free(text);
		return -1;
	}
	session->code = code;
	session->text = text;
	return -1;
}

int session_fail_text(struct session *session, int code, char *text)
{
	if (session->code == EXIT_DONE)
		tell_far_end(session, code, text);
	return session_end(session, code, text);
}

int session_fail(struct session *session, int code, const char *text)
{
	return session_fail_text(session, code, strdup(text));
}

int session_send(struct session *session, struct frame *frame)
{
	if (frame == NULL)
		return session_fail(session, EXIT_FILE_IO, "out of memory");
	lane_set_send(&session->lanes, 0, frame, 0);
	return 0;
}

int session_watch(struct session *session)
{
	const struct transfer_observer *observer = session->observer;
	uint64_t now = session->io->clock(session->io->context);
	int code;

	if (now < session->watched + WATCH_INTERVAL)
		return 0;
	session->watched = now;
	if (observer->progress != NULL && session->up)
		observer->progress(observer->cookie, &session->stats);
	code = observer->stop == NULL ? 0 : observer->stop(observer->cookie);
	if (code == 0)
		return 0;
	/* Our user knows why; theirs, if there is one, does not. */
	tell_far_end(session, code, "the other end was told to stop");
	return session_end(session, code, NULL);
}

/* The far end gave up and says why. */
static int fail_as_told(struct session *session, const struct frame *frame)
{
	struct message_error error;
	char *text;

	session->down = 1; /* it listens no more */
	if (message_error_decode(frame, &error) == -1 ||
	    error.code == EXIT_DONE)
		return session_fail(session, EXIT_PROTOCOL,
				    "the far end sent a malformed error frame");
	session->told = session->code == EXIT_DONE;
	text = strndup(error.text, error.text_length);
	return session_fail_text(session, message_error_exit_code(&error),
				 text);
}

static int fail_as_lost(struct session *session)
{
	const struct lane *lane = session->lanes.slots[0].lane;

	session->down = 1;
	session->absent = lane->absent;
	return session_fail(session, lane->code != 0 ? lane->code : EXIT_LOST,
			    lane->text != NULL
				? lane->text
				: "the far end closed the connection");
}

static int fail_at_type(struct session *session, enum frame_type wanted,
			const struct frame *frame)
{
	char *text;

	if (asprintf(&text, "the far end sent a %s frame in place of %s",
		     frame_type_name(frame->type),
		     frame_type_name(wanted)) == -1)
		text = NULL;
	return session_fail_text(session, EXIT_PROTOCOL, text);
}

/* One event.  0 and *frame (NULL: it was nothing to look at), or -1. */
static int next_frame(struct session *session, struct frame **frame)
{
	struct engine_event event;

	*frame = NULL;
	if (!inbox_take(session->inbox, &event,
			session->io->clock(session->io->context) +
			    WATCH_INTERVAL))
		return 0;
	if (event.type == EVENT_LANE_DOWN)
		return fail_as_lost(session);
	if (event.type == EVENT_FRAME)
		*frame = event.frame;
	return 0;
}

int session_expect_any(struct session *session, enum frame_type wanted,
		       enum frame_type or_type, struct frame **result)
{
	uint64_t start = session->io->clock(session->io->context);
	struct frame *frame;

	for (;;) {
		if (session_watch(session) == -1 ||
		    next_frame(session, &frame) == -1)
			return -1;
		if (frame == NULL) {
			uint64_t now = session->io->clock(session->io->context);

			if (now - start > SESSION_SILENCE)
				return session_fail(session, EXIT_LOST,
						    "the far end says nothing");
			continue;
		}
		if (frame->type == wanted || frame->type == or_type) {
			*result = frame;
			return 0;
		}
		start = session->io->clock(session->io->context);
		if (frame->type == FRAME_ERROR)
			fail_as_told(session, frame);
		else if (frame->type != FRAME_PING)
			fail_at_type(session, wanted, frame);
		frame_free(frame);
		if (session->code != EXIT_DONE)
			return -1;
	}
}

int session_expect(struct session *session, enum frame_type wanted,
		   struct frame **frame)
{
	return session_expect_any(session, wanted, wanted, frame);
}

int session_hello(struct session *session, const uint8_t nonce[16])
{
	struct message_hello hello = {
	    .version_lowest = PROTOCOL_OLDEST,
	    .version_highest = PROTOCOL_VERSION,
	};

	memcpy(hello.nonce, nonce, sizeof(hello.nonce));
	return session_send(session, message_hello_encode(&hello));
}

/* The highest that both speak, or 0. */
static unsigned common_version(const struct message_hello *hello)
{
	unsigned version = hello->version_highest < PROTOCOL_VERSION
			       ? hello->version_highest
			       : PROTOCOL_VERSION;

	return version < hello->version_lowest || version < PROTOCOL_OLDEST
		   ? 0
		   : version;
}

int session_expect_hello(struct session *session, const uint8_t nonce[16])
{
	struct message_hello hello;
	struct frame *frame;
	int result;

	if (session_expect(session, FRAME_HELLO, &frame) == -1)
		return -1;
	result = message_hello_decode(frame, &hello);
	frame_free(frame);
	if (result == -1 ||
	    memcmp(hello.nonce, nonce, sizeof(hello.nonce)) != 0)
		return session_fail(session, EXIT_PROTOCOL,
				    "the far end's hello is not for this "
				    "session");
	session->version = common_version(&hello);
	return 0;
}
