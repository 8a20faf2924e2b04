/* SPDX-License-Identifier: BSD-2-Clause */
/* How the far end is started, and what it may reach. */
#include "cli/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/notice.h"
#include "cli/state.h"
#include "journal/hexadecimal.h"
#include "journal/io_root.h"
#include "transfer/confine.h"
#include "transfer/transfer.h"

#define NONCE_SIZE   16
#define NONCE_OPTION "--nonce "

/*
 * What the client asked sshd to run is not run: the nonce at its end is taken,
 * and nothing else.  0 or -1.
 */
static int nonce_of_client(uint8_t nonce[NONCE_SIZE])
{
	const char *asked = getenv("SSH_ORIGINAL_COMMAND");
	size_t length = asked != NULL ? strlen(asked) : 0;
	size_t tail = strlen(NONCE_OPTION) + 2 * (size_t)NONCE_SIZE;

	if (length < tail)
		return -1;
	asked += length - tail;
	if (strncmp(asked, NONCE_OPTION, strlen(NONCE_OPTION)) != 0)
		return -1;
	return hex_bytes(asked + strlen(NONCE_OPTION), nonce, NONCE_SIZE);
}

static int refuse_usage(const struct options *options, const char *text)
{
	notice_error("%s", text);
	return help_hint(options);
}

/* 0 and the nonce, or an exit code. */
static int take_options(const struct options *options,
			uint8_t nonce[NONCE_SIZE])
{
	if (options->root == NULL) {
		if (options->read_only || options->write_only)
			return refuse_usage(options,
					    "--read-only and --write-only go "
					    "with --root");
		if (options->nonce == NULL ||
		    hex_bytes(options->nonce, nonce, NONCE_SIZE) != 0 ||
		    options->operand_count > 0)
			return refuse_usage(
			    options, "ferry serve is started by ferry on the "
				     "other side, with --nonce and 32 digits");
		return 0;
	}
	if (options->nonce != NULL || options->operand_count > 0 ||
	    (options->read_only && options->write_only))
		return refuse_usage(options,
				    "with --root there is no --nonce, no "
				    "operand, and one of --read-only and "
				    "--write-only at most");
	if (nonce_of_client(nonce) == 0)
		return 0;
	notice_error("this key is for ferry alone");
	return EXIT_USAGE;
}

static int serve(struct io *io, const uint8_t nonce[NONCE_SIZE],
		 const struct state *state, enum agent_access access)
{
	return agent_run(io, STDIN_FILENO, STDOUT_FILENO, nonce,
			 state_descriptor(state), access);
}

/* With --root: what it serves, and all that it can reach, is one folder. */
static int serve_root(const struct options *options,
		      const uint8_t nonce[NONCE_SIZE])
{
	struct confine_config config = {.read_only = options->read_only,
					.state_dir = -1};
	struct state *state = NULL;
	struct io_root root;
	int code = EXIT_FILE_IO;

	config.root = open(options->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (config.root == -1) {
		notice_failure(options->root, strerror(errno),
			       "--root needs a folder");
		return EXIT_FILE_IO;
	}
	if (options->state_dir != NULL)
		state = state_open(options->state_dir, STATE_WITHOUT_LEDGER);
	config.state_dir = state_descriptor(state);
	tzset(); /* it reads a file, which is out of reach soon */
	io_root_init(&root, config.root);
	if (confine(&config) == 0)
		code = serve(&root.io, nonce, state,
			     options->read_only    ? AGENT_READ_ONLY
			     : options->write_only ? AGENT_WRITE_ONLY
						   : AGENT_ALL);
	else
		notice_failure(options->root, strerror(errno),
			       "this process cannot be confined to it");
	state_close(state);
	close(config.root);
	return code;
}

int serve_command(const struct options *options)
{
	uint8_t nonce[NONCE_SIZE];
	struct state *state;
	int code = take_options(options, nonce);

	if (code != 0)
		return code;
	/* A lost connection is an error of write, not the end. */
	signal(SIGPIPE, SIG_IGN);
	if (options->root != NULL)
		return serve_root(options, nonce);
	state = state_open(options->state_dir, STATE_WITHOUT_LEDGER);
	code = serve(io_system(), nonce, state, AGENT_ALL);
	state_close(state);
	return code;
}
