/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a frame arrives, whether it does, and as what.  Deliveries wait in a
 * heap, ordered by time and then by the order in which they were made.
 */
#include "tests/sim/network.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/memory.h"
#include "transfer/message.h"

#define NETWORK_LANES 8
#define STALE_MAX     16
/* Frames up to this size are copied when they are kept for later. */
#define STALE_SIZE    70000

struct direction {
	int up;        /* this end sees the lane */
	int closed;    /* this end will send nothing more */
	uint64_t idle; /* when what was given to it so far has left */
	uint64_t last; /* when the last frame from this end arrives */
};

struct network_lane {
	struct direction from[END_COUNT];
	int silent;
	unsigned generation; /* frames of an older one were cut off */
};

struct item {
	struct delivery delivery;
	uint64_t order;
	unsigned generation;
};

struct network {
	struct dice dice;
	struct network_config config;
	struct network_lane lanes[NETWORK_LANES];
	struct item *heap;
	size_t count, capacity;
	uint64_t order;
	uint64_t now;
	uint64_t curse; /* which seqs */
	struct stale {
		struct frame *frame;
		int end;
	} stale[STALE_MAX];
	size_t stale_count;
};

struct network *network_create(struct dice dice)
{
	struct network *network = sim_zeroed(sizeof(*network));

	network->dice = dice;
	return network;
}

static int item_before(const struct item *first, const struct item *second)
{
	if (first->delivery.time != second->delivery.time)
		return first->delivery.time < second->delivery.time;
	return first->order < second->order;
}

static void heap_put(struct network *network, const struct delivery *delivery)
{
	struct item item = {*delivery, network->order++,
			    network->lanes[delivery->lane].generation};
	size_t at = network->count++;

	network->heap = sim_grow(network->heap, at, &network->capacity,
				 sizeof(*network->heap));
	while (at > 0 && item_before(&item, &network->heap[(at - 1) / 2])) {
		network->heap[at] = network->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	network->heap[at] = item;
}

static struct item heap_take(struct network *network)
{
	struct item first = network->heap[0];
	struct item last = network->heap[--network->count];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < network->count) {
		if (child + 1 < network->count &&
		    item_before(&network->heap[child + 1],
				&network->heap[child]))
			child++;
		if (!item_before(&network->heap[child], &last))
			break;
		network->heap[at] = network->heap[child];
		at = child;
	}
	network->heap[at] = last;
	return first;
}

static struct frame *frame_copy(const struct frame *frame)
{
	struct frame *copy = frame_create(frame->type, frame->body_length);

	if (copy == NULL)
		abort();
	copy->flags = frame->flags;
	copy->epoch = frame->epoch;
	copy->body_length = frame->body_length;
	memcpy(copy->bytes, frame->bytes,
	       FRAME_HEADER_SIZE + frame->body_length);
	return copy;
}

/* The last words of a session are few, and do the most harm in another. */
static int is_kept(struct network *network, enum frame_type type)
{
	if (type == FRAME_ERROR || type == FRAME_BYE)
		return network->config.stale > 0;
	return dice_chance(&network->dice, network->config.stale);
}

static void stale_keep(struct network *network, const struct delivery *old)
{
	struct stale *stale;

	if (old->frame == NULL || network->stale_count == STALE_MAX ||
	    old->frame->body_length > STALE_SIZE ||
	    !is_kept(network, old->frame->type))
		return;
	stale = &network->stale[network->stale_count++];
	stale->frame = frame_copy(old->frame);
	stale->end = old->end;
}

static void network_drain(struct network *network)
{
	while (network->count > 0) {
		struct item item = heap_take(network);

		stale_keep(network, &item.delivery);
		frame_free(item.delivery.frame);
	}
}

void network_free(struct network *network)
{
	if (network == NULL)
		return;
	network_drain(network);
	while (network->stale_count > 0)
		frame_free(network->stale[--network->stale_count].frame);
	free(network->heap);
	free(network);
}

void network_begin(struct network *network, const struct network_config *config,
		   uint64_t now)
{
	network->config = *config;
	network_drain(network);
	memset(network->lanes, 0, sizeof(network->lanes));
	network->now = now;
	network->curse = dice_next(&network->dice);
	/* Late frames of sessions that are over. */
	while (network->stale_count > 0) {
		struct stale *stale = &network->stale[--network->stale_count];
		struct delivery late = {0};

		late.time = now + dice_below(&network->dice, 10000000);
		late.end = stale->end;
		late.type = EVENT_FRAME;
		late.frame = stale->frame;
		heap_put(network, &late);
	}
}

void network_up(struct network *network, uint32_t lane)
{
	struct network_lane *state = &network->lanes[lane];
	int end;

	assert(lane < NETWORK_LANES && state->generation == 0);
	for (end = 0; end < END_COUNT; end++) {
		struct delivery up = {0};

		state->from[end].up = 1;
		state->from[end].idle = network->now;
		up.time = network->now;
		up.end = end;
		up.lane = lane;
		up.type = EVENT_LANE_UP;
		heap_put(network, &up);
	}
}

/* Flip one bit of what the chunk's digest covers; of a packed one, of the
 * digest, for not every bit of what is packed makes a difference. */
static void chunk_damage(struct network *network, struct frame *frame)
{
	size_t data = frame->body_length - CHUNK_HEADER_SIZE;
	size_t at = CHUNK_HEADER_SIZE + dice_below(&network->dice, data);
	struct message_chunk chunk;

	if (message_chunk_decode(frame, &chunk) == 0 &&
	    (chunk.flags & CHUNK_PACKED) != 0)
		at = CHUNK_HEADER_SIZE - 1 - dice_below(&network->dice, 16);

	frame_body(frame)[at] ^= (uint8_t)(1U << dice_below(&network->dice, 8));
}

