/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: an agent serves a client that speaks the protocol, and whatever else
 * one says is the end of it: an exit code and a word, nothing outside the
 * target, and no process that stays.
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
	char *paths[2];
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	scratch_make(&fixture->scratch);
	scratch_folder(&fixture->scratch, "d");
	scratch_folder(&fixture->scratch, "outside");
	scratch_text(&fixture->scratch, "outside/x", "mine");
	snprintf(fixture->target, sizeof(fixture->target), "%s/d",
		 fixture->scratch.path);
	fixture->paths[0] = fixture->paths[1] = fixture->target;
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	scratch_holds(&fixture->scratch, "outside/x", "mine", 4);
	scratch_remove(&fixture->scratch);
	free(fixture);
	return 0;
}

/* A push up to READY. */
static void begin_push(struct fixture *fixture, struct peer *peer)
{
	peer_agent(peer);
	peer_open(peer, OPERATION_PUSH, fixture->paths, 1);
	peer_offer(peer, NULL);
	peer_take_ready(peer);
}

/* It says why, and ends with that code. */
static void ends_with(struct peer *peer, int code)
{
	union message said;

	if (!peer_await(peer, FRAME_ERROR, &said))
		fail_msg("it ends without a word");
	assert_int_equal(said.error.code, code);
	assert_int_equal(peer_end(peer), code);
}

static void a_client_that_speaks_it_is_served(void **state)
{
	struct fixture *fixture = *state;
	struct peer peer;
	union message said;

	begin_push(fixture, &peer);
	peer_say(&peer, peer_entry(ENTRY_FILE, 0, 0, "f", 1, NULL, 5));
	said = peer_hear(&peer, FRAME_NEED);
	assert_int_equal(said.need.flags, NEED_LAST);
	peer_say(&peer, peer_chunk(0, 0, "hello"));
	peer_say(&peer, message_empty(FRAME_FLUSH));
	said = peer_hear(&peer, FRAME_RECEIPT);
	assert_int_equal(said.receipt.status, RECEIPT_DONE);
	scratch_holds(&fixture->scratch, "d/f", "hello", 5);
	peer_say(&peer, message_empty(FRAME_BYE));
	peer_hear(&peer, FRAME_BYE);
	assert_int_equal(peer_end(&peer), EXIT_DONE);
	assert_false(scratch_exists(&fixture->scratch, "d/.ferry"));
}

/* Someone has typed "ferry serve", or the connection ended at once. */
static void without_a_hello(void **state)
{
	static const char noise[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	struct fixture *fixture = *state;
	struct peer peer;

	(void)fixture;
	peer_agent(&peer);
	assert_int_equal(peer_end(&peer), EXIT_LOST);
	peer_agent(&peer);
	peer_bytes(&peer, noise, sizeof(noise) - 1);
	assert_int_equal(peer_end(&peer), EXIT_PROTOCOL);
	peer_agent(&peer);
	peer_say(&peer, peer_hello("another-nonce-xx", 1, 1));
	ends_with(&peer, EXIT_PROTOCOL);
	peer_agent(&peer);
	peer_say(&peer, message_empty(FRAME_BYE));
	ends_with(&peer, EXIT_PROTOCOL);
}

/* The client decides; it is told which versions there are. */
static void another_version_is_answered(void **state)
{
	struct peer peer;
	union message said;

	(void)state;
	peer_agent(&peer);
	peer_say(&peer, peer_hello(PEER_NONCE, 900, 901));
	said = peer_hear(&peer, FRAME_HELLO);
	assert_int_equal(said.hello.version_lowest, PROTOCOL_OLDEST);
	assert_int_equal(said.hello.version_highest, PROTOCOL_VERSION);
	assert_memory_equal(said.hello.nonce, PEER_NONCE, 16);
	assert_int_equal(peer_end(&peer), EXIT_LOST);
}

/* A pull up to the agent's OFFER, by a client that says how to send. */
static void begin_pull(struct fixture *fixture, struct peer *peer,
		       uint16_t version)
{
	char source[150], *path = source;
	struct message_open message = {
	    .operation = OPERATION_PULL,
	    .options = OPEN_SENDER,
	    .uuid = "fedcba987654321",
	    .client = "client-of-tests",
	    .paths = &path,
	    .path_count = 1,
	    .compression = 3,
	};

	snprintf(source, sizeof(source), "%s/outside/big",
		 fixture->scratch.path);
	peer_agent(peer);
	peer_say(peer, peer_hello(PEER_NONCE, 1, version));
	peer_hear(peer, FRAME_HELLO);
	peer_say(peer, message_open_encode(&message));
}

static void it_sends_as_it_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct message_ready ready = {.epoch = 33};
	struct message_need need = {.flags = NEED_LAST};
	static char text[5000];
	struct peer peer;
	union message said;

	memset(text, 'x', sizeof(text) - 1);
	scratch_text(&fixture->scratch, "outside/big", text);
	begin_pull(fixture, &peer, 2);
	peer_hear(&peer, FRAME_OFFER);
	peer_say(&peer, message_ready_encode(&ready));
	peer.epoch = 33;
	said = peer_hear(&peer, FRAME_ENTRY);
	need.entry = said.entry->index;
	entry_free(said.entry);
	peer_say(&peer, message_need_encode(&need));
	said = peer_hear(&peer, FRAME_CHUNK);
	assert_int_equal(said.chunk.flags, CHUNK_WHOLE | CHUNK_PACKED);
	assert_int_equal(said.chunk.length, 4999);
	assert_int_equal(peer_end(&peer), EXIT_LOST);
	/* The first version has no words for it. */
	begin_pull(fixture, &peer, 1);
	ends_with(&peer, EXIT_PROTOCOL);
}

