/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is moved: the entries (ENTRY, WITHDRAW), what the receiver has of them
 * (NEED), their bytes (CHUNK, KEEP), and that these are all (COMMIT).
 */
#include <errno.h>
#include <string.h>

#include "transfer/codec.h"
#include "transfer/message.h"

#define ENTRY_FIXED 72
#define NEED_FIXED  40
#define RANGE_SIZE  16
/* Of the largest file. */
#define LEAVES_MAX  (ENTRY_SIZE_MAX / LEAF_SIZE)
#define NEED_KNOWN  (NEED_LAST | NEED_COMPARE | NEED_TARGET)

struct frame *message_entry_encode(const struct entry *entry)
{
	struct codec_writer writer;
	struct frame *frame;

	if (entry->path_length > ENTRY_PATH_MAX ||
	    entry->link_length > ENTRY_LINK_MAX) {
		errno = E2BIG;
		return NULL;
	}
	frame = codec_write(
	    FRAME_ENTRY, ENTRY_FIXED + entry->path_length + entry->link_length,
	    &writer);
	if (frame == NULL)
		return NULL;
	codec_put_u8(&writer, (uint8_t)entry->type);
	codec_put_zeros(&writer, 3);
	codec_put_u32(&writer, entry->mode);
	codec_put_u64(&writer, entry->index);
	codec_put_u64(&writer, entry->first_seq);
	codec_put_u64(&writer, entry->opened);
	codec_put_u64(&writer, entry->size);
	codec_put_u64(&writer, (uint64_t)entry->mtime_seconds);
	codec_put_u32(&writer, entry->mtime_nanoseconds);
	codec_put_u16(&writer, (uint16_t)entry->path_length);
	codec_put_u16(&writer, (uint16_t)entry->link_length);
	codec_put_digest(&writer, &entry->version);
	codec_put_bytes(&writer, entry->path, entry->path_length);
	codec_put_bytes(&writer, entry->link, entry->link_length);
	return frame;
}

/* Does each type have what it must, and nothing that it must not? */
static int entry_fits(const struct entry *entry, const char *path,
		      const char *link)
{
	int folder = 0;

	switch (entry->type) {
	case ENTRY_FILE:
	case ENTRY_LINK:
		break;
	case ENTRY_FOLDER:
	case ENTRY_FOLDER_END:
		folder = 1;
		break;
	default:
		return 0;
	}
	if (entry->type == ENTRY_LINK
		? entry->link_length == 0 || entry->link_length > ENTRY_LINK_MAX
		: entry->link_length != 0)
		return 0;
	if (entry->type == ENTRY_FOLDER_END ? entry->opened >= entry->index
					    : entry->opened != 0)
		return 0;
	return entry->mode <= 07777 && entry->mtime_nanoseconds < 1000000000 &&
	       entry->size <=
		   (entry->type == ENTRY_FILE ? ENTRY_SIZE_MAX : 0) &&
	       link != NULL &&
	       entry_path_valid(path, entry->path_length, folder);
}

int message_entry_decode(const struct frame *frame, struct entry **made)
{
	struct codec_reader reader = codec_read(frame);
	struct entry entry = {0};
	const char *path, *link;

	*made = NULL;
	entry.type = (enum entry_type)codec_get_u8(&reader);
	codec_get_zeros(&reader, 3);
	entry.mode = codec_get_u32(&reader);
	entry.index = codec_get_number(&reader);
	entry.first_seq = codec_get_number(&reader);
	entry.opened = codec_get_number(&reader);
	entry.size = codec_get_u64(&reader);
	entry.mtime_seconds = (int64_t)codec_get_u64(&reader);
	entry.mtime_nanoseconds = codec_get_u32(&reader);
	entry.path_length = codec_get_u16(&reader);
	entry.link_length = codec_get_u16(&reader);
	codec_get_digest(&reader, &entry.version);
	path = codec_get_text(&reader, entry.path_length);
	link = codec_get_text(&reader, entry.link_length);
	if (codec_get_end(&reader) == -1 || !entry_fits(&entry, path, link))
		return -1;

	*made = entry_create(entry.type, path, entry.path_length,
			     entry.type == ENTRY_LINK ? link : NULL,
			     entry.link_length);
	if (*made == NULL)
		return -1;
	entry.path = (*made)->path;
	entry.link = (*made)->link;
	**made = entry;
	return 0;
}

struct frame *message_need_encode(const struct message_need *need)
{
	struct codec_writer writer;
	size_t size = RANGE_SIZE * (size_t)need->leaf_count;
	struct frame *frame;

	if (need->leaf_count > NEED_LEAVES_MAX) {
		errno = E2BIG;
		return NULL;
	}
	frame = codec_write(FRAME_NEED, NEED_FIXED + size, &writer);
	if (frame == NULL)
		return NULL;
	codec_put_u64(&writer, need->entry);
	codec_put_u8(&writer, need->flags);
	codec_put_zeros(&writer, 3);
	codec_put_u32(&writer, need->leaf_count);
	codec_put_u64(&writer, need->size);
	codec_put_u64(&writer, need->first_leaf);
	codec_put_u64(&writer, need->all);
	codec_put_bytes(&writer, need->digests, size);
	return frame;
}

