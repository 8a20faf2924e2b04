/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: over a server that fails any one request, is cut off at it, answers out
 * of order, reads short or has no extensions, a push and a pull end with all
 * files whole and exit 0, or without exit 0; and no target is ever a wrong
 * file.  So over one connection, and over two.
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
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "journal/hexadecimal.h"
#include "tests/unit/sanitizer.h"
#include "tests/unit/scratch.h"
#include "transfer/child.h"
#include "transfer/io_sftp.h"
#include "transfer/sftp_client.h"
#include "transfer/transfer.h"

#define SERVER "/usr/lib/openssh/sftp-server"
#define LARGE  ((size_t)512 << 10)
/* So much is written and read over both of two connections. */
#define SPREAD ((size_t)(9 << 20) + 5)

/* What the proxy does. */
struct mischief {
	unsigned fail; /* this request, counted from 1; 0: none */
	enum {
		FAIL_REFUSE, /* it is not done */
		FAIL_DENY,   /* it is done, and said not to be */
		FAIL_CUT,    /* the connection ends */
		FAIL_SILENT  /* it is not answered */
	} how;
	int two;             /* connections */
	int compare;         /* what is there by content */
	int bare;            /* no extensions */
	const char *without; /* this extension; NULL: all are there */
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
	atomic_uint *requests;
	atomic_uint denied; /* the id of this reply and 1; 0: none */
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

#define FAILED_SIZE 21

/* A status: 0 is well, 4 a failure of any kind. */
static void fill_status(uint8_t *reply, const uint8_t *id, uint8_t status)
{
	uint8_t bytes[FAILED_SIZE] = {0, 0, 0, 17, SFTP_STATUS};

	memcpy(bytes + 5, id, 4);
	bytes[12] = status;
	memcpy(reply, bytes, sizeof(bytes));
}

static void answer(struct proxy *proxy, const uint8_t *request, uint8_t status)
{
	uint8_t reply[FAILED_SIZE];

	fill_status(reply, request + 5, status);
	to_client(proxy, reply, sizeof(reply));
}

/* The request that fails.  1 if it is to be done all the same. */
static int fail_request(struct proxy *proxy, const uint8_t *packet)
{
	switch (proxy->mischief->how) {
	case FAIL_REFUSE:
		answer(proxy, packet, 4);
		return 0;
	case FAIL_DENY:
		atomic_store(&proxy->denied, sftp_decode_u32(packet + 5) + 1);
		return 1;
	case FAIL_CUT:
		shutdown(proxy->client, SHUT_RDWR);
		break;
	case FAIL_SILENT:
		break;
	}
	return 0;
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
		    atomic_fetch_add(proxy->requests, 1) + 1 ==
			proxy->mischief->fail &&
		    !fail_request(proxy, packet)) {
			free(packet);
			continue;
		}
		/* The disk itself would take most of the time. */
		if (packet[4] == SFTP_EXTENDED && size > 30 &&
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

		if (packet[4] == SFTP_VERSION && mischief->without != NULL) {
			uint8_t *name = memmem(packet, size, mischief->without,
					       strlen(mischief->without));

			assert_non_null(name);
			name[0] = 'X';
		}
		if (packet[4] != SFTP_VERSION &&
		    sftp_decode_u32(packet + 5) + 1 ==
			atomic_load(&proxy->denied)) {
			packet = realloc(packet, FAILED_SIZE);
			assert_non_null(packet);
			fill_status(packet, packet + 5, 4);
			size = FAILED_SIZE;
		}
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
static int proxy_start(struct proxy *proxy, const struct mischief *mischief,
		       atomic_uint *requests)
{
	char *argv[] = {(char *)(uintptr_t)SERVER, NULL};
	int server[2], client[2];

	memset(proxy, 0, sizeof(*proxy));
	proxy->mischief = mischief;
	proxy->requests = requests;
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

/* ---- a copy over it ----------------------------------------------------- */

struct copy {
	const struct mischief *mischief;
	struct proxy proxies[2];
	atomic_uint requests;
	struct io_sftp *store;
	pthread_t agent;
	int lane, other, running;
	int state_dir; /* of the locks: what one run left is the next one's */
	uint8_t nonce[16];
};

static void *run_agent(void *cookie)
{
	struct copy *copy = cookie;

	agent_run(io_sftp_io(copy->store), copy->lane, copy->lane, copy->nonce,
		  -1, AGENT_ALL);
	return NULL;
}

static void down(void *cookie)
{
	struct copy *copy = cookie;

	shutdown(copy->other, SHUT_RDWR);
}

static void add_connection(struct copy *copy)
{
	int end =
	    proxy_start(&copy->proxies[1], copy->mischief, &copy->requests);
	char *text;

	/* One that is cut at once is the end of it. */
	if (io_sftp_add(copy->store, end, end, 0, NULL, &text) == -1) {
		free(text);
		io_sftp_cut(copy->store);
	}
}

/* Only once: a lost connection is the end of it. */
static int connect_copy(void *cookie, struct inbox *inbox, uint32_t id,
			const char *nonce, struct lane_result *result)
{
	struct copy *copy = cookie;
	struct io_sftp_config config = {.place = "test",
					.state_dir = copy->state_dir,
					.down = down,
					.cookie = copy};
	int pair[2];
	char *text;

	memset(result, 0, sizeof(*result));
	result->code = EXIT_UNREACHABLE;
	if (copy->running)
		return -1;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	copy->lane = pair[1];
	copy->other = fcntl(pair[1], F_DUPFD_CLOEXEC, 0);
	assert_int_equal(hex_bytes(nonce, copy->nonce, 16), 0);
	config.in = config.out =
	    proxy_start(&copy->proxies[0], copy->mischief, &copy->requests);
	copy->store = io_sftp_open(&config, &text);
	assert_non_null(copy->store);
	if (copy->mischief->two)
		add_connection(copy);
	copy->running = 1;
	assert_int_equal(pthread_create(&copy->agent, NULL, run_agent, copy),
			 0);
	result->lane = lane_fd_create(inbox, id, pair[0], pair[0], 0);
	assert_non_null(result->lane);
	return 0;
}

static int sync_nothing(void *context, int descriptor)
{
	(void)context;
	(void)descriptor;
	return 0;
}

/* As the proxy does: there are hundreds of runs. */
static struct io *quick_disk(void)
{
	static struct io disk;

	disk = *io_system();
	disk.sync = disk.sync_data = disk.sync_all = sync_nothing;
	return &disk;
}

/* Copy "src/" to "dst"; the exit code, and *requests that it took. */
static int copy_tree(struct scratch *scratch, enum operation operation,
		     const struct mischief *mischief, unsigned *requests)
{
	struct copy copy = {.mischief = mischief};
	struct transfer_request request;
	struct transfer_result result;
	char source[512], target[512];
	char *sources[] = {source};

	copy.state_dir = openat(scratch->dir, "state", O_RDONLY | O_DIRECTORY);
	assert_int_not_equal(copy.state_dir, -1);
	snprintf(source, sizeof(source), "%s/src/", scratch->path);
	snprintf(target, sizeof(target), "%s/dst", scratch->path);
	memset(&request, 0, sizeof(request));
	request.io = quick_disk();
	request.operation = operation;
	request.options = mischief->compare ? OPEN_CHECKSUM : 0;
	request.sources = sources;
	request.source_count = 1;
	request.target = target;
	request.compression = COMPRESS_NO;
	request.uuid[0] = 1;
	request.state_dir = -1;
	request.carrier.cookie = &copy;
	request.carrier.connect = connect_copy;
	request.give_up = 1;
	transfer_run(&request, &result);
	free(result.text);
	if (copy.running) {
		/* The proxy sees the end of the store's. */
		pthread_join(copy.agent, NULL);
		io_sftp_close(copy.store);
		proxy_end(&copy.proxies[0]);
		if (mischief->two)
			proxy_end(&copy.proxies[1]);
		close(copy.other);
	}
	close(copy.state_dir);
	*requests = atomic_load(&copy.requests);
	return result.code;
}

/* ---- the tests ---------------------------------------------------------- */

struct tree {
	struct scratch scratch;
	uint8_t *large;
	size_t size; /* of it */
};

static int make_tree(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	assert_non_null(tree);
	scratch_make(&tree->scratch);
	tree->large = scratch_bytes(LARGE, 1);
	tree->size = LARGE;
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

/* The byte in which two versions of the large file differ. */
static int holds(struct tree *tree, const char *path, const uint8_t *bytes)
{
	int file = openat(tree->scratch.dir, path, O_RDONLY | O_CLOEXEC);
	uint8_t byte;

	assert_int_equal(pread(file, &byte, 1, (off_t)(tree->size / 2)), 1);
	close(file);
	return byte == bytes[tree->size / 2];
}

/* Each is whole, or, unless all must be there, not there. */
static void check_files(struct tree *tree, int all)
{
	struct scratch *scratch = &tree->scratch;

	if (all || scratch_exists(scratch, "dst/one"))
		scratch_holds(scratch, "dst/one", "first", 5);
	if (all || scratch_exists(scratch, "dst/sub/two"))
		scratch_holds(scratch, "dst/sub/two", tree->large, tree->size);
	if (all || scratch_exists(scratch, "dst/three"))
		scratch_holds(scratch, "dst/three", "", 0);
}

static void clear_target(struct tree *tree)
{
	assert_int_equal(io_remove_tree(io_system(), tree->scratch.dir, "dst"),
			 0);
}

static void copy_well(struct tree *tree, enum operation operation,
		      const struct mischief *mischief)
{
	unsigned requests;

	assert_int_equal(
	    copy_tree(&tree->scratch, operation, mischief, &requests),
	    EXIT_DONE);
	check_files(tree, 1);
	assert_false(scratch_exists(&tree->scratch, "dst/.ferry"));
}

/* Of small steps; a sanitizer sees as much in some of the cases. */
#if SANITIZE_ADDRESS || SANITIZE_THREAD
#define STEP_LEAST 11
#else
#define STEP_LEAST 1
#endif

/* The copy with each request failing in turn, every step-th of them. */
static void fail_each(struct tree *tree, enum operation operation,
		      struct mischief mischief, unsigned step)
{
	const unsigned stride = step < STEP_LEAST ? STEP_LEAST : step;
	unsigned all, requests, failed = 0, runs = 0;

	assert_int_equal(copy_tree(&tree->scratch, operation, &mischief, &all),
			 EXIT_DONE);
	check_files(tree, 1);
	clear_target(tree);
	for (mischief.fail = 1; mischief.fail <= all; mischief.fail += stride) {
		int code =
		    copy_tree(&tree->scratch, operation, &mischief, &requests);

		runs++;
		failed += code != EXIT_DONE;
		check_files(tree, code == EXIT_DONE);
		/* And the next run mends it. */
		if (runs % 8 == 0)
			copy_well(tree, operation, &(const struct mischief){0});
		clear_target(tree);
	}
	/* Some of them are needed. */
	assert_true(all > 15);
	assert_true(failed > 0);
}

static void any_one_request_may_fail(void **state)
{
	const struct mischief mischief = {0};

	fail_each(*state, OPERATION_PUSH, mischief, 1);
	fail_each(*state, OPERATION_PULL, mischief, 1);
}

static void any_one_request_may_be_denied(void **state)
{
	const struct mischief mischief = {.how = FAIL_DENY};

	fail_each(*state, OPERATION_PUSH, mischief, 3);
	fail_each(*state, OPERATION_PULL, mischief, 3);
}

static void any_one_request_may_be_the_last(void **state)
{
	const struct mischief mischief = {.how = FAIL_CUT};

	fail_each(*state, OPERATION_PUSH, mischief, 4);
	fail_each(*state, OPERATION_PULL, mischief, 4);
}

/* Where nothing is synced, and nothing replaced. */
static void one_may_fail_without_extensions(void **state)
{
	const struct mischief mischief = {.bare = 1};

	fail_each(*state, OPERATION_PUSH, mischief, 4);
	fail_each(*state, OPERATION_PULL, mischief, 4);
}

static void one_of_two_connections_may_fail(void **state)
{
	struct mischief mischief = {.two = 1};

	fail_each(*state, OPERATION_PUSH, mischief, 2);
	fail_each(*state, OPERATION_PULL, mischief, 2);
	mischief.how = FAIL_DENY;
	mischief.reorder = 1;
	fail_each(*state, OPERATION_PUSH, mischief, 8);
	fail_each(*state, OPERATION_PULL, mischief, 8);
}

/* A file that is written and read over both. */
static void one_may_fail_of_a_large_file(void **state)
{
	struct tree *tree = *state;
	struct mischief mischief = {.two = 1};

	free(tree->large);
	tree->size = SPREAD;
	tree->large = scratch_bytes(SPREAD, 2);
	scratch_write(&tree->scratch, "src/sub/two", tree->large, SPREAD);
	fail_each(tree, OPERATION_PUSH, mischief, 23);
	fail_each(tree, OPERATION_PULL, mischief, 23);
	mischief.how = FAIL_CUT;
	fail_each(tree, OPERATION_PUSH, mischief, 31);
	fail_each(tree, OPERATION_PULL, mischief, 31);
}

/* What the old file has is kept, and copied where it is. */
static void one_may_fail_of_an_update(void **state)
{
	struct tree *tree = *state;
	struct mischief mischief = {.compare = 1, .two = 1};
	unsigned all = 1000, requests;
	uint8_t *old, *now;
	int code;

	free(tree->large);
	tree->size = SPREAD;
	now = tree->large = scratch_bytes(SPREAD, 2);
	old = scratch_bytes(SPREAD, 2);
	old[SPREAD / 2] ^= 1;
	scratch_write(&tree->scratch, "src/sub/two", now, SPREAD);
	for (mischief.fail = 0; mischief.fail <= all; mischief.fail += 19) {
		scratch_folder(&tree->scratch, "dst");
		scratch_folder(&tree->scratch, "dst/sub");
		scratch_write(&tree->scratch, "dst/sub/two", old, SPREAD);
		code = copy_tree(&tree->scratch, OPERATION_PUSH, &mischief,
				 &requests);
		if (mischief.fail == 0) {
			all = requests;
			assert_int_equal(code, EXIT_DONE);
		}
		/* Old or new, and nothing between. */
		if (code != EXIT_DONE && holds(tree, "dst/sub/two", old))
			tree->large = old;
		check_files(tree, code == EXIT_DONE);
		tree->large = now;
		clear_target(tree);
	}
	free(old);
}

static void replies_come_in_any_order(void **state)
{
	struct tree *tree = *state;
	struct mischief mischief = {.reorder = 1, .short_reads = 1};

	for (mischief.two = 0; mischief.two < 2; mischief.two++) {
		copy_well(tree, OPERATION_PUSH, &mischief);
		clear_target(tree);
		copy_well(tree, OPERATION_PULL, &mischief);
		clear_target(tree);
	}
}

static void a_server_without_an_extension(void **state)
{
	static const char *const names[] = {
	    "posix-rename@openssh.com", "fsync@openssh.com",
	    "lsetstat@openssh.com", "limits@openssh.com", "copy-data"};
	struct tree *tree = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct mischief mischief = {.without = names[i]};

		for (mischief.two = 0; mischief.two < 2; mischief.two++) {
			copy_well(tree, OPERATION_PUSH, &mischief);
			clear_target(tree);
			copy_well(tree, OPERATION_PULL, &mischief);
			clear_target(tree);
		}
	}
}

static void a_server_with_no_extensions(void **state)
{
	struct tree *tree = *state;
	const struct mischief mischief = {.bare = 1};
	unsigned requests;

	copy_well(tree, OPERATION_PULL, &mischief);
	clear_target(tree);
	copy_well(tree, OPERATION_PUSH, &mischief);
	/* It cannot replace a file, and says so. */
	scratch_text(&tree->scratch, "src/one", "newer");
	scratch_times(&tree->scratch, "src/one", SCRATCH_TIME, 0);
	assert_int_equal(
	    copy_tree(&tree->scratch, OPERATION_PUSH, &mischief, &requests),
	    EXIT_PARTIAL);
	check_files(tree, 1);
}

/* ---- the io by itself --------------------------------------------------- */

static void reads_are_whole(void **state)
{
	struct tree *tree = *state;
	const struct mischief mischief = {.short_reads = 1, .reorder = 1};
	struct io_sftp_config config = {.place = "test", .state_dir = -1};
	atomic_uint requests = 0;
	struct proxy proxy;
	struct io_sftp *store;
	uint8_t *bytes = malloc(LARGE + 1);
	char *text;
	struct io *io;
	int dir, file;

	assert_non_null(bytes);
	config.in = config.out = proxy_start(&proxy, &mischief, &requests);
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
		atomic_uint requests = 0;
		struct proxy proxy;
		struct sftp_client *client;
		char *text;

		config.in = config.out =
		    proxy_start(&proxy, &mischief, &requests);
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

static void a_silent_server_is_given_up(void **state)
{
	const struct mischief mischief = {
	    .bare = 1, .fail = 1, .how = FAIL_SILENT};
	int told = 0;
	struct sftp_client_config config = {
	    .silence = 100, .down = note_down, .cookie = &told};
	struct sftp_call call = {.expect = SFTP_ATTRS};
	struct sftp_writer body = {.length = 0};
	atomic_uint requests = 0;
	struct proxy proxy;
	struct sftp_client *client;
	char *text;

	(void)state;
	config.in = config.out = proxy_start(&proxy, &mischief, &requests);
	client = sftp_client_open(&config, &text);
	assert_non_null(client);
	sftp_put_text(&body, "/");
	assert_int_equal(sftp_ask(client, &call, SFTP_STAT, &body), -1);
	assert_int_equal(errno, ECONNABORTED);
	assert_int_equal(told, 1);
	sftp_client_close(client);
	proxy_end(&proxy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(any_one_request_may_fail, make_tree,
					    remove_tree),
	    cmocka_unit_test_setup_teardown(any_one_request_may_be_denied,
					    make_tree, remove_tree),
	    cmocka_unit_test_setup_teardown(any_one_request_may_be_the_last,
					    make_tree, remove_tree),
	    cmocka_unit_test_setup_teardown(one_may_fail_without_extensions,
					    make_tree, remove_tree),
	    cmocka_unit_test_setup_teardown(one_of_two_connections_may_fail,
					    make_tree, remove_tree),
	    cmocka_unit_test_setup_teardown(one_may_fail_of_a_large_file,
					    make_tree, remove_tree),
	    cmocka_unit_test_setup_teardown(one_may_fail_of_an_update,
					    make_tree, remove_tree),
	    cmocka_unit_test_setup_teardown(a_server_without_an_extension,
					    make_tree, remove_tree),
	    cmocka_unit_test_setup_teardown(replies_come_in_any_order,
					    make_tree, remove_tree),
	    cmocka_unit_test_setup_teardown(a_server_with_no_extensions,
					    make_tree, remove_tree),
	    cmocka_unit_test_setup_teardown(reads_are_whole, make_tree,
					    remove_tree),
	    cmocka_unit_test(nonsense_is_no_answer),
	    cmocka_unit_test(a_silent_server_is_given_up),
	};

	/* As in the program: who writes to a lost connection hears of it. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
