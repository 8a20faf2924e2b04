/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_SIM_NETWORK_H
#define FERRY_TESTS_SIM_NETWORK_H

#include <stdint.h>

#include "tests/sim/dice.h"
#include "transfer/engine.h"
#include "transfer/frame.h"

/*
 * The lanes between two ends in virtual time.  Frames travel as sealed bytes
 * and are parsed again on arrival.  A lane keeps their order unless told
 * otherwise, has a rate and a delay, and may lose, repeat or damage them; it
 * may be cut, which loses what is under way, or go silent, which nobody is
 * told.
 */
enum { END_SENDER, END_RECEIVER, END_COUNT };

struct network_config {
	uint64_t delay_shortest; /* nanoseconds */
	uint64_t delay_longest;
	uint64_t rate;      /* bytes a second */
	unsigned drop;      /* in a thousand frames */
	unsigned duplicate; /* in a thousand */
	unsigned reorder;   /* in a thousand: delayed behind others */
	unsigned damage;    /* in a thousand chunks: one bit of the data */
	unsigned curse;     /* in a thousand seqs: damaged whenever sent */
	unsigned stale;     /* in a thousand: frames under way at the end of a
			       session that come in the next one */
};

struct network;

struct network *network_create(struct dice);
void network_free(struct network *);

/* A new session: no lane is up, nothing is under way. */
void network_begin(struct network *, const struct network_config *,
		   uint64_t now);
/* The lane comes up at both ends now. */
void network_up(struct network *, uint32_t lane);
/* A sealed frame, moved. */
void network_send(struct network *, int end, uint32_t lane, struct frame *,
		  uint64_t now);
/* The lane is gone: both ends hear of it, each in its time. */
void network_cut(struct network *, uint32_t lane, uint64_t now);
/* Nothing comes through any more, and no end hears of it. */
void network_silence(struct network *, uint32_t lane);
/* This end closes its lanes: the other hears it behind all that was sent.
 * Nothing reaches this end any more. */
void network_close(struct network *, int end, uint64_t now);
/* 1 if this seq is damaged whenever it is sent in this session. */
int network_cursed(const struct network *, uint64_t seq);
/* 1 if the lane is up at that end. */
int network_is_up(const struct network *, int end, uint32_t lane);

struct delivery {
	uint64_t time;
	int end; /* to */
	enum engine_event_type type;
	uint32_t lane;
	size_t bytes;
	struct frame *frame; /* owned by the caller */
};
/* When the next delivery is due; UINT64_MAX: none. */
uint64_t network_due(const struct network *);
/* Take the next delivery.  1, or 0: there is none. */
int network_take(struct network *, struct delivery *);

#endif
