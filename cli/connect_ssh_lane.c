/* SPDX-License-Identifier: BSD-2-Clause */
/* How is a lane to a host over SSH made? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/answers.h"
#include "cli/connect_ssh_internal.h"
#include "cli/escape.h"
#include "cli/exit_code.h"
#include "journal/hexadecimal.h"
#include "transfer/lane_child.h"

/* ---- over ssh ---- */

static void tell_line(void *cookie, const char *line)
{
	connect_ssh_tell(cookie, SSH_TELL_REMOTE, line);
}

static void tell_command(struct connect_ssh *connect, char **argv)
{
	const char *const *words = (const char *const *)argv;
	size_t count = 0;
	char *text, *line;

	while (words[count] != NULL)
		count++;
	text = escape_for_shell(words, count);
	if (text != NULL && asprintf(&line, "running: %s", text) >= 0) {
		connect_ssh_tell(connect, SSH_TELL_DETAIL, line);
		free(line);
	}
	free(text);
}

int connect_ssh_no_memory(struct lane_result *result)
{
	result->code = EXIT_FILE_IO;
	result->text = strdup("out of memory");
	return -1;
}

char **connect_ssh_argv(struct connect_ssh *connect, char *command)
{
	char **argv;

	pthread_mutex_lock(&connect->lock);
	argv = ssh_command_argv(&connect->ssh, command);
	pthread_mutex_unlock(&connect->lock);
	if (argv != NULL)
		tell_command(connect, argv);
	return argv;
}

static int start_ssh(struct connect_ssh *connect, struct inbox *inbox,
		     uint32_t id, const char *nonce, struct lane_result *result)
{
	struct lane_child_config config = {
	    .host = connect->config.host,
	    .program = connect->config.program,
	    .tell = tell_line,
	    .cookie = connect,
	};
	uint8_t bytes[16];
	char *command = NULL;
	char **argv = NULL;
	int code;

	memset(result, 0, sizeof(*result));
	if (asprintf(&command, "%s%s", connect->command, nonce) < 0)
		command = NULL;
	if (command != NULL)
		argv = connect_ssh_argv(connect, command);
	if (argv == NULL || hex_bytes(nonce, bytes, sizeof(bytes)) != 0) {
		code = connect_ssh_no_memory(result);
	} else {
		config.argv = argv;
		code = lane_child_start(inbox, id, &config, bytes, result);
	}
	free(argv);
	free(command);
	return code;
}

/* ---- over libssh2 ---- */

static int connect_again(struct connect_ssh *connect, struct inbox *inbox,
			 uint32_t id, const char *nonce, const atomic_int *over,
			 struct lane_result *result)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));

	memset(result, 0, sizeof(*result));
	if (attempt == NULL)
		return connect_ssh_no_memory(result);
	attempt->config = connect->config;
	attempt->connect = connect;
	attempt->over = over;
	connect_ssh_set_recalling(attempt);
	pthread_mutex_lock(&connect->lock);
	attempt->next = connect->attempts;
	connect->attempts = attempt;
	pthread_mutex_unlock(&connect->lock);
	return lane_ssh_connect(inbox, id, &attempt->config, nonce, result);
}

static int open_channel(struct connect_ssh *connect, struct inbox *inbox,
			uint32_t id, const char *nonce,
			struct lane_result *result)
{
	int code;

	pthread_mutex_lock(&connect->lock);
	code = lane_ssh_open(connect->line, inbox, id, nonce, result);
	pthread_mutex_unlock(&connect->lock);
	return code;
}

/* ---- lanes ---- */

int connect_ssh_line(struct connect_ssh *connect, struct lane_result *result)
{
	struct lane_ssh_line *line;

	answers_begin();
	line = lane_ssh_line_connect(&connect->config, result);
	if (line != NULL)
		answers_confirm();
	pthread_mutex_lock(&connect->lock);
	lane_ssh_line_release(connect->line);
	connect->line = line;
	pthread_mutex_unlock(&connect->lock);
	return line != NULL ? 0 : -1;
}

int connect_ssh_lane(struct connect_ssh *connect, struct inbox *inbox,
		     uint32_t id, const char *nonce, struct lane_result *result)
{
	int wanted = connect->provide, error;

	connect->provide = 0;
	if (connect_ssh_kind_of(connect, CONNECT_FIRST) == KIND_SSH) {
		if (wanted && connect_ssh_bring_apart(connect, result) == -1)
			return -1;
		return start_ssh(connect, inbox, id, nonce, result);
	}
	error = wanted ? connect_ssh_bring_on_line(connect, result)
		       : connect_ssh_line(connect, result);
	if (error == 0)
		return open_channel(connect, inbox, id, nonce, result);
	if (connect->transport != TRANSPORT_SSH)
		return -1;
	free(result->text);
	return start_ssh(connect, inbox, id, nonce, result);
}

int connect_ssh_further(struct connect_ssh *connect, unsigned kind,
			struct inbox *inbox, uint32_t id, const char *nonce,
			const atomic_int *over, struct lane_result *result)
{
	switch (connect_ssh_kind_of(connect, (int)kind)) {
	case KIND_SSH:
		return start_ssh(connect, inbox, id, nonce, result);
	case KIND_CONNECTION:
		return connect_again(connect, inbox, id, nonce, over, result);
	default:
		return open_channel(connect, inbox, id, nonce, result);
	}
}
