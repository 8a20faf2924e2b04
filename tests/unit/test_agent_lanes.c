/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: agents bring the lanes of one session together for a client that asks
 * for it, and none does harm with LANES and JOIN.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/peer_rig.h"
#include "tests/unit/scratch.h"

struct fixture {
	struct scratch scratch;
	char target[100];
	char *paths[1];
	struct peer first;
	uint8_t token[LANES_TOKEN_SIZE];
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	scratch_make(&fixture->scratch);
	scratch_folder(&fixture->scratch, "d");
	snprintf(fixture->target, sizeof(fixture->target), "%s/d",
		 fixture->scratch.path);
	fixture->paths[0] = fixture->target;
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	scratch_remove(&fixture->scratch);
	free(fixture);
	return 0;
}

/* A push up to READY. */
static void begin(struct fixture *fixture, uint16_t version)
{
	struct message_open message = {
	    .operation = OPERATION_PUSH,
	    .uuid = "fedcba987654321",
	    .client = "client-of-tests",
	    .paths = fixture->paths,
	    .path_count = 1,
	};
	struct peer *peer = &fixture->first;

	peer_agent(peer);
	peer_say(peer, peer_hello(PEER_NONCE, 1, version));
	peer_hear(peer, FRAME_HELLO);
	peer_say(peer, message_open_encode(&message));
	peer_offer(peer, NULL);
	peer_take_ready(peer);
}

static void ask_for_token(struct fixture *fixture)
{
	struct frame *frame;
	int given;

	peer_say(&fixture->first, message_lanes_encode(NULL));
	while ((frame = peer_next(&fixture->first)) != NULL &&
	       frame->type != FRAME_LANES)
		frame_free(frame);
	assert_non_null(frame);
	assert_int_equal(message_lanes_decode(frame, fixture->token, &given),
			 0);
	assert_true(given);
	frame_free(frame);
}

static struct frame *join_with(const uint8_t *token, uint8_t flags)
{
	struct message_join message = {.flags = flags};

	memcpy(message.token, token, sizeof(message.token));
	return message_join_encode(&message);
}

/* A further agent that is said JOIN. */
static void join(struct fixture *fixture, struct peer *peer)
{
	peer_agent(peer);
	peer_say(peer, peer_hello(PEER_NONCE, 1, PROTOCOL_VERSION));
	peer_hear(peer, FRAME_HELLO);
	peer->epoch = fixture->first.epoch;
	peer_say(peer, join_with(fixture->token, 0));
}

static void is_joined(struct fixture *fixture, struct peer *peer)
{
	struct frame *frame = peer_next(peer);
	struct message_join message;

	assert_non_null(frame);
	assert_int_equal(frame->type, FRAME_JOIN);
	assert_int_equal(frame->epoch, fixture->first.epoch);
	assert_int_equal(message_join_decode(frame, &message), 0);
	assert_memory_equal(message.token, fixture->token,
			    sizeof(message.token));
	frame_free(frame);
}

/* A file whose entry goes on one lane and whose chunk on another; then the end
 * of the session. */
static void push_over(struct fixture *fixture, struct peer *control,
		      struct peer *data)
{
	union message said;

	peer_say(control, peer_entry(ENTRY_FILE, 0, 0, "f", 1, NULL, 5));
	peer_hear(control, FRAME_NEED);
	peer_say(data, peer_chunk(0, 0, "hello"));
	peer_say(control, message_empty(FRAME_FLUSH));
	said = peer_hear(control, FRAME_RECEIPT);
	assert_int_equal(said.receipt.status, 0);
	peer_say(control, message_empty(FRAME_BYE));
	peer_hear(control, FRAME_BYE);
	scratch_holds(&fixture->scratch, "d/f", "hello", 5);
}

static void lanes_come_together(void **state)
{
	struct fixture *fixture = *state;
	struct peer further[3];

	begin(fixture, PROTOCOL_VERSION);
	ask_for_token(fixture);
	for (size_t i = 0; i < 3; i++) {
		join(fixture, &further[i]);
		is_joined(fixture, &further[i]);
	}
	/* One goes again. */
	assert_int_equal(peer_end(&further[0]), EXIT_DONE);
	push_over(fixture, &fixture->first, &further[2]);
	assert_int_equal(peer_end(&fixture->first), EXIT_DONE);
	for (size_t i = 1; i < 3; i++)
		assert_int_equal(peer_end(&further[i]), EXIT_DONE);
}

