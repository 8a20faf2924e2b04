/* SPDX-License-Identifier: BSD-2-Clause */
/* How the bytes of an SSH session reach the kernel: whole packets only. */
#include "transfer/ssh_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * What one side may leave unsent.  Data waits until nothing is, so that this
 * is for packets that libssh2 sends by itself; a server that asks for answers
 * and reads none is not to fill our memory.
 */
#define UNSENT_MAX ((size_t)1 << 20)

void ssh_socket_init(struct ssh_socket *socket, int descriptor)
{
	memset(socket, 0, sizeof(*socket));
	socket->descriptor = descriptor;
}

void ssh_socket_close(struct ssh_socket *socket)
{
	if (socket->descriptor != -1)
		close(socket->descriptor);
	socket->descriptor = -1;
	socket->broken = EPIPE;
	free(socket->bytes);
	socket->bytes = NULL;
	socket->start = socket->end = socket->capacity = 0;
}

size_t ssh_socket_unsent(const struct ssh_socket *socket)
{
	return socket->end - socket->start;
}

/* Bytes that the kernel took, or -1 when it is broken. */
static ssize_t send_some(struct ssh_socket *socket, const void *bytes,
			 size_t size)
{
	ssize_t sent;

	do
		sent = send(socket->descriptor, bytes, size,
			    MSG_NOSIGNAL | MSG_DONTWAIT |
				(socket->more ? MSG_MORE : 0));
	while (sent == -1 && errno == EINTR);
	if (sent >= 0)
		return sent;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return 0;
	socket->broken = errno;
	return -1;
}

int ssh_socket_flush(struct ssh_socket *socket)
{
	ssize_t sent;

	if (socket->broken != 0)
		return -1;
	while (socket->start < socket->end) {
		sent = send_some(socket, socket->bytes + socket->start,
				 socket->end - socket->start);
		if (sent <= 0)
			return sent == 0 ? 1 : -1;
		socket->start += (size_t)sent;
	}
	socket->start = socket->end = 0;
	return 0;
}

void ssh_socket_push(struct ssh_socket *socket)
{
	const int on = 1;

	/* To set it again sends what is held back: tcp(7). */
	setsockopt(socket->descriptor, IPPROTO_TCP, TCP_NODELAY, &on,
		   sizeof(on));
}

/* Keep bytes for later.  0 or an errno. */
static int keep(struct ssh_socket *socket, const void *bytes, size_t size)
{
	size_t unsent = ssh_socket_unsent(socket);

	if (unsent + size > UNSENT_MAX)
		return ENOBUFS;
	if (socket->start > 0)
		memmove(socket->bytes, socket->bytes + socket->start, unsent);
	socket->start = 0;
	socket->end = unsent;
	if (unsent + size > socket->capacity) {
		uint8_t *grown = realloc(socket->bytes, 2 * (unsent + size));

		if (grown == NULL)
			return ENOMEM;
		socket->bytes = grown;
		socket->capacity = 2 * (unsent + size);
	}
	memcpy(socket->bytes + socket->end, bytes, size);
	socket->end += size;
	return 0;
}

ssize_t ssh_socket_send(struct ssh_socket *socket, const void *bytes,
			size_t size)
{
	ssize_t sent = 0;

	switch (ssh_socket_flush(socket)) {
	case 0:
		sent = send_some(socket, bytes, size);
		break;
	case -1:
		sent = -1;
		break;
	}
	if (sent >= 0 && (size_t)sent < size)
		socket->broken = keep(socket, (const uint8_t *)bytes + sent,
				      size - (size_t)sent);
	return socket->broken != 0 ? -socket->broken : (ssize_t)size;
}

ssize_t ssh_socket_receive(struct ssh_socket *socket, void *bytes, size_t size)
{
	ssize_t got;

	if (socket->descriptor == -1)
		return -EPIPE;
	if (socket->ended)
		return -EAGAIN;
	do
		got = recv(socket->descriptor, bytes, size, MSG_DONTWAIT);
	while (got == -1 && errno == EINTR);
	if (got > 0) {
		socket->received = 1;
		return got;
	}
	if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
		socket->ended = 1;
		socket->end_error = got == 0 ? 0 : errno;
	}
	return -EAGAIN;
}

uint64_t ssh_socket_round_trip(const struct ssh_socket *socket)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	if (getsockopt(socket->descriptor, IPPROTO_TCP, TCP_INFO, &info,
		       &length) == -1)
		return 0;
	return info.tcpi_rtt;
}
