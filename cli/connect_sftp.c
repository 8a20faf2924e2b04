/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a far side without ferry is worked on.
 *
 *  1. ssh is started with the subsystem "sftp".
 *  2. The agent, which on other hosts is "ferry serve", runs in a thread here,
 *     with the files there for its disk; a socketpair is its lane.
 *  3. A further lane is one more of both: the agents of one process find each
 *     other like those of one host, and the store sends what is asked of it
 *     over all connections.
 *  4. When a connection is lost, all lanes are ended before any call of the
 *     agent fails: the transfer sees lost lanes, and connects again.
 */
#include "cli/connect_sftp.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/notice.h"
#include "cli/prompt.h"
#include "cli/sftp_child.h"
#include "cli/signals.h"
#include "cli/ssh_command.h"
#include "cli/ssh_options.h"
#include "cli/state.h"
#include "journal/hexadecimal.h"
#include "transfer/frame.h"
#include "transfer/io_sftp.h"
#include "transfer/thread.h"
#include "transfer/transfer.h"

#define SOCKET_BUFFER (1 << 20)
/* A chunk in the socket, one half read, and some that wait for their turn. */
#define LANE_FRAMES   4
/* An agent that is told to end may have to wait for the server. */
#define END_SECONDS   3
/* A server waits so long for an answer of the user. */
#define ASK_SECONDS   120

/* One lane: an ssh and an agent. */
struct sftp_lane {
	struct connect_sftp *connect;
	struct sftp_child child;
	pthread_t thread;
	int running; /* the thread was started */
	int ended;   /* the agent has; under the lock */
	uint8_t nonce[16];
	int ours;  /* our end of the socketpair, until a lane has it */
	int agent; /* the agent's end; it closes it */
	int other; /* the same, ours: to end it */
};

struct connect_sftp {
	const struct options *options;
	const struct location *far;
	struct ssh_options ssh_options;
	struct ssh_command ssh;   /* which asks nothing */
	struct ssh_command first; /* the first lane's */
	int attended;             /* it may ask, for somebody is there */
	char *place;
	struct state *state;
	struct io_sftp *store;
	int broken; /* the server broke the protocol */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct sftp_lane lanes[IO_SFTP_CONNECTIONS];
	size_t lane_count; /* the first is in use as long as any */
	size_t most;       /* that there ever were */
};

/* The agent's lane is local: only ssh sees that the line is dead. */
static int make_command(struct connect_sftp *connect, struct ssh_command *ssh,
			int attended)
{
	return ssh_command_make(ssh, connect->options, &connect->ssh_options,
				connect->far, attended) == 0 &&
		       text_list_add(&ssh->words, "-oServerAliveInterval=15") ==
			   0 &&
		       text_list_add(&ssh->words, "-s") == 0
		   ? 0
		   : -1;
}

struct connect_sftp *connect_sftp_create(const struct options *options,
					 const struct location *far, int *code)
{
	struct connect_sftp *connect = calloc(1, sizeof(*connect));

	*code = EXIT_FILE_IO;
	if (connect == NULL) {
		notice_error("out of memory");
		return NULL;
	}
	connect->options = options;
	connect->far = far;
	pthread_mutex_init(&connect->lock, NULL);
	pthread_cond_init(&connect->changed, NULL);
	if (ssh_options_gather(&connect->ssh_options, options, far, code) != 0)
		goto free_connect;
	connect->attended = !connect->ssh_options.batch && prompt_possible();
	if (make_command(connect, &connect->ssh, 0) != 0 ||
	    make_command(connect, &connect->first, connect->attended) != 0 ||
	    asprintf(&connect->place, "%s@%s:%u", connect->ssh_options.user,
		     far->host, connect->ssh_options.port) < 0) {
		notice_error("out of memory");
		goto free_connect;
	}
	connect->state = state_open(options->state_dir, STATE_WITHOUT_LEDGER);
	return connect;

free_connect:
	connect_sftp_free(connect);
	return NULL;
}

/* ---- the end ------------------------------------------------------------ */

/* A connection is lost, and so all are. */
static void down(void *cookie)
{
	struct connect_sftp *connect = cookie;

	pthread_mutex_lock(&connect->lock);
	for (size_t i = 0; i < connect->lane_count; i++) {
		if (connect->lanes[i].other != -1)
			shutdown(connect->lanes[i].other, SHUT_RDWR);
		sftp_child_signal(&connect->lanes[i].child);
	}
	pthread_mutex_unlock(&connect->lock);
}

