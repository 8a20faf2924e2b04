/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SFTP_CODEC_H
#define FERRY_TRANSFER_SFTP_CODEC_H

#include <sys/stat.h>

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

/* Bodies of SFTP packets: big-endian numbers, strings with their length. */
enum sftp_type {
	SFTP_INIT = 1,
	SFTP_VERSION = 2,
	SFTP_OPEN = 3,
	SFTP_CLOSE = 4,
	SFTP_READ = 5,
	SFTP_WRITE = 6,
	SFTP_LSTAT = 7,
	SFTP_FSTAT = 8,
	SFTP_FSETSTAT = 10,
	SFTP_OPENDIR = 11,
	SFTP_READDIR = 12,
	SFTP_REMOVE = 13,
	SFTP_MKDIR = 14,
	SFTP_RMDIR = 15,
	SFTP_SETSTAT = 9,
	SFTP_REALPATH = 16,
	SFTP_STAT = 17,
	SFTP_RENAME = 18,
	SFTP_READLINK = 19,
	SFTP_SYMLINK = 20,
	SFTP_STATUS = 101,
	SFTP_HANDLE = 102,
	SFTP_DATA = 103,
	SFTP_NAME = 104,
	SFTP_ATTRS = 105,
	SFTP_EXTENDED = 200,
	SFTP_EXTENDED_REPLY = 201
};

/* Flags of attributes, and of OPEN. */
#define SFTP_ATTR_SIZE        UINT32_C(1)
#define SFTP_ATTR_OWNER       UINT32_C(2)
#define SFTP_ATTR_PERMISSIONS UINT32_C(4)
#define SFTP_ATTR_TIMES       UINT32_C(8)
#define SFTP_ATTR_EXTENDED    UINT32_C(0x80000000)
#define SFTP_FLAG_READ        UINT32_C(1)
#define SFTP_FLAG_WRITE       UINT32_C(2)
#define SFTP_FLAG_CREATE      UINT32_C(8)
#define SFTP_FLAG_TRUNCATE    UINT32_C(16)
#define SFTP_FLAG_EXCLUSIVE   UINT32_C(32)

#define SFTP_HANDLE_MAX  256
#define SFTP_LENGTH_SIZE 4
/* What a packet's length may be at most, as OpenSSH has it. */
#define SFTP_PACKET_MAX  ((size_t)256 << 10)

/* A request's body.  What does not fit sets overflow: two paths always do. */
struct sftp_writer {
	size_t length;
	int overflow;
	uint8_t bytes[2 * PATH_MAX + 128];
};

void sftp_put_u32(struct sftp_writer *, uint32_t);
void sftp_put_u64(struct sftp_writer *, uint64_t);
void sftp_put_bytes(struct sftp_writer *, const void *, size_t);
void sftp_put_text(struct sftp_writer *, const char *);
/* 4 bytes. */
void sftp_encode_u32(uint8_t *, uint32_t);
uint32_t sftp_decode_u32(const uint8_t *);

/* A reply's body.  What is not there sets bad, and is 0 or "". */
struct sftp_reader {
	const uint8_t *at;
	size_t left;
	int bad;
};

uint32_t sftp_get_u32(struct sftp_reader *);
uint64_t sftp_get_u64(struct sftp_reader *);
/* Points into the body. */
const uint8_t *sftp_get_bytes(struct sftp_reader *, size_t *length);
/* Fills in size, owner, mode and times, as far as the server tells; one link,
 * and neither inode nor device.  What it told: SFTP_ATTR_*. */
uint32_t sftp_get_attributes(struct sftp_reader *, struct stat *);

/* The errno of a status code; SFTP_END (-1) for the end. */
int sftp_status_errno(uint32_t status);

#endif
