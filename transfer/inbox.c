/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue between the threads around an engine and the engine's own. */
#include "transfer/inbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define FIRST_CAPACITY 256
#define NANOSECONDS    ((uint64_t)1000 * 1000 * 1000)

/* Events from first on, round; a power of two of them. */
struct ring {
	struct engine_event *events;
	size_t first;
	size_t count;
	size_t capacity;
};

struct inbox {
	struct ring taken; /* the reader's own: out of the others' way */

	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t news;
	struct ring coming;
	int woken;
	int waiting; /* the reader is in inbox_take */
};

static int ring_init(struct ring *ring)
{
	ring->capacity = FIRST_CAPACITY;
	ring->events = malloc(ring->capacity * sizeof(*ring->events));
	return ring->events == NULL ? -1 : 0;
}

static void ring_pop(struct ring *ring, struct engine_event *event)
{
	*event = ring->events[ring->first];
	ring->first = (ring->first + 1) & (ring->capacity - 1);
	ring->count--;
}

/* Twice as large, its events from index 0 on. */
static void ring_grow(struct ring *ring)
{
	size_t capacity = ring->capacity * 2;
	size_t used = ring->count;
	struct engine_event *events = malloc(capacity * sizeof(*events));

	if (events == NULL)
		abort();
	for (size_t i = 0; i < used; i++)
		ring_pop(ring, &events[i]);
	free(ring->events);
	ring->events = events;
	ring->capacity = capacity;
	ring->first = 0;
	ring->count = used;
}

static void ring_push(struct ring *ring, const struct engine_event *event)
{
	if (ring->count == ring->capacity)
		ring_grow(ring);
	ring->events[(ring->first + ring->count) & (ring->capacity - 1)] =
	    *event;
	ring->count++;
}

static void ring_release(struct ring *ring)
{
	struct engine_event event;

	while (ring->count > 0) {
		ring_pop(ring, &event);
		if (event.type == EVENT_FRAME)
			frame_free(event.frame);
		if (event.type == EVENT_TASK)
			task_free(event.task);
	}
	free(ring->events);
}

struct inbox *inbox_create(void)
{
	struct inbox *inbox = calloc(1, sizeof(*inbox));
	pthread_condattr_t attributes;

	if (inbox == NULL)
		return NULL;
	if (ring_init(&inbox->taken) == -1 || ring_init(&inbox->coming) == -1)
		goto release_rings;
	if (pthread_condattr_init(&attributes) != 0)
		goto release_rings;
	/* Deadlines do not move when somebody sets the clock. */
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	if (pthread_cond_init(&inbox->news, &attributes) != 0)
		goto destroy_attributes;
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&inbox->lock, NULL);
	return inbox;

destroy_attributes:
	pthread_condattr_destroy(&attributes);
release_rings:
	ring_release(&inbox->taken);
	ring_release(&inbox->coming);
	free(inbox);
	return NULL;
}

void inbox_free(struct inbox *inbox)
{
	if (inbox == NULL)
		return;
	ring_release(&inbox->taken);
	ring_release(&inbox->coming);
	pthread_cond_destroy(&inbox->news);
	pthread_mutex_destroy(&inbox->lock);
	free(inbox);
}

void inbox_add(struct inbox *inbox, const struct engine_event *event)
{
	pthread_mutex_lock(&inbox->lock);
	ring_push(&inbox->coming, event);
	pthread_mutex_unlock(&inbox->lock);
}

void inbox_tell(struct inbox *inbox)
{
	int waiting;

	pthread_mutex_lock(&inbox->lock);
	waiting = inbox->waiting && inbox->coming.count > 0;
	if (waiting)
		inbox->waiting = 0; /* one signal is enough */
	pthread_mutex_unlock(&inbox->lock);
	if (waiting)
		pthread_cond_signal(&inbox->news);
}

void inbox_put(struct inbox *inbox, const struct engine_event *event)
{
	inbox_add(inbox, event);
	inbox_tell(inbox);
}

static int passed(uint64_t deadline)
{
	struct timespec now;

	if (deadline == UINT64_MAX)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec >=
	       deadline;
}

/* Nonzero when the deadline has passed. */
static int wait_until(struct inbox *inbox, uint64_t deadline)
{
	struct timespec until;
	int result;

	inbox->waiting = 1;
	if (deadline == UINT64_MAX) {
		result = pthread_cond_wait(&inbox->news, &inbox->lock);
	} else {
		until.tv_sec = (time_t)(deadline / NANOSECONDS);
		until.tv_nsec = (long)(deadline % NANOSECONDS);
		result =
		    pthread_cond_timedwait(&inbox->news, &inbox->lock, &until);
	}
	inbox->waiting = 0;
	return result;
}

/* Make what has come the reader's own, all at once.  0 if nothing has. */
static int fetch(struct inbox *inbox, uint64_t deadline)
{
	struct ring empty = inbox->taken;
	/* Who only looks does not go through the kernel. */
	int late = passed(deadline), woken;

	pthread_mutex_lock(&inbox->lock);
	while (inbox->coming.count == 0 && !inbox->woken && !late)
		late = wait_until(inbox, deadline);
	woken = inbox->woken;
	inbox->woken = 0;
	if (!woken && inbox->coming.count > 0) {
		inbox->taken = inbox->coming;
		inbox->coming = empty;
	}
	pthread_mutex_unlock(&inbox->lock);
	return inbox->taken.count > 0;
}

int inbox_take(struct inbox *inbox, struct engine_event *event,
	       uint64_t deadline)
{
	if (inbox->taken.count == 0 && !fetch(inbox, deadline))
		return 0;
	ring_pop(&inbox->taken, event);
	return 1;
}

void inbox_wake(struct inbox *inbox)
{
	pthread_mutex_lock(&inbox->lock);
	inbox->woken = 1;
	pthread_mutex_unlock(&inbox->lock);
	pthread_cond_signal(&inbox->news);
}
