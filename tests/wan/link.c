/* SPDX-License-Identifier: BSD-2-Clause */
/* What a line does to packets: rate, queue, loss and delay. */
#include "tests/wan/link.h"

#include "tests/sim/dice.h"

#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

struct packet {
	struct packet *next;
	uint64_t due;
	size_t length;
	unsigned char bytes[];
};

struct link {
	struct link_shape shape;
	struct link_counts counts;
	struct dice dice;
	uint64_t free_at; /* when the last packet has left the queue */
	/* All have the same delay: the first in is the first out. */
	struct packet *first;
	struct packet **end;
	struct packet *taken;
};

struct link *link_new(const struct link_shape *shape, uint64_t seed,
		      uint64_t stream)
{
	struct link *link = calloc(1, sizeof(*link));

	if (link == NULL)
		return NULL;
	link->shape = *shape;
	link->end = &link->first;
	dice_init(&link->dice, seed, stream);
	return link;
}

void link_free(struct link *link)
{
	struct packet *packet;

	if (link == NULL)
		return;
	while ((packet = link->first) != NULL) {
		link->first = packet->next;
		free(packet);
	}
	free(link->taken);
	free(link);
}

/* How long so many bytes are on their way out of the queue. */
static uint64_t time_of(const struct link *link, uint64_t bytes)
{
	/* A packet has less than 2^16 bytes, a queue less than 2^31. */
	return link->shape.rate ? bytes * 8 * SECOND / link->shape.rate : 0;
}

static int has_room(const struct link *link, uint64_t now, size_t length)
{
	uint64_t wait = link->free_at > now ? link->free_at - now : 0;

	/* A packet that finds the line free needs no queue. */
	return link->shape.queue == 0 || wait == 0 ||
	       wait + time_of(link, length) <= time_of(link, link->shape.queue);
}

int link_put(struct link *link, uint64_t now, const void *bytes, size_t length)
{
	struct packet *packet;

	link->counts.packets++;
	link->counts.bytes += length;
	if (!has_room(link, now, length)) {
		link->counts.full++;
		return 0;
	}
	/* What is lost has had its time on the line, too. */
	if (link->free_at < now)
		link->free_at = now;
	link->free_at += time_of(link, length);
	if (dice_below(&link->dice, 1000000) < link->shape.loss) {
		link->counts.lost++;
		return 0;
	}
	packet = malloc(sizeof(*packet) + length);
	if (packet == NULL)
		return -1;
	packet->next = NULL;
	packet->due = link->free_at + link->shape.delay;
	packet->length = length;
	memcpy(packet->bytes, bytes, length);
	*link->end = packet;
	link->end = &packet->next;
	return 0;
}

uint64_t link_due(const struct link *link)
{
	return link->first != NULL ? link->first->due : LINK_NEVER;
}

const void *link_take(struct link *link, uint64_t now, size_t *length)
{
	struct packet *packet = link->first;

	free(link->taken);
	link->taken = NULL;
	if (packet == NULL || packet->due > now)
		return NULL;
	link->first = packet->next;
	if (link->first == NULL)
		link->end = &link->first;
	link->taken = packet;
	*length = packet->length;
	return packet->bytes;
}

struct link_counts link_counts(const struct link *link)
{
	return link->counts;
}
