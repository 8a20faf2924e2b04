/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_PEER_H
#define FERRY_TESTS_PEER_H

#include <stdint.h>

#include "transfer/message.h"

/*
 * A peer that breaks the protocol, for tests of both real ends.  It speaks the
 * protocol up to where a case begins, reads and writes with plain calls, and
 * ends when the other side does.
 */
struct peer {
	int in, out;
	int is_agent; /* else it is the client */
	uint8_t nonce[16];
	uint32_t epoch; /* of the frames that it sends */
	char **paths;   /* agent: what OPEN named; client: to be named */
	size_t path_count;
	uint64_t index; /* of the next entry that it sends */
	uint64_t seq;   /* of the next chunk */
};

/* One way to misbehave. */
struct peer_case {
	const char *name;
	void (*run)(struct peer *);
};

/* In place of the whole conversation, or of what comes after HELLO. */
extern const struct peer_case peer_stream_cases[];
/* The same, for an agent that is to send one file. */
extern const struct peer_case peer_name_cases[];
/* As the end that sends files, after READY. */
extern const struct peer_case peer_sender_cases[];
/* As the end that receives files, after READY. */
extern const struct peer_case peer_receiver_cases[];

/* Of all these, what goes wrong ends the process with a message. */
void peer_hello(struct peer *);
/* Up to READY, sent or received; single is the name of OFFER, or NULL. */
void peer_begin_sender(struct peer *, const char *single);
void peer_begin_receiver(struct peer *);
/* Send nothing more; an agent ends with it. */
void peer_end(struct peer *);
/* Until the other side ends: a client prints errors and receipts. */
void peer_drain(struct peer *);

/* frame is taken.  0; -1 if nobody is there any more. */
int peer_send(struct peer *, struct frame *);
int peer_send_bytes(struct peer *, const void *, size_t);
/* The next frame of this type, others being dropped; NULL: the end. */
struct frame *peer_receive(struct peer *, enum frame_type);

/* Send an ENTRY, numbered; its index. */
uint64_t peer_entry(struct peer *, enum entry_type, const char *path,
		    size_t length, uint64_t size, const char *link);
/* Send a chunk of this text for an entry. */
void peer_chunk(struct peer *, uint64_t entry, uint64_t seq, const char *text,
		uint8_t flags);

/* names.c: "names FERRY DIR", see there.  An exit status. */
int peer_names(const char *ferry, const char *dir);

/* Start FERRY serve; its pid. */
int peer_start_agent(struct peer *, const char *ferry);

#endif
