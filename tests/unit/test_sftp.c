/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: over a server that fails any one request, answers out of order, reads
 * short or has no extensions, a push ends with all files whole and exit 0, or
 * without exit 0; and no target is ever a wrong file.
 *
 * The server is OpenSSH's, behind a proxy that does that to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "journal/hexadecimal.h"
#include "tests/unit/scratch.h"
#include "transfer/child.h"
#include "transfer/io_sftp.h"
#include "transfer/sftp_client.h"
#include "transfer/transfer.h"

#define SERVER "/usr/lib/openssh/sftp-server"
#define LARGE  ((size_t)512 << 10)

/* What the proxy does. */
struct mischief {
	unsigned fail; /* this request, counted from 1; 0: none */
	int bare;      /* no extensions */
	int reorder;
	int short_reads;
	/* What a server that is out of its mind sends in place of the first
	 * reply. */
	const uint8_t *nonsense;
	size_t nonsense_length;
};

struct proxy {
	const struct mischief *mischief;
	int client, server; /* the proxy's ends */
	pid_t pid;
	pthread_t up, down;
	pthread_mutex_t lock; /* of writes to the client */
	unsigned requests;
};

/* ---- the proxy ---------------------------------------------------------- */

static int read_all(int file, void *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t count = read(file, (char *)bytes + done, size - done);

		if (count <= 0)
			return -1;
		done += (size_t)count;
	}
	return 0;
}

static void write_all(int file, const void *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t count = send(file, (const char *)bytes + done,
				     size - done, MSG_NOSIGNAL);

		if (count <= 0)
			return;
		done += (size_t)count;
	}
}

/* A packet with its length, malloc'd; NULL at the end. */
static uint8_t *read_packet(int file, size_t *size)
{
	uint8_t length[4], *packet;

	if (read_all(file, length, 4) == -1)
		return NULL;
	*size = 4 + (size_t)sftp_decode_u32(length);
	packet = malloc(*size);
	assert_non_null(packet);
	memcpy(packet, length, 4);
	if (read_all(file, packet + 4, *size - 4) == 0)
		return packet;
	free(packet);
	return NULL;
}

static void to_client(struct proxy *proxy, const uint8_t *packet, size_t size)
{
	pthread_mutex_lock(&proxy->lock);
	write_all(proxy->client, packet, size);
	pthread_mutex_unlock(&proxy->lock);
}

/* A status: 0 is well, 4 a failure of any kind. */
static void answer(struct proxy *proxy, const uint8_t *request, uint8_t status)
{
	uint8_t reply[21] = {0, 0, 0, 17, SFTP_STATUS};

	memcpy(reply + 5, request + 5, 4);
	reply[12] = status;
	to_client(proxy, reply, sizeof(reply));
}

static void *run_up(void *cookie)
{
	struct proxy *proxy = cookie;
	uint8_t *packet;
	size_t size;

	while ((packet = read_packet(proxy->client, &size)) != NULL) {
		if (packet[4] == SFTP_READ && proxy->mischief->short_reads &&
		    sftp_decode_u32(packet + size - 4) > 1000)
			sftp_encode_u32(packet + size - 4, 1000);
		if (packet[4] != SFTP_INIT &&
		    ++proxy->requests == proxy->mischief->fail)
			answer(proxy, packet, 4);
		/* The disk itself would take most of the time. */
		else if (packet[4] == SFTP_EXTENDED && size > 30 &&
			 memcmp(packet + 13, "fsync@", 6) == 0)
			answer(proxy, packet, 0);
		else
			write_all(proxy->server, packet, size);
		free(packet);
	}
	shutdown(proxy->server, SHUT_WR);
	return NULL;
}

