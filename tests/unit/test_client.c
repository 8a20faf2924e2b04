/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: a client is served by an agent that speaks the protocol, and whatever
 * else one says is the end of it: an exit code and a word; and nothing is
 * written but what was asked for.
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
	char source[100];
	char *sources[1];
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	scratch_make(&fixture->scratch);
	scratch_folder(&fixture->scratch, "d");
	scratch_folder(&fixture->scratch, "outside");
	scratch_text(&fixture->scratch, "outside/x", "mine");
	scratch_text(&fixture->scratch, "f", "hello");
	snprintf(fixture->target, sizeof(fixture->target), "%s/d",
		 fixture->scratch.path);
	snprintf(fixture->source, sizeof(fixture->source), "%s/f",
		 fixture->scratch.path);
	fixture->sources[0] = fixture->source;
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	scratch_holds(&fixture->scratch, "outside/x", "mine", 4);
	scratch_holds(&fixture->scratch, "f", "hello", 5);
	scratch_remove(&fixture->scratch);
	free(fixture);
	return 0;
}

static void push(struct fixture *fixture, struct peer *peer)
{
	peer_client(peer, OPERATION_PUSH, fixture->sources, 1, "far");
}

static void pull(struct fixture *fixture, struct peer *peer)
{
	peer_client(peer, OPERATION_PULL, fixture->sources, 1, fixture->target);
}

/* A pull up to READY. */
static void begin_pull(struct fixture *fixture, struct peer *peer)
{
	pull(fixture, peer);
	peer_accept(peer);
	peer_offer(peer, NULL);
	peer_take_ready(peer);
}

/* A push up to READY; the epoch is ours to choose. */
static void begin_push(struct fixture *fixture, struct peer *peer)
{
	struct message_ready ready = {.epoch = 33};

	memset(ready.uuid, 5, sizeof(ready.uuid));
	push(fixture, peer);
	peer_accept(peer);
	peer_hear(peer, FRAME_OFFER);
	peer_say(peer, message_ready_encode(&ready));
	peer->epoch = 33;
}

/* The user is told why, and the agent too. */
static void ends_with(struct peer *peer, int code)
{
	union message said;

	if (!peer_await(peer, FRAME_ERROR, &said))
		fail_msg("it ends without a word");
	assert_int_equal(said.error.code, code);
	shutdown(peer->descriptor, SHUT_WR);
	pthread_join(peer->thread, NULL);
	assert_int_equal(peer->code, code);
	assert_non_null(peer->result.text);
	close(peer->descriptor);
	free(peer->result.text);
}

/* It says nothing to an agent that is gone; text is in what the user hears. */
static void ends_without_us(struct peer *peer, int code, const char *text)
{
	shutdown(peer->descriptor, SHUT_RDWR);
	pthread_join(peer->thread, NULL);
	assert_int_equal(peer->code, code);
	assert_non_null(peer->result.text);
	assert_non_null(strstr(peer->result.text, text));
	close(peer->descriptor);
	free(peer->result.text);
}

static void a_push_is_served(void **state)
{
	struct peer peer;
	union message said;
	struct message_need need = {.flags = NEED_LAST};
	struct message_receipt receipt = {.status = RECEIPT_DONE,
					  .file = digest_of("hello", 5)};
	struct message_ack ack = {0};

	begin_push(*state, &peer);
	said = peer_hear(&peer, FRAME_ENTRY);
	assert_string_equal(said.entry->path, "f");
	need.entry = receipt.entry = said.entry->index;
	ack.below = said.entry->first_seq + 1;
	entry_free(said.entry);
	peer_say(&peer, message_need_encode(&need));
	said = peer_hear(&peer, FRAME_CHUNK);
	assert_int_equal(said.chunk.length, 5);
	peer_say(&peer, message_ack_encode(&ack));
	peer_say(&peer, message_receipt_encode(&receipt));
	peer_hear(&peer, FRAME_BYE);
	peer_say(&peer, message_empty(FRAME_BYE));
	assert_int_equal(peer_end(&peer), EXIT_DONE);
	assert_int_equal(peer.report_count, 1);
	assert_int_equal(peer.reports[0].kind, REPORT_DONE);
}

