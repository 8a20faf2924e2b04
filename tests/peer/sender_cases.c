/* SPDX-License-Identifier: BSD-2-Clause */
/* A sender that the receiver must not believe. */
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "tests/peer/peer.h"

#define TEXT "written by a hostile peer\n"

static uint64_t entry(struct peer *peer, enum entry_type type, const char *path,
		      const char *link)
{
	return peer_entry(peer, type, path, strlen(path),
			  type == ENTRY_FILE ? strlen(TEXT) : 0, link);
}

/* A file that the receiver is waiting for; its index. */
static uint64_t needed_file(struct peer *peer, const char *path)
{
	uint64_t index = entry(peer, ENTRY_FILE, path, NULL);

	frame_free(peer_receive(peer, FRAME_NEED));
	return index;
}

/* What comes before NEED is passed over: with it all would be well. */
static void file(struct peer *peer, const char *path)
{
	uint64_t seq = peer->seq;

	peer_chunk(peer, entry(peer, ENTRY_FILE, path, NULL), seq, TEXT,
		   CHUNK_WHOLE);
	peer_send(peer, message_empty(FRAME_FLUSH));
}

/* As an honest sender would send it. */
static void whole_file(struct peer *peer, const char *path)
{
	uint64_t seq = peer->seq;

	peer_chunk(peer, needed_file(peer, path), seq, TEXT, CHUNK_WHOLE);
	peer_send(peer, message_empty(FRAME_FLUSH));
}

static void folder_end(struct peer *peer, const char *path)
{
	entry(peer, ENTRY_FOLDER_END, path, NULL);
	peer_send(peer, message_empty(FRAME_FLUSH));
}

/* ---- out of the target -------------------------------------------------- */

/* "out" leads out of the target; the files are to go through it. */
static void a_file_through_a_link(struct peer *peer)
{
	entry(peer, ENTRY_LINK, "out", "../outside");
	peer_send(peer, message_empty(FRAME_FLUSH));
	frame_free(peer_receive(peer, FRAME_RECEIPT));
	entry(peer, ENTRY_FILE, "out/planted", NULL);
	frame_free(peer_receive(peer, FRAME_RECEIPT));
	entry(peer, ENTRY_FOLDER, "out/folder", NULL);
	frame_free(peer_receive(peer, FRAME_RECEIPT));
	/* In its place, that is within the target. */
	whole_file(peer, "out");
	frame_free(peer_receive(peer, FRAME_RECEIPT));
	peer_send(peer, message_empty(FRAME_BYE));
}

static void a_file_through_a_link_there(struct peer *peer)
{
	entry(peer, ENTRY_FILE, "there/planted", NULL);
	entry(peer, ENTRY_FILE, "there/precious", NULL);
	entry(peer, ENTRY_FOLDER, "there/folder", NULL);
	entry(peer, ENTRY_LINK, "there/link", "x");
	peer_send(peer, message_empty(FRAME_FLUSH));
	for (int i = 0; i < 4; i++)
		frame_free(peer_receive(peer, FRAME_RECEIPT));
	peer_send(peer, message_empty(FRAME_BYE));
}

/* The attributes of what the link leads to are not the target's. */
static void the_end_of_a_folder_that_is_a_link(struct peer *peer)
{
	peer->index += 5;
	folder_end(peer, "there");
	peer_send(peer, message_empty(FRAME_BYE));
}

static void the_staging_folder(struct peer *peer)
{
	entry(peer, ENTRY_LINK, ".ferry", "../outside");
}

static void within_the_staging_folder(struct peer *peer)
{
	file(peer, ".ferry/lock");
}

static void a_file_as_the_target(struct peer *peer)
{
	file(peer, "");
}

/* ---- numbers ------------------------------------------------------------ */

static void a_chunk_of_no_entry(struct peer *peer)
{
	peer_chunk(peer, 4711, 4711, TEXT, 0);
	peer_send(peer, message_empty(FRAME_BYE));
}

