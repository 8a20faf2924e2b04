/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said to have several lanes, and because there are several. */
#include <string.h>

#include "transfer/codec.h"
#include "transfer/message.h"

#define FLUSH_SIZE 8
#define JOIN_SIZE  (LANES_TOKEN_SIZE + 1)

struct frame *message_flush_encode(uint64_t chunks)
{
	struct codec_writer writer;
	struct frame *frame = codec_write(FRAME_FLUSH, FLUSH_SIZE, &writer);

	if (frame != NULL)
		codec_put_u64(&writer, chunks);
	return frame;
}

int message_flush_decode(const struct frame *frame, uint64_t *chunks)
{
	struct codec_reader reader = codec_read(frame);

	*chunks = frame->body_length == 0 ? 0 : codec_get_number(&reader);
	return codec_get_end(&reader);
}

struct frame *message_lanes_encode(const uint8_t *token)
{
	struct codec_writer writer;
	size_t size = token == NULL ? 0 : LANES_TOKEN_SIZE;
	struct frame *frame = codec_write(FRAME_LANES, size, &writer);

	if (frame != NULL && token != NULL)
		codec_put_bytes(&writer, token, LANES_TOKEN_SIZE);
	return frame;
}

int message_lanes_decode(const struct frame *frame,
			 uint8_t token[LANES_TOKEN_SIZE], int *given)
{
	struct codec_reader reader = codec_read(frame);

	*given = frame->body_length != 0;
	if (*given)
		codec_get_bytes(&reader, token, LANES_TOKEN_SIZE);
	return codec_get_end(&reader);
}

struct frame *message_join_encode(const struct message_join *join)
{
	struct codec_writer writer;
	struct frame *frame = codec_write(FRAME_JOIN, JOIN_SIZE, &writer);

	if (frame == NULL)
		return NULL;
	codec_put_bytes(&writer, join->token, LANES_TOKEN_SIZE);
	codec_put_u8(&writer, join->flags);
	return frame;
}

int message_join_decode(const struct frame *frame, struct message_join *join)
{
	struct codec_reader reader = codec_read(frame);

	codec_get_bytes(&reader, join->token, LANES_TOKEN_SIZE);
	join->flags = codec_get_u8(&reader);
	if (join->flags > JOIN_BULK)
		return -1;
	return codec_get_end(&reader);
}
