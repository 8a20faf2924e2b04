/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_LANE_TABLE_H
#define FERRY_TRANSFER_LANE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "transfer/engine.h"
#include "transfer/outbox.h"

/*
 * What an engine knows of its lanes: which are up, how much is queued on each,
 * and when each was heard last.  Pings are sent, and silent lanes given up,
 * by lane_table_pulse.
 *
 * While a bulk lane is up, chunks go on bulk lanes alone; all else goes on the
 * control lane, the first that is up and not for bulk if there is one.
 */
struct lane_table {
	struct lane_state {
		int up;
		int bulk;
		size_t queued;
		uint64_t heard; /* when the last frame came */
		uint64_t spoke; /* when something was last sent on it */
		uint64_t moved; /* when its queue last became shorter, or was
				   empty */
		int stalled;    /* it gets no chunks until it moves again */
	} lanes[LANES_MAX];
	unsigned count; /* of lanes that are up */
	unsigned bulk_count;
};

/* Most bytes of chunks queued on one lane: two keep it busy while the next is
 * read; more would only wait in memory.  Of many lanes, each has less. */
#define LANE_QUEUE_MAX  ((size_t)4 << 20)
#define LANE_QUEUE_LESS ((size_t)2 << 20)
#define LANES_MANY      4

/* A lane came up, with nothing queued; as good as heard now. */
void lane_table_up(struct lane_table *, uint32_t lane, int bulk, uint64_t now);
/* 1 if it was up. */
int lane_table_down(struct lane_table *, uint32_t lane);
void lane_table_heard(struct lane_table *, uint32_t lane, uint64_t now);
/* So many bytes left its queue. */
void lane_table_sent(struct lane_table *, uint32_t lane, size_t bytes,
		     uint64_t now);
/* A lane whose queue has not moved for so long while another one could take
 * chunks: it is stalled from now on.  LANES_MAX: none. */
uint32_t lane_table_stall(struct lane_table *, uint64_t now, uint64_t stall);

/* The lane for control frames: see above; LANES_MAX: none. */
uint32_t lane_table_control(const struct lane_table *);
/* The lane for the next chunk: the one with the least queued; LANES_MAX: none
 * is up. */
uint32_t lane_table_data(const struct lane_table *);
/* The same, if it has room; else LANES_MAX. */
uint32_t lane_table_roomy(const struct lane_table *);

/* 1 if nothing is queued on any lane. */
int lane_table_idle(const struct lane_table *);
/* Bytes that are queued on all lanes together. */
size_t lane_table_queued(const struct lane_table *);

/* 1 if so much is queued on the lane that answers which will be asked for
 * again should wait: else a peer that asks and does not read fills our memory.
 */
int lane_table_clogged(const struct lane_table *, uint32_t lane);

/* A PING came: PONG, unless what is queued tells as much. */
void lane_table_pong(struct lane_table *, struct outbox *, uint32_t lane,
		     uint64_t now);

/* Send a frame and count it. */
void lane_table_send(struct lane_table *, struct outbox *, uint32_t lane,
		     struct frame *, uint64_t now);

/*
 * Send a PING on lanes where nothing was sent for ping nanoseconds.  Each end
 * speaks so often unasked, because a question may wait for minutes behind data
 * on a slow line.  The first lane that was silent for idle is returned, to be
 * given up by the caller; else LANES_MAX.
 */
uint32_t lane_table_pulse(struct lane_table *, struct outbox *, uint64_t now,
			  uint64_t ping, uint64_t idle);
/* When lane_table_pulse has work next. */
uint64_t lane_table_deadline(const struct lane_table *, uint64_t ping,
			     uint64_t idle);

#endif
