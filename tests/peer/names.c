/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "peer names FERRY DIR": send names that no peer may send, more than 300 of
 * them, each as the first of a session, to a real agent that is pushed to and
 * to a real client that pulls, both with DIR as the target.  Prints how many
 * were refused; 1 if one was not.
 */
#include "tests/peer/peer.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transfer/transfer.h"

#define NAME_MAX_TRIED 2048

struct name {
	enum entry_type type;
	int single; /* it is the name of OFFER */
	size_t length;
	char bytes[NAME_MAX_TRIED];
};

struct part {
	const char *bytes;
	size_t length;
	int repeat;
};
#define PART(text)                                                             \
	{                                                                      \
		text, sizeof(text) - 1, 1                                      \
	}

/* None of them may be a part of a path. */
static const struct part bad_parts[] = {
    PART("."),     PART(".."),        PART(""),     PART(".ferry"),
    PART("\0"),    PART("..\0"),      PART("x\0y"), PART("\0/../etc"),
    {"n", 1, 256}, {"\xff", 1, 1000},
};
#define BAD_PARTS (sizeof(bad_parts) / sizeof(bad_parts[0]))

/* Around a bad part. */
static const struct {
	const char *before;
	const char *after;
} places[] = {{"", ""},         {"", "/a"},    {"a/", ""},
	      {"a/", "/b"},     {"/", ""},     {"a/b/c/", ""},
	      {"a/b/", "/c/d"}, {"/tmp/", ""}, {"a/..b/", "/"}};
#define PLACES (sizeof(places) / sizeof(places[0]))

static void append(struct name *name, const char *bytes, size_t length)
{
	memcpy(name->bytes + name->length, bytes, length);
	name->length += length;
}

static void build(struct name *name, const struct part *part, size_t place)
{
	append(name, places[place].before, strlen(places[place].before));
	for (int i = 0; i < part->repeat; i++)
		append(name, part->bytes, part->length);
	append(name, places[place].after, strlen(places[place].after));
}

/* The n-th of all.  0: there are no more. */
static int make_name(struct name *name, size_t number)
{
	static const enum entry_type types[] = {ENTRY_FILE, ENTRY_FOLDER,
						ENTRY_LINK, ENTRY_FOLDER_END};
	size_t part = number % BAD_PARTS;
	size_t place = number / BAD_PARTS % PLACES;
	size_t type = number / BAD_PARTS / PLACES;

	memset(name, 0, sizeof(*name));
	if (type > 4)
		return 0;
	name->single = type == 4;
	name->type = name->single ? ENTRY_FILE : types[type];
	build(name, &bad_parts[part], place);
	return 1;
}

/* "" is the target folder itself, and OFFER has room for 255 bytes. */
static int is_no_case(const struct name *name)
{
	if (name->single)
		return name->length > 255;
	return name->length == 0 &&
	       (name->type == ENTRY_FOLDER || name->type == ENTRY_FOLDER_END);
}

/* ---- the hostile side --------------------------------------------------- */

static void send_offer(struct peer *peer, const struct name *name)
{
	struct message_offer offer = {.flags = OFFER_SINGLE,
				      .name = name->bytes,
				      .name_length = name->length};

	peer_send(peer, message_offer_encode(&offer));
}

static void send_name(struct peer *peer, const struct name *name)
{
	uint64_t seq = peer->seq, index;

	index = peer_entry(peer, name->type, name->bytes, name->length,
			   name->type == ENTRY_FILE ? 8 : 0,
			   name->type == ENTRY_LINK ? "/tmp" : NULL);
	if (name->type == ENTRY_FILE)
		peer_chunk(peer, index, seq, "planted\n", CHUNK_WHOLE);
	peer_send(peer, message_empty(FRAME_FLUSH));
}

/* The code of the ERROR that answers, or -1. */
static int answer(struct peer *peer)
{
	struct frame *frame = peer_receive(peer, FRAME_ERROR);
	struct message_error error;
	int code = -1;

	if (frame != NULL && message_error_decode(frame, &error) == 0)
		code = error.code;
	frame_free(frame);
	return code;
}

