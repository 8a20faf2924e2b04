/* SPDX-License-Identifier: BSD-2-Clause */
/* A receiver that the sender must not believe: what it confirms it must have
 * been sent. */
#include <stdlib.h>
#include <string.h>

#include "tests/peer/peer.h"

/* The first file that is announced. */
static struct entry *await_file(struct peer *peer)
{
	for (;;) {
		struct frame *frame = peer_receive(peer, FRAME_ENTRY);
		struct entry *entry;

		if (frame == NULL || message_entry_decode(frame, &entry) == -1)
			exit(99);
		frame_free(frame);
		if (entry->type == ENTRY_FILE)
			return entry;
		entry_free(entry);
	}
}

static void receipt(struct peer *peer, uint64_t index,
		    enum receipt_status status)
{
	struct message_receipt message = {.entry = index, .status = status};

	message.file.bytes[3] = 1;
	if (status == RECEIPT_FAILED) {
		message.text = "\033[2J\nferry: all is well";
		message.text_length = strlen(message.text);
	}
	peer_send(peer, message_receipt_encode(&message));
}

static void a_receipt_at_once(struct peer *peer)
{
	struct entry *entry = await_file(peer);

	receipt(peer, entry->index, RECEIPT_DONE);
	entry_free(entry);
}

static void need_all(struct peer *peer, uint64_t index)
{
	struct message_need need = {.entry = index, .flags = NEED_LAST};

	peer_send(peer, message_need_encode(&need));
}

static void a_receipt_with_another_digest(struct peer *peer)
{
	struct entry *entry = await_file(peer);

	need_all(peer, entry->index);
	frame_free(peer_receive(peer, FRAME_CHUNK));
	receipt(peer, entry->index, RECEIPT_DONE);
	entry_free(entry);
}

static void a_receipt_of_no_entry(struct peer *peer)
{
	receipt(peer, 99999, RECEIPT_DONE);
	peer_send(peer, message_empty(FRAME_BYE));
}

static void a_failure_with_escapes(struct peer *peer)
{
	struct entry *entry = await_file(peer);

	receipt(peer, entry->index, RECEIPT_FAILED);
	entry_free(entry);
	frame_free(peer_receive(peer, FRAME_BYE));
	peer_send(peer, message_empty(FRAME_BYE));
}

static void a_need_beyond_the_file(struct peer *peer)
{
	static const uint8_t digests[16 * 3];
	struct entry *entry = await_file(peer);
	struct message_need need = {.entry = entry->index,
				    .flags = NEED_LAST,
				    .first_leaf = UINT32_MAX,
				    .leaf_count = 3,
				    .all = 3,
				    .digests = digests};

	peer_send(peer, message_need_encode(&need));
	entry_free(entry);
}

static void nacks_without_end(struct peer *peer)
{
	struct entry *entry = await_file(peer);
	struct message_nack nack = {.seq = entry->first_seq,
				    .entry = entry->index,
				    .reason = NACK_DIGEST};

	need_all(peer, entry->index);
	/* After the fifth it is given up. */
	for (int i = 0; i < 5; i++) {
		frame_free(peer_receive(peer, FRAME_CHUNK));
		peer_send(peer, message_nack_encode(&nack));
	}
	entry_free(entry);
	frame_free(peer_receive(peer, FRAME_PROBLEM));
	receipt(peer, nack.entry, RECEIPT_WITHDRAWN);
	frame_free(peer_receive(peer, FRAME_BYE));
	peer_send(peer, message_empty(FRAME_BYE));
}

static void nacks_of_the_disk(struct peer *peer)
{
	struct entry *entry = await_file(peer);
	struct message_nack nack = {.seq = entry->first_seq,
				    .entry = entry->index,
				    .reason = NACK_DISK};

	need_all(peer, entry->index);
	for (int i = 0; i < 100; i++)
		peer_send(peer, message_nack_encode(&nack));
	receipt(peer, entry->index, RECEIPT_DONE);
	entry_free(entry);
}

static void what_a_sender_says(struct peer *peer)
{
	peer_send(peer, message_empty(FRAME_FLUSH));
}

static void bye_at_once(struct peer *peer)
{
	peer_send(peer, message_empty(FRAME_BYE));
}

static void it_ends(struct peer *peer)
{
	entry_free(await_file(peer));
	peer_end(peer);
}

static void manifest_lines(struct peer *peer)
{
	struct frame *frame = frame_create(FRAME_MANIFEST, 10);

	memcpy(frame_body(frame), "{}\n{}\n{}\n\n", 10);
	frame->body_length = 10;
	peer_send(peer, frame);
}

const struct peer_case peer_receiver_cases[] = {
    {"a-receipt-at-once", a_receipt_at_once},
    {"a-receipt-with-another-digest", a_receipt_with_another_digest},
    {"a-receipt-of-no-entry", a_receipt_of_no_entry},
    {"a-failure-with-escapes", a_failure_with_escapes},
    {"a-need-beyond-the-file", a_need_beyond_the_file},
    {"nacks-without-end", nacks_without_end},
    {"nacks-of-the-disk", nacks_of_the_disk},
    {"what-a-sender-says", what_a_sender_says},
    {"bye-at-once", bye_at_once},
    {"it-ends", it_ends},
    {"manifest-lines", manifest_lines},
    {NULL, NULL},
};
