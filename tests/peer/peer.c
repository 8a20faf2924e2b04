/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer agent CASE serve ... --nonce HEX	as --remote-ferry
 * peer client CASE FERRY PATH			drives FERRY serve
 * peer names FERRY DIR				see names.c
 * peer list agent|client			the cases, one a line
 *
 * In cases of the sending end the client pushes to PATH, in those of the
 * receiving end it pulls PATH.
 */
#include "tests/peer/peer.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
	exit(99);
}

/* ---- frames in and out -------------------------------------------------- */

int peer_send_bytes(struct peer *peer, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	while (length > 0) {
		ssize_t count = write(peer->out, at, length);

		if (count == -1 && errno == EINTR)
			continue;
		if (count <= 0)
			return -1;
		at += count;
		length -= (size_t)count;
	}
	return 0;
}

int peer_send(struct peer *peer, struct frame *frame)
{
	int result;

	if (frame == NULL)
		die("a frame");
	frame->epoch = peer->epoch;
	frame_seal(frame);
	result = peer_send_bytes(peer, frame->bytes,
				 FRAME_HEADER_SIZE + frame->body_length);
	frame_free(frame);
	return result;
}

/* 0, or -1 at the end of the stream. */
static int read_bytes(struct peer *peer, uint8_t *bytes, size_t length)
{
	while (length > 0) {
		ssize_t count = read(peer->in, bytes, length);

		if (count == -1 && errno == EINTR)
			continue;
		if (count <= 0)
			return -1;
		bytes += count;
		length -= (size_t)count;
	}
	return 0;
}

static struct frame *next_frame(struct peer *peer)
{
	uint8_t header[FRAME_HEADER_SIZE];
	struct frame *frame;

	if (read_bytes(peer, header, sizeof(header)) == -1)
		return NULL;
	if (frame_parse_header(header, &frame) != 1)
		die("a header that is none");
	if (read_bytes(peer, frame_body(frame), frame->body_length) == 0)
		return frame;
	frame_free(frame);
	return NULL;
}

/* What a test wants to know. */
static void tell(const struct peer *peer, const struct frame *frame)
{
	struct message_error error;
	struct message_receipt receipt;

	if (peer->is_agent)
		return;
	if (frame->type == FRAME_ERROR &&
	    message_error_decode(frame, &error) == 0)
		printf("error %u %.*s\n", (unsigned)error.code,
		       (int)error.text_length, error.text);
	if (frame->type == FRAME_RECEIPT &&
	    message_receipt_decode(frame, &receipt) == 0)
		printf("receipt %u %.*s\n", (unsigned)receipt.status,
		       (int)receipt.text_length,
		       receipt.text != NULL ? receipt.text : "");
}

struct frame *peer_receive(struct peer *peer, enum frame_type type)
{
	struct frame *frame;

	while ((frame = next_frame(peer)) != NULL) {
		if (frame->type == type)
			return frame;
		tell(peer, frame);
		frame_free(frame);
	}
	return NULL;
}

void peer_end(struct peer *peer)
{
	if (peer->is_agent)
		exit(0);
	shutdown(peer->out, SHUT_WR);
}

void peer_drain(struct peer *peer)
{
	/* No end ever sends this one. */
	frame_free(peer_receive(peer, FRAME_TYPE_COUNT));
}

/* ---- the beginning ------------------------------------------------------ */

static struct frame *expect(struct peer *peer, enum frame_type type)
{
	struct frame *frame = peer_receive(peer, type);

	if (frame == NULL) {
		errno = ECONNRESET;
		die(frame_type_name(type));
	}
	return frame;
}

void peer_hello(struct peer *peer)
{
	struct message_hello hello = {.version_lowest = PROTOCOL_OLDEST,
				      .version_highest = PROTOCOL_VERSION};

	memcpy(hello.nonce, peer->nonce, sizeof(hello.nonce));
	if (peer->is_agent)
		frame_free(expect(peer, FRAME_HELLO));
	peer_send(peer, message_hello_encode(&hello));
	if (!peer->is_agent)
		frame_free(expect(peer, FRAME_HELLO));
}

static void open_job(struct peer *peer, enum operation operation)
{
	struct message_open open = {.operation = operation,
				    .uuid = {1, 2, 3, 4, 5, 6, 0x70, 8, 0x80},
				    .paths = peer->paths,
				    .path_count = peer->path_count};

	if (!peer->is_agent) {
		peer_send(peer, message_open_encode(&open));
		return;
	}
	for (;;) {
		struct frame *frame = expect(peer, FRAME_OPEN);
		int wrong = message_open_decode(frame, &open);

		frame_free(frame);
		if (wrong)
			die("OPEN");
		/* The paths are kept until the end. */
		peer->paths = open.paths;
		peer->path_count = open.path_count;
		return;
	}
}

void peer_begin_sender(struct peer *peer, const char *single)
{
	struct message_offer offer = {
	    .flags = single != NULL ? OFFER_SINGLE : OFFER_CONTENTS,
	    .name = single,
	    .name_length = single != NULL ? strlen(single) : 0};
	struct message_ready ready;
	struct frame *frame;

	peer_hello(peer);
	open_job(peer, OPERATION_PUSH);
	peer_send(peer, message_offer_encode(&offer));
	frame = peer_receive(peer, FRAME_READY);
	if (frame == NULL)
		return; /* it was refused */
	if (message_ready_decode(frame, &ready) == -1)
		die("READY");
	frame_free(frame);
	peer->epoch = ready.epoch;
	peer->index = ready.next_entry;
	peer->seq = ready.next_seq;
}

