/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_PACK_H
#define FERRY_TRANSFER_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "transfer/frame.h"

/*
 * Chunks made smaller with zstd, and leaves made of them again; see
 * "Compression" in ferry-protocol(7).  A packer holds what zstd needs to work
 * with, from one call to the next, and may be used by several threads at once.
 */
struct packer;

struct packer *packer_create(void); /* NULL: no memory */
void packer_free(struct packer *);  /* NULL is fine */

/*
 * The chunk frame with its leaf packed, as a new frame of just the size; the
 * chunk must be a plain one.  level is that of zstd, 1..COMPRESS_LEVEL_MAX.
 * doubt: only if a sample of the leaf, and then the leaf, shrinks by more than
 * a tenth.  NULL: it does not become smaller, or there is no memory; the chunk
 * is as good as before.
 */
struct frame *packer_pack(struct packer *, const struct frame *chunk, int level,
			  int doubt);

/*
 * Unpack size bytes of data, which a peer made, into exactly length bytes of
 * leaf.  Memory beyond that is a constant, whatever the data says.  0; -1 with
 * errno: EBADMSG for what is not packed or not of that length, or ENOMEM.
 */
int packer_unpack(struct packer *, const uint8_t *data, size_t size,
		  uint8_t *leaf, size_t length);

#endif
