/* SPDX-License-Identifier: BSD-2-Clause */
/* How is a host reached over SSH, and by what? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/connect_ssh_internal.h"
#include "cli/escape.h"
#include "cli/exit_code.h"
#include "cli/notice.h"
#include "cli/prompt.h"

/* ---- begin and end ---- */

/*
 * "exec PROGRAM serve --nonce ": with exec no shell stays in between.  The
 * shell there takes the words apart, so what is no letter in the program has a
 * backslash, but for "~/".
 */
static char *make_command(const char *program,
			  const struct bootstrap *bootstrap)
{
	const char *tilde = strncmp(program, "~/", 2) == 0 ? "~/" : "";
	const char *word = program + strlen(tilde);
	char *quoted = escape_for_any_shell(word), *command = NULL;
	char *whole;

	if (quoted == NULL)
		return NULL;
	if (asprintf(&whole, "%s%s", tilde, quoted) < 0)
		whole = NULL;
	free(quoted);
	if (whole == NULL)
		return NULL;
	if (bootstrap != NULL)
		command = bootstrap_serve_command(bootstrap, whole);
	else if (asprintf(&command, "exec %s serve --nonce ", whole) < 0)
		command = NULL;
	free(whole);
	return command;
}

/* Where ferry is on the far side, if the user says so; or NULL. */
static const char *named_program(const struct options *options)
{
	const char *program = options->remote_ferry;

	if (program == NULL)
		program = getenv("FERRY_REMOTE");
	return program == NULL || program[0] == '\0' ? NULL : program;
}

int connect_ssh_names_program(const struct options *options)
{
	return named_program(options) != NULL;
}

static void make_config(struct connect_ssh *connect, const struct location *far,
			const char *program)
{
	const struct ssh_options *options = &connect->options;
	struct ssh_config *config = &connect->config;

	config->host = far->host;
	config->address = options->host_name;
	config->host_key_alias = options->host_key_alias;
	config->family = options->family;
	config->proxy = connect->proxy;
	config->proxy_attended = !options->batch && prompt_on_terminal();
	config->identities_only = options->identities_only;
	config->identity_agent = options->identity_agent;
	config->unable = options->unable;
	config->port = options->port;
	config->user = options->user;
	config->ciphers = options->ciphers;
	config->macs = options->macs;
	config->kex = options->kex;
	config->host_key_types = options->host_key_types;
	config->timeout = options->connect_timeout;
	config->command = connect->command;
	config->program = program;
	config->known_hosts = (const char *const *)options->known_hosts.items;
	config->known_hosts_count = options->known_hosts.count;
	config->unknown_host = options->unknown_host;
	config->hash_known_hosts = options->hash_known_hosts;
	config->identities = (const char *const *)options->identities.items;
	config->identity_count = options->identities.count;
	config->usual_identities =
	    (const char *const *)options->usual_identities.items;
	config->usual_identity_count = options->usual_identities.count;
	config->password = options->password;
	config->batch = options->batch;
	connect_ssh_set_asking(connect);
}

struct connect_ssh *connect_ssh_create(const struct options *options,
				       const struct location *far, int *code)
{
	const char *named = named_program(options);
	const char *program = named != NULL ? named : "ferry";
	struct connect_ssh *connect = calloc(1, sizeof(*connect));

	*code = EXIT_FILE_IO;
	if (connect == NULL) {
		notice_error("out of memory");
		return NULL;
	}
	pthread_mutex_init(&connect->lock, NULL);
	connect->config.host = far->host;
	/* A program of the user's own is there to be used. */
	connect->transport = options->ssh != NULL && !options->transport_given
				 ? TRANSPORT_SSH
				 : options->transport;
	connect->lanes = (int)options->lanes;
	if (options->bootstrap &&
	    (connect->bootstrap = bootstrap_create()) == NULL)
		goto free_connect;
	if (ssh_options_gather(&connect->options, options, far, code) != 0)
		goto free_connect;
	connect->command = make_command(program, connect->bootstrap);
	if (connect->options.unable != NULL &&
	    connect->transport == TRANSPORT_AUTO)
		connect_ssh_leave(connect, connect->options.unable);
	if (connect->command == NULL ||
	    ssh_command_proxy(options, &connect->options, 0, &connect->proxy) !=
		0 ||
	    ssh_command_proxy(options, &connect->options, 1,
			      &connect->batch_proxy) != 0 ||
	    ssh_command_make(&connect->ssh, options, &connect->options, far,
			     0) != 0) {
		notice_error("out of memory");
		goto free_connect;
	}
	make_config(connect, far, program);
	return connect;

free_connect:
	connect_ssh_free(connect);
	return NULL;
}

void connect_ssh_free(struct connect_ssh *connect)
{
	if (connect == NULL)
		return;
	lane_ssh_line_release(connect->line);
	while (connect->attempts != NULL) {
		struct attempt *attempt = connect->attempts;

		connect->attempts = attempt->next;
		free(attempt);
	}
	ssh_options_clear(&connect->options);
	ssh_command_clear(&connect->ssh);
	pthread_mutex_destroy(&connect->lock);
	bootstrap_free(connect->bootstrap);
	free(connect->batch_proxy);
	free(connect->proxy);
	free(connect->command);
	free(connect);
}

/* ---- kinds of lanes ---- */

/* Best first.  A channel has no log-in of its own, which may be the only way;
 * but it shares a thread and a TCP connection. */
enum kind connect_ssh_kind_of(const struct connect_ssh *connect, int kind)
{
	static const enum kind of_auto[] = {KIND_SSH, KIND_CONNECTION,
					    KIND_CHANNEL};

	if (connect->transport == TRANSPORT_SSH)
		return KIND_SSH;
	if (kind == CONNECT_FIRST)
		return KIND_CONNECTION;
	if (atomic_load(&connect->logged_in_once))
		return KIND_CHANNEL;
	return of_auto[kind + (connect->transport == TRANSPORT_LIBSSH2)];
}

const char *connect_ssh_kind(const struct connect_ssh *connect, int kind)
{
	return connect_ssh_kind_of(connect, kind) == KIND_SSH ? "ssh"
							      : "libssh2";
}

void connect_ssh_describe(const struct connect_ssh *connect,
			  struct transfer_carrier *carrier)
{
	static const unsigned kinds[] = {
	    [TRANSPORT_AUTO] = 3, [TRANSPORT_LIBSSH2] = 2, [TRANSPORT_SSH] = 1};

	carrier->lanes = connect->lanes;
	carrier->quick = -1;
	if (connect->lanes == 1)
		return;
	carrier->kinds = kinds[connect->transport];
	if (connect->transport != TRANSPORT_SSH)
		carrier->quick = (int)carrier->kinds - 1;
	/* What libssh2 encrypts costs more than all the rest together. */
	carrier->bulk = connect->transport == TRANSPORT_AUTO ? 1 : 0;
}
