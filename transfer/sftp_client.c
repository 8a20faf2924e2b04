/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to an SFTP server, and their replies.
 *
 *  1. A request takes a free slot; its id is the slot's number and, above
 *     that, a count, so that a reply of an earlier one is not taken for its.
 *  2. It is written, by one thread at a time, to a pipe that may block: the
 *     reader's thread never writes, so the server can always go on.
 *  3. The reader finds the slot, frees it, fills in the call and finishes it.
 *
 * When the connection is lost, by either side or for what the server said,
 * every call fails, those to come too.
 */
#include "transfer/sftp_client_internal.h"

#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HEAD_SIZE 9    /* length, type, id */
#define LOOK_STEP 1000 /* milliseconds */

/* Each request costs a turn of the server, whatever it brings. */
#define REQUEST_COST ((size_t)4 << 10)

/* ---- finishing ---------------------------------------------------------- */

static void finish(struct sftp_client *client, struct sftp_call *call)
{
	if (call->done != NULL) {
		call->done(call);
		return;
	}
	pthread_mutex_lock(&client->lock);
	call->finished = 1;
	pthread_cond_broadcast(&client->changed);
	pthread_mutex_unlock(&client->lock);
}

/* The call of a slot, which is free then. */
static struct sftp_call *empty(struct sftp_client *client, struct slot *slot)
{
	struct sftp_call *call = slot->call;

	if (call == NULL)
		return NULL;
	slot->call = NULL;
	slot->count++;
	client->busy--;
	atomic_fetch_sub(&client->load, slot->cost);
	pthread_cond_broadcast(&client->changed);
	return call;
}

/* The one way in which a connection ends. */
static void die(struct sftp_client *client, int error)
{
	int first;

	pthread_mutex_lock(&client->lock);
	first = client->dead == 0;
	pthread_mutex_unlock(&client->lock);
	/* Before any call fails: who is told of the loss is not to hear of
	 * its consequences first. */
	if (first && client->config.down != NULL)
		client->config.down(client->config.cookie);
	pthread_mutex_lock(&client->lock);
	if (client->dead == 0)
		client->dead = error;
	error = client->dead;
	pthread_cond_broadcast(&client->changed);
	for (size_t i = 0; i < SFTP_IN_FLIGHT; i++) {
		struct sftp_call *call = empty(client, &client->slots[i]);

		if (call == NULL)
			continue;
		call->error = error;
		pthread_mutex_unlock(&client->lock);
		finish(client, call);
		pthread_mutex_lock(&client->lock);
	}
	pthread_mutex_unlock(&client->lock);
}

/* ---- replies ------------------------------------------------------------ */

/* Fill in what came.  0, or -1: it is no answer to the request. */
static int accept_reply(struct sftp_call *call, uint8_t type,
			struct sftp_reader *reader)
{
	const uint8_t *bytes;

	if (type == SFTP_STATUS) {
		call->error = sftp_status_errno(sftp_get_u32(reader));
		if (call->error == 0 && call->expect != SFTP_STATUS)
			return -1;
		return reader->bad ? -1 : 0;
	}
	if (type != call->expect)
		return -1;
	call->error = 0;
	if (type == SFTP_DATA) {
		bytes = sftp_get_bytes(reader, &call->length);
		/* Nothing at all would be asked for again for ever. */
		if (reader->bad || call->length > call->size ||
		    call->length == 0)
			return -1;
		memcpy(call->room, bytes, call->length);
		return 0;
	}
	call->body = malloc(reader->left + 1);
	call->length = reader->left;
	if (call->body == NULL)
		call->error = ENOMEM;
	else
		memcpy(call->body, reader->at, reader->left);
	return 0;
}

/* One packet, without its length.  0, or -1: the server is out of its mind. */
static int take_packet(struct sftp_client *client, const uint8_t *packet,
		       size_t length)
{
	struct sftp_reader reader = {packet + 1, length - 1, 0};
	uint32_t id = sftp_get_u32(&reader);
	struct slot *slot = &client->slots[id % SFTP_IN_FLIGHT];
	struct sftp_call *call = NULL;
	int result;

	pthread_mutex_lock(&client->lock);
	if (!reader.bad && id == slot->count * SFTP_IN_FLIGHT +
				     (uint32_t)(slot - client->slots))
		call = empty(client, slot);
	pthread_mutex_unlock(&client->lock);
	if (call == NULL)
		return -1;
	result = accept_reply(call, packet[0], &reader);
	if (result == -1) {
		/* down before this call fails, as for all others. */
		die(client, EPROTO);
		call->error = EPROTO;
	}
	finish(client, call);
	return result;
}

/* All whole packets in the buffer.  0 or -1. */
static int take_packets(struct sftp_client *client)
{
	size_t at = 0;
	int result = 0;

	while (result == 0 && client->filled - at >= SFTP_LENGTH_SIZE) {
		size_t length = sftp_decode_u32(client->buffer + at);

		if (length < 5 || length > SFTP_PACKET_MAX)
			return -1;
		if (client->filled - at < SFTP_LENGTH_SIZE + length)
			break;
		result = take_packet(
		    client, client->buffer + at + SFTP_LENGTH_SIZE, length);
		at += SFTP_LENGTH_SIZE + length;
	}
	client->filled -= at;
	memmove(client->buffer, client->buffer + at, client->filled);
	return result;
}

uint64_t sftp_client_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/*
 * Until there is something to read, or for too long nothing, though requests
 * are out.  0, or -1.
 */
