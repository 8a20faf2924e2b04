/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_UNIT_PEER_RIG_H
#define FERRY_TESTS_UNIT_PEER_RIG_H

#include <sys/socket.h>

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/any_message.h"
#include "transfer/transfer.h"

/*
 * A whole client or agent in a thread of its own, and a test that speaks to it
 * frame by frame; after cmocka.h.
 */
#define PEER_NONCE   "0123456789abcde"
#define PEER_TRIES   4
#define PEER_PATIENT 60000 /* milliseconds; nothing takes so long */

struct peer {
	int descriptor; /* the test's end */
	int theirs;
	uint32_t epoch; /* of what is said from now on */
	pthread_t thread;
	int code; /* the exit code, after peer_end */
	/* a client: */
	int tries; /* how often it may connect, at most PEER_TRIES */
	int made;  /* by its thread: the test's ends are offered */
	int offered[PEER_TRIES];
	int taken;        /* by the test's */
	sem_t connected;  /* once for each of them */
	unsigned retries; /* as it told its user */
	struct transfer_request request;
	struct transfer_result result;
	struct peer_report {
		enum report_kind kind;
		char path[200];
	} reports[20];
	size_t report_count;
};

/* Returns the test's end. */
static inline int peer_sockets(int *theirs)
{
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	*theirs = pair[1];
	return pair[0];
}

/* ---- an agent ----------------------------------------------------------- */

static inline void *peer_agent_thread(void *cookie)
{
	struct peer *peer = cookie;

	peer->code = agent_run(io_system(), peer->theirs, peer->theirs,
			       (const uint8_t *)PEER_NONCE, -1, AGENT_ALL);
	/* Its process would end now. */
	return NULL;
}

static inline void peer_agent(struct peer *peer)
{
	memset(peer, 0, sizeof(*peer));
	peer->descriptor = peer_sockets(&peer->theirs);
	assert_int_equal(
	    pthread_create(&peer->thread, NULL, peer_agent_thread, peer), 0);
}

/* ---- a client ----------------------------------------------------------- */

static inline int peer_connect(void *cookie, struct inbox *inbox, uint32_t id,
			       const char *nonce, struct lane_result *result)
{
	struct peer *peer = cookie;
	int theirs;

	(void)nonce; /* its HELLO has it too */
	memset(result, 0, sizeof(*result));
	result->code = EXIT_LOST;
	if (peer->made == peer->tries)
		return -1;
	peer->offered[peer->made++] = peer_sockets(&theirs);
	result->lane = lane_fd_create(inbox, id, theirs, theirs, 0);
	sem_post(&peer->connected);
	return result->lane == NULL ? -1 : 0;
}

/* It has connected; the test's descriptor is of that connection. */
static inline void peer_await_connection(struct peer *peer)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PEER_PATIENT / 1000;
	assert_int_equal(sem_timedwait(&peer->connected, &until), 0);
	peer->descriptor = peer->offered[peer->taken++];
	peer->epoch = 0;
}

static inline void peer_take_retry(void *cookie, unsigned attempt,
				   uint64_t wait, const char *why)
{
	(void)wait;
	(void)why;
	((struct peer *)cookie)->retries = attempt;
}

static inline void peer_take_report(void *cookie,
				    const struct engine_report *report)
{
	struct peer *peer = cookie;

	if (peer->report_count == 20)
		return;
	peer->reports[peer->report_count].kind = report->kind;
	snprintf(peer->reports[peer->report_count++].path, 200, "%s",
		 report->path);
}

static inline void *peer_client_thread(void *cookie)
{
	struct peer *peer = cookie;

	transfer_run(&peer->request, &peer->result);
	peer->code = peer->result.code;
	return NULL;
}

static inline void peer_client_init(struct peer *peer, enum operation operation,
				    char **sources, size_t count)
{
	memset(peer, 0, sizeof(*peer));
	sem_init(&peer->connected, 0, 0);
	peer->tries = 1;
	peer->request.io = io_system();
	peer->request.operation = operation;
	peer->request.sources = sources;
	peer->request.source_count = count;
	memset(peer->request.uuid, 5, sizeof(peer->request.uuid));
	peer->request.state_dir = -1;
	peer->request.give_up = 1;
	peer->request.carrier.cookie = peer;
	peer->request.carrier.connect = peer_connect;
	peer->request.observer.cookie = peer;
	peer->request.observer.report = peer_take_report;
	peer->request.observer.retry = peer_take_retry;
}

static inline void peer_client_start(struct peer *peer)
{
	assert_int_equal(
	    pthread_create(&peer->thread, NULL, peer_client_thread, peer), 0);
	peer_await_connection(peer);
}

/* sources are the far side's for a pull. */
static inline void peer_client(struct peer *peer, enum operation operation,
			       char **sources, size_t count, const char *target)
{
	peer_client_init(peer, operation, sources, count);
	peer->request.target = target;
	peer_client_start(peer);
}

/* take: the observer's, for each line. */
static inline void peer_client_verify(struct peer *peer, char **sources,
				      size_t count,
				      int (*take)(void *, const char *, size_t))
{
	peer_client_init(peer, OPERATION_VERIFY, sources, count);
	peer->request.observer.manifest = take;
	peer_client_start(peer);
}

/* We are gone; then it ends, too.  Returns its exit code. */
static inline int peer_end(struct peer *peer)
{
	shutdown(peer->descriptor, SHUT_WR);
	pthread_join(peer->thread, NULL);
	close(peer->descriptor);
	free(peer->result.text);
	return peer->code;
}

/* ---- talking ------------------------------------------------------------ */