static void what_cannot_be_opened(void **state)
{
	struct fixture *fixture = *state;
	struct peer peer;
	char gone[150];
	char *gone_path = gone;

	/* A malformed OPEN. */
	peer_agent(&peer);
	peer_say(&peer, peer_hello(PEER_NONCE, 1, 1));
	peer_hear(&peer, FRAME_HELLO);
	peer_say(&peer, message_empty(FRAME_OPEN));
	ends_with(&peer, EXIT_PROTOCOL);
	/* Two targets. */
	peer_agent(&peer);
	peer_open(&peer, OPERATION_PUSH, fixture->paths, 2);
	ends_with(&peer, EXIT_PROTOCOL);
	/* A target that cannot be. */
	snprintf(gone, sizeof(gone), "%s/no/such", fixture->scratch.path);
	peer_agent(&peer);
	peer_open(&peer, OPERATION_PUSH, &gone_path, 1);
	peer_offer(&peer, NULL);
	ends_with(&peer, EXIT_FILE_IO);
	/* A source that is not there. */
	peer_agent(&peer);
	peer_open(&peer, OPERATION_PULL, &gone_path, 1);
	ends_with(&peer, EXIT_PARTIAL);
	/* An OFFER that is none, and one of a name that leads out. */
	peer_agent(&peer);
	peer_open(&peer, OPERATION_PUSH, fixture->paths, 1);
	peer_say(&peer, message_empty(FRAME_OFFER));
	ends_with(&peer, EXIT_PROTOCOL);
	peer_agent(&peer);
	peer_open(&peer, OPERATION_PUSH, fixture->paths, 1);
	peer_offer(&peer, "../outside/x");
	ends_with(&peer, EXIT_PROTOCOL);
	/* Chunks without an offer. */
	peer_agent(&peer);
	peer_open(&peer, OPERATION_PUSH, fixture->paths, 1);
	peer_say(&peer, peer_chunk(0, 0, "x"));
	ends_with(&peer, EXIT_PROTOCOL);
}

/* First a link that leads out, then what is to go through it. */
static void a_link_of_its_own_leads_nowhere(void **state)
{
	struct fixture *fixture = *state;
	struct peer peer;
	union message said;
	char outside[100];

	snprintf(outside, sizeof(outside), "%s/outside", fixture->scratch.path);
	begin_push(fixture, &peer);
	peer_say(&peer, peer_entry(ENTRY_LINK, 0, 0, "l", 1, outside, 0));
	peer_say(&peer, message_empty(FRAME_FLUSH));
	said = peer_hear(&peer, FRAME_RECEIPT);
	assert_int_equal(said.receipt.status, RECEIPT_DONE);
	peer_say(&peer, peer_entry(ENTRY_FILE, 1, 0, "l/x", 3, NULL, 4));
	peer_say(&peer, peer_entry(ENTRY_FOLDER, 2, 1, "l/new", 5, NULL, 0));
	peer_say(&peer, message_empty(FRAME_FLUSH));
	for (int i = 0; i < 2; i++) {
		said = peer_hear(&peer, FRAME_RECEIPT);
		assert_int_equal(said.receipt.status, RECEIPT_FAILED);
	}
	peer_say(&peer, message_empty(FRAME_BYE));
	peer_hear(&peer, FRAME_BYE);
	peer_end(&peer);
	assert_false(scratch_exists(&fixture->scratch, "outside/new"));
}

