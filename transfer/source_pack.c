/* SPDX-License-Identifier: BSD-2-Clause */
/* A chunk that was read is made smaller, if it can be. */
#include "transfer/pack.h"
#include "transfer/source_internal.h"

void source_pack(const struct source *source, struct task *task)
{
	struct io *io = source->io;
	struct task_read *read = task->read;
	uint64_t begun = io->clock(io->context);
	struct frame *packed =
	    packer_pack(source->packer, read->chunk, read->level, read->doubt);

	if (packed == NULL)
		return;
	frame_free(read->chunk);
	read->chunk = packed;
	read->packed = (uint32_t)(packed->body_length - CHUNK_HEADER_SIZE);
	read->duration = io->clock(io->context) - begun;
}
