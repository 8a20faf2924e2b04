/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a client comes to have several lanes:
 *
 *  1. ask the agent for the token of its door (LANES), at once, while nothing
 *     else is on the way: how long that takes is the round trip
 *  2. lane_policy.h wants a lane: a thread has the carrier connect and start
 *     a further agent
 *  3. HELLO and JOIN with the token on the new lane; HELLO comes back
 *  4. JOIN comes back, from the first agent now: the engine may use the lane
 *
 * What may go wrong: the agent has no door, then there are no further lanes;
 * the carrier is refused, or a step takes longer than STEP_TIME: the number is
 * free again, and lane_policy.h says when the next try is.  A carrier whose
 * kind fails before any of it came up is asked for the next kind it has.
 */
#include "transfer/lane_grow.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/lane_policy.h"
#include "transfer/session.h"
#include "transfer/thread.h"

#define STEP_TIME ((uint64_t)30 * 1000 * 1000 * 1000)
/* They share a TCP connection, so more than a few bring nothing. */
#define QUICK_MAX 3

/* One lane in the making; EVENT_LANE_MADE brings it back. */
struct lane_made {
	struct lane_grow *grow;
	pthread_t thread;
	uint32_t number;
	uint32_t id;
	unsigned kind;
	char digits[33];
	int given_up; /* it ended, or spoke, before we did */
	struct lane_result result;
};

enum door { DOOR_UNKNOWN, DOOR_ASKED, DOOR_OPEN, DOOR_NONE };

struct growing {
	struct lane_made *made; /* the thread is at work; or NULL */
	uint8_t nonce[16];
	unsigned kind;
	int greeted;    /* HELLO came */
	uint64_t until; /* for the step that is due */
	int bulk;       /* when up */
};

struct lane_grow {
	struct lane_crew crew; /* first */
	struct session *session;
	const struct transfer_carrier *carrier;
	atomic_int over; /* who still makes a lane need not go on */
	struct lane_policy policy;
	struct lane_policy_view view;
	unsigned kind;    /* the next lane is of it */
	int kind_came_up; /* one of it did */
	unsigned quick;   /* lanes of the quick kind that were tried */
	enum door door;
	uint64_t asked; /* when LANES was said */
	uint8_t token[LANES_TOKEN_SIZE];
	struct growing growing[LANES_MAX];
};

static void tell(struct lane_grow *grow, enum lane_news news,
		 const struct growing *growing, const char *text)
{
	const struct transfer_observer *observer = grow->session->observer;

	if (observer->lane != NULL)
		observer->lane(observer->cookie, news, growing->kind,
			       growing->bulk, text);
}

static uint64_t random_bits(struct lane_grow *grow)
{
	struct io *io = grow->session->io;
	uint64_t bits = 0;

	io->random(io->context, &bits, sizeof(bits));
	return bits;
}

/* 1 if it is the session's first lane; its number may be another's later. */
static int is_first(const struct lane_grow *grow, uint32_t number)
{
	return number == 0 && grow->session->lanes.slots[0].uses == 0;
}

/* ---- making ---- */

static void *run(void *cookie)
{
	struct lane_made *made = cookie;
	const struct transfer_carrier *carrier = made->grow->carrier;
	struct inbox *inbox = made->grow->session->inbox;
	struct engine_event event = {.type = EVENT_LANE_MADE};

	carrier->further(carrier->cookie, made->kind, inbox, made->id,
			 made->digits, &made->grow->over, &made->result);
	event.made = made;
	inbox_put(inbox, &event);
	return NULL;
}

/* On a long line windows are the limit, not the processor: all lanes carry
 * chunks, and those are best that are up first. */
static int is_far(const struct lane_grow *grow)
{
	return grow->policy.wish == LANE_POLICY_AUTO &&
	       grow->view.round_trip >= LANE_POLICY_LONG_TRIP;
}

static unsigned next_kind(struct lane_grow *grow)
{
	if (!is_far(grow))
		return grow->kind;
	if (grow->carrier->quick >= 0 && grow->quick < QUICK_MAX) {
		grow->quick++;
		return (unsigned)grow->carrier->quick;
	}
	/* What saves processor time takes longer to come up. */
	if (transfer_carrier_bulk(grow->carrier, grow->kind) &&
	    grow->kind + 1 < grow->carrier->kinds)
		grow->kind++;
	return grow->kind;
}