/* Its lane is closed: it ends, or its calls are made to fail. */
static void join_agent(struct connect_sftp *connect, struct sftp_lane *lane,
		       const struct timespec *until)
{
	if (!lane->running)
		return;
	pthread_mutex_lock(&connect->lock);
	while (!lane->ended &&
	       pthread_cond_timedwait(&connect->changed, &connect->lock,
				      until) == 0)
		;
	pthread_mutex_unlock(&connect->lock);
	if (!lane->ended)
		io_sftp_cut(connect->store);
	pthread_join(lane->thread, NULL);
}

static void end_all(struct connect_sftp *connect)
{
	struct timespec until;
	size_t count = connect->lane_count;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += END_SECONDS;
	for (size_t i = 0; i < count; i++)
		join_agent(connect, &connect->lanes[i], &until);
	for (size_t i = 0; i < count; i++)
		sftp_child_signal(&connect->lanes[i].child);
	if (connect->store != NULL)
		connect->broken |= io_sftp_is_broken(connect->store);
	io_sftp_close(connect->store);
	connect->store = NULL;
	for (size_t i = 0; i < count; i++) {
		struct sftp_lane *lane = &connect->lanes[i];

		if (lane->other != -1)
			close(lane->other);
		sftp_child_end(&lane->child);
	}
	connect->lane_count = 0;
}

void connect_sftp_free(struct connect_sftp *connect)
{
	if (connect == NULL)
		return;
	end_all(connect);
	state_close(connect->state);
	ssh_options_clear(&connect->ssh_options);
	ssh_command_clear(&connect->ssh);
	ssh_command_clear(&connect->first);
	pthread_cond_destroy(&connect->changed);
	pthread_mutex_destroy(&connect->lock);
	free(connect->place);
	free(connect);
}

/* ---- one lane ----------------------------------------------------------- */

static int fail(struct lane_result *result, int code, char *text)
{
	result->code = code;
	result->text = text;
	return -1;
}

/* The next that is free; NULL: there are as many as may be. */
static struct sftp_lane *take_lane(struct connect_sftp *connect)
{
	struct sftp_lane *lane = NULL;

	pthread_mutex_lock(&connect->lock);
	if (connect->lane_count < IO_SFTP_CONNECTIONS) {
		lane = &connect->lanes[connect->lane_count++];
		memset(lane, 0, sizeof(*lane));
		lane->connect = connect;
		lane->ours = lane->other = lane->child.errors = -1;
		if (connect->lane_count > connect->most) {
			connect->most++;
			frame_pool_enlarge(LANE_FRAMES);
		}
	}
	pthread_mutex_unlock(&connect->lock);
	return lane;
}

/* Milliseconds for the server's first answer. */
static int patience(const struct connect_sftp *connect)
{
	const int timeout =
	    (int)(connect->ssh_options.connect_timeout / 1000000) + 2000;
	const int asks = connect->store == NULL && connect->attended;

	return timeout + (asks ? ASK_SECONDS * 1000 : 0);
}

/* What ssh said, with what is to be done where it could ask nobody. */
static char *advise(const struct connect_sftp *connect, char *said)
{
	const char *advice = said == NULL ? NULL : strstr(said, "; see what ");
	char *text;

	if (advice == NULL || connect->attended || connect->ssh_options.batch ||
	    strstr(said, "Permission denied (") == NULL ||
	    asprintf(&text,
		     "%.*s, and there is no terminal to ask at; load a key "
		     "into the agent, or set SSH_ASKPASS and DISPLAY",
		     (int)(advice - said), said) < 0)
		return said;
	free(said);
	return text;
}

/* The server's answer, as the store's connection.  0, or -1 with *text. */
static int greet(struct connect_sftp *connect, int in, int out,
		 const atomic_int *over, char **text)
{
	const struct io_sftp_config config = {
	    .in = in,
	    .out = out,
	    .milliseconds = patience(connect),
	    .place = connect->place,
	    .state_dir = state_descriptor(connect->state),
	    .over = over,
	    .down = down,
	    .cookie = connect,
	};

	if (connect->store != NULL)
		return io_sftp_add(connect->store, in, out, config.milliseconds,
				   over, text);
	connect->store = io_sftp_open(&config, text);
	return connect->store == NULL ? -1 : 0;
}

/* Step 1.  0, or -1 as the result says. */
static int open_server(struct sftp_lane *lane, const atomic_int *over,
		       struct lane_result *result)
{
	struct connect_sftp *connect = lane->connect;
	const char *host = connect->far->host;
	const int first = connect->store == NULL;
	char **argv =
	    ssh_command_argv(first ? &connect->first : &connect->ssh, "sftp");
	char *text = NULL, *said, *line;
	int in, out, error = ENOMEM;

