/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_LANE_DOOR_H
#define FERRY_TRANSFER_LANE_DOOR_H

#include "transfer/inbox.h"
#include "transfer/message.h"

/*
 * How lanes of one session, which sshd starts a process for each, come
 * together in one process: the first agent opens a door, a local socket whose
 * name is made of a token; each further agent goes to it and hands over the
 * descriptors of its lane (SCM_RIGHTS).
 *
 * The socket is in Linux's abstract namespace: no file system has to take it,
 * no path is too long, and nothing of it is left behind by a crash.  Only
 * processes of the same user get through, in either direction (SO_PEERCRED),
 * so a name that somebody else has taken leads nowhere.  Where there is no
 * such namespace, lane_door_open fails and a session has one lane.
 */
struct lane_door;

/* What comes through, by EVENT_LANE_MADE; see lane_door_take. */
struct lane_visitor {
	int in;
	int out;
	int companion; /* the agent that brought them stays until it closes */
	uint8_t flags; /* JOIN_* */
};

/* Make the token, and listen.  NULL with errno. */
struct lane_door *lane_door_open(struct io *, struct inbox *,
				 uint8_t token[LANES_TOKEN_SIZE]);
/* NULL is fine.  Whoever is not taken yet is sent away. */
void lane_door_close(struct lane_door *);
/* The next who came; its descriptors become the caller's.  0: nobody. */
int lane_door_take(struct lane_door *, struct lane_visitor *);
/* It may come in, or (0) must go; then companion is closed. */
void lane_door_answer(const struct lane_visitor *, int welcome);

/*
 * The other side: hand in and out over, close them here, and wait until the
 * lane is closed there.  0; -1: nobody is there, or it was sent away, and in
 * and out are still open.
 */
int lane_door_enter(const uint8_t token[LANES_TOKEN_SIZE], uint8_t flags,
		    int in, int out);

#endif
