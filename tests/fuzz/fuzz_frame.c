/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: whatever bytes come on a lane, no decoder reads where it must not, and
 * what one takes is a message that our encoder would have written with the same
 * bytes: there is one way to say a thing, and nothing is overlooked.
 *
 * The input is frames one after the other.  Each header is tried as it is, and
 * once more with a check that is right: without that little would come further.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include <xxhash.h>

#include "journal/little_endian.h"
#include "tests/unit/any_message.h"
#include "transfer/pack.h"

static void check_entry(const struct entry *entry)
{
	CHECK(strlen(entry->path) == entry->path_length);
	CHECK(entry->path[0] != '/');
	CHECK(strstr(entry->path, "//") == NULL);
	CHECK(strcmp(entry->path, "..") != 0);
	CHECK(strncmp(entry->path, "../", 3) != 0);
	CHECK(strstr(entry->path, "/../") == NULL);
	CHECK(entry->path_length <= ENTRY_PATH_MAX);
	CHECK(entry->link_length <= ENTRY_LINK_MAX);
}

/* Whatever it says it is packed in, no more comes out than the leaf has. */
static void check_packed(const struct message_chunk *chunk)
{
	static struct packer *packer;
	uint8_t *leaf = malloc(chunk->length);

	if (packer == NULL)
		packer = packer_create();
	CHECK(packer != NULL && leaf != NULL);
	packer_unpack(packer, chunk->data, chunk->size, leaf, chunk->length);
	free(leaf);
}

/* The body is a message. */
static void check_message(const struct frame *frame,
			  const union message *message)
{
	struct frame *again = encode(frame->type, message);

	CHECK(again != NULL);
	CHECK(again->body_length == frame->body_length);
	CHECK(memcmp(frame_body(again), frame_body(frame),
		     frame->body_length) == 0);
	frame_free(again);
	if (frame->type == FRAME_ENTRY)
		check_entry(message->entry);
	if (frame->type == FRAME_CHUNK &&
	    (message->chunk.flags & CHUNK_PACKED) != 0)
		check_packed(&message->chunk);
}

/* Returns how many bytes of data were its body. */
static size_t take_body(struct frame *frame, const uint8_t *data, size_t size)
{
	union message message;

	if (size < frame->body_length)
		return size;
	memset(&message, 0, sizeof(message));
	memcpy(frame_body(frame), data, frame->body_length);
	if (decode(frame, &message) == 0) {
		check_message(frame, &message);
		release(frame->type, &message);
	}
	return frame->body_length;
}

static void mend_header(uint8_t header[FRAME_HEADER_SIZE])
{
	header[2] = header[3] = 0;
	put_u32(header + 12,
		(uint32_t)XXH3_64bits(header, FRAME_HEADER_SIZE - 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size >= FRAME_HEADER_SIZE) {
		uint8_t header[FRAME_HEADER_SIZE];
		struct frame *frame;
		size_t length;

		memcpy(header, data, sizeof(header));
		data += sizeof(header);
		size -= sizeof(header);
		if (frame_parse_header(header, &frame) == 1)
			frame_free(frame);
		mend_header(header);
		if (frame_parse_header(header, &frame) != 1)
			continue;
		CHECK(frame->body_length <= frame_body_max(frame->type));
		length = take_body(frame, data, size);
		frame_free(frame);
		data += length;
		size -= length;
	}
	return 0;
}
