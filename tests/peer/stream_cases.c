/* SPDX-License-Identifier: BSD-2-Clause */
/* What is no frame, or no frame that may come, before anything is agreed on. */
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "tests/peer/peer.h"

/* A header with the right check, whatever it says. */
static void send_header(struct peer *peer, uint8_t type, uint8_t reserved,
			uint32_t length)
{
	uint8_t header[FRAME_HEADER_SIZE] = {type, 0, reserved};
	XXH64_hash_t check;

	for (int i = 0; i < 4; i++) {
		header[4 + i] = (uint8_t)(peer->epoch >> 8 * i);
		header[8 + i] = (uint8_t)(length >> 8 * i);
	}
	check = XXH3_64bits(header, 12);
	for (int i = 0; i < 4; i++)
		header[12 + i] = (uint8_t)(check >> 8 * i);
	peer_send_bytes(peer, header, sizeof(header));
}

static void send_zeros(struct peer *peer, size_t length)
{
	uint8_t *zeros = calloc(1, length);

	peer_send_bytes(peer, zeros, length);
	free(zeros);
}

/* ---- in place of HELLO -------------------------------------------------- */

static void nothing(struct peer *peer)
{
	peer_end(peer);
}

static void half_a_hello(struct peer *peer)
{
	send_header(peer, FRAME_HELLO, 0, 20);
	peer_send_bytes(peer, peer->nonce, 10);
	peer_end(peer);
}

static void garbage(struct peer *peer)
{
	uint8_t bytes[4096];

	memset(bytes, 0x5a, sizeof(bytes));
	for (int i = 0; i < 50; i++) {
		if (peer_send_bytes(peer, bytes, sizeof(bytes)) == -1)
			return;
	}
}

static void send_hello(struct peer *peer, uint8_t flip, uint16_t lowest)
{
	struct message_hello hello = {.version_lowest = lowest,
				      .version_highest = UINT16_MAX};

	memcpy(hello.nonce, peer->nonce, sizeof(hello.nonce));
	hello.nonce[15] ^= flip;
	peer_send(peer, message_hello_encode(&hello));
}

static void another_nonce(struct peer *peer)
{
	send_hello(peer, 1, PROTOCOL_VERSION);
	if (peer->is_agent)
		peer_end(peer); /* the client goes on looking */
}

/* It is for the client to say that they do not fit. */
static void another_version(struct peer *peer)
{
	send_hello(peer, 0, PROTOCOL_VERSION + 1);
	if (!peer->is_agent)
		peer_end(peer);
}

static void impossible_versions(struct peer *peer)
{
	send_hello(peer, 0, 0);
}

/* ---- after it ----------------------------------------------------------- */

static void ends_after_hello(struct peer *peer)
{
	peer_hello(peer);
	peer_end(peer);
}

static void a_header_damaged(struct peer *peer)
{
	static const uint8_t header[FRAME_HEADER_SIZE] = {FRAME_PING, 0, 0,
							  0,          0, 0};

	peer_hello(peer);
	peer_send_bytes(peer, header, sizeof(header));
}

static void an_unknown_type(struct peer *peer)
{
	peer_hello(peer);
	send_header(peer, FRAME_TYPE_COUNT, 0, 0);
}

static void type_zero(struct peer *peer)
{
	peer_hello(peer);
	send_header(peer, 0, 0, 0);
}

static void a_reserved_byte(struct peer *peer)
{
	peer_hello(peer);
	send_header(peer, FRAME_PING, 1, 0);
}

static void a_huge_length(struct peer *peer)
{
	peer_hello(peer);
	send_header(peer, FRAME_CHUNK, 0, UINT32_MAX);
}

static void a_length_above_its_type(struct peer *peer)
{
	peer_hello(peer);
	send_header(peer, FRAME_WITHDRAW, 0, 9);
}

static void half_a_frame(struct peer *peer)
{
	peer_hello(peer);
	send_header(peer, FRAME_OFFER, 0, 22);
	peer_send_bytes(peer, peer->nonce, 7);
	peer_end(peer);
}