/* Bytes that break the framing, at any point of a session. */
static void broken_frames_end_it(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned kind = 0; kind < 6; kind++) {
		struct frame *frame =
		    peer_entry(ENTRY_FILE, 0, 0, "f", 1, NULL, 5);
		size_t size = FRAME_HEADER_SIZE + frame->body_length;
		struct peer peer;

		begin_push(fixture, &peer);
		frame->epoch = peer.epoch;
		frame_seal(frame);
		switch (kind) {
		case 0: /* a type that is none, and its check */
			frame->type = (enum frame_type)99;
			frame_seal(frame);
			break;
		case 1: /* the check */
			frame->bytes[12] ^= 1;
			break;
		case 2: /* the length, without its check */
			frame->bytes[8] ^= 1;
			break;
		case 3: /* longer than any of its type */
			frame->body_length = 1 << 20;
			frame_seal(frame);
			frame->body_length = size - FRAME_HEADER_SIZE;
			break;
		case 4: /* a reserved byte */
			frame->bytes[2] = 1;
			break;
		case 5: /* it ends in the middle */
			size -= 3;
			break;
		}
		peer_bytes(&peer, frame->bytes, size);
		frame_free(frame);
		if (kind == 5)
			assert_int_equal(peer_end(&peer), EXIT_LOST);
		else
			assert_int_equal(peer_end(&peer), EXIT_PROTOCOL);
		/* What was begun is kept, for the next try. */
		assert_false(scratch_exists(&fixture->scratch, "d/f"));
	}
}

static void a_client_that_goes_away(void **state)
{
	struct fixture *fixture = *state;
	struct peer peer;

	begin_push(fixture, &peer);
	peer_say(&peer, peer_entry(ENTRY_FILE, 0, 0, "f", 1, NULL, 5));
	peer_hear(&peer, FRAME_NEED);
	peer_say(&peer, peer_chunk(0, 0, "hello"));
	assert_int_equal(peer_end(&peer), EXIT_LOST);
	/* And one that says so. */
	begin_push(fixture, &peer);
	peer_say(&peer, message_error_encode(&(struct message_error){
			    .code = 20, .text = "^C", .text_length = 2}));
	assert_int_equal(peer_end(&peer), 20);
}

/* Pull: the agent reads, and a client asks for what it may not. */
static void a_client_that_confirms_what_it_cannot_have(void **state)
{
	struct fixture *fixture = *state;
	struct peer peer;
	const struct message_ready ready = {.uuid = "fedcba987654321",
					    .epoch = 9};
	const struct message_receipt done = {.entry = 1};
	union message said;

	scratch_text(&fixture->scratch, "d/f", "hello");
	peer_agent(&peer);
	peer_open(&peer, OPERATION_PULL, fixture->paths, 1);
	peer_hear(&peer, FRAME_OFFER);
	peer_say(&peer, message_ready_encode(&ready));
	peer.epoch = 9;
	for (int i = 0; i < 2; i++) { /* the folder, the file */
		said = peer_hear(&peer, FRAME_ENTRY);
		entry_free(said.entry);
	}
	peer_say(&peer, message_receipt_encode(&done));
	ends_with(&peer, EXIT_PROTOCOL);
	scratch_holds(&fixture->scratch, "d/f", "hello", 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_client_that_speaks_it_is_served),
	    TEST(without_a_hello),
	    TEST(another_version_is_answered),
	    TEST(it_sends_as_it_is_told),
	    TEST(what_cannot_be_opened),
	    TEST(a_link_of_its_own_leads_nowhere),
	    TEST(broken_frames_end_it),
	    TEST(a_client_that_goes_away),
	    TEST(a_client_that_confirms_what_it_cannot_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