static void *run_down(void *cookie)
{
	struct proxy *proxy = cookie;
	const struct mischief *mischief = proxy->mischief;
	uint8_t *packet, *held = NULL;
	size_t size, held_size = 0;

	while ((packet = read_packet(proxy->server, &size)) != NULL) {
		struct pollfd more = {proxy->server, POLLIN, 0};

		if (packet[4] == SFTP_VERSION && mischief->bare) {
			size = 9;
			sftp_encode_u32(packet, 5);
		} else if (packet[4] != SFTP_VERSION &&
			   mischief->nonsense != NULL) {
			to_client(proxy, mischief->nonsense,
				  mischief->nonsense_length);
			free(packet);
			continue;
		}
		/* Each is kept back until another has gone. */
		if (mischief->reorder && held == NULL &&
		    poll(&more, 1, 2) == 1) {
			held = packet;
			held_size = size;
			continue;
		}
		to_client(proxy, packet, size);
		free(packet);
		if (held != NULL)
			to_client(proxy, held, held_size);
		free(held);
		held = NULL;
	}
	free(held);
	shutdown(proxy->client, SHUT_RDWR);
	return NULL;
}

/* The client's end. */
static int proxy_start(struct proxy *proxy, const struct mischief *mischief)
{
	char *argv[] = {(char *)(uintptr_t)SERVER, NULL};
	int server[2], client[2];

	memset(proxy, 0, sizeof(*proxy));
	proxy->mischief = mischief;
	pthread_mutex_init(&proxy->lock, NULL);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, server), 0);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client), 0);
	assert_int_equal(child_start(SERVER, argv,
				     (const int[]){server[1], server[1], -1},
				     &proxy->pid),
			 0);
	close(server[1]);
	proxy->server = server[0];
	proxy->client = client[1];
	assert_int_equal(pthread_create(&proxy->up, NULL, run_up, proxy), 0);
	assert_int_equal(pthread_create(&proxy->down, NULL, run_down, proxy),
			 0);
	return client[0];
}

static void proxy_end(struct proxy *proxy)
{
	shutdown(proxy->client, SHUT_RDWR);
	pthread_join(proxy->up, NULL);
	pthread_join(proxy->down, NULL);
	waitpid(proxy->pid, NULL, 0);
	close(proxy->client);
	close(proxy->server);
	pthread_mutex_destroy(&proxy->lock);
}

/* ---- a push over it ----------------------------------------------------- */

struct push {
	const struct mischief *mischief;
	struct proxy proxy;
	struct io_sftp *store;
	pthread_t agent;
	int lane, other, running;
	int state_dir; /* of the locks: what one run left is the next one's */
	uint8_t nonce[16];
};

static void *run_agent(void *cookie)
{
	struct push *push = cookie;

	agent_run(io_sftp_io(push->store), push->lane, push->lane, push->nonce,
		  -1, AGENT_ALL);
	return NULL;
}

static void down(void *cookie)
{
	struct push *push = cookie;

	shutdown(push->other, SHUT_RDWR);
}

/* Only once: a lost connection is the end of it. */
static int connect_push(void *cookie, struct inbox *inbox, uint32_t id,
			const char *nonce, struct lane_result *result)
{
	struct push *push = cookie;
	struct io_sftp_config config = {.place = "test",
					.state_dir = push->state_dir,
					.down = down,
					.cookie = push};
	int pair[2];
	char *text;

	memset(result, 0, sizeof(*result));
	result->code = EXIT_UNREACHABLE;
	if (push->running)
		return -1;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	push->lane = pair[1];
	push->other = fcntl(pair[1], F_DUPFD_CLOEXEC, 0);
	assert_int_equal(hex_bytes(nonce, push->nonce, 16), 0);
	config.in = config.out = proxy_start(&push->proxy, push->mischief);
	push->store = io_sftp_open(&config, &text);
	assert_non_null(push->store);
	push->running = 1;
	assert_int_equal(pthread_create(&push->agent, NULL, run_agent, push),
			 0);
	result->lane = lane_fd_create(inbox, id, pair[0], pair[0], 0);
	assert_non_null(result->lane);
	return 0;
}

