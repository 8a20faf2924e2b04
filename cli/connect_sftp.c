/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a far side without ferry is worked on.
 *
 *  1. ssh is started with the subsystem "sftp"; what it says on its stderr is
 *     kept in a file without a name, for the case that it does not get in.
 *  2. The agent, which on other hosts is "ferry serve", runs in a thread here,
 *     with the files there for its disk; a socketpair is its lane.
 *  3. When the connection is lost, the lane is ended before any call of the
 *     agent fails: the transfer sees a lost lane, and connects again.
 */
#include "cli/connect_sftp.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/escape.h"
#include "cli/exit_code.h"
#include "cli/notice.h"
#include "cli/ssh_command.h"
#include "cli/ssh_options.h"
#include "cli/state.h"
#include "cli/time_size.h"
#include "journal/hexadecimal.h"
#include "transfer/child.h"
#include "transfer/far_errors.h"
#include "transfer/io_sftp.h"
#include "transfer/thread.h"
#include "transfer/transfer.h"

#define SOCKET_BUFFER (1 << 20)
#define PIPE_SIZE     (1 << 20)
/* An agent that is told to end may have to wait for the server. */
#define END_SECONDS   3

struct connect_sftp {
	const struct options *options;
	const struct location *far;
	struct ssh_options ssh_options;
	struct ssh_command ssh;
	char *place;
	struct state *state;

	/* The agent of the lane that is up. */
	pthread_t thread;
	int running;
	uint8_t nonce[16];
	int lane;  /* the agent's end of the socketpair */
	int other; /* the same, ours: to end it */
	struct io_sftp *store;
	pid_t pid;
	int errors; /* where ssh's stderr goes */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	int ended; /* the agent has */
};

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
	connect->other = connect->errors = -1;
	pthread_mutex_init(&connect->lock, NULL);
	pthread_cond_init(&connect->changed, NULL);
	if (ssh_options_gather(&connect->ssh_options, options, far, code) != 0)
		goto free_connect;
	/* The agent's lane is local: only ssh sees that the line is dead. */
	if (ssh_command_make(&connect->ssh, options, &connect->ssh_options,
			     far) != 0 ||
	    text_list_add(&connect->ssh.words, "-oServerAliveInterval=15") !=
		0 ||
	    text_list_add(&connect->ssh.words, "-s") != 0 ||
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

/* ---- ssh ---------------------------------------------------------------- */

/* Begin at the pipes' ends that are ours.  0, or an errno. */
static int start_ssh(struct connect_sftp *connect, int *in, int *out)
{
	int to[2], from[2], error;
	char **argv;

	argv = ssh_command_argv(&connect->ssh, "sftp");
	if (argv == NULL)
		return ENOMEM;
	if (pipe2(to, O_CLOEXEC) == -1) {
		error = errno;
		goto free_argv;
	}
	if (pipe2(from, O_CLOEXEC) == -1) {
		error = errno;
		close(to[0]);
		close(to[1]);
		goto free_argv;
	}
	/* Fewer turns between us and ssh; smaller ones do too. */
	fcntl(to[1], F_SETPIPE_SZ, PIPE_SIZE);
	fcntl(from[1], F_SETPIPE_SZ, PIPE_SIZE);
	connect->errors = memfd_create("ssh", MFD_CLOEXEC);
	error = child_start(argv[0], argv,
			    (const int[]){to[0], from[1], connect->errors},
			    &connect->pid);
	close(to[0]);
	close(from[1]);
	*in = from[0];
	*out = to[1];
	if (error != 0) {
		connect->pid = 0;
		close(to[1]);
		close(from[0]);
	}
free_argv:
	free(argv);
	return error;
}

static void end_ssh(struct connect_sftp *connect)
{
	if (connect->pid > 0) {
		/* All that was asked for is answered, or never will be. */
		kill(connect->pid, SIGTERM);
		while (waitpid(connect->pid, NULL, 0) == -1 && errno == EINTR)
			;
	}
	connect->pid = 0;
	if (connect->errors != -1)
		close(connect->errors);
	connect->errors = -1;
}

/* What ssh said last, as the reason why it does not get in. */
static char *explain(struct connect_sftp *connect, char *text)
{
	struct far_errors errors;
	ssize_t length =
	    pread(connect->errors, errors.bytes, sizeof(errors.bytes), 0);
	char *said;

	memset(&errors.tell, 0, sizeof(errors.tell));
	errors.length = length > 0 ? (size_t)length : 0;
	if (errors.length == 0)
		return text;
	said = far_errors_explain_ssh(&errors, connect->far->host);
	if (said == NULL)
		return text;
	free(text);
	return said;
}

/* ---- the agent ---------------------------------------------------------- */

static void *run_agent(void *cookie)
{
	struct connect_sftp *connect = cookie;

	agent_run(io_sftp_io(connect->store), connect->lane, connect->lane,
		  connect->nonce, state_descriptor(connect->state), AGENT_ALL);
	pthread_mutex_lock(&connect->lock);
	connect->ended = 1;
	pthread_cond_broadcast(&connect->changed);
	pthread_mutex_unlock(&connect->lock);
	return NULL;
}

/* The connection is lost. */
static void down(void *cookie)
{
	struct connect_sftp *connect = cookie;

	if (connect->other != -1)
		shutdown(connect->other, SHUT_RDWR);
	if (connect->pid > 0)
		kill(connect->pid, SIGTERM);
}

/* Its lane is closed: it ends, or its calls are made to fail. */
static void end_agent(struct connect_sftp *connect)
{
	struct timespec until;

	if (connect->running) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += END_SECONDS;
		pthread_mutex_lock(&connect->lock);
		while (!connect->ended &&
		       pthread_cond_timedwait(&connect->changed, &connect->lock,
					      &until) == 0)
			;
		pthread_mutex_unlock(&connect->lock);
		if (!connect->ended)
			io_sftp_cut(connect->store);
		pthread_join(connect->thread, NULL);
	}
	connect->running = 0;
	if (connect->other != -1)
		close(connect->other);
	connect->other = -1;
	if (connect->store != NULL && connect->pid > 0)
		kill(connect->pid, SIGTERM);
	io_sftp_close(connect->store);
	connect->store = NULL;
	end_ssh(connect);
}

