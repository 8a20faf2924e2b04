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
#include "transfer/sftp_client.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "transfer/greeting.h"
#include "transfer/thread.h"

#define VERSION        3
#define READ_SIZE      (2 * SFTP_PACKET_MAX)
#define HEAD_SIZE      9   /* length, type, id */
#define WAIT_STEP      100 /* milliseconds */
#define LOOK_STEP      1000
/* Without limits@openssh.com every server takes so much. */
#define TRANSFER_LEAST ((size_t)32 << 10)
/* So that what is in flight is 8 MiB at most. */
#define TRANSFER_MOST  ((size_t)128 << 10)

/* Each request costs a turn of the server, whatever it brings. */
#define REQUEST_COST ((size_t)4 << 10)

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

static uint64_t milliseconds_now(void)
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
	uint64_t now, since = milliseconds_now();

	while (poll(&ready, 1,
		    silence < LOOK_STEP ? (int)silence : LOOK_STEP) <= 0) {
		size_t load = atomic_load(&client->load);

		now = milliseconds_now();
		if (load == 0)
			since = now;
		else if (now - since > silence + load / SFTP_SLOWEST)
			return -1;
	}
	return 0;
}

/* Read what there is.  0, or an errno. */
static int fill(struct sftp_client *client)
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

static void *run_reader(void *cookie)
{
	struct sftp_client *client = cookie;
	int error = 0;

	while (error == 0) {
		if (take_packets(client) == -1)
			error = EPROTO;
		else if (listen_to(client) == -1)
			error = ECONNABORTED;
		else
			error = fill(client);
	}
	die(client, error);
	return NULL;
}

/* ---- requests ----------------------------------------------------------- */

/* Write all of it.  0, or an errno. */
static int write_all(int out, struct iovec *pieces, int count)
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
	error = write_all(client->config.out, pieces, data == NULL ? 2 : 3);
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

/* ---- begin and end ------------------------------------------------------ */

static void note_extension(struct sftp_client *client, const uint8_t *name,
			   size_t length)
{
	static const struct {
		const char *name;
		unsigned bit;
	} known[] = {{"posix-rename@openssh.com", SFTP_POSIX_RENAME},
		     {"fsync@openssh.com", SFTP_FSYNC},
		     {"lsetstat@openssh.com", SFTP_LSETSTAT},
		     {"limits@openssh.com", SFTP_LIMITS},
		     {"copy-data", SFTP_COPY_DATA}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strlen(known[i].name) == length &&
		    memcmp(known[i].name, name, length) == 0)
			client->extensions |= known[i].bit;
	}
}

static int say(char **text, const char *what)
{
	*text = strdup(what);
	return -1;
}

/* What came is no SFTP: a shell's start-up files print it, say. */
static int say_noise(struct sftp_client *client, char **text)
{
	char *quoted = greeting_quote_noise(client->buffer, client->filled);

	if (asprintf(text, "what answers there is no SFTP server (%s)",
		     quoted != NULL ? quoted : "it said nothing readable") < 0)
		*text = NULL;
	free(quoted);
	return -1;
}

/* Something is there to be read: 0.  -1: it took too long, or is over. */
static int wait_for_server(const struct sftp_client_config *config)
{
	const uint64_t end =
	    milliseconds_now() + (uint64_t)config->milliseconds;
	struct pollfd ready = {config->in, POLLIN, 0};

	while (config->over == NULL || !atomic_load(config->over)) {
		if (poll(&ready, 1, WAIT_STEP) > 0)
			return 0;
		if (config->milliseconds > 0 && milliseconds_now() >= end)
			return -1;
	}
	return -1;
}

/* Read the first packet.  0 and its length, or -1 with *text. */
static int read_version(struct sftp_client *client, size_t *length, char **text)
{
	for (;;) {
		if (client->filled >= SFTP_LENGTH_SIZE) {
			*length = sftp_decode_u32(client->buffer);
			if (*length < 5 || *length > SFTP_PACKET_MAX ||
			    (client->filled > 4 &&
			     client->buffer[4] != SFTP_VERSION))
				return say_noise(client, text);
			if (client->filled >= SFTP_LENGTH_SIZE + *length)
				return 0;
		}
		if (wait_for_server(&client->config) == -1)
			return say(text, "the SFTP server does not answer");
		if (fill(client) != 0)
			return say(text, "there is no SFTP server");
	}
}

