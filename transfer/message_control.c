/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said about what was moved: that it is safe (ACK), that it is to come
 * again (NACK), how it ended (RECEIPT, PROBLEM), how far it is (STATS), and
 * that all is over (ERROR; BYE has no body).
 */
#include <errno.h>

#include "transfer/codec.h"
#include "transfer/engine.h"
#include "transfer/message.h"

#define RANGE_SIZE    16
#define RECEIPT_FIXED 27
#define PROBLEM_FIXED 13
#define ERROR_FIXED   3

static size_t at_most(size_t length, size_t limit)
{
	return length < limit ? length : limit;
}

struct frame *message_ack_encode(const struct message_ack *ack)
{
	struct codec_writer writer;
	struct frame *frame;

	if (ack->range_count > RANGES_MAX) {
		errno = E2BIG;
		return NULL;
	}
	frame =
	    codec_write(FRAME_ACK, 10 + RANGE_SIZE * ack->range_count, &writer);
	if (frame == NULL)
		return NULL;
	codec_put_u64(&writer, ack->below);
	codec_put_ranges(&writer, ack->ranges, ack->range_count);
	return frame;
}

int message_ack_decode(const struct frame *frame, struct message_ack *ack)
{
	struct codec_reader reader = codec_read(frame);

	ack->below = codec_get_number(&reader);
	/* below itself is not confirmed, or it would be higher. */
	codec_get_ranges(&reader, ack->below + 1, CODEC_NUMBER_MAX,
			 &ack->ranges, &ack->range_count);
	if (codec_get_end(&reader) == 0)
		return 0;
	codec_free_ranges(&ack->ranges, &ack->range_count);
	return -1;
}

struct frame *message_nack_encode(const struct message_nack *nack)
{
	struct codec_writer writer;
	struct frame *frame = codec_write(FRAME_NACK, 17, &writer);

	if (frame == NULL)
		return NULL;
	codec_put_u64(&writer, nack->seq);
	codec_put_u64(&writer, nack->entry);
	codec_put_u8(&writer, (uint8_t)nack->reason);
	return frame;
}

int message_nack_decode(const struct frame *frame, struct message_nack *nack)
{
	struct codec_reader reader = codec_read(frame);
	uint8_t reason;

	nack->seq = codec_get_number(&reader);
	nack->entry = codec_get_number(&reader);
	reason = codec_get_u8(&reader);
	nack->reason = (enum nack_reason)reason;
	if (reason < NACK_DIGEST || reason > NACK_LOST)
		return -1;
	return codec_get_end(&reader);
}

struct frame *message_receipt_encode(const struct message_receipt *receipt)
{
	struct codec_writer writer;
	size_t length = at_most(receipt->text_length, TEXT_MAX);
	struct frame *frame =
	    codec_write(FRAME_RECEIPT, RECEIPT_FIXED + length, &writer);

	if (frame == NULL)
		return NULL;
	codec_put_u64(&writer, receipt->entry);
	codec_put_u8(&writer, (uint8_t)receipt->status);
	codec_put_digest(&writer, &receipt->file);
	codec_put_u16(&writer, (uint16_t)length);
	codec_put_bytes(&writer, receipt->text, length);
	return frame;
}

int message_receipt_decode(const struct frame *frame,
			   struct message_receipt *receipt)
{
	struct codec_reader reader = codec_read(frame);
	uint8_t status;

	receipt->entry = codec_get_number(&reader);
	status = codec_get_u8(&reader);
	receipt->status = (enum receipt_status)status;
	codec_get_digest(&reader, &receipt->file);
	receipt->text_length = codec_get_u16(&reader);
	receipt->text = codec_get_text(&reader, receipt->text_length);
	if (status > RECEIPT_WITHDRAWN || receipt->text_length > TEXT_MAX ||
	    (status != RECEIPT_FAILED && receipt->text_length != 0))
		return -1;
	return codec_get_end(&reader);
}