void connect_sftp_free(struct connect_sftp *connect)
{
	if (connect == NULL)
		return;
	end_agent(connect);
	state_close(connect->state);
	ssh_options_clear(&connect->ssh_options);
	ssh_command_clear(&connect->ssh);
	pthread_cond_destroy(&connect->changed);
	pthread_mutex_destroy(&connect->lock);
	free(connect->place);
	free(connect);
}

static int fail(struct lane_result *result, int code, char *text)
{
	result->code = code;
	result->text = text;
	return -1;
}

/* Step 1.  0, or -1 as the result says. */
static int open_store(struct connect_sftp *connect, struct lane_result *result)
{
	struct io_sftp_config config = {
	    .milliseconds =
		(int)(connect->ssh_options.connect_timeout / 1000000) + 2000,
	    .place = connect->place,
	    .state_dir = state_descriptor(connect->state),
	    .down = down,
	    .cookie = connect,
	};
	int error = start_ssh(connect, &config.in, &config.out);
	char *text, *line = NULL;

	if (error != 0) {
		if (asprintf(&line, "%s: ssh: %s", connect->far->host,
			     strerror(error)) < 0)
			line = NULL;
		return fail(result,
			    error == ENOENT ? EXIT_UNREACHABLE : EXIT_FILE_IO,
			    line);
	}
	connect->store = io_sftp_open(&config, &text);
	if (connect->store != NULL)
		return 0;
	close(config.in);
	close(config.out);
	text = explain(connect, text);
	if (asprintf(&line, "%s: %s", connect->far->host,
		     text != NULL ? text : "out of memory") < 0)
		line = NULL;
	free(text);
	end_ssh(connect);
	return fail(result, EXIT_UNREACHABLE, line);
}

/* Step 2.  0, or an errno. */
static int start_agent(struct connect_sftp *connect, int *ours)
{
	const int size = SOCKET_BUFFER;
	int pair[2], error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return errno;
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	connect->lane = pair[1];
	connect->other = fcntl(pair[1], F_DUPFD_CLOEXEC, 0);
	connect->ended = 0;
	error = connect->other == -1
		    ? errno
		    : thread_start(&connect->thread, run_agent, connect);
	if (error != 0) {
		close(pair[0]);
		close(pair[1]);
		return error;
	}
	connect->running = 1;
	*ours = pair[0];
	return 0;
}

int connect_sftp_lane(struct connect_sftp *connect, struct inbox *inbox,
		      uint32_t id, const char *nonce,
		      struct lane_result *result)
{
	int ours = -1, error;

	memset(result, 0, sizeof(*result));
	end_agent(connect);
	if (hex_bytes(nonce, connect->nonce, sizeof(connect->nonce)) != 0)
		return fail(result, EXIT_FILE_IO, strdup("a bad nonce"));
	if (open_store(connect, result) == -1)
		return -1;
	error = start_agent(connect, &ours);
	if (error == 0) {
		result->lane = lane_fd_create(inbox, id, ours, ours, 0);
		if (result->lane != NULL)
			return 0;
		error = errno;
		close(ours);
	}
	return fail(result, EXIT_FILE_IO, strdup(strerror(error)));
}
