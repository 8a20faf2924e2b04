/* SPDX-License-Identifier: BSD-2-Clause */
/* How numbers, texts and ranges lie in the body of a frame. */
#include "transfer/codec.h"

#include <stdlib.h>
#include <string.h>

#include "transfer/message.h"

#define RANGE_SIZE 16

struct frame *codec_write(enum frame_type type, size_t size,
			  struct codec_writer *writer)
{
	struct frame *frame = frame_create(type, size);

	if (frame != NULL) {
		frame->body_length = size;
		writer->at = frame_body(frame);
	}
	return frame;
}

void codec_put_u8(struct codec_writer *writer, uint8_t value)
{
	*writer->at++ = value;
}

/* The low size bytes of value. */
static void put(struct codec_writer *writer, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		*writer->at++ = (uint8_t)(value >> 8 * i);
}

void codec_put_u16(struct codec_writer *writer, uint16_t value)
{
	put(writer, value, 2);
}

void codec_put_u32(struct codec_writer *writer, uint32_t value)
{
	put(writer, value, 4);
}

void codec_put_u64(struct codec_writer *writer, uint64_t value)
{
	put(writer, value, 8);
}

void codec_put_bytes(struct codec_writer *writer, const void *bytes,
		     size_t size)
{
	if (size > 0)
		memcpy(writer->at, bytes, size);
	writer->at += size;
}

void codec_put_zeros(struct codec_writer *writer, size_t size)
{
	memset(writer->at, 0, size);
	writer->at += size;
}

void codec_put_digest(struct codec_writer *writer, const struct digest *digest)
{
	codec_put_bytes(writer, digest->bytes, sizeof(digest->bytes));
}

void codec_put_ranges(struct codec_writer *writer,
		      const struct seq_range *ranges, size_t count)
{
	codec_put_u16(writer, (uint16_t)count);
	for (size_t i = 0; i < count; i++) {
		codec_put_u64(writer, ranges[i].first);
		codec_put_u64(writer, ranges[i].end);
	}
}

struct codec_reader codec_read(const struct frame *frame)
{
	struct codec_reader reader = {.at = frame_body(frame)};

	reader.left = frame->body_length;
	return reader;
}

const void *codec_get_view(struct codec_reader *reader, size_t size)
{
	const uint8_t *view = reader->at;

	if (reader->failed || size > reader->left) {
		reader->failed = 1;
		return NULL;
	}
	reader->at += size;
	reader->left -= size;
	return view;
}

static uint64_t get(struct codec_reader *reader, unsigned size)
{
	const uint8_t *bytes = codec_get_view(reader, size);
	uint64_t value = 0;

	if (bytes == NULL)
		return 0;
	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

uint8_t codec_get_u8(struct codec_reader *reader)
{
	return (uint8_t)get(reader, 1);
}

uint16_t codec_get_u16(struct codec_reader *reader)
{
	return (uint16_t)get(reader, 2);
}

uint32_t codec_get_u32(struct codec_reader *reader)
{
	return (uint32_t)get(reader, 4);
}

uint64_t codec_get_u64(struct codec_reader *reader)
{
	return get(reader, 8);
}

uint64_t codec_get_number(struct codec_reader *reader)
{
	uint64_t value = get(reader, 8);

	if (value > CODEC_NUMBER_MAX)
		reader->failed = 1;
	return value;
}

const char *codec_get_text(struct codec_reader *reader, size_t size)
{
	const char *text = codec_get_view(reader, size);

	if (text != NULL && memchr(text, '\0', size) != NULL)
		reader->failed = 1;
	return text;
}

void codec_get_bytes(struct codec_reader *reader, void *bytes, size_t size)
{
	const void *view = codec_get_view(reader, size);

	if (view != NULL)
		memcpy(bytes, view, size);
	else
		memset(bytes, 0, size);
}

void codec_get_zeros(struct codec_reader *reader, size_t size)
{
	while (size-- > 0) {
		if (codec_get_u8(reader) != 0)
			reader->failed = 1;
	}
}

void codec_get_digest(struct codec_reader *reader, struct digest *digest)
{
	codec_get_bytes(reader, digest->bytes, sizeof(digest->bytes));
}

void codec_get_ranges(struct codec_reader *reader, uint64_t lowest,
		      uint64_t highest, struct seq_range **ranges,
		      size_t *count)
{
	size_t claimed = codec_get_u16(reader);
	struct seq_range *list;

	*ranges = NULL;
	*count = 0;
	/* Only what is really there is allocated. */
	if (claimed > RANGES_MAX || claimed * RANGE_SIZE > reader->left)
		reader->failed = 1;
	if (reader->failed || claimed == 0)
		return;
	list = malloc(claimed * sizeof(*list));
	if (list == NULL) {
		reader->failed = 1;
		return;
	}
	for (size_t i = 0; i < claimed; i++) {
		list[i].first = codec_get_u64(reader);
		list[i].end = codec_get_u64(reader);
		if (list[i].first < lowest || list[i].end <= list[i].first ||
		    list[i].end > highest)
			goto free_list;
		lowest = list[i].end + 1;
	}
	*ranges = list;
	*count = claimed;
	return;

free_list:
	free(list);
	reader->failed = 1;
}

void codec_free_ranges(struct seq_range **ranges, size_t *count)
{
	free(*ranges);
	*ranges = NULL;
	*count = 0;
}

int codec_get_end(const struct codec_reader *reader)
{
	return reader->failed || reader->left > 0 ? -1 : 0;
}
