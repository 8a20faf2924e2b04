/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_CODEC_H
#define FERRY_TRANSFER_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "journal/digest.h"
#include "journal/seq_set.h"
#include "transfer/frame.h"

/*
 * Numbers in bytes, little endian, one after another; for the bodies of frames
 * and nothing else.  A reader that was asked for more than there is remembers
 * it (failed) and gives zeros from then on, so that a decoder asks once, at
 * its end.  A writer is given enough room by whoever computed the size.
 */
struct codec_writer {
	uint8_t *at;
};

/* A new frame with a body of exactly size bytes and a writer at its start.
 * NULL: no memory. */
struct frame *codec_write(enum frame_type, size_t size, struct codec_writer *);

/*
 * Each appends its value and moves on.  None checks for room; together they
 * must fill exactly the size that codec_write was told.
 */
void codec_put_u8(struct codec_writer *, uint8_t);
void codec_put_u16(struct codec_writer *, uint16_t); /* 2 bytes */
void codec_put_u32(struct codec_writer *, uint32_t); /* 4 bytes */
void codec_put_u64(struct codec_writer *, uint64_t); /* 8 bytes */
/* As they are, without their number. */
void codec_put_bytes(struct codec_writer *, const void *, size_t);
/* For what is reserved: readers refuse anything else there. */
void codec_put_zeros(struct codec_writer *, size_t);
/* 16 bytes, in the order of digest.h. */
void codec_put_digest(struct codec_writer *, const struct digest *);
/* A 2-byte count, then 16 bytes a range. */
void codec_put_ranges(struct codec_writer *, const struct seq_range *, size_t);

struct codec_reader {
	const uint8_t *at;
	size_t left;
	int failed;
};

/* A reader of the whole body. */
struct codec_reader codec_read(const struct frame *);

/*
 * Each takes its value off the front; 0, with failed set, if there are not
 * enough bytes left.
 */
uint8_t codec_get_u8(struct codec_reader *);
uint16_t codec_get_u16(struct codec_reader *); /* 2 bytes */
uint32_t codec_get_u32(struct codec_reader *); /* 4 bytes */
uint64_t codec_get_u64(struct codec_reader *); /* 8 bytes */
/* A number of entries or chunks: fails above CODEC_NUMBER_MAX, so that no sum
 * of two of them overflows. */
#define CODEC_NUMBER_MAX ((uint64_t)1 << 62)
uint64_t codec_get_number(struct codec_reader *);
/* The next size bytes where they are, or NULL. */
const void *codec_get_view(struct codec_reader *, size_t size);
/* The same without a NUL among them: fails if there is one. */
const char *codec_get_text(struct codec_reader *, size_t size);
void codec_get_bytes(struct codec_reader *, void *, size_t);
/* Fails if one of the bytes is not zero. */
void codec_get_zeros(struct codec_reader *, size_t);
void codec_get_digest(struct codec_reader *, struct digest *);
/*
 * What codec_put_ranges wrote, at most RANGES_MAX: sorted, not empty, not
 * touching each other, each first at least lowest and each end at most
 * highest.  *ranges is malloc'd, or NULL when there are none or it failed.
 */
void codec_get_ranges(struct codec_reader *, uint64_t lowest, uint64_t highest,
		      struct seq_range **ranges, size_t *count);
/*
 * For a decoder that fails after codec_get_ranges: frees them, and sets NULL
 * and 0.
 */
void codec_free_ranges(struct seq_range **ranges, size_t *count);
/* 0 if nothing failed and nothing is left over, else -1. */
int codec_get_end(const struct codec_reader *);

#endif
