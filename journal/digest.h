/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_DIGEST_H
#define FERRY_JOURNAL_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/*
 * Digests are XXH3 128-bit in XXH128_canonicalFromHash order.  A file is cut
 * into leaves of 1 MiB; the last may be shorter.  The digest of a file of at
 * most one leaf is the XXH128 of its bytes (what xxh128sum prints); of a
 * longer one, the XXH128 of "ferry-tree-1\0", the size as 64-bit little
 * endian, and the leaves' digests in order.
 */
#define LEAF_SIZE ((uint64_t)1 << 20)

struct digest {
	uint8_t bytes[16];
};

/* The plain XXH128 of bytes: the digest of a leaf, or of a file of one. */
struct digest digest_of(const void *, size_t);
/*
 * 1 if both are the same, else 0.  Not in constant time: digests are no secret.
 */
int digest_equal(const struct digest *, const struct digest *); /* 1 or 0 */
/* 32 lower-case hexadecimal digits and a NUL. */
void digest_format(const struct digest *, char text[33]);
/* 0, or -1 if text does not begin with 32 hexadecimal digits. */
int digest_parse(const char *text, struct digest *);

/* How many leaves a file of size bytes has; 0 for an empty one. */
uint64_t leaf_count(uint64_t size);
/* Bytes in leaf number index of a file of size bytes. */
size_t leaf_length(uint64_t size, uint64_t index);
/* Room to read a leaf into, for free(); NULL: no memory. */
uint8_t *leaf_buffer_create(void);

/*
 * The leaf digests of one file, known or not yet.  Memory grows with the
 * leaves that were set (in pages of 256), not with the size that a peer claims.
 */
struct leaf_table;

/* An empty one, for leaf_table_free. */
struct leaf_table *leaf_table_create(void); /* NULL: out of memory */
void leaf_table_free(struct leaf_table *);
/* Set a leaf, again or for the first time.  0, or -1 when out of memory. */
int leaf_table_set(struct leaf_table *, uint64_t index, const struct digest *);
void leaf_table_unset(struct leaf_table *, uint64_t index);
/* The digest, or NULL if it is not known. */
const struct digest *leaf_table_get(const struct leaf_table *, uint64_t index);
/* The first leaf from from on that is known; UINT64_MAX: there is none. */
uint64_t leaf_table_next(const struct leaf_table *, uint64_t from);
/* How many leaves before end are known. */
uint64_t leaf_table_known(const struct leaf_table *, uint64_t end);
/*
 * The digest of a file of size bytes.  1 and *file set; 0 if a leaf is
 * missing.
 */
int leaf_table_digest(const struct leaf_table *, uint64_t size,
		      struct digest *file);

/*
 * The same digest for who meets the leaves one by one, in order, and need not
 * keep them: its memory does not grow with the file.
 */
struct tree_digest;

/* For a file of size bytes, two leaves or more.  NULL: no memory. */
struct tree_digest *tree_digest_create(uint64_t size);
void tree_digest_free(struct tree_digest *); /* NULL is fine */
/* The next leaf's digest. */
void tree_digest_add(struct tree_digest *, const struct digest *leaf);
/* Of the leaves so far; the file's, once all leaf_count(size) were added. */
struct digest tree_digest_get(const struct tree_digest *);

#endif