/* The end of the first lane is not that of the session. */
static void the_first_lane_may_go(void **state)
{
	struct fixture *fixture = *state;
	struct peer further;

	begin(fixture, PROTOCOL_VERSION);
	ask_for_token(fixture);
	join(fixture, &further);
	is_joined(fixture, &further);
	shutdown(fixture->first.descriptor, SHUT_WR);
	assert_null(peer_next(&fixture->first)); /* it has seen that */
	push_over(fixture, &further, &further);
	assert_int_equal(peer_end(&further), EXIT_DONE);
	assert_int_equal(peer_end(&fixture->first), EXIT_DONE);
}

/* What it refuses, it says. */
static void sent_away(struct peer *peer)
{
	union message said = peer_hear(peer, FRAME_ERROR);

	assert_int_equal(said.error.code, EXIT_HELD);
	assert_int_equal(peer_end(peer), EXIT_HELD);
}

static void a_token_that_is_made_up(void **state)
{
	struct fixture *fixture = *state;
	struct peer further;

	begin(fixture, PROTOCOL_VERSION);
	ask_for_token(fixture);
	fixture->token[0] ^= 0x80;
	join(fixture, &further);
	sent_away(&further);
	push_over(fixture, &fixture->first, &fixture->first);
	assert_int_equal(peer_end(&fixture->first), EXIT_DONE);
	/* One of a session that is over. */
	fixture->token[0] ^= 0x80;
	join(fixture, &further);
	sent_away(&further);
}

static void a_join_that_is_none(void **state)
{
	struct peer peer;
	union message said;

	(void)state;
	peer_agent(&peer);
	peer_say(&peer, peer_hello(PEER_NONCE, 1, PROTOCOL_VERSION));
	peer_hear(&peer, FRAME_HELLO);
	peer_say(&peer, message_empty(FRAME_JOIN));
	said = peer_hear(&peer, FRAME_ERROR);
	assert_int_equal(said.error.code, EXIT_PROTOCOL);
	assert_int_equal(peer_end(&peer), EXIT_PROTOCOL);
}

/* The first agent cannot know what the further one has read already. */
static void more_than_join_is_not_passed_on(void **state)
{
	struct fixture *fixture = *state;
	struct peer peer;
	struct frame *frames[2];

	begin(fixture, PROTOCOL_VERSION);
	ask_for_token(fixture);
	peer_agent(&peer);
	peer_say(&peer, peer_hello(PEER_NONCE, 1, PROTOCOL_VERSION));
	peer_hear(&peer, FRAME_HELLO);
	peer.epoch = fixture->first.epoch;
	frames[0] = join_with(fixture->token, 0);
	frames[1] = message_empty(FRAME_PING);
	/* In one piece, with a part of what comes next. */
	for (size_t i = 0; i < 2; i++) {
		frames[i]->epoch = peer.epoch;
		frame_seal(frames[i]);
	}
	{
		uint8_t bytes[200];
		size_t size = FRAME_HEADER_SIZE + frames[0]->body_length;

		memcpy(bytes, frames[0]->bytes, size);
		memcpy(bytes + size, frames[1]->bytes, 7);
		peer_bytes(&peer, bytes, size + 7);
	}
	frame_free(frames[0]);
	frame_free(frames[1]);
	assert_int_equal(peer_end(&peer), EXIT_PROTOCOL);
	push_over(fixture, &fixture->first, &fixture->first);
	assert_int_equal(peer_end(&fixture->first), EXIT_DONE);
}

static void who_asks_on_and_on_is_answered_once(void **state)
{
	struct fixture *fixture = *state;
	struct frame *frame;
	unsigned answers = 0;

	begin(fixture, PROTOCOL_VERSION);
	for (int i = 0; i < 10000; i++)
		peer_say(&fixture->first, message_lanes_encode(NULL));
	peer_say(&fixture->first,
		 peer_entry(ENTRY_FILE, 0, 0, "f", 1, NULL, 5));
	while ((frame = peer_next(&fixture->first)) != NULL) {
		int over = frame->type == FRAME_NEED;

		answers += frame->type == FRAME_LANES;
		frame_free(frame);
		if (over)
			break;
	}
	assert_int_equal(answers, 1);
	assert_int_equal(peer_end(&fixture->first), EXIT_LOST);
}

static void version_1_has_no_lanes(void **state)
{
	struct fixture *fixture = *state;
	union message said;

	begin(fixture, 1);
	peer_say(&fixture->first, message_lanes_encode(NULL));
	said = peer_hear(&fixture->first, FRAME_ERROR);
	assert_int_equal(said.error.code, EXIT_PROTOCOL);
	assert_int_equal(peer_end(&fixture->first), EXIT_PROTOCOL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(lanes_come_together),
	    TEST(the_first_lane_may_go),
	    TEST(a_token_that_is_made_up),
	    TEST(a_join_that_is_none),
	    TEST(more_than_join_is_not_passed_on),
	    TEST(who_asks_on_and_on_is_answered_once),
	    TEST(version_1_has_no_lanes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
