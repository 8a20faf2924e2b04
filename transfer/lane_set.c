/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which lanes does a session have, and who closes them.  To close one may take
 * a second or two, in which others have to go on, so a thread of its own does
 * that, for one after the other; at the end all are closed at once.
 */
#include "transfer/lane_set.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---- closing ---- */

struct lane_closer {
	pthread_t thread;
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t news;
	struct lane *lanes[LANES_MAX]; /* to be closed */
	unsigned count;
	int over;
};

static void *run_closer(void *cookie)
{
	struct lane_closer *closer = cookie;

	pthread_mutex_lock(&closer->lock);
	while (closer->count > 0 || !closer->over) {
		struct lane *lane;

		if (closer->count == 0) {
			pthread_cond_wait(&closer->news, &closer->lock);
			continue;
		}
		lane = closer->lanes[--closer->count];
		pthread_mutex_unlock(&closer->lock);
		lane_close(lane);
		pthread_mutex_lock(&closer->lock);
	}
	pthread_mutex_unlock(&closer->lock);
	return NULL;
}

static struct lane_closer *closer_create(void)
{
	struct lane_closer *closer = calloc(1, sizeof(*closer));

	if (closer == NULL)
		return NULL;
	pthread_mutex_init(&closer->lock, NULL);
	pthread_cond_init(&closer->news, NULL);
	if (pthread_create(&closer->thread, NULL, run_closer, closer) == 0)
		return closer;
	pthread_cond_destroy(&closer->news);
	pthread_mutex_destroy(&closer->lock);
	free(closer);
	return NULL;
}

/* 1 if it takes the lane. */
static int closer_put(struct lane_closer *closer, struct lane *lane)
{
	int taken;

	pthread_mutex_lock(&closer->lock);
	taken = closer->count < LANES_MAX;
	if (taken)
		closer->lanes[closer->count++] = lane;
	pthread_cond_signal(&closer->news);
	pthread_mutex_unlock(&closer->lock);
	return taken;
}

static void closer_free(struct lane_closer *closer)
{
	if (closer == NULL)
		return;
	pthread_mutex_lock(&closer->lock);
	closer->over = 1;
	pthread_cond_signal(&closer->news);
	pthread_mutex_unlock(&closer->lock);
	pthread_join(closer->thread, NULL);
	pthread_cond_destroy(&closer->news);
	pthread_mutex_destroy(&closer->lock);
	free(closer);
}

static void *run_close(void *lane)
{
	lane_close(lane);
	return NULL;
}

void lane_set_release(struct lane_set *set)
{
	pthread_t threads[LANES_MAX];
	int started[LANES_MAX] = {0};

	for (uint32_t i = 1; i < LANES_MAX; i++) {
		if (set->slots[i].lane != NULL)
			started[i] =
			    pthread_create(&threads[i], NULL, run_close,
					   set->slots[i].lane) == 0;
	}
	for (uint32_t i = 0; i < LANES_MAX; i++) {
		if (started[i])
			pthread_join(threads[i], NULL);
		else
			lane_close(set->slots[i].lane);
	}
	closer_free(set->closer);
	memset(set, 0, sizeof(*set));
}

/* ---- numbers ---- */

uint32_t lane_set_reserve(struct lane_set *set)
{
	for (uint32_t i = 0; i < LANES_MAX; i++) {
		struct lane_slot *slot = &set->slots[i];

		if (slot->stage == LANE_ABSENT) {
			slot->stage = LANE_MAKING;
			return i;
		}
	}
	return LANES_MAX;
}

uint32_t lane_set_id(const struct lane_set *set, uint32_t number)
{
	return set->slots[number].uses * LANES_MAX + number;
}

void lane_set_put(struct lane_set *set, uint32_t number, struct lane *lane)
{
	set->slots[number].lane = lane;
	set->slots[number].stage = LANE_NEW;
}

void lane_set_up(struct lane_set *set, uint32_t number)
{
	set->up += set->slots[number].stage != LANE_UP;
	set->slots[number].stage = LANE_UP;
}

void lane_set_lose(struct lane_set *set, uint32_t number)
{
	struct lane_slot *slot = &set->slots[number];
	struct lane *lane = slot->lane;

	if (slot->stage == LANE_ABSENT)
		return;
	set->up -= slot->stage == LANE_UP;
	slot->stage = LANE_ABSENT;
	slot->lane = NULL;
	slot->uses++;
	if (lane == NULL)
		return;
	if (set->closer == NULL)
		set->closer = closer_create();
	if (set->closer == NULL || !closer_put(set->closer, lane))
		lane_close(lane);
}

void lane_set_send(struct lane_set *set, uint32_t number, struct frame *frame,
		   uint32_t epoch)
{
	if (set->slots[number].lane == NULL)
		frame_free(frame);
	else
		lane_send(set->slots[number].lane, frame, epoch);
}

uint32_t lane_set_first(const struct lane_set *set)
{
	uint32_t number = 0;

	while (number < LANES_MAX && set->slots[number].stage != LANE_UP)
		number++;
	return number;
}

int lane_set_sift(struct lane_set *set, struct engine_event *event)
{
	uint32_t number = event->lane % LANES_MAX;

	switch (event->type) {
	case EVENT_FRAME:
	case EVENT_LANE_SENT:
	case EVENT_LANE_HEARD:
	case EVENT_LANE_DOWN:
		break;
	default:
		return 1;
	}
	if (lane_set_id(set, number) == event->lane) {
		event->lane = number;
		return 1;
	}
	if (event->type == EVENT_FRAME)
		frame_free(event->frame);
	return 0;
}