static void hello_again(struct peer *peer)
{
	struct message_hello hello = {.version_lowest = 1,
				      .version_highest = 1};

	peer_hello(peer);
	peer_send(peer, message_hello_encode(&hello));
}

static void chunk_before_all(struct peer *peer)
{
	peer_hello(peer);
	send_header(peer, FRAME_CHUNK, 0, CHUNK_HEADER_SIZE + 1);
	send_zeros(peer, CHUNK_HEADER_SIZE + 1);
}

static void bye_before_all(struct peer *peer)
{
	peer_hello(peer);
	peer_send(peer, message_empty(FRAME_BYE));
}

/* Each of the messages that may come next, all zero, of any length. */
static void zeros_of(struct peer *peer, uint8_t type, uint32_t length)
{
	peer_hello(peer);
	send_header(peer, type, 0, length);
	send_zeros(peer, length);
}

static void open_of_zeros(struct peer *peer)
{
	zeros_of(peer, FRAME_OPEN, 55);
}

static void open_of_nothing(struct peer *peer)
{
	zeros_of(peer, FRAME_OPEN, 0);
}

static void offer_of_zeros(struct peer *peer)
{
	zeros_of(peer, FRAME_OFFER, 23);
}

static void ready_of_zeros(struct peer *peer)
{
	zeros_of(peer, FRAME_READY, 37);
}

static void manifest_of_zeros(struct peer *peer)
{
	zeros_of(peer, FRAME_MANIFEST, 1000);
}

/* As if this were the file that is pulled. */
static void offers_another_name(struct peer *peer)
{
	peer_begin_sender(peer, "another");
}

static void sends_another_name(struct peer *peer)
{
	peer_begin_sender(peer, NULL);
	peer_entry(peer, ENTRY_FILE, "another", 7, 5, NULL);
	frame_free(peer_receive(peer, FRAME_RECEIPT));
	peer_send(peer, message_empty(FRAME_BYE));
}

static void error_zero(struct peer *peer)
{
	struct message_error error = {.code = 0, .text = "x", .text_length = 1};

	peer_hello(peer);
	peer_send(peer, message_error_encode(&error));
}

static void an_error_with_escapes(struct peer *peer)
{
	static const char text[] =
	    "\033[2J\033]0;title\007\nferry: all is well";
	struct message_error error = {.code = EXIT_FAILURE + 10,
				      .text = text,
				      .text_length = sizeof(text) - 1};

	peer_hello(peer);
	peer_send(peer, message_error_encode(&error));
}

/* Of what is pulled, and not in the lists. */
const struct peer_case peer_name_cases[] = {
    {"offers-another-name", offers_another_name},
    {"sends-another-name", sends_another_name},
    {NULL, NULL},
};

const struct peer_case peer_stream_cases[] = {
    {"nothing", nothing},
    {"half-a-hello", half_a_hello},
    {"garbage", garbage},
    {"another-nonce", another_nonce},
    {"another-version", another_version},
    {"impossible-versions", impossible_versions},
    {"ends-after-hello", ends_after_hello},
    {"a-header-damaged", a_header_damaged},
    {"an-unknown-type", an_unknown_type},
    {"type-zero", type_zero},
    {"a-reserved-byte", a_reserved_byte},
    {"a-huge-length", a_huge_length},
    {"a-length-above-its-type", a_length_above_its_type},
    {"half-a-frame", half_a_frame},
    {"hello-again", hello_again},
    {"chunk-before-all", chunk_before_all},
    {"bye-before-all", bye_before_all},
    {"open-of-zeros", open_of_zeros},
    {"open-of-nothing", open_of_nothing},
    {"offer-of-zeros", offer_of_zeros},
    {"ready-of-zeros", ready_of_zeros},
    {"manifest-of-zeros", manifest_of_zeros},
    {"error-zero", error_zero},
    {"an-error-with-escapes", an_error_with_escapes},
    {NULL, NULL},
};
