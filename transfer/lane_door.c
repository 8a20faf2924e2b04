/* SPDX-License-Identifier: BSD-2-Clause */
/* How a further agent hands its lane to the first one. */
#include "transfer/lane_door.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transfer/thread.h"

#define BACKLOG     16
/* Who knocks has said all that it says; it should not take a second. */
#define PATIENCE_MS 1000
#define WELCOME     'w'

struct waiting {
	struct waiting *next;
	struct lane_visitor visitor;
};

struct lane_door {
	struct inbox *inbox;
	int listener;
	int stop; /* an eventfd */
	pthread_t thread;
	pthread_mutex_t lock;
	struct waiting *first;
};

/* The name of a token, behind a NUL.  Its length as bind wants it. */
static socklen_t make_name(struct sockaddr_un *name,
			   const uint8_t token[LANES_TOKEN_SIZE])
{
	char *at = name->sun_path + 1;

	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	at += sprintf(at, "ferry-");
	for (size_t i = 0; i < LANES_TOKEN_SIZE; i++)
		at += sprintf(at, "%02x", token[i]);
	return (socklen_t)(at - (char *)name);
}

/* 1 if the process at the other end runs for our user. */
static int is_ours(int socket)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) ==
		   0 &&
	       peer.uid == geteuid();
}

union control {
	struct cmsghdr header; /* for its alignment */
	char bytes[CMSG_SPACE(2 * sizeof(int))];
};

/* ---- the first agent's side ---- */

/* What the message brought, or -1 for what it did not. */
static void take_descriptors(struct msghdr *message, int descriptors[2])
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);

	descriptors[0] = descriptors[1] = -1;
	if (control == NULL || control->cmsg_level != SOL_SOCKET ||
	    control->cmsg_type != SCM_RIGHTS)
		return;
	if (control->cmsg_len == CMSG_LEN(2 * sizeof(int)))
		memcpy(descriptors, CMSG_DATA(control), 2 * sizeof(int));
	else if (control->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(descriptors, CMSG_DATA(control), sizeof(int));
}

/* 1 and *visitor, or 0: it said something else. */
static int receive(int socket, struct lane_visitor *visitor)
{
	struct pollfd slot = {.fd = socket, .events = POLLIN};
	struct iovec part = {&visitor->flags, sizeof(visitor->flags)};
	union control control;
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	int descriptors[2];
	ssize_t size;

	message.msg_control = control.bytes;
	message.msg_controllen = sizeof(control.bytes);
	if (poll(&slot, 1, PATIENCE_MS) != 1)
		return 0;
	size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (size == -1)
		return 0;
	/* They are ours, whatever they came with. */
	take_descriptors(&message, descriptors);
	visitor->in = descriptors[0];
	visitor->out = descriptors[1];
	if (size == 1 && descriptors[1] != -1 && visitor->flags <= JOIN_BULK)
		return 1;
	if (descriptors[0] != -1)
		close(descriptors[0]);
	if (descriptors[1] != -1)
		close(descriptors[1]);
	return 0;
}

static void admit(struct lane_door *door, int socket)
{
	struct engine_event event = {.type = EVENT_LANE_MADE};
	struct waiting *waiting = calloc(1, sizeof(*waiting));

	if (waiting == NULL || !is_ours(socket) ||
	    !receive(socket, &waiting->visitor)) {
		free(waiting);
		close(socket);
		return;
	}
	waiting->visitor.companion = socket;
	pthread_mutex_lock(&door->lock);
	waiting->next = door->first;
	door->first = waiting;
	pthread_mutex_unlock(&door->lock);
	inbox_put(door->inbox, &event);
}

static void *run(void *cookie)
{
	enum { LISTENER, STOP };
	struct lane_door *door = cookie;
	struct pollfd slots[2] = {
	    [LISTENER] = {.fd = door->listener, .events = POLLIN},
	    [STOP] = {.fd = door->stop, .events = POLLIN},
	};

	for (;;) {
		int socket;

		if (poll(slots, 2, -1) == -1)
			continue; /* EINTR */
		if (slots[STOP].revents != 0)
			return NULL;
		socket = accept4(door->listener, NULL, NULL, SOCK_CLOEXEC);
		if (socket != -1)
			admit(door, socket);
		else if (errno != EINTR && errno != ECONNABORTED &&
			 errno != EAGAIN)
			break; /* no descriptors */
	}
	/* Nobody gets in, and nobody shall wait for it. */
	close(door->listener);
	door->listener = -1;
	return NULL;
}

