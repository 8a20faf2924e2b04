/* SPDX-License-Identifier: BSD-2-Clause */
/* How are SFTP's numbers, strings and attributes written? */
#include "transfer/sftp_codec.h"

#include <errno.h>
#include <string.h>

void sftp_encode_u32(uint8_t *bytes, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

uint32_t sftp_decode_u32(const uint8_t *bytes)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 8 | bytes[i];
	return value;
}

static uint8_t *make_room(struct sftp_writer *writer, size_t size)
{
	uint8_t *at = writer->bytes + writer->length;

	if (size > sizeof(writer->bytes) - writer->length) {
		writer->overflow = 1;
		return NULL;
	}
	writer->length += size;
	return at;
}

void sftp_put_u32(struct sftp_writer *writer, uint32_t value)
{
	uint8_t *at = make_room(writer, 4);

	if (at != NULL)
		sftp_encode_u32(at, value);
}

void sftp_put_u64(struct sftp_writer *writer, uint64_t value)
{
	sftp_put_u32(writer, (uint32_t)(value >> 32));
	sftp_put_u32(writer, (uint32_t)value);
}

void sftp_put_bytes(struct sftp_writer *writer, const void *bytes, size_t size)
{
	uint8_t *at;

	sftp_put_u32(writer, (uint32_t)size);
	at = make_room(writer, size);
	if (at != NULL && size > 0)
		memcpy(at, bytes, size);
}

void sftp_put_text(struct sftp_writer *writer, const char *text)
{
	sftp_put_bytes(writer, text, strlen(text));
}

static const uint8_t *take(struct sftp_reader *reader, size_t size)
{
	const uint8_t *at = reader->at;

	if (reader->bad || size > reader->left) {
		reader->bad = 1;
		return NULL;
	}
	reader->at += size;
	reader->left -= size;
	return at;
}

uint32_t sftp_get_u32(struct sftp_reader *reader)
{
	const uint8_t *at = take(reader, 4);

	return at == NULL ? 0 : sftp_decode_u32(at);
}

uint64_t sftp_get_u64(struct sftp_reader *reader)
{
	uint64_t high = sftp_get_u32(reader);

	return high << 32 | sftp_get_u32(reader);
}

const uint8_t *sftp_get_bytes(struct sftp_reader *reader, size_t *length)
{
	const uint8_t *at;

	*length = sftp_get_u32(reader);
	at = take(reader, *length);
	if (at != NULL)
		return at;
	*length = 0;
	return (const uint8_t *)"";
}

uint32_t sftp_get_attributes(struct sftp_reader *reader, struct stat *status)
{
	uint32_t flags = sftp_get_u32(reader), count;
	size_t length;

	memset(status, 0, sizeof(*status));
	status->st_nlink = 1;
	if (flags & SFTP_ATTR_SIZE) {
		uint64_t size = sftp_get_u64(reader);

		if (size > INT64_MAX)
			reader->bad = 1;
		else
			status->st_size = (off_t)size;
	}
	if (flags & SFTP_ATTR_OWNER) {
		status->st_uid = sftp_get_u32(reader);
		status->st_gid = sftp_get_u32(reader);
	}
	if (flags & SFTP_ATTR_PERMISSIONS)
		status->st_mode = sftp_get_u32(reader);
	if (flags & SFTP_ATTR_TIMES) {
		status->st_atim.tv_sec = (time_t)sftp_get_u32(reader);
		status->st_mtim.tv_sec = (time_t)sftp_get_u32(reader);
	}
	count = flags & SFTP_ATTR_EXTENDED ? sftp_get_u32(reader) : 0;
	for (uint32_t i = 0; i < count && !reader->bad; i++) {
		sftp_get_bytes(reader, &length);
		sftp_get_bytes(reader, &length);
	}
	return flags;
}

int sftp_status_errno(uint32_t status)
{
	/* By number, as the draft has them; 4 is a failure of any kind. */
	static const int numbers[] = {0,      -1,       ENOENT,     EACCES, EIO,
				      EPROTO, ENOTCONN, ECONNRESET, ENOSYS};

	return status < sizeof(numbers) / sizeof(numbers[0]) ? numbers[status]
							     : EIO;
}
