/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_MESSAGE_H
#define FERRY_TRANSFER_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "journal/digest.h"
#include "journal/seq_set.h"
#include "transfer/entry.h"
#include "transfer/frame.h"

/*
 * The bodies of frames.  Each noun has an encoder, which returns a new frame
 * (NULL with errno: ENOMEM, or E2BIG for what is beyond a limit given here;
 * texts are cut instead), and a decoder, which returns 0, or -1 for a body that
 * breaks the protocol or memory that ran out.  Decoders check everything:
 * lengths, ranges, names, counts, and that nothing is left over.  Pointers in
 * a decoded message point into the frame unless said otherwise.
 */
#define PROTOCOL_VERSION 2
/* The oldest that is still spoken, as if by a ferry of that time. */
#define PROTOCOL_OLDEST  1

struct message_hello {
	uint8_t nonce[16];
	uint16_t version_lowest;
	uint16_t version_highest;
};
/*
 * The first frame each way.  Its first bytes are what greeting_find looks for,
 * so its size and its place for the nonce can never change.
 */
struct frame *message_hello_encode(const struct message_hello *);
/*
 * Whether the versions overlap with ours, and the nonce is ours, is for the
 * caller to see.
 */
int message_hello_decode(const struct frame *, struct message_hello *);

/* The client says what is to be done. */
enum operation { OPERATION_PUSH = 1, OPERATION_PULL = 2, OPERATION_VERIFY = 3 };

enum {
	OPEN_CHECKSUM = 1, /* compare content where size and time agree */
	OPEN_COUNT = 2,    /* count the source for the progress bar */
	OPEN_TARGET = 4,   /* verify: paths[0] is the DST of a copy, the others
			      are names there; see transfer/manifest_walk.h */
	OPEN_SENDER = 8    /* pull, from version 2 on: compression and rate are
			      said */
};

/* How chunks are compressed: not at all, with a level of zstd, or with a low
 * one while that is likely to save time. */
enum { COMPRESS_NO = 0, COMPRESS_LEVEL_MAX = 19, COMPRESS_AUTO = 255 };

#define OPEN_PATHS_MAX 4096

struct message_open {
	enum operation operation;
	uint32_t options;    /* OPEN_* */
	uint8_t uuid[16];    /* of the transfer */
	uint8_t client[16];  /* of this client process: who holds a lock */
	uint64_t next_entry; /* lowest numbers the client knows to be unused */
	uint64_t next_seq;
	char **paths;      /* push: the target; pull: sources; verify:
			      sources, or with OPEN_TARGET the target and
			      names.  NUL-terminated, malloc'd by decode:
			      message_open_free */
	size_t path_count; /* 1..OPEN_PATHS_MAX */
	/* OPEN_SENDER, else 0: */
	uint8_t compression; /* COMPRESS_NO, a level, or COMPRESS_AUTO */
	uint64_t rate;       /* bytes a second; 0: no limit */
};
struct frame *message_open_encode(const struct message_open *);
/* Refuses unknown operations and options.  Whether the version has the options
 * is for the caller to see.  *open is empty after -1. */
int message_open_decode(const struct frame *, struct message_open *);
/* Frees the paths of what message_open_decode made; twice is fine. */
void message_open_free(struct message_open *);

/* The sending end says what it has, before the receiver looks at its target. */
enum {
	OFFER_SINGLE = 1,  /* one source, and it is no folder: the target may
			      name the file itself */
	OFFER_CONTENTS = 2 /* some source is "folder/": its contents go
			      straight into the target */
};
struct message_offer {
	uint32_t flags;
	struct digest names; /* of the names that will appear in the target:
				finds staged data of the same job again */
	const char *name;    /* OFFER_SINGLE: the source's name */
	size_t name_length;
};
/* E2BIG for a name of more than 255 bytes. */
struct frame *message_offer_encode(const struct message_offer *);
/* The name, if any, is one that entry_path_valid takes, without "/". */
int message_offer_decode(const struct frame *, struct message_offer *);

/* The receiving end is ready: the numbers of this session. */
struct message_ready {
	uint8_t
	    uuid[16];   /* may differ from OPEN's: older staged data is used */
	uint32_t epoch; /* of every frame from now on, both ways */
	uint8_t resumed;
	uint64_t next_entry; /* the sender numbers from here */
	uint64_t next_seq;
};
/*
 * What the far end may count on from then on: the lock is held, the journal
 * open.
 */
struct frame *message_ready_encode(const struct message_ready *);
/* Refuses epoch 0, which is that of the frames before READY. */
int message_ready_decode(const struct frame *, struct message_ready *);

/* One planned entry.  Decode makes *entry; the caller owns it. */
struct frame *message_entry_encode(const struct entry *);
int message_entry_decode(const struct frame *, struct entry **);

