/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where are chunks compressed and unpacked.  zstd's contexts take longer to set
 * up than a small chunk takes to pack, so they go back to a list.
 */
#include "transfer/pack.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "transfer/message.h"

/* A sample: so many pieces of this size from all over the leaf. */
#define PIECES     4
#define PIECE_SIZE ((size_t)16 << 10)

/* What one thread works with at a time. */
struct context {
	struct context *next;
	ZSTD_CCtx *packing; /* made when they are first needed */
	ZSTD_DCtx *unpacking;
	uint8_t *room; /* LEAF_SIZE, to pack into */
};

struct packer {
	pthread_mutex_t lock;
	struct context *idle;
};

struct packer *packer_create(void)
{
	struct packer *packer = calloc(1, sizeof(*packer));

	if (packer != NULL)
		pthread_mutex_init(&packer->lock, NULL);
	return packer;
}

void packer_free(struct packer *packer)
{
	if (packer == NULL)
		return;
	while (packer->idle != NULL) {
		struct context *context = packer->idle;

		packer->idle = context->next;
		ZSTD_freeCCtx(context->packing);
		ZSTD_freeDCtx(context->unpacking);
		free(context->room);
		free(context);
	}
	pthread_mutex_destroy(&packer->lock);
	free(packer);
}

static struct context *borrow(struct packer *packer)
{
	struct context *context;

	pthread_mutex_lock(&packer->lock);
	context = packer->idle;
	if (context != NULL)
		packer->idle = context->next;
	pthread_mutex_unlock(&packer->lock);
	return context != NULL ? context : calloc(1, sizeof(*context));
}

static void give_back(struct packer *packer, struct context *context)
{
	pthread_mutex_lock(&packer->lock);
	context->next = packer->idle;
	packer->idle = context;
	pthread_mutex_unlock(&packer->lock);
}

/* ---- packing ------------------------------------------------------------ */

/* Bytes that data takes when packed into room, if they are at most limit; else
 * 0. */
static size_t pack_into(struct context *context, const uint8_t *data,
			size_t length, int level, size_t limit)
{
	size_t size = ZSTD_compressCCtx(context->packing, context->room, limit,
					data, length, level);

	return ZSTD_isError(size) ? 0 : size;
}

/* The most that something may take which shrinks by more than a tenth. */
static size_t less_a_tenth(size_t length)
{
	return (length * 9 - 1) / 10;
}

/* Does a sample of the leaf shrink by more than a tenth? */
static int looks_packable(struct context *context, const uint8_t *data,
			  size_t length)
{
	const size_t size = PIECES * PIECE_SIZE;
	size_t step;
	uint8_t *sample;

	if (length <= size)
		return 1; /* packing all of it tells */
	/* Its pieces stand at the end of room, and are packed to the front. */
	sample = context->room + LEAF_SIZE - size;
	step = (length - PIECE_SIZE) / (PIECES - 1);
	for (size_t piece = 0; piece < PIECES; piece++)
		memcpy(sample + piece * PIECE_SIZE, data + piece * step,
		       PIECE_SIZE);
	return pack_into(context, sample, size, 1, less_a_tenth(size)) > 0;
}

static int prepare_packing(struct context *context)
{
	if (context->packing == NULL)
		context->packing = ZSTD_createCCtx();
	if (context->room == NULL)
		context->room = malloc(LEAF_SIZE);
	return context->packing != NULL && context->room != NULL ? 0 : -1;
}

/* A chunk as the one given, but with size bytes of room in it. */
static struct frame *make_frame(const struct context *context,
				const struct message_chunk *plain, size_t size)
{
	struct message_chunk chunk = *plain;
	struct frame *frame = message_chunk_create((uint32_t)size);

	if (frame == NULL)
		return NULL;
	chunk.flags |= CHUNK_PACKED;
	chunk.size = (uint32_t)size;
	memcpy(message_chunk_data(frame), context->room, size);
	message_chunk_finish(frame, &chunk);
	return frame;
}

static struct frame *pack_with(struct context *context,
			       const struct message_chunk *chunk, int level,
			       int doubt)
{
	size_t limit =
	    doubt ? less_a_tenth(chunk->length) : (size_t)chunk->length - 1;
	size_t size;

	if (prepare_packing(context) == -1 ||
	    (doubt && !looks_packable(context, chunk->data, chunk->length)))
		return NULL;
	size = pack_into(context, chunk->data, chunk->length, level, limit);
	return size == 0 ? NULL : make_frame(context, chunk, size);
}

struct frame *packer_pack(struct packer *packer, const struct frame *plain,
			  int level, int doubt)
{
	struct message_chunk chunk;
	struct context *context;
	struct frame *frame;

	if (message_chunk_decode(plain, &chunk) == -1 ||
	    (chunk.flags & CHUNK_PACKED) != 0)
		return NULL;
	context = borrow(packer);
	if (context == NULL)
		return NULL;
	frame = pack_with(context, &chunk, level, doubt);
	give_back(packer, context);
	return frame;
}

/* ---- unpacking ---------------------------------------------------------- */

int packer_unpack(struct packer *packer, const uint8_t *data, size_t size,
		  uint8_t *leaf, size_t length)
{
	struct context *context = borrow(packer);
	size_t result = 0;
	int ready;

	if (context == NULL) {
		errno = ENOMEM;
		return -1;
	}
	if (context->unpacking == NULL)
		context->unpacking = ZSTD_createDCtx();
	ready = context->unpacking != NULL;
	/* All at once into leaf: zstd then keeps no window of its own, however
	 * large the frame says it is. */
	if (ready)
		result = ZSTD_decompressDCtx(context->unpacking, leaf, length,
					     data, size);
	give_back(packer, context);
	if (!ready) {
		errno = ENOMEM;
		return -1;
	}
	if (!ZSTD_isError(result) && result == length)
		return 0;
	errno = EBADMSG;
	return -1;
}