struct frame *message_problem_encode(const struct message_problem *problem)
{
	struct codec_writer writer;
	size_t path_length = at_most(problem->path_length, ENTRY_PATH_MAX);
	size_t text_length = at_most(problem->text_length, TEXT_MAX);
	struct frame *frame = codec_write(
	    FRAME_PROBLEM, PROBLEM_FIXED + path_length + text_length, &writer);

	if (frame == NULL)
		return NULL;
	codec_put_u64(&writer, problem->entry);
	codec_put_u8(&writer, (uint8_t)problem->kind);
	codec_put_u16(&writer, (uint16_t)path_length);
	codec_put_u16(&writer, (uint16_t)text_length);
	codec_put_bytes(&writer, problem->path, path_length);
	codec_put_bytes(&writer, problem->text, text_length);
	return frame;
}

int message_problem_decode(const struct frame *frame,
			   struct message_problem *problem)
{
	struct codec_reader reader = codec_read(frame);
	uint8_t kind;

	problem->entry = codec_get_number(&reader);
	kind = codec_get_u8(&reader);
	problem->kind = (enum problem_kind)kind;
	problem->path_length = codec_get_u16(&reader);
	problem->text_length = codec_get_u16(&reader);
	problem->path = codec_get_text(&reader, problem->path_length);
	problem->text = codec_get_text(&reader, problem->text_length);
	if (kind < PROBLEM_FAILED || kind > PROBLEM_SKIPPED ||
	    problem->path_length > ENTRY_PATH_MAX ||
	    problem->text_length > TEXT_MAX)
		return -1;
	return codec_get_end(&reader);
}

struct frame *message_stats_encode(const struct message_stats *stats)
{
	struct codec_writer writer;
	struct frame *frame = codec_write(FRAME_STATS, 32, &writer);

	if (frame == NULL)
		return NULL;
	codec_put_u64(&writer, stats->total_files);
	codec_put_u64(&writer, stats->total_bytes);
	codec_put_u64(&writer, stats->bytes_sent);
	codec_put_u64(&writer, stats->chunks_resent);
	return frame;
}

int message_stats_decode(const struct frame *frame, struct message_stats *stats)
{
	struct codec_reader reader = codec_read(frame);

	stats->total_files = codec_get_u64(&reader);
	stats->total_bytes = codec_get_u64(&reader);
	stats->bytes_sent = codec_get_u64(&reader);
	stats->chunks_resent = codec_get_u64(&reader);
	return codec_get_end(&reader);
}

struct frame *message_error_encode(const struct message_error *error)
{
	struct codec_writer writer;
	size_t length = at_most(error->text_length, TEXT_MAX);
	struct frame *frame =
	    codec_write(FRAME_ERROR, ERROR_FIXED + length, &writer);

	if (frame == NULL)
		return NULL;
	codec_put_u8(&writer, error->code);
	codec_put_u16(&writer, (uint16_t)length);
	codec_put_bytes(&writer, error->text, length);
	return frame;
}

int message_error_exit_code(const struct message_error *error)
{
	switch (error->code) {
	case EXIT_INCOMPATIBLE:
	case EXIT_LOST:
	case EXIT_FILE_IO:
	case EXIT_PROTOCOL:
	case EXIT_INTERRUPTED:
	case EXIT_PARTIAL:
	case EXIT_VANISHED:
	case EXIT_CONNECT_TIMEOUT:
	case EXIT_HELD:
	case EXIT_UNREACHABLE:
		return error->code;
	default:
		return EXIT_PROTOCOL;
	}
}

int message_error_decode(const struct frame *frame, struct message_error *error)
{
	struct codec_reader reader = codec_read(frame);

	error->code = codec_get_u8(&reader);
	error->text_length = codec_get_u16(&reader);
	error->text = codec_get_text(&reader, error->text_length);
	if (error->text_length > TEXT_MAX)
		return -1;
	return codec_get_end(&reader);
}

struct frame *message_empty(enum frame_type type)
{
	return frame_create(type, 0);
}