static int listen_to(struct sftp_client *client)
{
	struct pollfd ready = {client->config.in, POLLIN, 0};
	const uint64_t silence =
	    client->config.silence > 0 ? client->config.silence : SFTP_SILENCE;
	uint64_t now, since = sftp_client_now();

	while (poll(&ready, 1,
		    silence < LOOK_STEP ? (int)silence : LOOK_STEP) <= 0) {
		size_t load = atomic_load(&client->load);

		now = sftp_client_now();
		if (load == 0)
			since = now;
		else if (now - since > silence + load / SFTP_SLOWEST)
			return -1;
	}
	return 0;
}

int sftp_client_fill(struct sftp_client *client)
{
	ssize_t count;

	do
		count = read(client->config.in, client->buffer + client->filled,
			     sizeof(client->buffer) - client->filled);
	while (count == -1 && errno == EINTR);
	if (count <= 0)
		return count == 0 ? ECONNRESET : errno;
	client->filled += (size_t)count;
	return 0;
}

void *sftp_client_read(void *cookie)
{
	struct sftp_client *client = cookie;
	int error = 0;

	while (error == 0) {
		if (take_packets(client) == -1)
			error = EPROTO;
		else if (listen_to(client) == -1)
			error = ECONNABORTED;
		else
			error = sftp_client_fill(client);
	}
	die(client, error);
	return NULL;
}

/* ---- requests ----------------------------------------------------------- */

int sftp_client_write(int out, struct iovec *pieces, int count)
{
	while (count > 0) {
		ssize_t written = writev(out, pieces, count);

		if (written == -1 && errno == EINTR)
			continue;
		if (written <= 0)
			return written == 0 ? EIO : errno;
		while (count > 0 && (size_t)written >= pieces->iov_len) {
			written -= (ssize_t)pieces->iov_len;
			pieces++;
			count--;
		}
		if (count > 0) {
			pieces->iov_base = (char *)pieces->iov_base + written;
			pieces->iov_len -= (size_t)written;
		}
	}
	return 0;
}

/* Take a slot, waiting for one.  0 and *id, or the errno of the connection. */
static int take_slot(struct sftp_client *client, struct sftp_call *call,
		     size_t size, uint32_t *id)
{
	size_t i = 0;
	int dead;

	pthread_mutex_lock(&client->lock);
	while (client->dead == 0 && client->busy == SFTP_IN_FLIGHT)
		pthread_cond_wait(&client->changed, &client->lock);
	dead = client->dead;
	if (dead == 0) {
		while (client->slots[i].call != NULL)
			i++;
		client->slots[i].call = call;
		client->slots[i].cost = call->cost + size + REQUEST_COST;
		atomic_fetch_add(&client->load, client->slots[i].cost);
		client->busy++;
		*id = client->slots[i].count * SFTP_IN_FLIGHT + (uint32_t)i;
	}
	pthread_mutex_unlock(&client->lock);
	return dead;
}

static void fail(struct sftp_client *client, struct sftp_call *call, int error)
{
	call->error = error;
	finish(client, call);
}

void sftp_send(struct sftp_client *client, struct sftp_call *call, uint8_t type,
	       const struct sftp_writer *body, const void *data, size_t size)
{
	uint8_t head[HEAD_SIZE];
	struct iovec pieces[3] = {
	    {head, sizeof(head)},
	    {(void *)(uintptr_t)body->bytes, body->length},
	    {(void *)(uintptr_t)data, size},
	};
	uint32_t id;
	int error;

	call->finished = 0;
	call->body = NULL;
	call->length = 0;
	error =
	    body->overflow ? ENAMETOOLONG : take_slot(client, call, size, &id);
	if (error != 0) {
		fail(client, call, error);
		return;
	}
	sftp_encode_u32(head,
			(uint32_t)(sizeof(head) - 4 + body->length + size));
	head[4] = type;
	sftp_encode_u32(head + 5, id);
	pthread_mutex_lock(&client->send_lock);
	error =
	    sftp_client_write(client->config.out, pieces, data == NULL ? 2 : 3);
	pthread_mutex_unlock(&client->send_lock);
	if (error != 0)
		die(client, error);
}

static void forget(struct sftp_call *call)
{
	free(call->body);
	free(call);
}

void sftp_send_only(struct sftp_client *client, uint8_t type,
		    const struct sftp_writer *body)
{
	struct sftp_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return;
	call->expect = SFTP_STATUS;
	call->done = forget;
	sftp_send(client, call, type, body, NULL, 0);
}

int sftp_wait(struct sftp_client *client, struct sftp_call *call)
{
	pthread_mutex_lock(&client->lock);
	while (!call->finished)
		pthread_cond_wait(&client->changed, &client->lock);
	pthread_mutex_unlock(&client->lock);
	errno = call->error == SFTP_END ? 0 : call->error;
	return call->error == 0 ? 0 : -1;
}

int sftp_ask(struct sftp_client *client, struct sftp_call *call, uint8_t type,
	     const struct sftp_writer *body)
{
	sftp_send(client, call, type, body, NULL, 0);
	return sftp_wait(client, call);
}

/* ---- what is known of it --------------------------------------------------
 */

void sftp_client_cut(struct sftp_client *client)
{
	die(client, ECONNABORTED);
}

int sftp_client_is_broken(struct sftp_client *client)
{
	int broken;

	pthread_mutex_lock(&client->lock);
	broken = client->dead == EPROTO;
	pthread_mutex_unlock(&client->lock);
	return broken;
}

size_t sftp_client_load(const struct sftp_client *client)
{
	return atomic_load(&client->load);
}

unsigned sftp_client_extensions(const struct sftp_client *client)
{
	return client->extensions;
}

size_t sftp_client_read_max(const struct sftp_client *client)
{
	return client->read_max;
}

size_t sftp_client_write_max(const struct sftp_client *client)
{
	return client->write_max;
}