/*
 * What the receiver has of a file.  For each entry the answer is one or more
 * NEED frames, in any order; one has NEED_LAST.  They list digests of what is
 * held.
 * Without NEED_COMPARE they are of this very version and need not be sent;
 * with it the sender must compare each with its own.
 */
enum { NEED_LAST = 1, NEED_COMPARE = 2, NEED_TARGET = 4 };
/* NEED_TARGET: the leaves are those of the file at the target, not staged:
 * if all agree and the sizes too, COMMIT_IDENTICAL ends it. */
#define NEED_LEAVES_MAX 4000

struct message_need {
	uint64_t entry;
	uint8_t flags;
	uint64_t size;          /* NEED_TARGET: of the file at the target */
	uint64_t first_leaf;    /* the digests are of leaves first_leaf ... */
	uint32_t leaf_count;    /* 0..NEED_LEAVES_MAX */
	uint64_t all;           /* digests in all frames of the answer: it is
				   complete when so many have come */
	const uint8_t *digests; /* leaf_count * 16 bytes */
};
struct frame *message_need_encode(const struct message_need *);
/*
 * Whether the leaves are within the entry is for the caller to see: the frame
 * does not say how large that is.
 */
int message_need_decode(const struct frame *, struct message_need *);

/* One leaf.  CHUNK_WHOLE: the only chunk of its file; commit it when durable.
 * CHUNK_PACKED, from version 2 on: data is what transfer/pack.h unpacks. */
enum { CHUNK_WHOLE = 1, CHUNK_PACKED = 2 };
#define CHUNK_HEADER_SIZE 48

struct message_chunk {
	uint64_t seq;
	uint64_t entry;
	uint64_t offset; /* multiple of LEAF_SIZE */
	uint32_t length; /* of the leaf: 1..LEAF_SIZE */
	uint32_t size;   /* of data: CHUNK_PACKED: 1..length-1; else length,
			    whatever it is in finish */
	uint8_t flags;
	struct digest digest; /* of the leaf */
	const uint8_t *data;  /* decode: in the frame */
};
/* An empty chunk frame with room for length bytes at message_chunk_data. */
struct frame *message_chunk_create(uint32_t length);
uint8_t *message_chunk_data(const struct frame *);
/* Fill in all but the data, which is in place; sets body_length. */
void message_chunk_finish(struct frame *, const struct message_chunk *);
/* Whether data has the digest, or can be unpacked, is for the caller to see;
 * and whether the version has CHUNK_PACKED. */
int message_chunk_decode(const struct frame *, struct message_chunk *);

/* The sender compared: these leaves of the basis are right as they are. */
#define RANGES_MAX 2048 /* in KEEP and ACK */
struct message_keep {
	uint64_t entry;
	size_t range_count;       /* 1..RANGES_MAX */
	struct seq_range *ranges; /* of leaf numbers; decode: malloc'd, owned
				     by the caller */
};
struct frame *message_keep_encode(const struct message_keep *);
/* At least one range, sorted; of leaves that the entry may not have. */
int message_keep_decode(const struct frame *, struct message_keep *);

/* All is sent, and the source was unchanged: this is the whole file.
 * COMMIT_AGAIN: no answer came, so the receiver says what it has not. */
enum { COMMIT_IDENTICAL = 1, COMMIT_AGAIN = 2 };
struct message_commit {
	uint64_t entry;
	uint8_t flags;
	struct digest file;
};
/* To be sent when the source was seen unchanged after its last leaf. */
struct frame *message_commit_encode(const struct message_commit *);
/* Refuses flags that are not known: one could change what COMMIT means. */
int message_commit_decode(const struct frame *, struct message_commit *);

/* The sender gives an entry up; the receiver forgets it, keeps staged data.
 * The answer is a RECEIPT of any kind: RECEIPT_WITHDRAWN if nothing else. */
struct frame *message_withdraw_encode(uint64_t entry);
int message_withdraw_decode(const struct frame *, uint64_t *entry);

/* Durable and journaled: all seqs below below, and those in ranges. */
struct message_ack {
	uint64_t below;
	size_t range_count;       /* 0..RANGES_MAX */
	struct seq_range *ranges; /* decode: malloc'd, owned by the caller */
};
struct frame *message_ack_encode(const struct message_ack *);
/*
 * The ranges lie above below and do not touch it or each other.  They may name
 * seqs that were never sent: who uses them looks.
 */
int message_ack_decode(const struct frame *, struct message_ack *);

