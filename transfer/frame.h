/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_FRAME_H
#define FERRY_TRANSFER_FRAME_H

#include <stddef.h>
#include <stdint.h>

/*
 * A frame on a lane: a header of 16 bytes and a body (ferry-protocol(7)).
 *
 *   0  type      1 byte
 *   1  flags     1 byte
 *   2  zero      2 bytes
 *   4  epoch     4 bytes, little endian; 0 before READY
 *   8  length    4 bytes, of the body
 *  12  check     4 bytes: low half of XXH3-64 of bytes 0..11
 *
 * The check is tested before the length is believed, and the length against
 * the maximum of the type.  Frames have one owner and are moved, not copied;
 * a chunk's bytes are read from disk straight into its frame, and written to
 * disk straight from it.
 */
#define FRAME_HEADER_SIZE 16

enum frame_type {
	FRAME_HELLO = 1,
	FRAME_OPEN = 2,
	FRAME_OFFER = 3,
	FRAME_READY = 4,
	FRAME_ENTRY = 5,
	FRAME_NEED = 6,
	FRAME_CHUNK = 7,
	FRAME_KEEP = 8,
	FRAME_COMMIT = 9,
	FRAME_WITHDRAW = 10,
	FRAME_FLUSH = 11,
	FRAME_ACK = 12,
	FRAME_NACK = 13,
	FRAME_RECEIPT = 14,
	FRAME_PROBLEM = 15,
	FRAME_STATS = 16,
	FRAME_PING = 17,
	FRAME_PONG = 18,
	FRAME_BYE = 19,
	FRAME_ERROR = 20,
	FRAME_MANIFEST = 21,
	FRAME_LANES = 22,
	FRAME_JOIN = 23,
	FRAME_TYPE_COUNT
};

struct frame {
	enum frame_type type;
	uint8_t flags;
	uint32_t epoch;
	size_t body_length;
	size_t capacity; /* of the body */
	uint8_t *bytes;  /* header, then body; FRAME_HEADER_SIZE + capacity */
	struct frame *next; /* for whoever owns it */
};

/* The largest bodies are those of CHUNK (a leaf and 48 bytes), and these. */
#define OPEN_BODY_MAX     ((size_t)512 << 10)
#define MANIFEST_BODY_MAX ((size_t)512 << 10)

/* Largest body of a type; 0 for types without one and for a type that does not
 * exist (its frame_type_name is NULL). */
size_t frame_body_max(unsigned type);

/*
 * A frame with room for capacity bytes of body.  Those with room for a whole
 * chunk come from a pool that reuses the memory.  NULL: no memory.
 */
struct frame *frame_create(enum frame_type, size_t capacity);
void frame_free(struct frame *); /* NULL is fine */
/* Free it as far as counting goes, but leave its bytes as they are for ever:
 * who else has them is not known. */
void frame_forsake(struct frame *);

/*
 * How many chunks a process should hold at most.  It is not enforced here:
 * whoever reads from a lane asks before it takes the next chunk.
 */
#define FRAME_POOL_MAX 24

/* Let it hold so many more: a process that is both ends of a lane has twice the
 * chunks, and those that one end has in queues must not keep the other from
 * taking them. */
void frame_pool_enlarge(size_t more);

/* 1 if that many frames of the pool, or as many bytes of others, are out. */
int frame_pool_full(void);
/* 1 if there are as many bytes of others alone: before any frame is taken. */
int frame_small_full(void);
/* Wait until it is not full, at most so long; what is not of the pool may be
 * noticed only then.  Any thread. */
void frame_pool_wait(int milliseconds);

/* The body. */
uint8_t *frame_body(const struct frame *);

/* Write the header for type, flags, epoch and body_length into bytes; after
 * that, bytes[0 .. FRAME_HEADER_SIZE + body_length) goes on a lane. */
void frame_seal(struct frame *);

/*
 * Read a header.  1 and *frame (new, body still to be filled with body_length
 * bytes at frame_body); 0 if the check is wrong, the type unknown, a reserved
 * byte set or the length over the maximum; -1 when out of memory.
 */
int frame_parse_header(const uint8_t header[FRAME_HEADER_SIZE],
		       struct frame **);

/* The name of a type for messages, "frame 77" style for unknown ones is the
 * caller's work: NULL then. */
const char *frame_type_name(unsigned type);

#endif