static void a_pull_is_served(void **state)
{
	struct fixture *fixture = *state;
	struct peer peer;

	begin_pull(fixture, &peer);
	peer_say(&peer, peer_entry(ENTRY_FILE, 0, 0, "f", 1, NULL, 5));
	peer_hear(&peer, FRAME_NEED);
	peer_say(&peer, peer_chunk(0, 0, "hello"));
	peer_say(&peer, message_empty(FRAME_FLUSH));
	peer_hear(&peer, FRAME_RECEIPT);
	peer_say(&peer, message_empty(FRAME_BYE));
	peer_hear(&peer, FRAME_BYE);
	assert_int_equal(peer_end(&peer), EXIT_DONE);
	scratch_holds(&fixture->scratch, "d/f", "hello", 5);
	assert_false(scratch_exists(&fixture->scratch, "d/.ferry"));
}

/* The line breaks after a file has come; the next one is made by itself, and
 * only the rest goes over it. */
static void a_lost_line_is_made_again(void **state)
{
	struct fixture *fixture = *state;
	char source[] = "far/";
	char *sources[] = {source};
	struct peer peer;
	union message said;

	peer_client_init(&peer, OPERATION_PULL, sources, 1);
	peer.request.target = fixture->target;
	peer.request.give_up = 0;
	peer.tries = 3;
	peer_client_start(&peer);
	for (int line = 0; line < 3; line++) {
		if (line > 0)
			peer_await_connection(&peer);
		peer_accept(&peer);
		peer_offer(&peer, NULL);
		said = peer_hear(&peer, FRAME_READY);
		peer.epoch = said.ready.epoch;
		assert_int_equal(said.ready.resumed, line > 0);
		peer_say(&peer, peer_entry(ENTRY_FILE, said.ready.next_entry,
					   said.ready.next_seq,
					   line == 0 ? "f" : "g", 1, NULL, 5));
		peer_hear(&peer, FRAME_NEED);
		/* On the second one nothing comes at all. */
		if (line != 1) {
			peer_say(&peer,
				 peer_chunk(said.ready.next_entry,
					    said.ready.next_seq, "hello"));
			peer_say(&peer, message_empty(FRAME_FLUSH));
			said = peer_hear(&peer, FRAME_RECEIPT);
			assert_int_equal(said.receipt.status, RECEIPT_DONE);
		}
		if (line < 2)
			close(peer.descriptor);
	}
	peer_say(&peer, message_empty(FRAME_BYE));
	peer_hear(&peer, FRAME_BYE);
	assert_int_equal(peer_end(&peer), EXIT_DONE);
	assert_int_equal(peer.result.reconnects, 2);
	assert_int_equal(peer.result.retries, 2);
	assert_int_equal(peer.retries, 2);
	assert_int_equal(peer.result.resumed, 0); /* by this run itself */
	scratch_holds(&fixture->scratch, "d/f", "hello", 5);
	scratch_holds(&fixture->scratch, "d/g", "hello", 5);
}

/* ---- further lanes --------------------------------------------------------
 */

/* It never comes to that. */
static int no_further(void *cookie, unsigned kind, struct inbox *inbox,
		      uint32_t id, const char *nonce, const atomic_int *over,
		      struct lane_result *result)
{
	(void)cookie;
	(void)kind;
	(void)inbox;
	(void)id;
	(void)nonce;
	(void)over;
	memset(result, 0, sizeof(*result));
	result->code = EXIT_LOST;
	return -1;
}

/* A client that wants several lanes, of an agent of that version, up to its
 * FLUSH or BYE.  How often it asked for them; answer may be NULL. */
