/* SPDX-License-Identifier: BSD-2-Clause */
/* How does a connection to an SFTP server begin, and how does it end? */
#include <sys/socket.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transfer/greeting.h"
#include "transfer/sftp_client_internal.h"
#include "transfer/thread.h"

#define VERSION        3
#define WAIT_STEP      100 /* milliseconds */
/* Without limits@openssh.com every server takes so much. */
#define TRANSFER_LEAST ((size_t)32 << 10)
/* So that what is in flight is 8 MiB at most. */
#define TRANSFER_MOST  ((size_t)128 << 10)

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
	const uint64_t end = sftp_client_now() + (uint64_t)config->milliseconds;
	struct pollfd ready = {config->in, POLLIN, 0};

	while (config->over == NULL || !atomic_load(config->over)) {
		if (poll(&ready, 1, WAIT_STEP) > 0)
			return 0;
		if (config->milliseconds > 0 && sftp_client_now() >= end)
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
		if (sftp_client_fill(client) != 0)
			return say(text, "there is no SFTP server");
	}
}

static int greet(struct sftp_client *client, char **text)
{
	uint8_t bytes[9] = {0, 0, 0, 5, SFTP_INIT, 0, 0, 0, VERSION};
	struct iovec piece = {bytes, sizeof(bytes)};
	struct sftp_reader reader;
	const uint8_t *name;
	size_t length, name_length;

	if (sftp_client_write(client->config.out, &piece, 1) != 0)
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
		client->reading = thread_start(&client->reader,
					       sftp_client_read, client) == 0;
		if (client->reading) {
			if (client->extensions & SFTP_LIMITS)
				ask_limits(client);
			return client;
		}
	}
	sftp_client_close(client);
	return NULL;
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