int network_cursed(const struct network *network, uint64_t seq)
{
	struct dice dice;

	dice_init(&dice, network->curse, seq);
	return dice_chance(&dice, network->config.curse);
}

static int is_damaged(struct network *network, const struct frame *frame)
{
	struct message_chunk chunk;

	if (frame->type != FRAME_CHUNK)
		return 0;
	if (dice_chance(&network->dice, network->config.damage))
		return 1;
	return network->config.curse > 0 &&
	       message_chunk_decode(frame, &chunk) == 0 &&
	       network_cursed(network, chunk.seq);
}

static void frame_arrives(struct network *network, struct direction *from,
			  struct delivery *delivery)
{
	const struct network_config *config = &network->config;
	uint64_t delay = dice_between(&network->dice, config->delay_shortest,
				      config->delay_longest);

	delivery->time = from->idle + delay;
	if (dice_chance(&network->dice, config->reorder))
		delivery->time += dice_below(&network->dice, 20 * delay + 1);
	else if (delivery->time < from->last)
		delivery->time = from->last;
	if (delivery->time > from->last)
		from->last = delivery->time;
	heap_put(network, delivery);
}

void network_send(struct network *network, int end, uint32_t lane,
		  struct frame *frame, uint64_t now)
{
	struct network_lane *state = &network->lanes[lane];
	struct direction *from = &state->from[end];
	struct delivery delivery = {0};
	size_t bytes = FRAME_HEADER_SIZE + frame->body_length;

	assert(lane < NETWORK_LANES);
	if (!from->up || from->closed) {
		frame_free(frame);
		return;
	}
	if (from->idle < now)
		from->idle = now;
	from->idle += bytes * UINT64_C(1000000000) / network->config.rate;

	delivery.time = from->idle;
	delivery.end = end;
	delivery.type = EVENT_LANE_SENT;
	delivery.lane = lane;
	delivery.bytes = bytes;
	if (!state->silent)
		heap_put(network, &delivery);

	delivery.end = !end;
	delivery.type = EVENT_FRAME;
	delivery.bytes = 0;
	if (state->silent ||
	    dice_chance(&network->dice, network->config.drop)) {
		frame_free(frame);
		return;
	}
	if (dice_chance(&network->dice, network->config.duplicate)) {
		delivery.frame = frame_copy(frame);
		frame_arrives(network, from, &delivery);
	}
	if (is_damaged(network, frame))
		chunk_damage(network, frame);
	delivery.frame = frame;
	frame_arrives(network, from, &delivery);
}

void network_cut(struct network *network, uint32_t lane, uint64_t now)
{
	struct network_lane *state = &network->lanes[lane];
	int end;

	state->generation++;
	for (end = 0; end < END_COUNT; end++) {
		struct delivery down = {0};

		if (!state->from[end].up || state->from[end].closed)
			continue;
		state->from[end].closed = 1;
		down.time =
		    now + dice_below(&network->dice,
				     2 * network->config.delay_longest + 1);
		down.end = end;
		down.lane = lane;
		down.type = EVENT_LANE_DOWN;
		heap_put(network, &down);
	}
}

void network_silence(struct network *network, uint32_t lane)
{
	network->lanes[lane].silent = 1;
	network->lanes[lane].generation++;
}

void network_close(struct network *network, int end, uint64_t now)
{
	uint32_t lane;

	for (lane = 0; lane < NETWORK_LANES; lane++) {
		struct network_lane *state = &network->lanes[lane];
		struct direction *from = &state->from[end];
		struct delivery down = {0};

		if (!from->up)
			continue;
		from->up = 0;
		if (from->closed || state->silent || !state->from[!end].up)
			continue;
		from->closed = 1;
		down.time = from->last > now ? from->last : now;
		down.time += network->config.delay_shortest;
		down.end = !end;
		down.lane = lane;
		down.type = EVENT_LANE_DOWN;
		heap_put(network, &down);
	}
}

int network_is_up(const struct network *network, int end, uint32_t lane)
{
	return lane < NETWORK_LANES && network->lanes[lane].from[end].up;
}

uint64_t network_due(const struct network *network)
{
	return network->count == 0 ? UINT64_MAX
				   : network->heap[0].delivery.time;
}

/* The bytes that came, parsed as a lane does it. */
static struct frame *frame_parse(struct frame *sent)
{
	struct frame *frame = NULL;

	if (frame_parse_header(sent->bytes, &frame) != 1 ||
	    frame->body_length != sent->body_length ||
	    frame->epoch != sent->epoch)
		abort();
	memcpy(frame_body(frame), frame_body(sent), frame->body_length);
	frame_free(sent);
	return frame;
}

int network_take(struct network *network, struct delivery *delivery)
{
	while (network->count > 0) {
		struct item item = heap_take(network);
		struct network_lane *lane;
		struct direction *to;

		*delivery = item.delivery;
		lane = &network->lanes[delivery->lane];
		to = &lane->from[delivery->end];
		if (delivery->time > network->now)
			network->now = delivery->time;
		/* Only frames get lost; an end always learns of its lanes. */
		if (!to->up || (item.generation != lane->generation &&
				delivery->type == EVENT_FRAME)) {
			stale_keep(network, delivery);
			frame_free(delivery->frame);
			continue;
		}
		if (delivery->type == EVENT_LANE_DOWN)
			to->up = 0;
		if (delivery->frame != NULL)
			delivery->frame = frame_parse(delivery->frame);
		return 1;
	}
	return 0;
}
