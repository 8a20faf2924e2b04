/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What both ends say before the first entry: who they are (HELLO), what is to
 * be done (OPEN), what there is (OFFER), and that it may begin (READY).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/codec.h"
#include "transfer/message.h"

#define UUID_SIZE       16
#define OPEN_FIXED      55
#define OFFER_FIXED     22
#define PATH_HEADER     2
#define SENDER_SIZE     9
#define NAME_LENGTH_MAX 255
#define OPEN_KNOWN      (OPEN_CHECKSUM | OPEN_COUNT | OPEN_TARGET | OPEN_SENDER)
#define OFFER_KNOWN     (OFFER_SINGLE | OFFER_CONTENTS)

struct frame *message_hello_encode(const struct message_hello *hello)
{
	struct codec_writer writer;
	struct frame *frame = codec_write(FRAME_HELLO, 20, &writer);

	if (frame == NULL)
		return NULL;
	codec_put_bytes(&writer, hello->nonce, sizeof(hello->nonce));
	codec_put_u16(&writer, hello->version_lowest);
	codec_put_u16(&writer, hello->version_highest);
	return frame;
}

int message_hello_decode(const struct frame *frame, struct message_hello *hello)
{
	struct codec_reader reader = codec_read(frame);

	codec_get_bytes(&reader, hello->nonce, sizeof(hello->nonce));
	hello->version_lowest = codec_get_u16(&reader);
	hello->version_highest = codec_get_u16(&reader);
	if (hello->version_lowest == 0 ||
	    hello->version_highest < hello->version_lowest)
		return -1;
	return codec_get_end(&reader);
}

/* How long the body of OPEN will be; 0 if the message breaks a limit. */
static size_t open_size(const struct message_open *open)
{
	size_t size = OPEN_FIXED;

	if ((open->options & OPEN_SENDER) != 0)
		size += SENDER_SIZE;
	if (open->path_count == 0 || open->path_count > OPEN_PATHS_MAX)
		return 0;
	for (size_t i = 0; i < open->path_count; i++) {
		size_t length = strlen(open->paths[i]);

		if (length > ENTRY_PATH_MAX)
			return 0;
		size += PATH_HEADER + length;
	}
	return size <= OPEN_BODY_MAX ? size : 0;
}

struct frame *message_open_encode(const struct message_open *open)
{
	struct codec_writer writer;
	size_t size = open_size(open);
	struct frame *frame;

	if (size == 0) {
		errno = E2BIG;
		return NULL;
	}
	frame = codec_write(FRAME_OPEN, size, &writer);
	if (frame == NULL)
		return NULL;
	codec_put_u8(&writer, (uint8_t)open->operation);
	codec_put_u32(&writer, open->options);
	codec_put_bytes(&writer, open->uuid, UUID_SIZE);
	codec_put_bytes(&writer, open->client, UUID_SIZE);
	codec_put_u64(&writer, open->next_entry);
	codec_put_u64(&writer, open->next_seq);
	codec_put_u16(&writer, (uint16_t)open->path_count);
	for (size_t i = 0; i < open->path_count; i++) {
		size_t length = strlen(open->paths[i]);

		codec_put_u16(&writer, (uint16_t)length);
		codec_put_bytes(&writer, open->paths[i], length);
	}
	if ((open->options & OPEN_SENDER) != 0) {
		codec_put_u8(&writer, open->compression);
		codec_put_u64(&writer, open->rate);
	}
	return frame;
}

/* Copy the paths out of the body; open->path_count is what the peer claims. */
static int get_paths(struct codec_reader *reader, struct message_open *open)
{
	size_t count = open->path_count;

	open->path_count = 0;
	if (count == 0 || count > OPEN_PATHS_MAX ||
	    count * PATH_HEADER > reader->left)
		return -1;
	open->paths = calloc(count, sizeof(*open->paths));
	if (open->paths == NULL)
		return -1;
	while (open->path_count < count) {
		size_t length = codec_get_u16(reader);
		const char *text = codec_get_text(reader, length);

		if (reader->failed || length > ENTRY_PATH_MAX)
			return -1;
		open->paths[open->path_count] = strndup(text, length);
		if (open->paths[open->path_count] == NULL)
			return -1;
		open->path_count++;
	}
	return 0;
}