int message_need_decode(const struct frame *frame, struct message_need *need)
{
	struct codec_reader reader = codec_read(frame);

	need->entry = codec_get_number(&reader);
	need->flags = codec_get_u8(&reader);
	codec_get_zeros(&reader, 3);
	need->leaf_count = codec_get_u32(&reader);
	need->size = codec_get_u64(&reader);
	need->first_leaf = codec_get_u64(&reader);
	need->all = codec_get_u64(&reader);
	if (reader.failed || need->all > LEAVES_MAX ||
	    (need->flags & ~NEED_KNOWN) != 0 ||
	    need->leaf_count > NEED_LEAVES_MAX ||
	    need->first_leaf > LEAVES_MAX - need->leaf_count ||
	    need->size > ENTRY_SIZE_MAX)
		return -1;
	/* The file at the target is what is compared with. */
	if ((need->flags & NEED_TARGET) != 0 ? (need->flags & NEED_COMPARE) == 0
					     : need->size != 0)
		return -1;
	need->digests =
	    codec_get_view(&reader, RANGE_SIZE * (size_t)need->leaf_count);
	return codec_get_end(&reader);
}

struct frame *message_chunk_create(uint32_t length)
{
	return frame_create(FRAME_CHUNK, CHUNK_HEADER_SIZE + (size_t)length);
}

uint8_t *message_chunk_data(const struct frame *frame)
{
	return frame_body(frame) + CHUNK_HEADER_SIZE;
}

void message_chunk_finish(struct frame *frame,
			  const struct message_chunk *chunk)
{
	struct codec_writer writer = {frame_body(frame)};

	frame->body_length =
	    CHUNK_HEADER_SIZE + (size_t)((chunk->flags & CHUNK_PACKED) != 0
					     ? chunk->size
					     : chunk->length);
	codec_put_u64(&writer, chunk->seq);
	codec_put_u64(&writer, chunk->entry);
	codec_put_u64(&writer, chunk->offset);
	codec_put_u32(&writer, chunk->length);
	codec_put_u8(&writer, chunk->flags);
	codec_put_zeros(&writer, 3);
	codec_put_digest(&writer, &chunk->digest);
}

int message_chunk_decode(const struct frame *frame, struct message_chunk *chunk)
{
	struct codec_reader reader = codec_read(frame);

	chunk->seq = codec_get_number(&reader);
	chunk->entry = codec_get_number(&reader);
	chunk->offset = codec_get_u64(&reader);
	chunk->length = codec_get_u32(&reader);
	chunk->flags = codec_get_u8(&reader);
	codec_get_zeros(&reader, 3);
	codec_get_digest(&reader, &chunk->digest);
	if (reader.failed || chunk->length == 0 || chunk->length > LEAF_SIZE ||
	    chunk->offset % LEAF_SIZE != 0 ||
	    chunk->offset > ENTRY_SIZE_MAX - LEAF_SIZE ||
	    (chunk->flags & ~(CHUNK_WHOLE | CHUNK_PACKED)) != 0 ||
	    ((chunk->flags & CHUNK_WHOLE) != 0 && chunk->offset != 0))
		return -1;
	chunk->size = chunk->length;
	if ((chunk->flags & CHUNK_PACKED) != 0) {
		if (reader.left == 0 || reader.left >= chunk->length)
			return -1;
		chunk->size = (uint32_t)reader.left;
	}
	chunk->data = codec_get_view(&reader, chunk->size);
	return codec_get_end(&reader);
}

struct frame *message_keep_encode(const struct message_keep *keep)
{
	struct codec_writer writer;
	struct frame *frame;

	if (keep->range_count > RANGES_MAX) {
		errno = E2BIG;
		return NULL;
	}
	frame = codec_write(FRAME_KEEP, 10 + RANGE_SIZE * keep->range_count,
			    &writer);
	if (frame == NULL)
		return NULL;
	codec_put_u64(&writer, keep->entry);
	codec_put_ranges(&writer, keep->ranges, keep->range_count);
	return frame;
}

int message_keep_decode(const struct frame *frame, struct message_keep *keep)
{
	struct codec_reader reader = codec_read(frame);

	keep->entry = codec_get_number(&reader);
	/* Last, and what it allocates is exactly what is left. */
	codec_get_ranges(&reader, 0, LEAVES_MAX, &keep->ranges,
			 &keep->range_count);
	if (codec_get_end(&reader) == 0 && keep->range_count > 0)
		return 0;
	codec_free_ranges(&keep->ranges, &keep->range_count);
	return -1;
}

struct frame *message_commit_encode(const struct message_commit *commit)
{
	struct codec_writer writer;
	struct frame *frame = codec_write(FRAME_COMMIT, 25, &writer);

	if (frame == NULL)
		return NULL;
	codec_put_u64(&writer, commit->entry);
	codec_put_u8(&writer, commit->flags);
	codec_put_digest(&writer, &commit->file);
	return frame;
}

int message_commit_decode(const struct frame *frame,
			  struct message_commit *commit)
{
	struct codec_reader reader = codec_read(frame);

	commit->entry = codec_get_number(&reader);
	commit->flags = codec_get_u8(&reader);
	codec_get_digest(&reader, &commit->file);
	if ((commit->flags & ~(COMMIT_IDENTICAL | COMMIT_AGAIN)) != 0)
		return -1;
	return codec_get_end(&reader);
}

struct frame *message_withdraw_encode(uint64_t entry)
{
	struct codec_writer writer;
	struct frame *frame = codec_write(FRAME_WITHDRAW, 8, &writer);

	if (frame != NULL)
		codec_put_u64(&writer, entry);
	return frame;
}

int message_withdraw_decode(const struct frame *frame, uint64_t *entry)
{
	struct codec_reader reader = codec_read(frame);

	*entry = codec_get_number(&reader);
	return codec_get_end(&reader);
}