static int push_to_agent(const char *ferry, char *dir, const struct name *name)
{
	struct peer peer = {.paths = &dir, .path_count = 1};
	int pid = peer_start_agent(&peer, ferry), status, code;

	if (name->single) {
		struct message_open open = {.operation = OPERATION_PUSH,
					    .paths = &dir,
					    .path_count = 1};

		peer_hello(&peer);
		peer_send(&peer, message_open_encode(&open));
		send_offer(&peer, name);
	} else {
		peer_begin_sender(&peer, NULL);
		send_name(&peer, name);
	}
	code = answer(&peer);
	close(peer.in);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == code ? code : -1;
}

/* ---- a client that pulls ------------------------------------------------ */

struct pull {
	struct peer peer;
	const struct name *name;
	pthread_t thread;
};

static void *hostile_agent(void *cookie)
{
	struct pull *pull = cookie;
	struct peer *peer = &pull->peer;

	if (pull->name->single) {
		peer_hello(peer);
		frame_free(peer_receive(peer, FRAME_OPEN));
		send_offer(peer, pull->name);
	} else {
		peer_begin_sender(peer, NULL);
		send_name(peer, pull->name);
	}
	peer_drain(peer);
	for (size_t i = 0; i < peer->path_count; i++)
		free(peer->paths[i]);
	free(peer->paths);
	close(peer->in);
	return NULL;
}

static int connect_hostile(void *cookie, struct inbox *inbox, uint32_t id,
			   const char *nonce, struct lane_result *result)
{
	struct pull *pull = cookie;
	unsigned byte;
	int pair[2];

	*result = (struct lane_result){.code = 99};
	for (size_t i = 0; i < 16; i++) {
		if (sscanf(nonce + 2 * i, "%2x", &byte) != 1)
			return -1;
		pull->peer.nonce[i] = (uint8_t)byte;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return -1;
	pull->peer.in = pull->peer.out = pair[1];
	if (pthread_create(&pull->thread, NULL, hostile_agent, pull) != 0)
		return -1;
	result->lane = lane_fd_create(inbox, id, pair[0], pair[0], 0);
	return result->lane != NULL ? 0 : -1;
}

static int pull_by_client(char *dir, const struct name *name)
{
	/* Contents may be called anything, so it is the name that is wrong. */
	char *source = "folder/";
	struct pull pull = {.peer = {.is_agent = 1}, .name = name};
	struct transfer_result result;
	struct transfer_request request = {
	    .io = io_system(),
	    .operation = OPERATION_PULL,
	    .sources = &source,
	    .source_count = 1,
	    .target = dir,
	    .uuid = {1, 2, 3, 4, 5, 6, 0x70, 8, 0x80},
	    .state_dir = -1,
	    .carrier = {.cookie = &pull, .connect = connect_hostile},
	};

	transfer_run(&request, &result);
	free(result.text);
	pthread_join(pull.thread, NULL);
	return result.code;
}

/* ---- */

static int complain(const char *side, const struct name *name, int code)
{
	printf("%s: %d for type %d: ", side, code,
	       name->single ? 0 : (int)name->type);
	for (size_t i = 0; i < name->length; i++)
		printf(name->bytes[i] > ' ' && name->bytes[i] < 127 ? "%c"
								    : "\\x%02x",
		       (unsigned char)name->bytes[i]);
	putchar('\n');
	return 1;
}

int peer_names(const char *ferry, const char *dir)
{
	char *target = strdup(dir);
	struct name name;
	size_t count = 0;
	int wrong = 0;

	for (size_t i = 0; make_name(&name, i); i++) {
		int code;

		if (is_no_case(&name))
			continue;
		count++;
		code = push_to_agent(ferry, target, &name);
		if (code != EXIT_PROTOCOL)
			wrong |= complain("agent", &name, code);
		code = pull_by_client(target, &name);
		if (code != EXIT_PROTOCOL)
			wrong |= complain("client", &name, code);
	}
	printf("%zu names\n", count);
	free(target);
	return wrong;
}
