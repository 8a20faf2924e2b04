/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_UNIT_ANY_MESSAGE_H
#define FERRY_TESTS_UNIT_ANY_MESSAGE_H

/* All encoders, and all decoders, behind one function each. */
#include <stdlib.h>
#include <string.h>

#include "transfer/message.h"

union message {
	struct message_hello hello;
	struct message_open open;
	struct message_offer offer;
	struct message_ready ready;
	struct entry *entry;
	struct message_need need;
	struct message_chunk chunk;
	struct message_keep keep;
	struct message_commit commit;
	uint64_t withdraw;
	struct message_ack ack;
	struct message_nack nack;
	struct message_receipt receipt;
	struct message_problem problem;
	struct message_stats stats;
	struct message_error error;
};

static inline int decode(const struct frame *frame, union message *message)
{
	switch (frame->type) {
	case FRAME_HELLO:
		return message_hello_decode(frame, &message->hello);
	case FRAME_OPEN:
		return message_open_decode(frame, &message->open);
	case FRAME_OFFER:
		return message_offer_decode(frame, &message->offer);
	case FRAME_READY:
		return message_ready_decode(frame, &message->ready);
	case FRAME_ENTRY:
		return message_entry_decode(frame, &message->entry);
	case FRAME_NEED:
		return message_need_decode(frame, &message->need);
	case FRAME_CHUNK:
		return message_chunk_decode(frame, &message->chunk);
	case FRAME_KEEP:
		return message_keep_decode(frame, &message->keep);
	case FRAME_COMMIT:
		return message_commit_decode(frame, &message->commit);
	case FRAME_WITHDRAW:
		return message_withdraw_decode(frame, &message->withdraw);
	case FRAME_ACK:
		return message_ack_decode(frame, &message->ack);
	case FRAME_NACK:
		return message_nack_decode(frame, &message->nack);
	case FRAME_RECEIPT:
		return message_receipt_decode(frame, &message->receipt);
	case FRAME_PROBLEM:
		return message_problem_decode(frame, &message->problem);
	case FRAME_STATS:
		return message_stats_decode(frame, &message->stats);
	case FRAME_ERROR:
		return message_error_decode(frame, &message->error);
	default:
		return -1;
	}
}

static inline struct frame *encode_chunk(const struct message_chunk *chunk)
{
	struct frame *frame = message_chunk_create(chunk->length);

	if (frame == NULL)
		return NULL;
	memcpy(message_chunk_data(frame), chunk->data, chunk->size);
	message_chunk_finish(frame, chunk);
	return frame;
}

static inline struct frame *encode(enum frame_type type,
				   const union message *message)
{
	switch (type) {
	case FRAME_HELLO:
		return message_hello_encode(&message->hello);
	case FRAME_OPEN:
		return message_open_encode(&message->open);
	case FRAME_OFFER:
		return message_offer_encode(&message->offer);
	case FRAME_READY:
		return message_ready_encode(&message->ready);
	case FRAME_ENTRY:
		return message_entry_encode(message->entry);
	case FRAME_NEED:
		return message_need_encode(&message->need);
	case FRAME_CHUNK:
		return encode_chunk(&message->chunk);
	case FRAME_KEEP:
		return message_keep_encode(&message->keep);
	case FRAME_COMMIT:
		return message_commit_encode(&message->commit);
	case FRAME_WITHDRAW:
		return message_withdraw_encode(message->withdraw);
	case FRAME_ACK:
		return message_ack_encode(&message->ack);
	case FRAME_NACK:
		return message_nack_encode(&message->nack);
	case FRAME_RECEIPT:
		return message_receipt_encode(&message->receipt);
	case FRAME_PROBLEM:
		return message_problem_encode(&message->problem);
	case FRAME_STATS:
		return message_stats_encode(&message->stats);
	case FRAME_ERROR:
		return message_error_encode(&message->error);
	default:
		return NULL;
	}
}

static inline void release(enum frame_type type, union message *message)
{
	if (type == FRAME_OPEN)
		message_open_free(&message->open);
	if (type == FRAME_ENTRY)
		entry_free(message->entry);
	if (type == FRAME_KEEP)
		free(message->keep.ranges);
	if (type == FRAME_ACK)
		free(message->ack.ranges);
}

#endif
