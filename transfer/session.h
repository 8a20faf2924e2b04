/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SESSION_H
#define FERRY_TRANSFER_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "journal/io.h"
#include "transfer/engine.h"
#include "transfer/inbox.h"
#include "transfer/lane.h"
#include "transfer/lane_crew.h"
#include "transfer/lane_set.h"
#include "transfer/source.h"
#include "transfer/target.h"
#include "transfer/transfer.h"

/*
 * One session: what both ends do between the start of a connection and its
 * end.  First frames are exchanged one by one (HELLO, OPEN, OFFER, READY);
 * then an engine runs.  The client (transfer.c) and the agent (agent.c) say in
 * which role.
 *
 * Every function returns 0, or -1 when the session is over: code and text
 * say why, and the far end has been told.
 */
struct session {
	struct io *io;
	struct inbox *inbox;
	struct lane_set lanes;  /* number 0 is the first */
	struct lane_crew *crew; /* NULL: there will be no further ones */
	uint32_t epoch;         /* while an engine runs; else 0 */
	const struct transfer_observer *observer; /* its members may be NULL */
	uint64_t watched; /* when the observer was last asked and told */

	unsigned version; /* of the protocol, that both speak; 0: none */
	int up;           /* READY was agreed on */
	int resumed;      /* as READY said */
	uint8_t uuid[16];
	struct transfer_stats stats;

	int down;        /* no lane is up */
	int down_code;   /* why the last one went; EXIT_DONE: in order */
	char *down_text; /* likewise; or NULL */
	int code;        /* of the end; EXIT_DONE until then */
	char *text;
	int told;                 /* the far end said both */
	enum lane_absence absent; /* what the only lane told of its end */
};

/* Nothing is connected yet.  0; -1: no memory. */
int session_init(struct session *, struct io *,
		 const struct transfer_observer *);
/* Sends what is queued, closes the lanes, frees all. */
void session_release(struct session *);

/* The first lane is made, with id 0; it becomes the session's. */
void session_set_lane(struct session *, struct lane *);

/* Give the first lane's descriptors back, with the stream as it is: 0; -1: it
 * is of no use any more.  The session has no lane then. */
int session_detach(struct session *);

/* The first reason stays.  Always -1. */
int session_fail(struct session *, int code, const char *text);
/* The same, with a text that becomes the session's (NULL: no memory). */
int session_fail_text(struct session *, int code, char *text);

/* frame is taken; NULL means that there was no memory for it. */
int session_send(struct session *, struct frame *);

/* Say HELLO, in the client before the far end's is heard, in the agent after.
 */
int session_hello(struct session *, const uint8_t nonce[16]);
/* Take the far end's, and with it the version.  That there is none is for the
 * client to say. */
int session_expect_hello(struct session *, const uint8_t nonce[16]);

/*
 * The next frame of the conversation before an engine runs; it is the
 * caller's.  PINGs are passed over; an ERROR, another type than wanted, the
 * loss of the lane or a silence of SESSION_SILENCE end the session.
 */
#define SESSION_SILENCE ((uint64_t)60 * 1000 * 1000 * 1000)
int session_expect(struct session *, enum frame_type wanted, struct frame **);
/* As session_expect, of either type. */
int session_expect_any(struct session *, enum frame_type,
		       enum frame_type or_type, struct frame **);

/* How the reading end is to send. */
struct session_manner {
	uint32_t options; /* OPEN_* */
	int compression;  /* COMPRESS_NO, a level, COMPRESS_AUTO */
	uint64_t rate;    /* bytes a second; 0: no limit */
};

/*
 * Run as the reading end from READY to BYE; OFFER was said.  The source is
 * open, with its journal for uuid; if READY names an older transfer, that one's
 * is opened instead.
 */
int session_run_source(struct session *, struct source *,
		       const uint8_t uuid[16], const struct session_manner *);

/*
 * Run as the writing end from OFFER to BYE.  config has all but the offer;
 * entries and seqs are numbered from the given numbers at least.
 */
int session_run_target(struct session *, const struct target_config *,
		       uint64_t next_entry, uint64_t next_seq,
		       uint32_t options);

#endif
