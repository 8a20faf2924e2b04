/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SSH_SOCKET_H
#define FERRY_TRANSFER_SSH_SOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The socket below a libssh2 session.  A packet that libssh2 has begun to send
 * must be finished before anything else is asked of the session, or it fails
 * (1.10.0) or stalls (1.11).  So to libssh2 no packet is ever half sent: what
 * the kernel does not take at once stays here, and goes out first.
 */
struct ssh_socket {
	int descriptor;
	int broken; /* errno of a failed send; none is tried any more */
	/*
	 * Nothing more will come, by an error or not.  libssh2 is told only
	 * that nothing is there now: it would throw away what it has read.
	 */
	int ended;
	int end_error;
	int received;   /* bytes came; for who wants to know, to clear */
	int more;       /* what is sent now is followed by more at once: the
			   kernel may wait for it */
	uint8_t *bytes; /* start..end are to be sent */
	size_t start;
	size_t end;
	size_t capacity;
};

void ssh_socket_init(struct ssh_socket *, int descriptor);
/* Close the descriptor, forget what is not sent. */
void ssh_socket_close(struct ssh_socket *);

/* For libssh2's callbacks: the number of bytes, or minus an errno.  A send
 * takes all or fails. */
ssize_t ssh_socket_send(struct ssh_socket *, const void *, size_t);
ssize_t ssh_socket_receive(struct ssh_socket *, void *, size_t);

/* Send what is left: 0 if all is gone, 1 if poll(2) must be asked for room
 * first, -1 when broken. */
int ssh_socket_flush(struct ssh_socket *);

/* More was promised and does not come now after all: send what waits for it. */
void ssh_socket_push(struct ssh_socket *);

/* Of the TCP connection, as the kernel has it (TCP_INFO): microseconds; 0: not
 * known, as that of a proxy. */
uint64_t ssh_socket_round_trip(const struct ssh_socket *);

/* Bytes that the kernel has not taken yet. */
size_t ssh_socket_unsent(const struct ssh_socket *);

#endif