/* The other end may be gone. */
static inline void peer_bytes(struct peer *peer, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size > 0) {
		ssize_t written =
		    send(peer->descriptor, at, size, MSG_NOSIGNAL);

		if (written <= 0)
			return;
		at += written;
		size -= (size_t)written;
	}
}

/* The frame is taken. */
static inline void peer_say(struct peer *peer, struct frame *frame)
{
	assert_non_null(frame);
	frame->epoch = peer->epoch;
	frame_seal(frame);
	peer_bytes(peer, frame->bytes, FRAME_HEADER_SIZE + frame->body_length);
	frame_free(frame);
}

/* 1; 0: the stream ends before. */
static inline int peer_fill(struct peer *peer, uint8_t *bytes, size_t size)
{
	while (size > 0) {
		struct pollfd slot = {.fd = peer->descriptor, .events = POLLIN};
		ssize_t count;

		assert_int_equal(poll(&slot, 1, PEER_PATIENT), 1);
		count = read(peer->descriptor, bytes, size);
		if (count <= 0)
			return 0;
		bytes += count;
		size -= (size_t)count;
	}
	return 1;
}

/* The next frame that is no PING; NULL: there is none. */
static inline struct frame *peer_next(struct peer *peer)
{
	uint8_t header[FRAME_HEADER_SIZE];
	struct frame *frame;

	while (peer_fill(peer, header, sizeof(header))) {
		assert_int_equal(frame_parse_header(header, &frame), 1);
		if (!peer_fill(peer, frame_body(frame), frame->body_length)) {
			frame_free(frame);
			return NULL;
		}
		if (frame->type != FRAME_PING)
			return frame;
		frame_free(frame);
	}
	return NULL;
}

/* Read up to a frame of this type, and past others.  1 and *message decoded
 * (what it points to is gone, but for what is malloc'd); 0: it never comes. */
static inline int peer_await(struct peer *peer, enum frame_type type,
			     union message *message)
{
	struct frame *frame;

	memset(message, 0, sizeof(*message));
	while ((frame = peer_next(peer)) != NULL) {
		int found = frame->type == type;

		if (found && frame->body_length > 0)
			assert_int_equal(decode(frame, message), 0);
		frame_free(frame);
		if (found)
			return 1;
	}
	return 0;
}

static inline union message peer_hear(struct peer *peer, enum frame_type type)
{
	union message message;

	if (!peer_await(peer, type, &message))
		fail_msg("no %s frame came", frame_type_name(type));
	return message;
}

/* ---- the usual beginning ------------------------------------------------ */

static inline struct frame *peer_hello(const void *nonce, uint16_t lowest,
				       uint16_t highest)
{
	struct message_hello hello = {.version_lowest = lowest,
				      .version_highest = highest};

	memcpy(hello.nonce, nonce, 16);
	return message_hello_encode(&hello);
}

/* Our HELLO and OPEN to an agent, and its HELLO. */
static inline void peer_open(struct peer *peer, enum operation operation,
			     char **paths, size_t count)
{
	struct message_open message = {
	    .operation = operation,
	    .uuid = "fedcba987654321",
	    .client = "client-of-tests",
	    .paths = paths,
	    .path_count = count,
	};

	peer_say(peer, peer_hello(PEER_NONCE, 1, 1));
	peer_hear(peer, FRAME_HELLO);
	peer_say(peer, message_open_encode(&message));
}

/* The HELLO and OPEN of a client, and our HELLO. */
static inline void peer_accept(struct peer *peer)
{
	union message said = peer_hear(peer, FRAME_HELLO);

	peer_say(peer, peer_hello(said.hello.nonce, 1, 1));
	said = peer_hear(peer, FRAME_OPEN);
	message_open_free(&said.open);
}

static inline void peer_offer(struct peer *peer, const char *name)
{
	struct message_offer offer = {
	    .flags = name != NULL ? OFFER_SINGLE : OFFER_CONTENTS,
	    .names = digest_of("names", 5),
	    .name = name,
	    .name_length = name != NULL ? strlen(name) : 0,
	};

	peer_say(peer, message_offer_encode(&offer));
}

/* We are the sender: READY is the answer to our offer. */
static inline void peer_take_ready(struct peer *peer)
{
	peer->epoch = peer_hear(peer, FRAME_READY).ready.epoch;
}

/* ---- what a sender says of a file of some bytes -------------------------- */

static inline struct frame *peer_entry(enum entry_type type, uint64_t index,
				       uint64_t seq, const char *path,
				       size_t path_length, const char *link,
				       uint64_t size)
{
	struct entry *entry = entry_create(type, path, path_length, link,
					   link == NULL ? 0 : strlen(link));
	struct frame *frame;

	assert_non_null(entry);
	entry->index = index;
	entry->first_seq = seq;
	entry->size = size;
	entry->mode = type == ENTRY_FILE ? 0644 : 0755;
	entry->mtime_seconds = 1234567890;
	frame = message_entry_encode(entry);
	entry_free(entry);
	return frame;
}

static inline struct frame *peer_chunk(uint64_t index, uint64_t seq,
				       const char *text)
{
	struct message_chunk chunk = {
	    .seq = seq,
	    .entry = index,
	    .length = (uint32_t)strlen(text),
	    .flags = CHUNK_WHOLE,
	    .digest = digest_of(text, strlen(text)),
	};
	struct frame *frame = message_chunk_create(chunk.length);

	assert_non_null(frame);
	memcpy(message_chunk_data(frame), text, chunk.length);
	message_chunk_finish(frame, &chunk);
	return frame;
}

#endif