static unsigned asks_for_lanes(struct fixture *fixture, struct peer *peer,
			       uint16_t version, const void *token, int again)
{
	struct message_ready ready = {.epoch = 33};
	struct frame *frame;
	unsigned asked = 0;
	union message said;

	memset(ready.uuid, 5, sizeof(ready.uuid));
	peer_client_init(peer, OPERATION_PUSH, fixture->sources, 1);
	peer->request.target = "far";
	peer->request.carrier.kinds = 1;
	peer->request.carrier.lanes = 4;
	peer->request.carrier.further = no_further;
	peer_client_start(peer);
	said = peer_hear(peer, FRAME_HELLO);
	peer_say(peer, peer_hello(said.hello.nonce, 1, version));
	said = peer_hear(peer, FRAME_OPEN);
	message_open_free(&said.open);
	peer_hear(peer, FRAME_OFFER);
	peer_say(peer, message_ready_encode(&ready));
	peer->epoch = 33;
	while ((frame = peer_next(peer)) != NULL) {
		int is_entry = frame->type == FRAME_ENTRY;

		asked += frame->type == FRAME_LANES;
		frame_free(frame);
		if (is_entry && (asked > 0 || version < 2))
			break;
	}
	for (int i = 0; i <= again; i++)
		if (token != NULL)
			peer_say(peer, message_lanes_encode(token));
	return asked;
}

static void version_1_is_not_asked_for_lanes(void **state)
{
	struct peer peer;

	assert_int_equal(asks_for_lanes(*state, &peer, 1, NULL, 0), 0);
	/* Nor does such an agent speak of them. */
	peer_say(&peer, message_lanes_encode(NULL));
	ends_with(&peer, EXIT_PROTOCOL);
}

static void an_agent_is_asked_for_lanes_once(void **state)
{
	struct peer peer;

	assert_int_equal(
	    asks_for_lanes(*state, &peer, 2, "token of a test..", 100), 1);
	ends_without_us(&peer, EXIT_LOST, "");
}

/* A JOIN has no place where a session is. */
static void a_join_on_a_lane_that_is_up(void **state)
{
	static const struct message_join message = {.flags = 0};
	struct peer peer;

	asks_for_lanes(*state, &peer, 2, NULL, 0);
	peer_say(&peer, message_join_encode(&message));
	ends_with(&peer, EXIT_PROTOCOL);
}

static void an_agent_that_is_none(void **state)
{
	struct peer peer;
	union message said;

	push(*state, &peer);
	ends_without_us(&peer, EXIT_LOST, "");
	/* Its HELLO has another nonce. */
	push(*state, &peer);
	peer_say(&peer, peer_hello("another-nonce-xx", 1, 1));
	ends_with(&peer, EXIT_PROTOCOL);
	/* It speaks another version. */
	push(*state, &peer);
	said = peer_hear(&peer, FRAME_HELLO);
	peer_say(&peer, peer_hello(said.hello.nonce, 7, 9));
	ends_with(&peer, EXIT_INCOMPATIBLE);
	/* It says BYE instead. */
	push(*state, &peer);
	peer_say(&peer, message_empty(FRAME_BYE));
	ends_with(&peer, EXIT_PROTOCOL);
	/* Versions around ours are fine. */
	push(*state, &peer);
	said = peer_hear(&peer, FRAME_HELLO);
	peer_say(&peer, peer_hello(said.hello.nonce, 1, 900));
	said = peer_hear(&peer, FRAME_OPEN);
	message_open_free(&said.open);
	ends_without_us(&peer, EXIT_LOST, "");
}

/* ---- how the sending end is to send -------------------------------------- */

/* A client with wishes, up to the OPEN that an agent of that version gets. */
static struct message_open open_of(struct fixture *fixture, struct peer *peer,
				   enum operation operation, uint16_t version)
{
	union message said;

	peer_client_init(peer, operation, fixture->sources, 1);
	peer->request.target =
	    operation == OPERATION_PUSH ? "far" : fixture->target;
	peer->request.compression = 3;
	peer->request.rate = version == 1 && operation == OPERATION_PULL
				 ? 0
				 : UINT64_C(1000000000);
	peer_client_start(peer);
	said = peer_hear(peer, FRAME_HELLO);
	peer_say(peer, peer_hello(said.hello.nonce, 1, version));
	said = peer_hear(peer, FRAME_OPEN);
	message_open_free(&said.open);
	return said.open;
}