void peer_begin_receiver(struct peer *peer)
{
	struct message_ready ready = {.epoch = 77,
				      .uuid = {1, 2, 3, 4, 5, 6, 0x70, 8, 0x80},
				      .next_entry = 1};

	peer_hello(peer);
	open_job(peer, OPERATION_PULL);
	frame_free(expect(peer, FRAME_OFFER));
	peer_send(peer, message_ready_encode(&ready));
	peer->epoch = ready.epoch;
}

/* ---- entries and chunks ------------------------------------------------- */

uint64_t peer_entry(struct peer *peer, enum entry_type type, const char *path,
		    size_t length, uint64_t size, const char *link)
{
	struct entry *entry = entry_create(type, path, length, link,
					   link != NULL ? strlen(link) : 0);

	if (entry == NULL)
		die("an entry");
	entry->index = peer->index++;
	entry->first_seq = peer->seq;
	entry->size = size;
	entry->mode = 07777;
	entry->version.bytes[0] = 1;
	if (type == ENTRY_FOLDER_END)
		entry->opened = entry->index - 1;
	peer->seq += entry_chunks(entry);
	peer_send(peer, message_entry_encode(entry));
	entry_free(entry);
	return peer->index - 1;
}

void peer_chunk(struct peer *peer, uint64_t entry, uint64_t seq,
		const char *text, uint8_t flags)
{
	size_t length = strlen(text);
	struct frame *frame = message_chunk_create((uint32_t)length);
	struct message_chunk chunk = {.seq = seq,
				      .entry = entry,
				      .length = (uint32_t)length,
				      .flags = flags,
				      .digest = digest_of(text, length)};

	if (frame == NULL)
		die("a chunk");
	memcpy(message_chunk_data(frame), text, length);
	message_chunk_finish(frame, &chunk);
	peer_send(peer, frame);
}

/* ---- roles -------------------------------------------------------------- */

static const struct peer_case *find(const struct peer_case *cases,
				    const char *name)
{
	for (; cases->name != NULL; cases++) {
		if (strcmp(cases->name, name) == 0)
			return cases;
	}
	return NULL;
}

static void run(struct peer *peer, const char *name)
{
	const struct peer_case *found;

	if ((found = find(peer_stream_cases, name)) != NULL ||
	    (found = find(peer_name_cases, name)) != NULL) {
		found->run(peer);
	} else if ((found = find(peer_sender_cases, name)) != NULL) {
		peer_begin_sender(peer, NULL);
		found->run(peer);
	} else if ((found = find(peer_receiver_cases, name)) != NULL) {
		peer_begin_receiver(peer);
		found->run(peer);
	} else {
		errno = ENOENT;
		die(name);
	}
	peer_drain(peer);
}

static int agent(const char *name, int argc, char **argv)
{
	struct peer peer = {.in = 0, .out = 1, .is_agent = 1};
	unsigned byte;

	for (int i = 0; i + 1 < argc; i++) {
		if (strcmp(argv[i], "--nonce") != 0)
			continue;
		for (size_t j = 0; j < 16; j++) {
			if (sscanf(argv[i + 1] + 2 * j, "%2x", &byte) != 1)
				return 99;
			peer.nonce[j] = (uint8_t)byte;
		}
	}
	run(&peer, name);
	return 0;
}

int peer_start_agent(struct peer *peer, const char *ferry)
{
	char nonce[] = "00112233445566778899aabbccddeeff";
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		die("a socket");
	pid = fork();
	if (pid == -1)
		die("an agent");
	if (pid == 0) {
		dup2(pair[1], 0);
		dup2(pair[1], 1);
		execl(ferry, "ferry", "serve", "--nonce", nonce, (char *)NULL);
		_exit(98);
	}
	close(pair[1]);
	peer->in = peer->out = pair[0];
	for (int i = 0; i < 16; i++)
		peer->nonce[i] = (uint8_t)(0x11 * i);
	return pid;
}

static int client(const char *name, const char *ferry, char *path)
{
	struct peer peer = {.paths = &path, .path_count = 1};
	int pid = peer_start_agent(&peer, ferry), status;

	run(&peer, name);
	close(peer.in);
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	printf(WIFEXITED(status) ? "exit %d\n" : "signal %d\n",
	       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return 0;
}

static void list(const struct peer_case *cases)
{
	for (; cases->name != NULL; cases++)
		puts(cases->name);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc > 3 && strcmp(argv[1], "agent") == 0)
		return agent(argv[2], argc - 3, argv + 3);
	if (argc == 5 && strcmp(argv[1], "client") == 0)
		return client(argv[2], argv[3], argv[4]);
	if (argc == 4 && strcmp(argv[1], "names") == 0)
		return peer_names(argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "list") == 0) {
		if (strcmp(argv[2], "stream") == 0)
			list(peer_stream_cases);
		if (strcmp(argv[2], "sender") == 0)
			list(peer_sender_cases);
		if (strcmp(argv[2], "receiver") == 0)
			list(peer_receiver_cases);
		return 0;
	}
	fputs("peer: how it is called is said in peer.c\n", stderr);
	return 99;
}