static int make_nonce(struct lane_grow *grow, struct growing *growing,
		      struct lane_made *made)
{
	struct io *io = grow->session->io;

	if (io->random(io->context, growing->nonce, sizeof(growing->nonce)) ==
	    -1)
		return -1;
	for (size_t i = 0; i < sizeof(growing->nonce); i++)
		snprintf(made->digits + 2 * i, 3, "%02x", growing->nonce[i]);
	return 0;
}

/* 0; -1: not now. */
static int make_one(struct lane_grow *grow)
{
	struct lane_set *lanes = &grow->session->lanes;
	uint32_t number = lane_set_reserve(lanes);
	struct growing *growing;
	struct lane_made *made;

	if (number == LANES_MAX)
		return -1;
	growing = &grow->growing[number];
	memset(growing, 0, sizeof(*growing));
	made = calloc(1, sizeof(*made));
	if (made == NULL)
		goto lose;
	made->grow = grow;
	made->number = number;
	made->id = lane_set_id(lanes, number);
	made->kind = growing->kind = next_kind(grow);
	if (make_nonce(grow, growing, made) == -1 ||
	    thread_start(&made->thread, run, made) != 0)
		goto free_made;
	growing->made = made;
	grow->view.making++;
	return 0;

free_made:
	free(made);
lose:
	lane_set_lose(lanes, number);
	return -1;
}

/* ---- how one ends ---- */

/* 1 if another of its kind may still come up. */
static int is_awaited(const struct lane_grow *grow, unsigned kind)
{
	for (uint32_t i = 0; i < LANES_MAX; i++) {
		enum lane_stage stage = grow->session->lanes.slots[i].stage;

		if ((stage == LANE_MAKING || stage == LANE_NEW) &&
		    grow->growing[i].kind == kind)
			return 1;
	}
	return 0;
}

/* It will not come up.  text may be NULL. */
static void refused(struct lane_grow *grow, uint32_t number, const char *text)
{
	const struct growing *growing = &grow->growing[number];

	grow->view.making--;
	tell(grow, LANE_REFUSED, growing, text);
	lane_set_lose(&grow->session->lanes, number);
	if (growing->kind != grow->kind)
		return; /* known already */
	/* Of many that come at once a server may drop some. */
	if (!grow->kind_came_up && grow->kind + 1 < grow->carrier->kinds &&
	    !is_awaited(grow, grow->kind)) {
		grow->kind++;
		lane_policy_begin(
		    &grow->policy,
		    transfer_carrier_wish(grow->carrier, grow->kind),
		    grow->view.now);
		return;
	}
	lane_policy_refused(&grow->policy, grow->view.now, random_bits(grow));
}

/* ---- what is said on a new lane ---- */

/* HELLO, and JOIN behind it: the first agent has said which version is spoken,
 * so nothing is to be waited for.  0; -1: no memory. */
static int say_first(struct lane_grow *grow, uint32_t number)
{
	struct session *session = grow->session;
	struct growing *growing = &grow->growing[number];
	struct message_hello hello = {
	    .version_lowest = PROTOCOL_OLDEST,
	    .version_highest = PROTOCOL_VERSION,
	};
	struct message_join join;
	struct frame *first, *second;

	growing->bulk = !is_far(grow) &&
			transfer_carrier_bulk(grow->carrier, growing->kind);
	growing->until = grow->view.now + STEP_TIME;
	memcpy(hello.nonce, growing->nonce, sizeof(hello.nonce));
	memcpy(join.token, grow->token, sizeof(join.token));
	join.flags = growing->bulk ? JOIN_BULK : 0;
	first = message_hello_encode(&hello);
	second = message_join_encode(&join);
	if (first == NULL || second == NULL) {
		frame_free(first);
		frame_free(second);
		return -1;
	}
	lane_set_send(&session->lanes, number, first, 0);
	lane_set_send(&session->lanes, number, second, session->epoch);
	return 0;
}