/* How the agent is to send, if that is said. */
static int get_sender(struct codec_reader *reader, struct message_open *open)
{
	if ((open->options & OPEN_SENDER) == 0)
		return 0;
	open->compression = codec_get_u8(reader);
	open->rate = codec_get_u64(reader);
	return open->operation == OPERATION_PULL &&
		       (open->compression <= COMPRESS_LEVEL_MAX ||
			open->compression == COMPRESS_AUTO)
		   ? 0
		   : -1;
}

static int operation_known(const struct message_open *open)
{
	switch (open->operation) {
	case OPERATION_PUSH:
		return open->path_count == 1;
	case OPERATION_PULL:
	case OPERATION_VERIFY:
		return 1;
	}
	return 0;
}

int message_open_decode(const struct frame *frame, struct message_open *open)
{
	struct codec_reader reader = codec_read(frame);

	memset(open, 0, sizeof(*open));
	open->operation = (enum operation)codec_get_u8(&reader);
	open->options = codec_get_u32(&reader);
	codec_get_bytes(&reader, open->uuid, UUID_SIZE);
	codec_get_bytes(&reader, open->client, UUID_SIZE);
	open->next_entry = codec_get_number(&reader);
	open->next_seq = codec_get_number(&reader);
	open->path_count = codec_get_u16(&reader);
	if (reader.failed || !operation_known(open) ||
	    (open->options & ~(uint32_t)OPEN_KNOWN) != 0) {
		open->path_count = 0;
		return -1;
	}
	if (get_paths(&reader, open) == -1 || get_sender(&reader, open) == -1 ||
	    codec_get_end(&reader) == -1) {
		message_open_free(open);
		return -1;
	}
	return 0;
}

void message_open_free(struct message_open *open)
{
	for (size_t i = 0; i < open->path_count; i++)
		free(open->paths[i]);
	free(open->paths);
	open->paths = NULL;
	open->path_count = 0;
}

struct frame *message_offer_encode(const struct message_offer *offer)
{
	struct codec_writer writer;
	struct frame *frame;

	if (offer->name_length > NAME_LENGTH_MAX) {
		errno = E2BIG;
		return NULL;
	}
	frame =
	    codec_write(FRAME_OFFER, OFFER_FIXED + offer->name_length, &writer);
	if (frame == NULL)
		return NULL;
	codec_put_u32(&writer, offer->flags);
	codec_put_digest(&writer, &offer->names);
	codec_put_u16(&writer, (uint16_t)offer->name_length);
	codec_put_bytes(&writer, offer->name, offer->name_length);
	return frame;
}

/* A name if there is a single source, else none. */
static int name_fits(const struct message_offer *offer)
{
	if ((offer->flags & OFFER_SINGLE) == 0)
		return offer->name_length == 0;
	return (offer->flags & OFFER_CONTENTS) == 0 &&
	       entry_path_valid(offer->name, offer->name_length, 0) &&
	       memchr(offer->name, '/', offer->name_length) == NULL;
}

int message_offer_decode(const struct frame *frame, struct message_offer *offer)
{
	struct codec_reader reader = codec_read(frame);

	offer->flags = codec_get_u32(&reader);
	codec_get_digest(&reader, &offer->names);
	offer->name_length = codec_get_u16(&reader);
	offer->name = codec_get_text(&reader, offer->name_length);
	if (reader.failed || (offer->flags & ~(uint32_t)OFFER_KNOWN) != 0 ||
	    !name_fits(offer))
		return -1;
	return codec_get_end(&reader);
}

struct frame *message_ready_encode(const struct message_ready *ready)
{
	struct codec_writer writer;
	struct frame *frame = codec_write(FRAME_READY, 37, &writer);

	if (frame == NULL)
		return NULL;
	codec_put_bytes(&writer, ready->uuid, UUID_SIZE);
	codec_put_u32(&writer, ready->epoch);
	codec_put_u8(&writer, ready->resumed);
	codec_put_u64(&writer, ready->next_entry);
	codec_put_u64(&writer, ready->next_seq);
	return frame;
}

int message_ready_decode(const struct frame *frame, struct message_ready *ready)
{
	struct codec_reader reader = codec_read(frame);

	codec_get_bytes(&reader, ready->uuid, UUID_SIZE);
	ready->epoch = codec_get_u32(&reader);
	ready->resumed = codec_get_u8(&reader);
	ready->next_entry = codec_get_number(&reader);
	ready->next_seq = codec_get_number(&reader);
	/* Epoch 0 is that of the frames before READY. */
	if (ready->epoch == 0 || ready->resumed > 1)
		return -1;
	return codec_get_end(&reader);
}
