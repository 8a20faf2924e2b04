/* SPDX-License-Identifier: BSD-2-Clause */
/* Which lane is alive, and which has room. */
#include "transfer/lane_table.h"

#include <string.h>

void lane_table_up(struct lane_table *table, uint32_t lane, int bulk,
		   uint64_t now)
{
	struct lane_state *state = &table->lanes[lane];

	if (state->up)
		return;
	memset(state, 0, sizeof(*state));
	state->up = 1;
	state->bulk = bulk;
	state->heard = now;
	state->spoke = now;
	table->count++;
	table->bulk_count += bulk != 0;
}

int lane_table_down(struct lane_table *table, uint32_t lane)
{
	struct lane_state *state = &table->lanes[lane];

	if (!state->up)
		return 0;
	state->up = 0;
	table->count--;
	table->bulk_count -= state->bulk != 0;
	return 1;
}

void lane_table_heard(struct lane_table *table, uint32_t lane, uint64_t now)
{
	table->lanes[lane].heard = now;
}

void lane_table_sent(struct lane_table *table, uint32_t lane, size_t bytes,
		     uint64_t now)
{
	struct lane_state *state = &table->lanes[lane];

	state->queued -= bytes < state->queued ? bytes : state->queued;
	state->moved = now;
	state->stalled = 0;
}

/* 1 if chunks may go on it. */
static int is_for_data(const struct lane_table *table, uint32_t lane)
{
	const struct lane_state *state = &table->lanes[lane];

	return state->up && (state->bulk || table->bulk_count == 0);
}

static int is_stuck(const struct lane_state *state, uint64_t now,
		    uint64_t stall)
{
	return state->queued > 0 && now >= state->moved + stall;
}

uint32_t lane_table_stall(struct lane_table *table, uint64_t now,
			  uint64_t stall)
{
	uint32_t stuck = LANES_MAX, other = LANES_MAX;

	for (uint32_t lane = 0; lane < LANES_MAX; lane++) {
		if (!is_for_data(table, lane) || table->lanes[lane].stalled)
			continue;
		if (is_stuck(&table->lanes[lane], now, stall))
			stuck = lane;
		else
			other = lane;
	}
	if (stuck == LANES_MAX || other == LANES_MAX)
		return LANES_MAX;
	table->lanes[stuck].stalled = 1;
	return stuck;
}

uint32_t lane_table_control(const struct lane_table *table)
{
	uint32_t first = LANES_MAX;

	for (uint32_t lane = LANES_MAX; lane-- > 0;) {
		const struct lane_state *state = &table->lanes[lane];

		if (state->up && (first == LANES_MAX || !state->bulk ||
				  table->lanes[first].bulk))
			first = lane;
	}
	return first;
}

uint32_t lane_table_data(const struct lane_table *table)
{
	uint32_t best = LANES_MAX;
	size_t least = SIZE_MAX;

	for (uint32_t lane = 0; lane < LANES_MAX; lane++) {
		const struct lane_state *state = &table->lanes[lane];
		size_t load = state->stalled ? SIZE_MAX - 1 : state->queued;

		if (is_for_data(table, lane) && load < least) {
			least = load;
			best = lane;
		}
	}
	return best;
}

uint32_t lane_table_roomy(const struct lane_table *table)
{
	uint32_t lane = lane_table_data(table);
	size_t most =
	    table->count > LANES_MANY ? LANE_QUEUE_LESS : LANE_QUEUE_MAX;

	return lane < LANES_MAX && table->lanes[lane].queued < most ? lane
								    : LANES_MAX;
}

size_t lane_table_queued(const struct lane_table *table)
{
	size_t queued = 0;

	for (uint32_t lane = 0; lane < LANES_MAX; lane++) {
		if (table->lanes[lane].up)
			queued += table->lanes[lane].queued;
	}
	return queued;
}

int lane_table_idle(const struct lane_table *table)
{
	for (uint32_t lane = 0; lane < LANES_MAX; lane++) {
		if (table->lanes[lane].up && table->lanes[lane].queued > 0)
			return 0;
	}
	return 1;
}

void lane_table_send(struct lane_table *table, struct outbox *outbox,
		     uint32_t lane, struct frame *frame, uint64_t now)
{
	if (lane >= LANES_MAX) {
		frame_free(frame);
		return;
	}
	if (table->lanes[lane].queued == 0)
		table->lanes[lane].moved = now;
	if (frame != NULL)
		table->lanes[lane].queued +=
		    FRAME_HEADER_SIZE + frame->body_length;
	table->lanes[lane].spoke = now;
	outbox_send(outbox, lane, frame);
}

int lane_table_clogged(const struct lane_table *table, uint32_t lane)
{
	return lane < LANES_MAX && table->lanes[lane].queued >= LANE_QUEUE_MAX;
}

void lane_table_pong(struct lane_table *table, struct outbox *outbox,
		     uint32_t lane, uint64_t now)
{
	if (!lane_table_clogged(table, lane))
		lane_table_send(table, outbox, lane, message_empty(FRAME_PONG),
				now);
}

uint32_t lane_table_pulse(struct lane_table *table, struct outbox *outbox,
			  uint64_t now, uint64_t ping, uint64_t idle)
{
	for (uint32_t lane = 0; lane < LANES_MAX; lane++) {
		struct lane_state *state = &table->lanes[lane];

		if (!state->up)
			continue;
		if (now >= state->heard + idle)
			return lane;
		if (now >= state->spoke + ping)
			lane_table_send(table, outbox, lane,
					message_empty(FRAME_PING), now);
	}
	return LANES_MAX;
}

uint64_t lane_table_deadline(const struct lane_table *table, uint64_t ping,
			     uint64_t idle)
{
	uint64_t soonest = UINT64_MAX;

	for (uint32_t lane = 0; lane < LANES_MAX; lane++) {
		const struct lane_state *state = &table->lanes[lane];
		uint64_t due = state->spoke + ping;

		if (!state->up)
			continue;
		if (state->heard + idle < due)
			due = state->heard + idle;
		if (due < soonest)
			soonest = due;
	}
	return soonest;
}