/* The thread is done. */
static void made(struct lane_grow *grow, struct lane_made *made)
{
	struct lane *lane = made->result.lane;
	uint32_t number = made->number;

	pthread_join(made->thread, NULL);
	grow->growing[number].made = NULL;
	if (lane != NULL)
		lane_set_put(&grow->session->lanes, number, lane);
	if (lane == NULL || made->given_up || say_first(grow, number) == -1)
		refused(grow, number,
			lane != NULL ? lane->text : made->result.text);
	free(made->result.text);
	free(made);
}

/* The further agent is there. */
static int is_greeted(const struct lane_grow *grow, uint32_t number,
		      const struct frame *frame)
{
	struct message_hello hello;

	return frame->type == FRAME_HELLO &&
	       message_hello_decode(frame, &hello) == 0 &&
	       memcmp(hello.nonce, grow->growing[number].nonce,
		      sizeof(hello.nonce)) == 0 &&
	       hello.version_highest >= grow->session->version;
}

/* The first agent has the lane: 1, or 0 if that is not what it says. */
static int is_joined(const struct lane_grow *grow, const struct frame *frame)
{
	struct message_join message;

	return frame->type == FRAME_JOIN &&
	       frame->epoch == grow->session->epoch &&
	       message_join_decode(frame, &message) == 0 &&
	       memcmp(message.token, grow->token, sizeof(grow->token)) == 0;
}

static char *error_text(const struct frame *frame)
{
	struct message_error error;

	if (frame->type != FRAME_ERROR ||
	    message_error_decode(frame, &error) == -1)
		return strdup("the far end did not join it");
	return strndup(error.text, error.text_length);
}

/* A frame on a lane that is not up.  1: it is now. */
static int new_frame(struct lane_grow *grow, struct engine_event *event)
{
	struct growing *growing = &grow->growing[event->lane];
	struct frame *frame = event->frame;
	char *text;

	if (growing->greeted && is_joined(grow, frame)) {
		frame_free(frame);
		lane_set_up(&grow->session->lanes, event->lane);
		grow->view.making--;
		grow->view.up++;
		grow->kind_came_up |= growing->kind == grow->kind;
		lane_policy_changed(&grow->policy, &grow->view);
		tell(grow, LANE_CAME_UP, growing, NULL);
		event->type = EVENT_LANE_UP;
		event->bulk = growing->bulk;
		return 1;
	}
	if (!growing->greeted && is_greeted(grow, event->lane, frame)) {
		growing->greeted = 1;
	} else {
		text = error_text(frame);
		refused(grow, event->lane, text);
		free(text);
	}
	frame_free(frame);
	return 0;
}

/* ---- the crew ---- */

static void take_token(struct lane_grow *grow, const struct frame *frame)
{
	const struct transfer_carrier *carrier = grow->carrier;
	uint64_t files = carrier->round_trip == NULL
			     ? 0
			     : carrier->round_trip(carrier->cookie);
	int given = 0;

	if (message_lanes_decode(frame, grow->token, &given) == -1)
		given = 0;
	grow->door = given ? DOOR_OPEN : DOOR_NONE;
	grow->view.round_trip = grow->view.now - grow->asked;
	if (grow->view.round_trip < files)
		grow->view.round_trip = files;
}

/* A frame, or the end, before we have said anything: an agent does not speak
 * unasked, so this one is of no use. */
static void spoil(struct lane_grow *grow, uint32_t number)
{
	grow->growing[number].made->given_up = 1;
}

static int take_down(struct lane_grow *grow, uint32_t number)
{
	struct lane_slot *slot = &grow->session->lanes.slots[number];

	switch (slot->stage) {
	case LANE_MAKING:
		spoil(grow, number);
		return 0;
	case LANE_NEW:
		refused(grow, number, slot->lane->text);
		return 0;
	default:
		if (is_first(grow, number)) {
			grow->view.first_lost = 1;
		} else {
			grow->view.up--;
			tell(grow, LANE_LOST, &grow->growing[number],
			     slot->lane->text);
		}
		lane_policy_refused(&grow->policy, grow->view.now,
				    random_bits(grow));
		return 1;
	}
}