static void a_chunk_with_another_seq(struct peer *peer)
{
	uint64_t seq = peer->seq;

	peer_chunk(peer, needed_file(peer, "a"), seq + 1, TEXT, 0);
}

static void a_chunk_that_is_longer(struct peer *peer)
{
	uint64_t seq = peer->seq;

	peer_chunk(peer, needed_file(peer, "a"), seq, TEXT "more", 0);
}

static void a_chunk_of_a_folder(struct peer *peer)
{
	uint64_t seq = peer->seq;

	peer_chunk(peer, entry(peer, ENTRY_FOLDER, "a", NULL), seq, TEXT, 0);
	peer_send(peer, message_empty(FRAME_FLUSH));
	frame_free(peer_receive(peer, FRAME_RECEIPT));
	peer_send(peer, message_empty(FRAME_BYE));
}

static void a_chunk_that_is_damaged(struct peer *peer)
{
	uint64_t seq = peer->seq, index = needed_file(peer, "a");

	for (int i = 0; i < 20; i++) {
		struct frame *frame =
		    message_chunk_create((uint32_t)strlen(TEXT));
		struct message_chunk chunk = {.seq = seq,
					      .entry = index,
					      .length = strlen(TEXT),
					      .flags = CHUNK_WHOLE};

		memcpy(message_chunk_data(frame), TEXT, strlen(TEXT));
		message_chunk_finish(frame, &chunk);
		peer_send(peer, frame);
		frame_free(peer_receive(peer, FRAME_NACK));
	}
	peer_send(peer, message_empty(FRAME_BYE));
}

/* A leaf of length bytes, said to be data packed. */
static void packed_chunk(struct peer *peer, uint64_t index, uint64_t seq,
			 size_t length, const void *data, size_t size)
{
	struct frame *frame = message_chunk_create((uint32_t)length);
	uint8_t *leaf = calloc(1, length);
	struct message_chunk chunk = {.seq = seq,
				      .entry = index,
				      .length = (uint32_t)length,
				      .size = (uint32_t)size,
				      .flags = CHUNK_WHOLE | CHUNK_PACKED,
				      .digest = digest_of(leaf, length)};

	memcpy(message_chunk_data(frame), data, size);
	message_chunk_finish(frame, &chunk);
	peer_send(peer, frame);
	free(leaf);
}

/* It would be sixteen times as large as it says. */
static void a_packed_chunk_that_is_a_bomb(struct peer *peer)
{
	const size_t size = (size_t)16 * LEAF_SIZE;
	uint64_t seq = peer->seq;
	uint64_t index = peer_entry(peer, ENTRY_FILE, "a", 1, LEAF_SIZE, NULL);
	uint8_t *zeros = calloc(1, size), packed[4096];
	size_t packed_size =
	    ZSTD_compress(packed, sizeof(packed), zeros, size, 1);

	frame_free(peer_receive(peer, FRAME_NEED));
	for (int i = 0; i < 100; i++) {
		packed_chunk(peer, index, seq, LEAF_SIZE, packed, packed_size);
		frame_free(peer_receive(peer, FRAME_NACK));
	}
	free(zeros);
	peer_send(peer, message_empty(FRAME_BYE));
}

static void a_packed_chunk_of_nothing(struct peer *peer)
{
	uint64_t seq = peer->seq;

	packed_chunk(peer, needed_file(peer, "a"), seq, strlen(TEXT), "", 0);
}

static void an_honest_packed_file(struct peer *peer)
{
	uint64_t seq = peer->seq;
	uint64_t index = peer_entry(peer, ENTRY_FILE, "a", 1, 1000, NULL);
	uint8_t zeros[1000] = {0}, packed[2000];
	size_t size =
	    ZSTD_compress(packed, sizeof(packed), zeros, sizeof(zeros), 1);

	frame_free(peer_receive(peer, FRAME_NEED));
	packed_chunk(peer, index, seq, sizeof(zeros), packed, size);
	peer_send(peer, message_empty(FRAME_FLUSH));
	frame_free(peer_receive(peer, FRAME_RECEIPT));
	peer_send(peer, message_empty(FRAME_BYE));
}