static void only_a_new_agent_is_told_how_to_send(void **state)
{
	struct fixture *fixture = *state;
	struct message_open open;
	struct peer peer;

	open = open_of(fixture, &peer, OPERATION_PULL, 2);
	assert_int_equal(open.options, OPEN_SENDER);
	assert_int_equal(open.compression, 3);
	assert_int_equal(open.rate, 1000000000);
	ends_without_us(&peer, EXIT_LOST, "");
	open = open_of(fixture, &peer, OPERATION_PULL, 1);
	assert_int_equal(open.options, 0);
	ends_without_us(&peer, EXIT_LOST, "");
	/* In a push the client sends. */
	open = open_of(fixture, &peer, OPERATION_PUSH, 2);
	assert_int_equal(open.options, 0);
	ends_without_us(&peer, EXIT_LOST, "");
}

static void an_old_agent_keeps_to_no_rate(void **state)
{
	struct fixture *fixture = *state;
	struct peer peer;
	union message said;

	peer_client_init(&peer, OPERATION_PULL, fixture->sources, 1);
	peer.request.target = fixture->target;
	peer.request.rate = 1000;
	peer_client_start(&peer);
	said = peer_hear(&peer, FRAME_HELLO);
	peer_say(&peer, peer_hello(said.hello.nonce, 1, 1));
	ends_with(&peer, EXIT_INCOMPATIBLE);
}

static void only_a_new_agent_gets_packed_chunks(void **state)
{
	struct fixture *fixture = *state;
	struct message_need need = {.flags = NEED_LAST};
	struct message_ready ready = {.epoch = 33};
	static char text[5000];
	struct peer peer;
	union message said;

	memset(text, 'x', sizeof(text) - 1);
	scratch_text(&fixture->scratch, "f", text);
	for (uint16_t version = 1; version <= 2; version++) {
		open_of(fixture, &peer, OPERATION_PUSH, version);
		peer_hear(&peer, FRAME_OFFER);
		peer_say(&peer, message_ready_encode(&ready));
		peer.epoch = 33;
		said = peer_hear(&peer, FRAME_ENTRY);
		need.entry = said.entry->index;
		entry_free(said.entry);
		peer_say(&peer, message_need_encode(&need));
		said = peer_hear(&peer, FRAME_CHUNK);
		assert_int_equal(said.chunk.length, 4999);
		assert_int_equal(said.chunk.flags,
				 version == 1 ? CHUNK_WHOLE
					      : CHUNK_WHOLE | CHUNK_PACKED);
		if (version == 2)
			assert_true(said.chunk.size < 100);
		ends_without_us(&peer, EXIT_LOST, "");
	}
	scratch_text(&fixture->scratch, "f", "hello");
}

static void an_agent_that_refuses(void **state)
{
	struct peer peer;
	static const struct message_error held = {
	    .code = EXIT_HELD,
	    .text = "it is held by process 7",
	    .text_length = 23,
	};
	static const struct message_error nothing = {.code = 0, .text = ""};

	push(*state, &peer);
	peer_accept(&peer);
	peer_say(&peer, message_error_encode(&held));
	ends_without_us(&peer, EXIT_HELD, "it is held by process 7");
	/* 0 is no failure. */
	push(*state, &peer);
	peer_accept(&peer);
	peer_say(&peer, message_error_encode(&nothing));
	ends_without_us(&peer, EXIT_PROTOCOL, "malformed error");
	/* READY in a form that is none. */
	push(*state, &peer);
	peer_accept(&peer);
	peer_say(&peer, message_empty(FRAME_READY));
	ends_with(&peer, EXIT_PROTOCOL);
}

static void an_agent_that_confirms_what_it_cannot_have(void **state)
{
	struct message_receipt receipt = {.status = RECEIPT_DONE};
	struct message_need need = {.flags = NEED_LAST};
	struct peer peer;
	union message said;

	for (int sent = 0; sent < 2; sent++) {
		begin_push(*state, &peer);
		said = peer_hear(&peer, FRAME_ENTRY);
		receipt.entry = need.entry = said.entry->index;
		entry_free(said.entry);
		if (sent) {
			peer_say(&peer, message_need_encode(&need));
			peer_hear(&peer, FRAME_CHUNK);
			receipt.file = digest_of("other", 5);
		}
		peer_say(&peer, message_receipt_encode(&receipt));
		assert_int_equal(peer.report_count, 0);
		ends_with(&peer, EXIT_PROTOCOL);
	}
}

