/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: a client comes to as many lanes as it wants, whatever becomes of those
 * in the making and whatever a far end says on them; and it waits for none of
 * them at the end.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/lane_rig.h"
#include "transfer/lane_grow.h"
#include "transfer/session.h"

#define FIRST 1000 /* the far end's ids: of the first lane */
#define TOKEN "0123456789abcdef"

enum how { FAIL, MAKE, SPEAK_FIRST, HANG };

#define KINDS 2

struct fixture {
	struct session session;
	struct transfer_carrier carrier;
	struct transfer_observer observer;
	struct transfer_stats stats;
	uint64_t now;
	struct inbox *far;            /* what the client says, on any lane */
	struct lane *far_lanes[2000]; /* under lock */
	struct frame *first_words;    /* of a far end that SPEAKs FIRST */

	pthread_mutex_t lock; /* of what follows */
	enum how how[KINDS];
	unsigned calls[KINDS]; /* of further */

	unsigned news[3]; /* by enum lane_news */
	char text[200];
	uint8_t flags;               /* of the JOIN that came last */
	unsigned tasks, descriptors; /* before */
};

static void on_lane(void *cookie, enum lane_news news, unsigned kind, int bulk,
		    const char *text)
{
	struct fixture *fixture = cookie;

	(void)kind;
	(void)bulk;
	fixture->news[news]++;
	snprintf(fixture->text, sizeof(fixture->text), "%s",
		 text != NULL ? text : "");
}

static void give_lane(struct fixture *fixture, struct inbox *inbox, uint32_t id,
		      uint32_t far_id, struct lane_result *result)
{
	int pair[2];

	make_sockets(pair);
	result->lane = lane_fd_create(inbox, id, pair[0], pair[0], 0);
	assert_non_null(result->lane);
	pthread_mutex_lock(&fixture->lock);
	fixture->far_lanes[far_id] =
	    lane_fd_create(fixture->far, far_id, pair[1], pair[1], 0);
	assert_non_null(fixture->far_lanes[far_id]);
	pthread_mutex_unlock(&fixture->lock);
}

/* The far end knows a lane by the client's id. */
static int further(void *cookie, unsigned kind, struct inbox *inbox,
		   uint32_t id, const char *nonce, const atomic_int *over,
		   struct lane_result *result)
{
	struct fixture *fixture = cookie;
	const struct timespec step = {.tv_nsec = 1000 * 1000};
	enum how how;

	(void)nonce;
	memset(result, 0, sizeof(*result));
	pthread_mutex_lock(&fixture->lock);
	fixture->calls[kind]++;
	how = fixture->how[kind];
	pthread_mutex_unlock(&fixture->lock);
	while (how == HANG && !atomic_load(over))
		nanosleep(&step, NULL);
	if (how == FAIL || how == HANG) {
		result->code = 255;
		result->text = strdup("no way");
		return -1;
	}
	give_lane(fixture, inbox, id, id, result);
	if (how != SPEAK_FIRST)
		return 0;
	/* Its word is in the inbox before the lane is known there. */
	lane_send(fixture->far_lanes[id], fixture->first_words, 0);
	for (int i = 0; i < 50; i++)
		nanosleep(&step, NULL);
	return 0;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct lane_result first;

	assert_non_null(fixture);
	*state = fixture;
	fixture->tasks = count_tasks();
	fixture->descriptors = count_entries("/proc/self/fd");
	pthread_mutex_init(&fixture->lock, NULL);
	fixture->observer.cookie = fixture;
	fixture->observer.lane = on_lane;
	fixture->carrier.cookie = fixture;
	fixture->carrier.further = further;
	fixture->carrier.kinds = 1;
	fixture->carrier.quick = -1;
	fixture->carrier.lanes = 2;
	fixture->how[0] = fixture->how[1] = MAKE;
	fixture->now = 1000 * SECOND;
	fixture->far = inbox_create();
	assert_int_equal(
	    session_init(&fixture->session, io_system(), &fixture->observer),
	    0);
	fixture->session.version = PROTOCOL_VERSION;
	fixture->session.epoch = EPOCH;
	give_lane(fixture, fixture->session.inbox, 0, FIRST, &first);
	session_set_lane(&fixture->session, first.lane);
	return 0;
}

/* carrier is as the test wants it now. */
static void begin(struct fixture *fixture)
{
	fixture->session.crew =
	    lane_grow_create(&fixture->session, &fixture->carrier);
	assert_non_null(fixture->session.crew);
}

