/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which lanes does a session have, and who closes them.  To close one may take
 * a second or three, in which others have to go on, and when a line is cut all
 * go at once: so each is closed by a thread of its own.
 */
#include "transfer/lane_set.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/thread.h"

/* ---- closing ---- */

struct lane_closing {
	struct lane_closing *next;
	struct lane *lane;
	pthread_t thread;
	atomic_int done;
};

static void *run_closing(void *cookie)
{
	struct lane_closing *closing = cookie;

	lane_close(closing->lane);
	atomic_store(&closing->done, 1);
	return NULL;
}

/* Those that are done, or all; how many are left. */
static unsigned join_closing(struct lane_set *set, int all)
{
	struct lane_closing **link = &set->closing, *closing;
	unsigned left = 0;

	while ((closing = *link) != NULL) {
		if (!all && !atomic_load(&closing->done)) {
			link = &closing->next;
			left++;
			continue;
		}
		pthread_join(closing->thread, NULL);
		*link = closing->next;
		free(closing);
	}
	return left;
}

/* Without waiting for it, unless there are too many to wait for. */
static void close_later(struct lane_set *set, struct lane *lane)
{
	struct lane_closing *closing = NULL;

	if (lane != NULL && join_closing(set, 0) < LANES_MAX)
		closing = calloc(1, sizeof(*closing));
	if (closing == NULL) {
		lane_close(lane);
		return;
	}
	closing->lane = lane;
	if (thread_start(&closing->thread, run_closing, closing) != 0) {
		lane_close(lane);
		free(closing);
		return;
	}
	closing->next = set->closing;
	set->closing = closing;
}

void lane_set_release(struct lane_set *set)
{
	for (uint32_t i = 0; i < LANES_MAX; i++)
		close_later(set, set->slots[i].lane);
	join_closing(set, 1);
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
	close_later(set, lane);
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
