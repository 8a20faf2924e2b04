/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue between the threads around an engine and the engine's own. */
#include "transfer/inbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define FIRST_CAPACITY 256
#define NANOSECONDS    ((uint64_t)1000 * 1000 * 1000)

struct inbox {
	pthread_mutex_t lock;
	pthread_cond_t news;
	struct engine_event *ring; /* count events from first on, round */
	size_t first;
	size_t count;
	size_t capacity; /* a power of two */
	int woken;
	unsigned waiting; /* threads in inbox_take */
};

struct inbox *inbox_create(void)
{
	struct inbox *inbox = calloc(1, sizeof(*inbox));
	pthread_condattr_t attributes;

	if (inbox == NULL)
		return NULL;
	inbox->capacity = FIRST_CAPACITY;
	inbox->ring = malloc(inbox->capacity * sizeof(*inbox->ring));
	if (inbox->ring == NULL)
		goto free_inbox;
	if (pthread_condattr_init(&attributes) != 0)
		goto free_ring;
	/* Deadlines do not move when somebody sets the clock. */
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	if (pthread_cond_init(&inbox->news, &attributes) != 0)
		goto destroy_attributes;
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&inbox->lock, NULL);
	return inbox;

destroy_attributes:
	pthread_condattr_destroy(&attributes);
free_ring:
	free(inbox->ring);
free_inbox:
	free(inbox);
	return NULL;
}

static void take_first(struct inbox *inbox, struct engine_event *event)
{
	*event = inbox->ring[inbox->first];
	inbox->first = (inbox->first + 1) & (inbox->capacity - 1);
	inbox->count--;
}

void inbox_free(struct inbox *inbox)
{
	struct engine_event event;

	if (inbox == NULL)
		return;
	while (inbox->count > 0) {
		take_first(inbox, &event);
		if (event.type == EVENT_FRAME)
			frame_free(event.frame);
		if (event.type == EVENT_TASK)
			task_free(event.task);
	}
	pthread_cond_destroy(&inbox->news);
	pthread_mutex_destroy(&inbox->lock);
	free(inbox->ring);
	free(inbox);
}

/* Twice the ring, its events from index 0 on. */
static void grow(struct inbox *inbox)
{
	size_t capacity = inbox->capacity * 2;
	size_t used = inbox->count;
	struct engine_event *ring = malloc(capacity * sizeof(*ring));

	if (ring == NULL)
		abort();
	for (size_t i = 0; i < used; i++)
		take_first(inbox, &ring[i]);
	free(inbox->ring);
	inbox->ring = ring;
	inbox->capacity = capacity;
	inbox->first = 0;
	inbox->count = used;
}

void inbox_put(struct inbox *inbox, const struct engine_event *event)
{
	pthread_mutex_lock(&inbox->lock);
	if (inbox->count == inbox->capacity)
		grow(inbox);
	inbox->ring[(inbox->first + inbox->count) & (inbox->capacity - 1)] =
	    *event;
	inbox->count++;
	if (inbox->waiting > 0)
		pthread_cond_signal(&inbox->news);
	pthread_mutex_unlock(&inbox->lock);
}

/* Nonzero when the deadline has passed. */
static int wait_until(struct inbox *inbox, uint64_t deadline)
{
	struct timespec until;
	int result;

	inbox->waiting++;
	if (deadline == UINT64_MAX) {
		result = pthread_cond_wait(&inbox->news, &inbox->lock);
	} else {
		until.tv_sec = (time_t)(deadline / NANOSECONDS);
		until.tv_nsec = (long)(deadline % NANOSECONDS);
		result =
		    pthread_cond_timedwait(&inbox->news, &inbox->lock, &until);
	}
	inbox->waiting--;
	return result;
}

int inbox_take(struct inbox *inbox, struct engine_event *event,
	       uint64_t deadline)
{
	int late = 0, found = 0;

	pthread_mutex_lock(&inbox->lock);
	while (inbox->count == 0 && !inbox->woken && !late)
		late = wait_until(inbox, deadline);
	/* A call for attention comes before a queue that may never end. */
	if (!inbox->woken && inbox->count > 0) {
		take_first(inbox, event);
		found = 1;
	}
	inbox->woken = 0;
	pthread_mutex_unlock(&inbox->lock);
	return found;
}

void inbox_wake(struct inbox *inbox)
{
	pthread_mutex_lock(&inbox->lock);
	inbox->woken = 1;
	pthread_cond_broadcast(&inbox->news);
	pthread_mutex_unlock(&inbox->lock);
}