static void *run_close(void *lane)
{
	lane_close(lane);
	return NULL;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	static pthread_t threads[2000];
	static struct lane *closed[2000];

	/* Both ends of a lane wait for each other's end. */
	for (size_t i = 0; i < 2000; i++) {
		pthread_mutex_lock(&fixture->lock);
		closed[i] = fixture->far_lanes[i];
		pthread_mutex_unlock(&fixture->lock);
		if (closed[i] != NULL)
			assert_int_equal(pthread_create(&threads[i], NULL,
							run_close, closed[i]),
					 0);
	}
	session_release(&fixture->session);
	for (size_t i = 0; i < 2000; i++) {
		if (closed[i] != NULL)
			pthread_join(threads[i], NULL);
		else /* it was made meanwhile */
			lane_close(fixture->far_lanes[i]);
	}
	inbox_free(fixture->far);
	assert_entries("/proc/self/task", fixture->tasks);
	assert_entries("/proc/self/fd", fixture->descriptors);
	pthread_mutex_destroy(&fixture->lock);
	free(fixture);
	return 0;
}

static void pulse(struct fixture *fixture)
{
	struct lane_crew *crew = fixture->session.crew;

	crew->operations->pulse(crew, fixture->now, &fixture->stats);
}

/* Take one event in as the session does.  1: it is for the engine. */
static int handle(struct fixture *fixture, struct engine_event *event)
{
	struct session *session = &fixture->session;
	struct lane_crew *crew = session->crew;
	int wanted;

	event->now = fixture->now;
	wanted = lane_set_sift(&session->lanes, event) &&
		 crew->operations->take(crew, event);
	if (wanted && event->type == EVENT_LANE_DOWN)
		lane_set_lose(&session->lanes, event->lane);
	pulse(fixture);
	return wanted;
}

/* The same with the next one. */
static int turn(struct fixture *fixture, struct engine_event *event)
{
	*event = next_event(fixture->session.inbox);
	return handle(fixture, event);
}

/* The same until something is for the engine. */
static struct engine_event turn_until_wanted(struct fixture *fixture)
{
	struct engine_event event;

	while (!turn(fixture, &event))
		;
	return event;
}

static void turn_until(struct fixture *fixture, enum lane_news news,
		       unsigned count)
{
	struct engine_event event;

	while (fixture->news[news] < count)
		turn(fixture, &event);
	assert_int_equal(fixture->news[news], count);
}

/* The next frame that the client said: its lane. */
static uint32_t hear(struct fixture *fixture, enum frame_type type,
		     struct frame **frame)
{
	struct engine_event event;

	do
		event = next_event(fixture->far);
	while (event.type == EVENT_LANE_DOWN);
	assert_int_equal(event.type, EVENT_FRAME);
	assert_int_equal(event.frame->type, type);
	*frame = event.frame;
	return event.lane;
}

static void say(struct fixture *fixture, uint32_t lane, struct frame *frame,
		uint32_t epoch)
{
	assert_non_null(frame);
	lane_send(fixture->far_lanes[lane], frame, epoch);
}

/* It asks for the door. */
static void ask_for_door(struct fixture *fixture)
{
	struct frame *frame;

	pulse(fixture);
	assert_int_equal(hear(fixture, FRAME_LANES, &frame), FIRST);
	assert_int_equal(frame->epoch, EPOCH);
	assert_int_equal(frame->body_length, 0);
	frame_free(frame);
}

/* It is given the token; NULL: there is none. */
static void answer_door(struct fixture *fixture, const char *token)
{
	struct engine_event event;

	say(fixture, FIRST, message_lanes_encode((const uint8_t *)token),
	    EPOCH);
	assert_int_equal(turn(fixture, &event), 0);
}

static void open_door(struct fixture *fixture)
{
	ask_for_door(fixture);
	answer_door(fixture, TOKEN);
}

/* Up to the client's HELLO on a new lane, which is answered with nonce (NULL:
 * the right one). */
static uint32_t greet(struct fixture *fixture, const uint8_t *nonce)
{
	struct message_hello hello;
	struct engine_event event;
	struct frame *frame;
	uint32_t lane;

	assert_int_equal(turn(fixture, &event), 0); /* EVENT_LANE_MADE */
	lane = hear(fixture, FRAME_HELLO, &frame);
	assert_int_equal(message_hello_decode(frame, &hello), 0);
	frame_free(frame);
	if (nonce != NULL)
		memcpy(hello.nonce, nonce, sizeof(hello.nonce));
	say(fixture, lane, message_hello_encode(&hello), 0);
	assert_int_equal(turn(fixture, &event), 0);
	return lane;
}