	if (argv != NULL)
		error = sftp_child_start(&lane->child, argv,
					 first && connect->attended, &in, &out);
	free(argv);
	if (error != 0) {
		if (asprintf(&line, "%s: ssh: %s", host, strerror(error)) < 0)
			line = NULL;
		return fail(result,
			    error == ENOENT ? EXIT_UNREACHABLE : EXIT_FILE_IO,
			    line);
	}
	if (greet(connect, in, out, over, &text) == 0)
		return 0;
	if (signals_stop() != 0) {
		free(text);
		return fail(result, EXIT_INTERRUPTED, NULL);
	}
	said = advise(connect, sftp_child_explain(&lane->child, host));
	if (said != NULL) {
		free(text);
		text = said;
	}
	if (asprintf(&line, "%s: %s", host,
		     text != NULL ? text : "out of memory") < 0)
		line = NULL;
	free(text);
	return fail(result, EXIT_UNREACHABLE, line);
}

static void *run_agent(void *cookie)
{
	struct sftp_lane *lane = cookie;
	struct connect_sftp *connect = lane->connect;

	agent_run(io_sftp_io(connect->store), lane->agent, lane->agent,
		  lane->nonce, state_descriptor(connect->state), AGENT_ALL);
	pthread_mutex_lock(&connect->lock);
	lane->ended = 1;
	pthread_cond_broadcast(&connect->changed);
	pthread_mutex_unlock(&connect->lock);
	return NULL;
}

/* Step 2.  0, or an errno. */
static int start_agent(struct sftp_lane *lane)
{
	const int size = SOCKET_BUFFER;
	int pair[2], other, error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return errno;
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	lane->agent = pair[1];
	other = fcntl(pair[1], F_DUPFD_CLOEXEC, 0);
	error =
	    other == -1 ? errno : thread_start(&lane->thread, run_agent, lane);
	pthread_mutex_lock(&lane->connect->lock);
	lane->other = other;
	pthread_mutex_unlock(&lane->connect->lock);
	if (error != 0) {
		close(pair[0]);
		close(pair[1]);
		return error;
	}
	lane->running = 1;
	lane->ours = pair[0];
	return 0;
}

static int make_lane(struct connect_sftp *connect, struct inbox *inbox,
		     uint32_t id, const char *nonce, const atomic_int *over,
		     struct lane_result *result)
{
	struct sftp_lane *lane = take_lane(connect);
	int error;

	if (lane == NULL)
		return fail(result, EXIT_UNREACHABLE,
			    strdup("there are enough connections"));
	if (hex_bytes(nonce, lane->nonce, sizeof(lane->nonce)) != 0)
		return fail(result, EXIT_FILE_IO, strdup("a bad nonce"));
	if (open_server(lane, over, result) == -1)
		return -1;
	error = start_agent(lane);
	if (error == 0) {
		result->lane =
		    lane_fd_create(inbox, id, lane->ours, lane->ours, 0);
		if (result->lane != NULL)
			return 0;
		error = errno;
		close(lane->ours);
	}
	return fail(result, EXIT_FILE_IO, strdup(strerror(error)));
}

int connect_sftp_lane(struct connect_sftp *connect, struct inbox *inbox,
		      uint32_t id, const char *nonce,
		      struct lane_result *result)
{
	char *text;
	int made;

	memset(result, 0, sizeof(*result));
	end_all(connect);
	if (connect->broken) {
		if (asprintf(&text, "%s: its SFTP server breaks the protocol",
			     connect->far->host) < 0)
			text = NULL;
		return fail(result, EXIT_PROTOCOL, text);
	}
	made =
	    make_lane(connect, inbox, id, nonce, signals_stop_flag(), result);
	if (made == -1)
		end_all(connect);
	return made;
}

int connect_sftp_further(struct connect_sftp *connect, struct inbox *inbox,
			 uint32_t id, const char *nonce, const atomic_int *over,
			 struct lane_result *result)
{
	memset(result, 0, sizeof(*result));
	return make_lane(connect, inbox, id, nonce, over, result);
}

uint64_t connect_sftp_round_trip(const struct connect_sftp *connect)
{
	return connect->store == NULL ? 0 : io_sftp_round_trip(connect->store);
}

const char *connect_sftp_home(const struct connect_sftp *connect)
{
	return connect->store != NULL ? io_sftp_home(connect->store) : NULL;
}
