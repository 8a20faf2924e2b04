/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SFTP_CLIENT_INTERNAL_H
#define FERRY_TRANSFER_SFTP_CLIENT_INTERNAL_H

#include <sys/uio.h>

#include <pthread.h>

#include "transfer/sftp_client.h"

/* Shared by sftp_client*.c and by nobody else. */
#define READ_SIZE (2 * SFTP_PACKET_MAX)

struct slot {
	struct sftp_call *call; /* NULL: free */
	size_t cost;
	uint32_t count;
};

struct sftp_client {
	struct sftp_client_config config;
	unsigned extensions;
	size_t read_max, write_max;
	pthread_t reader;
	int reading; /* the thread is there */

	pthread_mutex_t send_lock; /* of out */
	pthread_mutex_t lock;      /* of what follows */
	pthread_cond_t changed;
	struct slot slots[SFTP_IN_FLIGHT];
	size_t busy;
	atomic_size_t load;
	int dead; /* an errno */

	size_t filled; /* the reader's alone */
	uint8_t buffer[READ_SIZE];
};

/* ---- sftp_client.c ------------------------------------------------------- */

/* Read what there is.  0, or an errno. */
int sftp_client_fill(struct sftp_client *);
/* Write all of it, which changes the pieces.  0, or an errno. */
int sftp_client_write(int out, struct iovec *pieces, int count);
/* The reader's thread, of a struct sftp_client. */
void *sftp_client_read(void *client);
/* Milliseconds, of a clock that is never set. */
uint64_t sftp_client_now(void);

#endif