static struct frame *join(const char *token, uint8_t flags)
{
	struct message_join message = {.flags = flags};

	memcpy(message.token, token, sizeof(message.token));
	return message_join_encode(&message);
}

/* What an agent answers to the next thing that the client says, if any. */
static void answer(struct fixture *fixture)
{
	struct message_join message;
	struct engine_event event;

	if (!inbox_take(fixture->far, &event, clock_now() + SECOND / 1000) ||
	    event.type != EVENT_FRAME)
		return;
	assert_true(event.frame->type == FRAME_HELLO ||
		    event.frame->type == FRAME_JOIN);
	if (event.frame->type == FRAME_JOIN) {
		assert_int_equal(event.frame->epoch, EPOCH);
		assert_int_equal(message_join_decode(event.frame, &message), 0);
		assert_memory_equal(message.token, TOKEN,
				    sizeof(message.token));
		fixture->flags = message.flags;
	}
	say(fixture, event.lane, event.frame, event.frame->epoch);
}

/* All that an agent says, until one more lane is up: the lane's id. */
static uint32_t come_up(struct fixture *fixture, uint8_t flags)
{
	struct lane_set *lanes = &fixture->session.lanes;
	uint64_t until = clock_now() + 60 * SECOND;
	struct engine_event event;

	for (;;) {
		assert_true(clock_now() < until);
		answer(fixture);
		if (!inbox_take(fixture->session.inbox, &event,
				clock_now() + SECOND / 1000) ||
		    !handle(fixture, &event))
			continue;
		if (event.type != EVENT_LANE_SENT)
			break;
	}
	assert_int_equal(event.type, EVENT_LANE_UP);
	assert_int_equal(event.bulk, flags == JOIN_BULK);
	assert_int_equal(fixture->flags, flags);
	return lane_set_id(lanes, event.lane);
}

/* The far end closes it: the client loses it. */
static void lose(struct fixture *fixture, uint32_t lane, uint32_t number)
{
	struct engine_event event;
	pthread_t thread;

	assert_int_equal(
	    pthread_create(&thread, NULL, run_close, fixture->far_lanes[lane]),
	    0);
	event = turn_until_wanted(fixture);
	assert_int_equal(event.type, EVENT_LANE_DOWN);
	assert_int_equal(event.lane, number);
	pthread_join(thread, NULL);
	fixture->far_lanes[lane] = NULL;
}

/* ---- the usual way --------------------------------------------------------
 */

static void a_lane_is_made_and_joined(void **state)
{
	struct fixture *fixture = *state;

	begin(fixture);
	open_door(fixture);
	assert_int_equal(come_up(fixture, 0), 1);
	assert_int_equal(fixture->news[LANE_CAME_UP], 1);
	assert_int_equal(fixture->calls[0], 1);
	assert_int_equal(fixture->session.lanes.up, 2);
}

static void a_bulk_lane_says_so(void **state)
{
	struct fixture *fixture = *state;

	fixture->carrier.bulk = 1;
	begin(fixture);
	open_door(fixture);
	/* Two that carry chunks, since the first does not. */
	come_up(fixture, JOIN_BULK);
	come_up(fixture, JOIN_BULK);
	assert_int_equal(fixture->calls[0], 2);
}

static void without_a_door_there_are_no_lanes(void **state)
{
	struct fixture *fixture = *state;
	struct engine_event event;

	begin(fixture);
	ask_for_door(fixture);
	answer_door(fixture, NULL);
	fixture->now += 100 * SECOND;
	pulse(fixture);
	assert_int_equal(fixture->calls[0], 0);
	/* It does not ask again. */
	while (inbox_take(fixture->far, &event, 0))
		assert_int_not_equal(event.type, EVENT_FRAME);
}

static void a_lane_that_dies_is_replaced(void **state)
{
	struct fixture *fixture = *state;
	uint32_t lane;

	begin(fixture);
	open_door(fixture);
	lane = come_up(fixture, 0);
	for (unsigned i = 1; i <= 20; i++) {
		lose(fixture, lane, lane % LANES_MAX);
		assert_int_equal(fixture->news[LANE_LOST], i);
		assert_int_equal(fixture->session.lanes.up, 1);
		/* Not at once. */
		assert_int_equal(fixture->calls[0], i);
		fixture->now += 600 * SECOND;
		pulse(fixture);
		lane = come_up(fixture, 0);
	}
}

