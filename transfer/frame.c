/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where is a frame's header written and parsed, and where does its memory come
 * from.  A transfer moves thousands of chunks a second; giving a mebibyte back
 * to the kernel after each, and having it cleared and mapped again for the
 * next, would cost more than the copying.  So frames for large bodies are all
 * of one size and go back to a list.
 */
#include "transfer/frame.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <xxhash.h>

#include "transfer/codec.h"
#include "transfer/message.h"

#define CHUNK_BODY_MAX (CHUNK_HEADER_SIZE + (size_t)LEAF_SIZE)
/*
 * Bodies above this come from the pool: so large that few of them fill a
 * lane's queue, or the pool would be full of half-empty frames, and a sender
 * and a receiver in one process would wait for each other.
 */
#define POOL_THRESHOLD ((size_t)512 << 10)
/* So many bytes of small frames count like a full pool. */
#define SMALL_MAX      (FRAME_POOL_MAX * CHUNK_BODY_MAX)

struct frame_pool {
	pthread_mutex_t lock;
	pthread_cond_t room;
	struct frame *free; /* each with CHUNK_BODY_MAX of capacity */
	size_t free_count;
	size_t used; /* frames of the pool that have an owner */
	size_t more; /* than FRAME_POOL_MAX that there may be */
	unsigned waiting;
	struct frame *forsaken;
};
static struct frame_pool pool = {.lock = PTHREAD_MUTEX_INITIALIZER,
				 .room = PTHREAD_COND_INITIALIZER};

/* All frames that are not of the pool, in bytes, with what one without a body
 * takes.  On its own, because it changes with every small frame in every
 * thread. */
static atomic_size_t small_bytes;

struct frame_kind {
	const char *name;
	size_t body_max;
};
static const struct frame_kind types[FRAME_TYPE_COUNT] = {
    [FRAME_HELLO] = {"HELLO", 20},
    [FRAME_OPEN] = {"OPEN", OPEN_BODY_MAX},
    [FRAME_OFFER] = {"OFFER", 22 + 255},
    [FRAME_READY] = {"READY", 37},
    [FRAME_ENTRY] = {"ENTRY", 72 + ENTRY_PATH_MAX + ENTRY_LINK_MAX},
    [FRAME_NEED] = {"NEED", 40 + 16 * (size_t)NEED_LEAVES_MAX},
    [FRAME_CHUNK] = {"CHUNK", CHUNK_BODY_MAX},
    [FRAME_KEEP] = {"KEEP", 10 + 16 * (size_t)RANGES_MAX},
    [FRAME_COMMIT] = {"COMMIT", 25},
    [FRAME_WITHDRAW] = {"WITHDRAW", 8},
    [FRAME_FLUSH] = {"FLUSH", 8},
    [FRAME_ACK] = {"ACK", 10 + 16 * (size_t)RANGES_MAX},
    [FRAME_NACK] = {"NACK", 17},
    [FRAME_RECEIPT] = {"RECEIPT", 27 + TEXT_MAX},
    [FRAME_PROBLEM] = {"PROBLEM", 13 + ENTRY_PATH_MAX + TEXT_MAX},
    [FRAME_STATS] = {"STATS", 32},
    [FRAME_PING] = {"PING", 0},
    [FRAME_PONG] = {"PONG", 0},
    [FRAME_BYE] = {"BYE", 0},
    [FRAME_ERROR] = {"ERROR", 3 + TEXT_MAX},
    [FRAME_MANIFEST] = {"MANIFEST", MANIFEST_BODY_MAX},
    [FRAME_LANES] = {"LANES", 16},
    [FRAME_JOIN] = {"JOIN", 17},
};

const char *frame_type_name(unsigned type)
{
	return type < FRAME_TYPE_COUNT ? types[type].name : NULL;
}

size_t frame_body_max(unsigned type)
{
	return type < FRAME_TYPE_COUNT ? types[type].body_max : 0;
}

static size_t small_cost(size_t capacity)
{
	return sizeof(struct frame) + FRAME_HEADER_SIZE + capacity;
}

/* One from the free list, or NULL; counted either way. */
static struct frame *pool_take(void)
{
	struct frame *frame;

	pthread_mutex_lock(&pool.lock);
	pool.used++;
	frame = pool.free;
	if (frame != NULL) {
		pool.free = frame->next;
		pool.free_count--;
	}
	pthread_mutex_unlock(&pool.lock);
	return frame;
}

static int full_locked(void)
{
	size_t small = atomic_load_explicit(&small_bytes, memory_order_relaxed);

	return pool.used >= FRAME_POOL_MAX + pool.more ||
	       pool.used * CHUNK_BODY_MAX + small >=
		   SMALL_MAX + pool.more * CHUNK_BODY_MAX;
}

/* Count it no more (frame NULL: there is none after all).  Returns it if it
 * is to be freed, NULL if it was kept. */