/* Send this seq again. */
enum nack_reason {
	NACK_DIGEST = 1, /* damaged on the way */
	NACK_DISK = 2,   /* damaged in what was staged before */
	NACK_LOST = 3    /* it never came: in answer to COMMIT_AGAIN */
};
struct message_nack {
	uint64_t seq;
	uint64_t entry;
	enum nack_reason reason;
};
/* Of a leaf that was not taken, or is not there any more. */
struct frame *message_nack_encode(const struct message_nack *);
/* seq and entry need not belong together: who uses them looks. */
int message_nack_decode(const struct frame *, struct message_nack *);

/* The end of one entry. */
enum receipt_status {
	RECEIPT_DONE = 0,     /* in place and durable */
	RECEIPT_SAME = 1,     /* was there already */
	RECEIPT_FAILED = 2,   /* text says why */
	RECEIPT_WITHDRAWN = 3 /* by the sender: to WITHDRAW and PROBLEM */
};
struct message_receipt {
	uint64_t entry;
	enum receipt_status status;
	struct digest file; /* RECEIPT_DONE of an ENTRY_FILE */
	const char *text;   /* RECEIPT_FAILED; not NUL-terminated */
	size_t text_length; /* at most TEXT_MAX */
};
#define TEXT_MAX 1024
/* A text beyond TEXT_MAX is cut. */
struct frame *message_receipt_encode(const struct message_receipt *);
/* A text comes with RECEIPT_FAILED only; it may hold any bytes but NUL. */
int message_receipt_decode(const struct frame *, struct message_receipt *);

/* Sender to receiver: a source that cannot be sent.  If it was announced, this
 * withdraws it; else it has a number all the same, so that it can be repeated
 * until its RECEIPT comes: the user at the far end must hear of it. */
enum problem_kind {
	PROBLEM_FAILED = 1,   /* unreadable, changing ...: exit 23 */
	PROBLEM_VANISHED = 2, /* exit 24 */
	PROBLEM_SKIPPED = 3   /* a device, a socket: no error */
};
struct message_problem {
	uint64_t entry;
	enum problem_kind kind;
	const char *path; /* as the user would name it */
	size_t path_length;
	const char *text;
	size_t text_length;
};
/* A text beyond TEXT_MAX and a path beyond ENTRY_PATH_MAX are cut. */
struct frame *message_problem_encode(const struct message_problem *);
/*
 * path and text hold any bytes but NUL; the path is for people only, and is not
 * checked as one.
 */
int message_problem_decode(const struct frame *, struct message_problem *);

/* The sender's figures, at most once: a newer one replaces a lost one. */
struct message_stats {
	uint64_t total_files; /* 0: not counted yet */
	uint64_t total_bytes;
	uint64_t bytes_sent; /* chunk payload put on lanes, resends included */
	uint64_t chunks_resent;
};
/* May be lost: nothing is done to repeat it. */
struct frame *message_stats_encode(const struct message_stats *);
/* Any figures are taken: they are shown and nothing else. */
int message_stats_decode(const struct frame *, struct message_stats *);

/* The end.  ERROR is for the user: code is the exit code. */
struct message_error {
	uint8_t code;
	const char *text;
	size_t text_length;
};
/* A text beyond TEXT_MAX is cut. */
struct frame *message_error_encode(const struct message_error *);
/* The code may be any byte; who takes it refuses 0, which is no error. */
int message_error_decode(const struct frame *, struct message_error *);
/* How ferry ends by it: a code that engine.h does not have is EXIT_PROTOCOL,
 * for no peer chooses an exit status that ferry(1) does not explain. */
int message_error_exit_code(const struct message_error *);

/* PING, PONG and BYE have no body, nor has FLUSH on a single lane. */
struct frame *message_empty(enum frame_type);

/*
 * FLUSH where there are several lanes, which it may arrive before what was
 * sent on others: how many CHUNKs were sent in this session, those sent again
 * included.  Decode gives 0 for one without a body.
 */
struct frame *message_flush_encode(uint64_t chunks);
int message_flush_decode(const struct frame *, uint64_t *chunks);

/*
 * LANES: the client asks for a token (NULL), the agent answers with one, or
 * with NULL if no lane can be added.  Decode says in *given which it was.
 */
#define LANES_TOKEN_SIZE 16
struct frame *message_lanes_encode(const uint8_t *token);
int message_lanes_decode(const struct frame *, uint8_t token[LANES_TOKEN_SIZE],
			 int *given);

/* JOIN: a lane becomes one of the session that made the token. */
enum { JOIN_BULK = 1 /* while such a lane is up, chunks go on these alone */ };
struct message_join {
	uint8_t token[LANES_TOKEN_SIZE];
	uint8_t flags; /* JOIN_* */
};
struct frame *message_join_encode(const struct message_join *);
/* Refuses unknown flags. */
int message_join_decode(const struct frame *, struct message_join *);

#endif
