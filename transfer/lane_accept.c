/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How an agent comes to have several lanes:
 *
 *  1. the client says LANES; we open the door, and answer with its token
 *  2. a further agent, started by the client, brings its lane to the door,
 *     with what its client said in JOIN
 *  3. the lane becomes the session's: we say JOIN on it, and the engine may
 *     use it
 */
#include "transfer/lane_accept.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transfer/lane_door.h"
#include "transfer/session.h"

struct lane_accept {
	struct lane_crew crew; /* first */
	struct session *session;
	int asked;
	struct lane_door *door; /* NULL: nobody asked, or there can be none */
	uint8_t token[LANES_TOKEN_SIZE];
};

/* Once: who asks on and on, and reads no answer, fills no memory. */
static void answer_lanes(struct lane_accept *accept, uint32_t number)
{
	struct session *session = accept->session;
	struct frame *frame;

	if (accept->asked)
		return;
	accept->asked = 1;
	accept->door =
	    lane_door_open(session->io, session->inbox, accept->token);
	frame =
	    message_lanes_encode(accept->door == NULL ? NULL : accept->token);
	if (frame != NULL)
		lane_set_send(&session->lanes, number, frame, session->epoch);
}

/* The number of the new lane, or LANES_MAX: it was sent away. */
static uint32_t let_in(struct lane_accept *accept,
		       const struct lane_visitor *visitor)
{
	struct lane_set *lanes = &accept->session->lanes;
	const struct lane_fd_config config = {.in = visitor->in,
					      .out = visitor->out,
					      .companion = visitor->companion,
					      .errors = -1};
	uint32_t number = lane_set_reserve(lanes);
	struct lane *lane = NULL;

	if (number < LANES_MAX)
		lane = lane_fd_create_from(accept->session->inbox,
					   lane_set_id(lanes, number), &config);
	if (lane != NULL) {
		lane_door_answer(visitor, 1);
		lane_set_put(lanes, number, lane);
		return number;
	}
	if (number < LANES_MAX)
		lane_set_lose(lanes, number);
	close(visitor->in);
	if (visitor->out != visitor->in)
		close(visitor->out);
	lane_door_answer(visitor, 0);
	return LANES_MAX;
}

/* 1: it became EVENT_LANE_UP. */
static int greet(struct lane_accept *accept, struct engine_event *event)
{
	struct session *session = accept->session;
	struct message_join join;
	struct lane_visitor visitor;
	struct frame *frame;
	uint32_t number;

	if (accept->door == NULL || !lane_door_take(accept->door, &visitor))
		return 0;
	number = let_in(accept, &visitor);
	if (number == LANES_MAX)
		return 0;
	memcpy(join.token, accept->token, sizeof(join.token));
	join.flags = visitor.flags;
	frame = message_join_encode(&join);
	if (frame == NULL) {
		lane_set_lose(&session->lanes, number);
		return 0;
	}
	lane_set_send(&session->lanes, number, frame, session->epoch);
	lane_set_up(&session->lanes, number);
	event->type = EVENT_LANE_UP;
	event->lane = number;
	event->bulk = (visitor.flags & JOIN_BULK) != 0;
	return 1;
}

static int take(struct lane_crew *crew, struct engine_event *event)
{
	struct lane_accept *accept = (struct lane_accept *)crew;

	if (event->type == EVENT_LANE_MADE)
		return greet(accept, event);
	if (event->type != EVENT_FRAME || event->frame->type != FRAME_LANES)
		return 1;
	answer_lanes(accept, event->lane);
	frame_free(event->frame);
	return 0;
}

/* It is for the client to ask. */
static uint64_t pulse(struct lane_crew *crew, uint64_t now,
		      const struct transfer_stats *stats)
{
	(void)crew;
	(void)now;
	(void)stats;
	return UINT64_MAX;
}

static void release(struct lane_crew *crew)
{
	struct lane_accept *accept = (struct lane_accept *)crew;

	lane_door_close(accept->door);
	free(accept);
}

struct lane_crew *lane_accept_create(struct session *session)
{
	static const struct lane_crew_operations operations = {take, pulse,
							       release};
	struct lane_accept *accept = calloc(1, sizeof(*accept));

	if (accept == NULL)
		return NULL;
	accept->crew.operations = &operations;
	accept->session = session;
	return &accept->crew;
}
