/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_LANE_POLICY_H
#define FERRY_TRANSFER_LANE_POLICY_H

#include <stdint.h>

/*
 * How many lanes should there be beside the first?  Without a wish of the
 * user's:
 *
 *  - none, while the rest takes the first no more than about a second;
 *  - then one, or where the round trip is long and so the window of each lane
 *    the limit, LANE_POLICY_FAR; and as long as each step made the confirmed
 *    rate grow, twice as many, up to LANE_POLICY_MAX;
 *  - when a step brought nothing, no more; when a lane is refused, none before
 *    the backoff of retry.h is over, and after some of that none at all.
 *
 * No I/O, no clock: it is told what happened, and asked.
 */
#define LANE_POLICY_AUTO      (-1)
#define LANE_POLICY_MAX       8
#define LANE_POLICY_FAR       7
/* sshd grants a channel 2 MiB, so from here on a lane has no more than 70 MB/s
 * whatever the line is; nanoseconds. */
#define LANE_POLICY_LONG_TRIP ((uint64_t)30 * 1000 * 1000)
/* A MaxStartups of 10:30:100, sshd's default, lets so many in at once. */
#define LANE_POLICY_MAKING    8

struct lane_policy {
	int wish;        /* of the user; LANE_POLICY_AUTO: none */
	unsigned wanted; /* for now */
	uint64_t began;  /* when the session did; nanoseconds */
	uint64_t step;   /* when the number of lanes last changed */
	uint64_t step_confirmed;
	uint64_t best;     /* bytes a second, before the last step */
	int settled;       /* more lanes bring nothing */
	unsigned refusals; /* in a row */
	uint64_t wait;     /* no lane is made before that */
};

/* What is asked about. */
struct lane_policy_view {
	uint64_t now;
	uint64_t total;      /* bytes to be confirmed, as far as known */
	uint64_t confirmed;  /* bytes */
	unsigned up;         /* lanes beside the first */
	unsigned making;     /* likewise, and not up yet */
	int first_lost;      /* one more is to take its place */
	uint64_t round_trip; /* nanoseconds */
};

void lane_policy_begin(struct lane_policy *, int wish, uint64_t now);
/* A lane came up, or went. */
void lane_policy_changed(struct lane_policy *, const struct lane_policy_view *);
/* One did not come up; random: 64 bits. */
void lane_policy_refused(struct lane_policy *, uint64_t now, uint64_t random);
/* How many are to be made now. */
unsigned lane_policy_ask(struct lane_policy *, const struct lane_policy_view *);
/* When the answer may be another without anything happening. */
uint64_t lane_policy_deadline(const struct lane_policy *, uint64_t now);

#endif
