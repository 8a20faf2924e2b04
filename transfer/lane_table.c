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

void lane_table_sent(struct lane_table *table, uint32_t lane, size_t bytes)
{
	struct lane_state *state = &table->lanes[lane];

	state->queued -= bytes < state->queued ? bytes : state->queued;
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

		if (state->up && (state->bulk || table->bulk_count == 0) &&
		    state->queued < least) {
			least = state->queued;
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