static void a_file_that_is_too_large(struct peer *peer)
{
	peer_entry(peer, ENTRY_FILE, "a", 1, ENTRY_SIZE_MAX + 1, NULL);
}

/* As large as may be, and its last leaf. */
static void the_end_of_a_huge_file(struct peer *peer)
{
	uint64_t first = peer->seq;
	uint64_t index =
	    peer_entry(peer, ENTRY_FILE, "a", 1, ENTRY_SIZE_MAX, NULL);
	struct frame *frame = message_chunk_create(LEAF_SIZE);
	struct message_chunk chunk = {.entry = index, .length = LEAF_SIZE};

	frame_free(peer_receive(peer, FRAME_NEED));
	memset(message_chunk_data(frame), 0, LEAF_SIZE);
	chunk.digest = digest_of(message_chunk_data(frame), LEAF_SIZE);
	chunk.offset = ENTRY_SIZE_MAX - LEAF_SIZE;
	chunk.seq = first + ENTRY_SIZE_MAX / LEAF_SIZE - 1;
	message_chunk_finish(frame, &chunk);
	peer_send(peer, frame);
	peer_send(peer, message_empty(FRAME_FLUSH));
	frame_free(peer_receive(peer, FRAME_RECEIPT));
	peer_send(peer, message_empty(FRAME_BYE));
}

static void an_index_that_is_used(struct peer *peer)
{
	entry(peer, ENTRY_FOLDER, "a", NULL);
	peer->index--;
	entry(peer, ENTRY_FOLDER, "b", NULL);
	peer->index--;
	entry(peer, ENTRY_LINK, "c", "x");
	peer_send(peer, message_empty(FRAME_BYE));
}

static void a_seq_beyond_all(struct peer *peer)
{
	peer->seq = UINT64_MAX - 1;
	entry(peer, ENTRY_FILE, "a", NULL);
}

static void entries_without_end(struct peer *peer)
{
	char name[20];

	for (int i = 0; i < 100000; i++) {
		name[0] = 'n';
		for (int j = 1, rest = i; j < 8; j++, rest /= 10)
			name[j] = (char)('0' + rest % 10);
		name[8] = '\0';
		peer_entry(peer, ENTRY_FILE, name, 8, 5, NULL);
	}
}

static void a_folder_that_never_began(struct peer *peer)
{
	peer->index += 5;
	folder_end(peer, "a");
	peer_send(peer, message_empty(FRAME_BYE));
}

/* ---- order -------------------------------------------------------------- */

static void a_commit_without_data(struct peer *peer)
{
	struct message_commit commit = {.entry = needed_file(peer, "a")};

	peer_send(peer, message_commit_encode(&commit));
	peer_send(peer, message_empty(FRAME_BYE));
}

static void a_commit_with_another_digest(struct peer *peer)
{
	uint64_t seq = peer->seq;
	struct message_commit commit = {.entry = needed_file(peer, "a")};

	peer_chunk(peer, commit.entry, seq, TEXT, 0);
	peer_send(peer, message_empty(FRAME_FLUSH));
	frame_free(peer_receive(peer, FRAME_ACK));
	peer_send(peer, message_commit_encode(&commit));
	peer_send(peer, message_empty(FRAME_FLUSH));
	frame_free(peer_receive(peer, FRAME_RECEIPT));
	peer_send(peer, message_empty(FRAME_BYE));
}

static void a_keep_of_what_is_not_held(struct peer *peer)
{
	struct seq_range range = {0, ENTRY_SIZE_MAX / LEAF_SIZE};
	struct message_keep keep = {
	    .entry = peer->index, .range_count = 1, .ranges = &range};

	peer_entry(peer, ENTRY_FILE, "a", 1, ENTRY_SIZE_MAX, NULL);
	frame_free(peer_receive(peer, FRAME_NEED));
	peer_send(peer, message_keep_encode(&keep));
}