static int greet(struct sftp_client *client, char **text)
{
	uint8_t bytes[HEAD_SIZE] = {0, 0, 0, 5, SFTP_INIT, 0, 0, 0, VERSION};
	struct iovec piece = {bytes, sizeof(bytes)};
	struct sftp_reader reader;
	const uint8_t *name;
	size_t length, name_length;

	if (write_all(client->config.out, &piece, 1) != 0)
		return say(text, "there is no SFTP server");
	if (read_version(client, &length, text) == -1)
		return -1;
	reader = (struct sftp_reader){client->buffer + 5, length - 1, 0};
	if (sftp_get_u32(&reader) < VERSION)
		return say(text, "the SFTP server there speaks no version 3");
	while (reader.left > 0 && !reader.bad) {
		name = sftp_get_bytes(&reader, &name_length);
		note_extension(client, name, name_length);
		sftp_get_bytes(&reader, &length);
	}
	length = SFTP_LENGTH_SIZE + sftp_decode_u32(client->buffer);
	client->filled -= length;
	memmove(client->buffer, client->buffer + length, client->filled);
	return 0;
}

static size_t limit(uint64_t offered)
{
	if (offered < TRANSFER_LEAST)
		return TRANSFER_LEAST;
	return offered > TRANSFER_MOST ? TRANSFER_MOST : (size_t)offered;
}

static void ask_limits(struct sftp_client *client)
{
	struct sftp_call call = {.expect = SFTP_EXTENDED_REPLY};
	struct sftp_writer body;
	struct sftp_reader reader;
	uint64_t read_max, write_max;

	body.length = 0;
	body.overflow = 0;
	sftp_put_text(&body, "limits@openssh.com");
	if (sftp_ask(client, &call, SFTP_EXTENDED, &body) == 0) {
		reader = (struct sftp_reader){call.body, call.length, 0};
		sftp_get_u64(&reader);
		read_max = sftp_get_u64(&reader);
		write_max = sftp_get_u64(&reader);
		if (!reader.bad) {
			client->read_max = limit(read_max);
			client->write_max = limit(write_max);
		}
	}
	free(call.body);
}

struct sftp_client *sftp_client_open(const struct sftp_client_config *config,
				     char **text)
{
	struct sftp_client *client = calloc(1, sizeof(*client));

	*text = NULL;
	if (client == NULL) {
		close(config->in);
		if (config->out != config->in)
			close(config->out);
		return NULL;
	}
	client->config = *config;
	client->read_max = client->write_max = TRANSFER_LEAST;
	pthread_mutex_init(&client->send_lock, NULL);
	pthread_mutex_init(&client->lock, NULL);
	pthread_cond_init(&client->changed, NULL);
	if (greet(client, text) == 0) {
		client->reading =
		    thread_start(&client->reader, run_reader, client) == 0;
		if (client->reading) {
			if (client->extensions & SFTP_LIMITS)
				ask_limits(client);
			return client;
		}
	}
	sftp_client_close(client);
	return NULL;
}

void sftp_client_cut(struct sftp_client *client)
{
	die(client, ECONNABORTED);
}

void sftp_client_close(struct sftp_client *client)
{
	if (client == NULL)
		return;
	/* The server ends at the end of its input, and so the reader does. */
	if (client->config.out != client->config.in)
		close(client->config.out);
	else
		shutdown(client->config.out, SHUT_WR);
	if (client->reading)
		pthread_join(client->reader, NULL);
	close(client->config.in);
	pthread_cond_destroy(&client->changed);
	pthread_mutex_destroy(&client->lock);
	pthread_mutex_destroy(&client->send_lock);
	free(client);
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