/* Push "src/" to "dst"; the exit code, and *requests that it took. */
static int push_tree(struct scratch *scratch, const struct mischief *mischief,
		     unsigned *requests)
{
	struct push push = {.mischief = mischief};
	struct transfer_request request;
	struct transfer_result result;
	char source[512], target[512];
	char *sources[] = {source};

	push.state_dir = openat(scratch->dir, "state", O_RDONLY | O_DIRECTORY);
	assert_int_not_equal(push.state_dir, -1);
	snprintf(source, sizeof(source), "%s/src/", scratch->path);
	snprintf(target, sizeof(target), "%s/dst", scratch->path);
	memset(&request, 0, sizeof(request));
	request.io = io_system();
	request.operation = OPERATION_PUSH;
	request.sources = sources;
	request.source_count = 1;
	request.target = target;
	request.compression = COMPRESS_NO;
	request.uuid[0] = 1;
	request.state_dir = -1;
	request.carrier.cookie = &push;
	request.carrier.connect = connect_push;
	request.give_up = 1;
	transfer_run(&request, &result);
	free(result.text);
	if (push.running) {
		/* The proxy sees the end of the store's. */
		pthread_join(push.agent, NULL);
		io_sftp_close(push.store);
		proxy_end(&push.proxy);
		close(push.other);
	}
	close(push.state_dir);
	*requests = push.proxy.requests;
	return result.code;
}

/* ---- the tests ---------------------------------------------------------- */

struct tree {
	struct scratch scratch;
	uint8_t *large;
};

static int make_tree(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	assert_non_null(tree);
	scratch_make(&tree->scratch);
	tree->large = scratch_bytes(LARGE, 1);
	scratch_folder(&tree->scratch, "state");
	scratch_folder(&tree->scratch, "src");
	scratch_folder(&tree->scratch, "src/sub");
	scratch_text(&tree->scratch, "src/one", "first");
	scratch_write(&tree->scratch, "src/sub/two", tree->large, LARGE);
	scratch_text(&tree->scratch, "src/three", "");
	*state = tree;
	return access(SERVER, X_OK);
}

static int remove_tree(void **state)
{
	struct tree *tree = *state;

	scratch_remove(&tree->scratch);
	free(tree->large);
	free(tree);
	return 0;
}

/* Each is whole, or, unless all must be there, not there. */
static void check_files(struct tree *tree, int all)
{
	struct scratch *scratch = &tree->scratch;

	if (all || scratch_exists(scratch, "dst/one"))
		scratch_holds(scratch, "dst/one", "first", 5);
	if (all || scratch_exists(scratch, "dst/sub/two"))
		scratch_holds(scratch, "dst/sub/two", tree->large, LARGE);
	if (all || scratch_exists(scratch, "dst/three"))
		scratch_holds(scratch, "dst/three", "", 0);
}

static void clear_target(struct tree *tree)
{
	assert_int_equal(io_remove_tree(io_system(), tree->scratch.dir, "dst"),
			 0);
}

static void push_well(struct tree *tree, const struct mischief *mischief)
{
	unsigned requests;

	assert_int_equal(push_tree(&tree->scratch, mischief, &requests),
			 EXIT_DONE);
	check_files(tree, 1);
	assert_false(scratch_exists(&tree->scratch, "dst/.ferry"));
}

static void any_one_request_may_fail(void **state)
{
	struct tree *tree = *state;
	struct mischief mischief = {0};
	unsigned all, requests, failed = 0;

	assert_int_equal(push_tree(&tree->scratch, &mischief, &all), EXIT_DONE);
	clear_target(tree);
	for (mischief.fail = 1; mischief.fail <= all; mischief.fail++) {
		int code = push_tree(&tree->scratch, &mischief, &requests);

		failed += code != EXIT_DONE;
		check_files(tree, code == EXIT_DONE);
		/* And the next run mends it. */
		if (mischief.fail % 8 == 0)
			push_well(tree, &(const struct mischief){0});
		clear_target(tree);
	}
	/* Most are needed. */
	assert_true(all > 30);
	assert_true(failed > all / 2);
}

static void replies_come_in_any_order(void **state)
{
	const struct mischief mischief = {.reorder = 1};

	push_well(*state, &mischief);
}

static void a_server_with_no_extensions(void **state)
{
	struct tree *tree = *state;
	const struct mischief mischief = {.bare = 1};
	unsigned requests;

	push_well(tree, &mischief);
	/* It cannot replace a file, and says so. */
	scratch_text(&tree->scratch, "src/one", "newer");
	scratch_times(&tree->scratch, "src/one", SCRATCH_TIME, 0);
	assert_int_equal(push_tree(&tree->scratch, &mischief, &requests),
			 EXIT_PARTIAL);
	check_files(tree, 1);
}