static void bye_too_early(struct peer *peer)
{
	entry(peer, ENTRY_FILE, "a", NULL);
	peer_send(peer, message_empty(FRAME_BYE));
}

static void an_entry_after_bye(struct peer *peer)
{
	peer_send(peer, message_empty(FRAME_BYE));
	entry(peer, ENTRY_FILE, "a", NULL);
}

static void what_a_receiver_says(struct peer *peer)
{
	struct message_ack ack = {.below = 5};

	peer_send(peer, message_ack_encode(&ack));
}

static void an_offer_again(struct peer *peer)
{
	struct message_offer offer = {.flags = OFFER_CONTENTS};

	peer_send(peer, message_offer_encode(&offer));
}

/* Frames of another session are passed over, whatever they say. */
static void frames_of_another_epoch(struct peer *peer)
{
	peer->epoch++;
	file(peer, "a");
	peer->epoch--;
	peer_send(peer, message_empty(FRAME_BYE));
}

static void problems_with_escapes(struct peer *peer)
{
	static const char text[] = "\033[2J\nferry: all is well\xff";
	struct message_problem problem = {.kind = PROBLEM_FAILED,
					  .path = text,
					  .path_length = sizeof(text) - 1,
					  .text = text,
					  .text_length = sizeof(text) - 1};

	problem.entry = peer->index++;
	peer_send(peer, message_problem_encode(&problem));
	peer_send(peer, message_empty(FRAME_BYE));
}

/* What may be done: the others would fail for any reason otherwise. */
static void an_honest_file(struct peer *peer)
{
	whole_file(peer, "a");
	frame_free(peer_receive(peer, FRAME_RECEIPT));
	peer_send(peer, message_empty(FRAME_BYE));
}

const struct peer_case peer_sender_cases[] = {
    {"a-file-through-a-link", a_file_through_a_link},
    {"a-file-through-a-link-there", a_file_through_a_link_there},
    {"the-end-of-a-folder-that-is-a-link", the_end_of_a_folder_that_is_a_link},
    {"the-staging-folder", the_staging_folder},
    {"within-the-staging-folder", within_the_staging_folder},
    {"a-file-as-the-target", a_file_as_the_target},
    {"a-chunk-of-no-entry", a_chunk_of_no_entry},
    {"a-chunk-with-another-seq", a_chunk_with_another_seq},
    {"a-chunk-that-is-longer", a_chunk_that_is_longer},
    {"a-chunk-of-a-folder", a_chunk_of_a_folder},
    {"a-chunk-that-is-damaged", a_chunk_that_is_damaged},
    {"a-packed-chunk-that-is-a-bomb", a_packed_chunk_that_is_a_bomb},
    {"a-packed-chunk-of-nothing", a_packed_chunk_of_nothing},
    {"an-honest-packed-file", an_honest_packed_file},
    {"a-file-that-is-too-large", a_file_that_is_too_large},
    {"the-end-of-a-huge-file", the_end_of_a_huge_file},
    {"an-index-that-is-used", an_index_that_is_used},
    {"a-seq-beyond-all", a_seq_beyond_all},
    {"entries-without-end", entries_without_end},
    {"a-folder-that-never-began", a_folder_that_never_began},
    {"a-commit-without-data", a_commit_without_data},
    {"a-commit-with-another-digest", a_commit_with_another_digest},
    {"a-keep-of-what-is-not-held", a_keep_of_what_is_not_held},
    {"bye-too-early", bye_too_early},
    {"an-entry-after-bye", an_entry_after_bye},
    {"what-a-receiver-says", what_a_receiver_says},
    {"an-offer-again", an_offer_again},
    {"frames-of-another-epoch", frames_of_another_epoch},
    {"problems-with-escapes", problems_with_escapes},
    {"an-honest-file", an_honest_file},
    {NULL, NULL},
};