static void a_hostile_offer_ends_it(void **state)
{
	static const char *const names[] = {
	    "..", ".", "/etc/passwd", "a/b", "../f", "", ".ferry", "outside/"};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct peer peer;

		pull(fixture, &peer);
		peer_accept(&peer);
		peer_offer(&peer, names[i]);
		ends_with(&peer, EXIT_PROTOCOL);
	}
}

/* One file was asked for: no other comes with it. */
static void only_what_was_offered_is_taken(void **state)
{
	struct fixture *fixture = *state;
	struct peer peer;
	union message said;

	pull(fixture, &peer);
	peer_accept(&peer);
	peer_offer(&peer, "f");
	peer_take_ready(&peer);
	peer_say(&peer, peer_entry(ENTRY_FILE, 0, 0, "g", 1, NULL, 5));
	peer_say(&peer, peer_entry(ENTRY_FOLDER, 1, 1, "f", 1, NULL, 0));
	peer_say(&peer, message_empty(FRAME_FLUSH));
	for (int i = 0; i < 2; i++) {
		said = peer_hear(&peer, FRAME_RECEIPT);
		assert_int_equal(said.receipt.status, RECEIPT_FAILED);
	}
	peer_end(&peer);
	assert_false(scratch_exists(&fixture->scratch, "d/g"));
	assert_false(scratch_exists(&fixture->scratch, "d/f"));
}

/* Neither the set-user bit nor a device: those are not even words of the
 * protocol but for the bits of the mode. */
static void modes_are_cut(void **state)
{
	struct fixture *fixture = *state;
	struct entry *entry = entry_create(ENTRY_FILE, "f", 1, NULL, 0);
	struct peer peer;

	begin_pull(fixture, &peer);
	entry->mode = 06777;
	entry->size = 5;
	peer_say(&peer, message_entry_encode(entry));
	entry_free(entry);
	peer_hear(&peer, FRAME_NEED);
	peer_say(&peer, peer_chunk(0, 0, "hello"));
	peer_say(&peer, message_empty(FRAME_FLUSH));
	peer_hear(&peer, FRAME_RECEIPT);
	peer_end(&peer);
	assert_int_equal(scratch_stat(&fixture->scratch, "d/f").st_mode & 07777,
			 0777);
}

static int take_line(void *cookie, const char *line, size_t length)
{
	(void)cookie;
	return length > 0 && line[length - 1] == '\n' ? 0 : 12;
}

static void half_a_line_of_a_manifest(void **state)
{
	static const char text[] = "{}\n{\"half";
	struct fixture *fixture = *state;
	struct peer peer;
	struct frame *frame = frame_create(FRAME_MANIFEST, sizeof(text) - 1);

	memcpy(frame_body(frame), text, sizeof(text) - 1);
	frame->body_length = sizeof(text) - 1;
	peer_client_verify(&peer, fixture->sources, 1, take_line);
	peer_accept(&peer);
	peer_say(&peer, frame);
	ends_with(&peer, EXIT_PROTOCOL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_push_is_served),
	    TEST(a_pull_is_served),
	    TEST(a_lost_line_is_made_again),
	    TEST(version_1_is_not_asked_for_lanes),
	    TEST(an_agent_is_asked_for_lanes_once),
	    TEST(a_join_on_a_lane_that_is_up),
	    TEST(an_agent_that_is_none),
	    TEST(only_a_new_agent_is_told_how_to_send),
	    TEST(an_old_agent_keeps_to_no_rate),
	    TEST(only_a_new_agent_gets_packed_chunks),
	    TEST(an_agent_that_refuses),
	    TEST(an_agent_that_confirms_what_it_cannot_have),
	    TEST(a_hostile_offer_ends_it),
	    TEST(only_what_was_offered_is_taken),
	    TEST(modes_are_cut),
	    TEST(half_a_line_of_a_manifest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