/* The first lane may go before others, and its number to another, which is
 * made in its place. */
static void the_first_number_is_nothing_special(void **state)
{
	struct fixture *fixture = *state;
	uint32_t lane = FIRST;

	fixture->carrier.lanes = 3;
	begin(fixture);
	open_door(fixture);
	come_up(fixture, 0);
	come_up(fixture, 0);
	for (int lost = 0; lost < 3; lost++) {
		lose(fixture, lane, 0);
		assert_int_equal(fixture->news[LANE_LOST], lost);
		assert_int_equal(fixture->session.lanes.up, 2);
		fixture->now += 600 * SECOND;
		pulse(fixture);
		lane = come_up(fixture, 0);
		assert_int_equal(lane % LANES_MAX, 0);
		assert_int_equal(fixture->session.lanes.up, 3);
	}
	assert_int_equal(fixture->calls[0], 5);
}

/* ---- what goes wrong ------------------------------------------------------
 */

static void a_refusal_is_told_and_tried_again(void **state)
{
	struct fixture *fixture = *state;

	fixture->how[0] = FAIL;
	begin(fixture);
	open_door(fixture);
	for (unsigned i = 1; i <= 10; i++) {
		turn_until(fixture, LANE_REFUSED, i);
		assert_string_equal(fixture->text, "no way");
		pulse(fixture);
		assert_int_equal(fixture->calls[0], i);
		if (i == 10)
			fixture->how[0] = MAKE;
		fixture->now += 600 * SECOND;
		pulse(fixture);
	}
	come_up(fixture, 0);
}

/* The far end says this after JOIN. */
static void answers(struct fixture *fixture, struct frame *frame,
		    uint32_t epoch, const char *text)
{
	unsigned refused = fixture->news[LANE_REFUSED];
	struct frame *heard;
	uint32_t lane;

	fixture->now += 600 * SECOND;
	pulse(fixture);
	lane = greet(fixture, NULL);
	assert_int_equal(hear(fixture, FRAME_JOIN, &heard), lane);
	frame_free(heard);
	say(fixture, lane, frame, epoch);
	turn_until(fixture, LANE_REFUSED, refused + 1);
	assert_string_equal(fixture->text, text);
	assert_int_equal(fixture->session.lanes.up, 1);
}

static void a_wrong_answer_to_join_is_a_refusal(void **state)
{
	static const struct message_error held = {
	    .code = 75, .text = "not here", .text_length = 8};
	static const char other[] = "0123456789abcdeX";
	const char *text = "the far end did not join it";
	struct fixture *fixture = *state;

	begin(fixture);
	open_door(fixture);
	fixture->now -= 600 * SECOND;
	answers(fixture, join(other, 0), EPOCH, text);
	answers(fixture, join(TOKEN, 0), EPOCH + 1, text);
	answers(fixture, message_empty(FRAME_PING), EPOCH, text);
	answers(fixture, numbered(1, 1000), EPOCH, text);
	answers(fixture, message_error_encode(&held), 0, "not here");
	fixture->now += 600 * SECOND;
	pulse(fixture);
	come_up(fixture, 0);
}

static void a_hello_for_another_is_a_refusal(void **state)
{
	struct fixture *fixture = *state;

	begin(fixture);
	open_door(fixture);
	greet(fixture, (const uint8_t *)"another nonce is");
	assert_int_equal(fixture->news[LANE_REFUSED], 1);
	fixture->now += 600 * SECOND;
	pulse(fixture);
	come_up(fixture, 0);
}

static void a_lane_that_says_nothing_is_given_up(void **state)
{
	struct fixture *fixture = *state;
	struct engine_event event;
	struct frame *frame;

	begin(fixture);
	open_door(fixture);
	turn(fixture, &event);
	hear(fixture, FRAME_HELLO, &frame);
	frame_free(frame);
	fixture->now += 29 * SECOND;
	pulse(fixture);
	assert_int_equal(fixture->news[LANE_REFUSED], 0);
	fixture->now += 2 * SECOND;
	pulse(fixture);
	assert_int_equal(fixture->news[LANE_REFUSED], 1);
	assert_string_equal(fixture->text, "it was not joined in time");
	fixture->now += 600 * SECOND;
	pulse(fixture);
	come_up(fixture, 0);
}