static int listen_at(const uint8_t token[LANES_TOKEN_SIZE])
{
	struct sockaddr_un name;
	socklen_t length = make_name(&name, token);
	int listener =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (listener == -1)
		return -1;
	if (bind(listener, (struct sockaddr *)&name, length) == 0 &&
	    listen(listener, BACKLOG) == 0)
		return listener;
	error = errno;
	close(listener);
	errno = error;
	return -1;
}

struct lane_door *lane_door_open(struct io *io, struct inbox *inbox,
				 uint8_t token[LANES_TOKEN_SIZE])
{
	struct lane_door *door = calloc(1, sizeof(*door));
	int error = ENOMEM;

	if (door == NULL)
		goto fail;
	door->inbox = inbox;
	pthread_mutex_init(&door->lock, NULL);
	door->listener = -1;
	door->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (door->stop == -1 ||
	    io->random(io->context, token, LANES_TOKEN_SIZE) == -1)
		goto fail_errno;
	door->listener = listen_at(token);
	if (door->listener == -1)
		goto fail_errno;
	error = thread_start(&door->thread, run, door);
	if (error == 0)
		return door;
	goto free_door;

fail_errno:
	error = errno;
free_door:
	if (door->listener != -1)
		close(door->listener);
	if (door->stop != -1)
		close(door->stop);
	pthread_mutex_destroy(&door->lock);
	free(door);
fail:
	errno = error;
	return NULL;
}

void lane_door_close(struct lane_door *door)
{
	struct lane_visitor visitor;

	if (door == NULL)
		return;
	eventfd_write(door->stop, 1);
	pthread_join(door->thread, NULL);
	while (lane_door_take(door, &visitor)) {
		close(visitor.in);
		close(visitor.out);
		lane_door_answer(&visitor, 0);
	}
	if (door->listener != -1)
		close(door->listener);
	close(door->stop);
	pthread_mutex_destroy(&door->lock);
	free(door);
}

int lane_door_take(struct lane_door *door, struct lane_visitor *visitor)
{
	struct waiting *waiting;

	pthread_mutex_lock(&door->lock);
	waiting = door->first;
	if (waiting != NULL)
		door->first = waiting->next;
	pthread_mutex_unlock(&door->lock);
	if (waiting == NULL)
		return 0;
	*visitor = waiting->visitor;
	free(waiting);
	return 1;
}

void lane_door_answer(const struct lane_visitor *visitor, int welcome)
{
	const char answer = WELCOME;

	if (welcome)
		send(visitor->companion, &answer, 1, MSG_NOSIGNAL);
	else
		close(visitor->companion);
}

/* ---- the other agent's side ---- */

static int send_descriptors(int socket, uint8_t flags, int in, int out)
{
	const int descriptors[2] = {in, out};
	struct iovec part = {&flags, sizeof(flags)};
	union control control;
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(descriptors));
	memcpy(CMSG_DATA(&control.header), descriptors, sizeof(descriptors));
	message.msg_control = control.bytes;
	message.msg_controllen = sizeof(control.bytes);
	return sendmsg(socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* The next byte, or 0 at the end. */
static char await_byte(int socket)
{
	char byte = 0;
	ssize_t got;

	do
		got = recv(socket, &byte, 1, 0);
	while (got == -1 && errno == EINTR);
	return got == 1 ? byte : 0;
}

int lane_door_enter(const uint8_t token[LANES_TOKEN_SIZE], uint8_t flags,
		    int in, int out)
{
	struct sockaddr_un name;
	socklen_t length = make_name(&name, token);
	int door = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int result = -1;

	if (door == -1)
		return -1;
	if (connect(door, (struct sockaddr *)&name, length) == 0 &&
	    is_ours(door) && send_descriptors(door, flags, in, out) == 0 &&
	    await_byte(door) == WELCOME) {
		/* sshd sees the end of the lane when no one has these; and it
		 * ends the lane itself when we go. */
		close(in);
		if (out != in)
			close(out);
		await_byte(door);
		result = 0;
	}
	close(door);
	return result;
}