static int take_frame(struct lane_grow *grow, struct engine_event *event)
{
	struct frame *frame = event->frame;

	switch (grow->session->lanes.slots[event->lane].stage) {
	case LANE_MAKING:
		spoil(grow, event->lane);
		break;
	case LANE_NEW:
		return new_frame(grow, event);
	default:
		if (frame->type != FRAME_LANES)
			return 1;
		take_token(grow, frame);
	}
	frame_free(frame);
	return 0;
}

static int take(struct lane_crew *crew, struct engine_event *event)
{
	struct lane_grow *grow = (struct lane_grow *)crew;
	const struct lane_set *lanes = &grow->session->lanes;

	grow->view.now = event->now;
	switch (event->type) {
	case EVENT_LANE_MADE:
		made(grow, event->made);
		return 0;
	case EVENT_FRAME:
		return take_frame(grow, event);
	case EVENT_LANE_DOWN:
		return take_down(grow, event->lane);
	case EVENT_LANE_SENT:
	case EVENT_LANE_HEARD:
		return lanes->slots[event->lane].stage == LANE_UP;
	default:
		return 1;
	}
}

static void ask_for_door(struct lane_grow *grow)
{
	struct session *session = grow->session;
	uint32_t number = lane_set_first(&session->lanes);
	struct frame *frame = message_lanes_encode(NULL);

	if (frame == NULL || number == LANES_MAX) {
		frame_free(frame);
		return;
	}
	lane_set_send(&session->lanes, number, frame, session->epoch);
	grow->door = DOOR_ASKED;
	grow->asked = grow->view.now;
}

/* Steps that take too long; when the next one does. */
static uint64_t end_overdue(struct lane_grow *grow, uint64_t now)
{
	uint64_t soonest = UINT64_MAX;

	for (uint32_t i = 0; i < LANES_MAX; i++) {
		if (grow->session->lanes.slots[i].stage != LANE_NEW)
			continue;
		if (grow->growing[i].until <= now)
			refused(grow, i, "it was not joined in time");
		else if (grow->growing[i].until < soonest)
			soonest = grow->growing[i].until;
	}
	return soonest;
}

static uint64_t pulse(struct lane_crew *crew, uint64_t now,
		      const struct transfer_stats *stats)
{
	struct lane_grow *grow = (struct lane_grow *)crew;
	uint64_t overdue, deadline;
	unsigned more;

	grow->view.now = now;
	if (grow->door == DOOR_UNKNOWN)
		ask_for_door(grow);
	if (grow->door != DOOR_OPEN)
		return UINT64_MAX;
	grow->view.confirmed = stats->bytes_confirmed;
	grow->view.total = stats->bytes_planned > stats->total_bytes
			       ? stats->bytes_planned
			       : stats->total_bytes;
	overdue = end_overdue(grow, now);
	more = lane_policy_ask(&grow->policy, &grow->view);
	while (more > 0 && make_one(grow) == 0)
		more--;
	deadline = lane_policy_deadline(&grow->policy, now);
	return deadline < overdue ? deadline : overdue;
}

static void release(struct lane_crew *crew)
{
	struct lane_grow *grow = (struct lane_grow *)crew;

	atomic_store(&grow->over, 1);
	for (uint32_t i = 0; i < LANES_MAX; i++) {
		struct lane_made *made = grow->growing[i].made;

		if (made == NULL)
			continue;
		pthread_join(made->thread, NULL);
		/* To be closed with all others, at once. */
		lane_set_put(&grow->session->lanes, i, made->result.lane);
		free(made->result.text);
		free(made);
	}
	free(grow);
}

struct lane_crew *lane_grow_create(struct session *session,
				   const struct transfer_carrier *carrier)
{
	static const struct lane_crew_operations operations = {take, pulse,
							       release};
	struct lane_grow *grow = calloc(1, sizeof(*grow));

	if (grow == NULL)
		return NULL;
	grow->crew.operations = &operations;
	grow->session = session;
	grow->carrier = carrier;
	lane_policy_begin(&grow->policy, transfer_carrier_wish(carrier, 0),
			  session->io->clock(session->io->context));
	return &grow->crew;
}