static struct frame *pool_put(struct frame *frame)
{
	pthread_mutex_lock(&pool.lock);
	pool.used--;
	if (frame != NULL && pool.free_count < FRAME_POOL_MAX) {
		/* Last in, first out: what is still in the cache. */
		frame->next = pool.free;
		pool.free = frame;
		pool.free_count++;
		frame = NULL;
	}
	if (pool.waiting > 0 && !full_locked())
		pthread_cond_broadcast(&pool.room);
	pthread_mutex_unlock(&pool.lock);
	return frame;
}

void frame_pool_enlarge(size_t more)
{
	pthread_mutex_lock(&pool.lock);
	pool.more += more;
	if (pool.waiting > 0)
		pthread_cond_broadcast(&pool.room);
	pthread_mutex_unlock(&pool.lock);
}

int frame_pool_full(void)
{
	int full;

	pthread_mutex_lock(&pool.lock);
	full = full_locked();
	pthread_mutex_unlock(&pool.lock);
	return full;
}

int frame_small_full(void)
{
	return atomic_load_explicit(&small_bytes, memory_order_relaxed) >=
	       SMALL_MAX;
}

void frame_pool_wait(int milliseconds)
{
	struct timespec until;
	int result = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += milliseconds / 1000;
	until.tv_nsec += milliseconds % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&pool.lock);
	pool.waiting++;
	while (full_locked() && result == 0)
		result = pthread_cond_clockwait(&pool.room, &pool.lock,
						CLOCK_MONOTONIC, &until);
	pool.waiting--;
	pthread_mutex_unlock(&pool.lock);
}

/* From the pool, or of its own size; counted.  NULL: no memory. */
static struct frame *frame_allocate(size_t capacity)
{
	int pooled = capacity == CHUNK_BODY_MAX;
	struct frame *frame = pooled ? pool_take() : NULL;

	if (frame != NULL)
		return frame;
	frame = malloc(sizeof(*frame) + FRAME_HEADER_SIZE + capacity);
	if (frame == NULL) {
		if (pooled)
			pool_put(NULL);
		return NULL;
	}
	frame->capacity = capacity;
	frame->bytes = (uint8_t *)(frame + 1);
	if (!pooled)
		atomic_fetch_add_explicit(&small_bytes, small_cost(capacity),
					  memory_order_relaxed);
	return frame;
}

struct frame *frame_create(enum frame_type type, size_t capacity)
{
	struct frame *frame;

	if (capacity > POOL_THRESHOLD && capacity < CHUNK_BODY_MAX)
		capacity = CHUNK_BODY_MAX;
	frame = frame_allocate(capacity);
	if (frame == NULL)
		return NULL;
	frame->type = type;
	frame->flags = 0;
	frame->epoch = 0;
	frame->body_length = 0;
	frame->next = NULL;
	return frame;
}

void frame_free(struct frame *frame)
{
	if (frame == NULL)
		return;
	if (frame->capacity == CHUNK_BODY_MAX)
		frame = pool_put(frame);
	else
		atomic_fetch_sub_explicit(&small_bytes,
					  small_cost(frame->capacity),
					  memory_order_relaxed);
	free(frame);
}

void frame_forsake(struct frame *frame)
{
	if (frame->capacity == CHUNK_BODY_MAX)
		pool_put(NULL);
	else
		atomic_fetch_sub_explicit(&small_bytes,
					  small_cost(frame->capacity),
					  memory_order_relaxed);
	pthread_mutex_lock(&pool.lock);
	frame->next = pool.forsaken;
	pool.forsaken = frame;
	pthread_mutex_unlock(&pool.lock);
}

uint8_t *frame_body(const struct frame *frame)
{
	return frame->bytes + FRAME_HEADER_SIZE;
}

static uint32_t header_check(const uint8_t *header)
{
	return (uint32_t)XXH3_64bits(header, FRAME_HEADER_SIZE - 4);
}

void frame_seal(struct frame *frame)
{
	struct codec_writer writer = {frame->bytes};

	codec_put_u8(&writer, (uint8_t)frame->type);
	codec_put_u8(&writer, frame->flags);
	codec_put_zeros(&writer, 2);
	codec_put_u32(&writer, frame->epoch);
	codec_put_u32(&writer, (uint32_t)frame->body_length);
	codec_put_u32(&writer, header_check(frame->bytes));
}

int frame_parse_header(const uint8_t header[FRAME_HEADER_SIZE],
		       struct frame **frame)
{
	struct codec_reader reader = {header, FRAME_HEADER_SIZE, 0};
	uint8_t type = codec_get_u8(&reader);
	uint8_t flags = codec_get_u8(&reader);
	uint16_t reserved = codec_get_u16(&reader);
	uint32_t epoch = codec_get_u32(&reader);
	uint32_t length = codec_get_u32(&reader);

	*frame = NULL;
	if (codec_get_u32(&reader) != header_check(header) || reserved != 0 ||
	    frame_type_name(type) == NULL || length > frame_body_max(type))
		return 0;
	*frame = frame_create((enum frame_type)type, length);
	if (*frame == NULL)
		return -1;
	(*frame)->flags = flags;
	(*frame)->epoch = epoch;
	(*frame)->body_length = length;
	return 1;
}