/* A far end has no business to speak before it is spoken to. */
static void speaks_first(struct fixture *fixture, struct frame *frame)
{
	fixture->first_words = frame;
	fixture->how[0] = SPEAK_FIRST;
	begin(fixture);
	open_door(fixture);
	turn_until(fixture, LANE_REFUSED, 1);
	assert_int_equal(fixture->session.lanes.up, 1);
	fixture->how[0] = MAKE;
	fixture->now += 600 * SECOND;
	pulse(fixture);
	come_up(fixture, 0);
	/* One is all that was wished for. */
	fixture->now += 600 * SECOND;
	pulse(fixture);
	assert_int_equal(fixture->calls[0], 2);
}

static void a_ping_that_comes_first_is_a_refusal(void **state)
{
	speaks_first(*state, message_empty(FRAME_PING));
}

static void a_join_that_comes_first_is_a_refusal(void **state)
{
	speaks_first(*state, join(TOKEN, 0));
}

/* ---- kinds ----------------------------------------------------------------
 */

static void a_kind_that_never_works_gives_way(void **state)
{
	struct fixture *fixture = *state;

	fixture->carrier.kinds = 2;
	fixture->carrier.bulk = 1;
	fixture->how[0] = FAIL;
	begin(fixture);
	open_door(fixture);
	turn_until(fixture, LANE_REFUSED, 2);
	assert_int_equal(fixture->calls[0], 2);
	come_up(fixture, 0);
	assert_int_equal(fixture->calls[0], 2);
	assert_int_equal(fixture->calls[1], 1);
}

/* One refusal of several is no reason: a server drops some when many come. */
static void a_kind_stays_while_one_of_it_may_come_up(void **state)
{
	struct fixture *fixture = *state;
	struct engine_event event;
	struct frame *hello[2], *join[2];
	uint32_t lanes[2];

	fixture->carrier.kinds = 2;
	fixture->carrier.bulk = 1;
	begin(fixture);
	open_door(fixture);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(turn(fixture, &event), 0);
		lanes[i] = hear(fixture, FRAME_HELLO, &hello[i]);
		hear(fixture, FRAME_JOIN, &join[i]);
	}
	frame_free(hello[0]);
	frame_free(join[0]);
	lane_close(fixture->far_lanes[lanes[0]]);
	fixture->far_lanes[lanes[0]] = NULL;
	turn_until(fixture, LANE_REFUSED, 1);
	say(fixture, lanes[1], hello[1], 0);
	assert_int_equal(turn(fixture, &event), 0);
	say(fixture, lanes[1], join[1], EPOCH);
	assert_int_equal(turn_until_wanted(fixture).type, EVENT_LANE_UP);
	fixture->now += 600 * SECOND;
	pulse(fixture);
	come_up(fixture, JOIN_BULK);
	assert_int_equal(fixture->calls[0], 3);
	assert_int_equal(fixture->calls[1], 0);
}

/* ---- the end --------------------------------------------------------------
 */

/* Whoever still makes lanes is told to stop. */
static void the_end_waits_for_no_lane(void **state)
{
	struct fixture *fixture = *state;

	fixture->carrier.lanes = 9;
	fixture->how[0] = HANG;
	begin(fixture);
	open_door(fixture);
}

/* Some are made, and nobody has looked at them yet. */
static void a_lane_may_be_made_at_the_end(void **state)
{
	struct fixture *fixture = *state;

	fixture->carrier.lanes = 9;
	begin(fixture);
	open_door(fixture);
	greet(fixture, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_lane_is_made_and_joined),
	    TEST(a_bulk_lane_says_so),
	    TEST(without_a_door_there_are_no_lanes),
	    TEST(a_lane_that_dies_is_replaced),
	    TEST(the_first_number_is_nothing_special),
	    TEST(a_refusal_is_told_and_tried_again),
	    TEST(a_wrong_answer_to_join_is_a_refusal),
	    TEST(a_hello_for_another_is_a_refusal),
	    TEST(a_lane_that_says_nothing_is_given_up),
	    TEST(a_ping_that_comes_first_is_a_refusal),
	    TEST(a_join_that_comes_first_is_a_refusal),
	    TEST(a_kind_that_never_works_gives_way),
	    TEST(a_kind_stays_while_one_of_it_may_come_up),
	    TEST(the_end_waits_for_no_lane),
	    TEST(a_lane_may_be_made_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