/* ---- the io by itself --------------------------------------------------- */

static void reads_are_whole(void **state)
{
	struct tree *tree = *state;
	const struct mischief mischief = {.short_reads = 1, .reorder = 1};
	struct io_sftp_config config = {.place = "test", .state_dir = -1};
	struct proxy proxy;
	struct io_sftp *store;
	uint8_t *bytes = malloc(LARGE + 1);
	char *text;
	struct io *io;
	int dir, file;

	assert_non_null(bytes);
	config.in = config.out = proxy_start(&proxy, &mischief);
	store = io_sftp_open(&config, &text);
	assert_non_null(store);
	io = io_sftp_io(store);
	dir = io->open(io->context, AT_FDCWD, tree->scratch.path,
		       O_RDONLY | O_DIRECTORY, 0);
	assert_int_not_equal(dir, -1);
	file = io_open_beneath(io, dir, "src/sub/two", O_RDONLY, 0);
	assert_int_not_equal(file, -1);
	assert_int_equal(io_read(io, file, bytes, LARGE + 1, 0), LARGE);
	assert_memory_equal(bytes, tree->large, LARGE);
	/* Neither a link nor what is outside is reached. */
	assert_int_equal(symlinkat("sub", tree->scratch.dir, "src/link"), 0);
	assert_int_equal(io_open_beneath(io, dir, "src/link/two", O_RDONLY, 0),
			 -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(io_open_beneath(io, dir, "../x", O_RDONLY, 0), -1);
	assert_int_equal(errno, EXDEV);
	io_close(io, file);
	io_close(io, dir);
	io_sftp_close(store);
	proxy_end(&proxy);
	free(bytes);
}

static void note_down(void *cookie)
{
	++*(int *)cookie;
}

/* What is no answer ends the connection, and every call fails. */
static void nonsense_is_no_answer(void **state)
{
	static const uint8_t other_id[] = {0, 0, 0, 17, SFTP_STATUS, 9, 9,
					   9, 9, 0, 0,  0,           0, 0,
					   0, 0, 0, 0,  0,           0, 0};
	static const uint8_t endless[] = {0xff, 0xff, 0xff, 0xff, 0, 0};
	static const uint8_t data[] = {0, 0, 0, 10, SFTP_DATA, 0, 0,
				       0, 0, 0, 0,  0,         1, 7};
	static const uint8_t cut[] = {0, 0, 0, 6, SFTP_STATUS, 0, 0, 0, 0, 0};
	static const struct {
		const uint8_t *bytes;
		size_t length;
	} cases[] = {{other_id, sizeof(other_id)},
		     {endless, sizeof(endless)},
		     {data, sizeof(data)},
		     {cut, sizeof(cut)}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct mischief mischief = {.bare = 1,
						  .nonsense = cases[i].bytes,
						  .nonsense_length =
						      cases[i].length};
		int told = 0;
		struct sftp_client_config config = {.down = note_down,
						    .cookie = &told};
		struct sftp_call call = {.expect = SFTP_ATTRS};
		struct sftp_writer body = {.length = 0};
		struct proxy proxy;
		struct sftp_client *client;
		char *text;

		config.in = config.out = proxy_start(&proxy, &mischief);
		client = sftp_client_open(&config, &text);
		assert_non_null(client);
		sftp_put_text(&body, "/");
		assert_int_equal(sftp_ask(client, &call, SFTP_STAT, &body), -1);
		assert_int_equal(errno, EPROTO);
		assert_int_equal(told, 1);
		assert_int_equal(sftp_ask(client, &call, SFTP_STAT, &body), -1);
		sftp_client_close(client);
		proxy_end(&proxy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(any_one_request_may_fail, make_tree,
					    remove_tree),
	    cmocka_unit_test_setup_teardown(replies_come_in_any_order,
					    make_tree, remove_tree),
	    cmocka_unit_test_setup_teardown(a_server_with_no_extensions,
					    make_tree, remove_tree),
	    cmocka_unit_test_setup_teardown(reads_are_whole, make_tree,
					    remove_tree),
	    cmocka_unit_test(nonsense_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
