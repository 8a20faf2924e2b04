/* SPDX-License-Identifier: BSD-2-Clause */
/* How the agent on another machine is started over SSH. */
#include "cli/connect_ssh.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/answers.h"
#include "cli/bootstrap.h"
#include "cli/escape.h"
#include "cli/exit_code.h"
#include "cli/notice.h"
#include "cli/program.h"
#include "cli/prompt.h"
#include "cli/signals.h"
#include "cli/ssh_command.h"
#include "cli/ssh_options.h"
#include "journal/hexadecimal.h"
#include "transfer/lane_child.h"
#include "transfer/lane_ssh.h"

/* One further lane over libssh2: its config must outlive it. */
struct attempt {
	struct attempt *next;
	struct ssh_config config;
	struct connect_ssh *connect;
	const atomic_int *over;
};

struct connect_ssh {
	struct ssh_options options;
	struct ssh_config config;
	/* By an answer that is good for one log-in: further lanes are channels
	 * of the connection that it made. */
	atomic_int logged_in_once;
	char *command;
	struct bootstrap *bootstrap; /* NULL: not wanted */
	int provided;                /* it was tried once */
	int provide;                 /* with the next first lane */
	char *proxy;                 /* a shell's command; NULL: none */
	char *batch_proxy;           /* the same, which asks nothing */
	enum transport transport;
	int lanes;

	pthread_mutex_t lock; /* of what follows */
	struct ssh_command ssh;
	struct attempt *attempts;
	struct lane_ssh_line *line; /* of the first lane, over libssh2 */
};

enum kind { KIND_SSH, KIND_CONNECTION, KIND_CHANNEL };

/* ---- what the connection asks of us ---- */

static char *ask(void *cookie, const char *question, int echo)
{
	struct connect_ssh *connect = cookie;

	if (answers_may_repeat(question))
		return answers_ask(question, echo);
	/* A second log-in would need the person again. */
	if (strstr(question, "(yes/no)") == NULL)
		atomic_store(&connect->logged_in_once, 1);
	return prompt_ask(question, echo);
}

static void tell(void *cookie, enum ssh_tell level, const char *text)
{
	const struct connect_ssh *connect = cookie;
	const char *host = connect->config.host;

	switch (level) {
	case SSH_TELL_NOTE:
		notice_note("%s: %s", host, text);
		break;
	case SSH_TELL_DETAIL:
		notice_verbose(2, "%s: %s", host, text);
		break;
	case SSH_TELL_REMOTE:
		notice_error("%s says: %s", host, text);
		break;
	}
}

static int stop(void *cookie)
{
	(void)cookie;
	return signals_stop() != 0 ? EXIT_INTERRUPTED : 0;
}

/* ---- what libssh2 cannot do ---- */

/* From now on ssh carries all. */
static void leave_to_ssh(struct connect_ssh *connect, const char *what)
{
	notice_verbose(1, "%s: libssh2 cannot use %s; over ssh",
		       connect->config.host, what);
	connect->transport = TRANSPORT_SSH;
}

/* Does ssh get in, and without a question? */
static int elsewhere(void *cookie, const char *what)
{
	struct connect_ssh *connect = cookie;
	char **argv = ssh_command_argv(&connect->ssh, (char *)"exit");
	struct program_answer answer;
	int error;

	if (argv == NULL)
		return 0;
	error = program_run(argv, connect->config.timeout, &answer);
	free(argv);
	/* Any other status is that of the far side. */
	if (error == 0 && WIFEXITED(answer.status) &&
	    WEXITSTATUS(answer.status) != 255)
		leave_to_ssh(connect, what);
	else if (error == 0)
		notice_verbose(1, "%s: libssh2 cannot use %s, and ssh: %.*s",
			       connect->config.host, what,
			       (int)strcspn(answer.errors, "\r\n"),
			       answer.errors);
	program_answer_clear(&answer);
	return connect->transport == TRANSPORT_SSH;
}

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
	config->elsewhere =
	    connect->transport == TRANSPORT_AUTO && options->queried ? elsewhere
								     : NULL;
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
	config->cookie = connect;
	config->ask = options->batch || !prompt_possible() ? NULL : ask;
	config->tell = tell;
	config->stop = stop;
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
		leave_to_ssh(connect, connect->options.unable);
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
static enum kind kind_of(const struct connect_ssh *connect, int kind)
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
	return kind_of(connect, kind) == KIND_SSH ? "ssh" : "libssh2";
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

/* ---- over ssh ---- */

static void tell_line(void *cookie, const char *line)
{
	tell(cookie, SSH_TELL_REMOTE, line);
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
		tell(connect, SSH_TELL_DETAIL, line);
		free(line);
	}
	free(text);
}

static int out_of_memory(struct lane_result *result)
{
	result->code = EXIT_FILE_IO;
	result->text = strdup("out of memory");
	return -1;
}

/* The whole command line, which uses command; or NULL. */
static char **make_argv(struct connect_ssh *connect, char *command)
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
		argv = make_argv(connect, command);
	if (argv == NULL || hex_bytes(nonce, bytes, sizeof(bytes)) != 0) {
		code = out_of_memory(result);
	} else {
		config.argv = argv;
		code = lane_child_start(inbox, id, &config, bytes, result);
	}
	free(argv);
	free(command);
	return code;
}

/* ---- over libssh2 ---- */

static char *attempt_ask(void *cookie, const char *question, int echo)
{
	(void)cookie;
	(void)echo;
	return answers_recall(question);
}

static void attempt_tell(void *cookie, enum ssh_tell level, const char *text)
{
	const struct attempt *attempt = cookie;

	/* Lines of the far end alone; that and how the host is reached was
	 * told of the first lane. */
	if (level == SSH_TELL_REMOTE)
		tell(attempt->connect, level, text);
}

static int attempt_stop(void *cookie)
{
	const struct attempt *attempt = cookie;

	return atomic_load(attempt->over) ? EXIT_INTERRUPTED : stop(NULL);
}

static int connect_again(struct connect_ssh *connect, struct inbox *inbox,
			 uint32_t id, const char *nonce, const atomic_int *over,
			 struct lane_result *result)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));

	memset(result, 0, sizeof(*result));
	if (attempt == NULL)
		return out_of_memory(result);
	attempt->config = connect->config;
	attempt->config.unknown_host = SSH_UNKNOWN_REFUSE;
	attempt->config.proxy = connect->batch_proxy;
	attempt->config.proxy_attended = 0;
	attempt->config.elsewhere = NULL;
	attempt->config.cookie = attempt;
	attempt->config.ask = attempt_ask;
	attempt->config.tell = attempt_tell;
	attempt->config.stop = attempt_stop;
	attempt->connect = connect;
	attempt->over = over;
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

/* ---- bring the agent ---- */

/* How it ended: 0, or an exit code and why. */
struct bringing {
	const struct bootstrap *bootstrap;
	int code;
	char *text;
};

static void bring(void *cookie, const struct exchange *exchange)
{
	struct bringing *bringing = cookie;

	if (bootstrap_install(bringing->bootstrap, exchange, &bringing->code,
			      &bringing->text) == 0)
		bringing->code = 0;
	if (signals_stop() != 0)
		bringing->code = EXIT_INTERRUPTED;
}

static int fail_bringing(const struct connect_ssh *connect,
			 const struct bringing *bringing,
			 struct lane_result *result)
{
	result->code = bringing->code;
	if (bringing->text != NULL &&
	    asprintf(&result->text, "%s: %s", connect->config.host,
		     bringing->text) < 0)
		result->text = NULL;
	return bringing->code == 0 ? 0 : -1;
}

/* Over the connection on which no agent was found, for another log-in might
 * have to ask again.  As lane_ssh_exchange. */
static int bring_on_line(struct connect_ssh *connect,
			 struct lane_result *result)
{
	struct bringing bringing = {.bootstrap = connect->bootstrap};
	const struct exchange_talk talk = {&bringing, bring};
	int said = lane_ssh_exchange(
	    connect->line, bootstrap_install_command(connect->bootstrap), &talk,
	    result);

	if (said == 0)
		said = fail_bringing(connect, &bringing, result);
	free(bringing.text);
	return said;
}

/* The same over ssh, with a log-in of its own. */
static int prepare_ssh(struct connect_ssh *connect, struct lane_result *result)
{
	struct bringing bringing = {.bootstrap = connect->bootstrap};
	const struct exchange_talk talk = {&bringing, bring};
	const char *install = bootstrap_install_command(connect->bootstrap);
	const struct exchange_child child = {
	    .argv = make_argv(connect, (char *)(uintptr_t)install),
	    .stop = stop,
	    .silence = connect->config.timeout,
	};
	int error;

	memset(result, 0, sizeof(*result));
	if (child.argv == NULL)
		return out_of_memory(result);
	error = exchange_child(&child, &talk);
	if (error != 0) {
		bringing.code = EXIT_UNREACHABLE;
		bringing.text = strdup(strerror(error));
	}
	free((void *)(uintptr_t)child.argv);
	error = fail_bringing(connect, &bringing, result);
	free(bringing.text);
	return error;
}

int connect_ssh_provide(struct connect_ssh *connect)
{
	if (connect == NULL || connect->bootstrap == NULL || connect->provided)
		return 0;
	notice_note("%s: no ferry there; copying an agent to ~/.cache/ferry",
		    connect->config.host);
	connect->provided = 1;
	connect->provide = 1;
	return 1;
}

/* ---- lanes ---- */

/* 0, or -1 as the result says. */
static int connect_line(struct connect_ssh *connect, struct lane_result *result)
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

/* The same, and the agent is brought. */
static int connect_and_bring(struct connect_ssh *connect,
			     struct lane_result *result)
{
	int said = connect->line != NULL ? bring_on_line(connect, result) : 1;

	if (said != 1)
		return said;
	if (connect_line(connect, result) == -1)
		return -1;
	said = bring_on_line(connect, result);
	if (said == 1) {
		result->code = EXIT_LOST;
		result->text = strdup("the connection was lost at once");
	}
	return said == 0 ? 0 : -1;
}

int connect_ssh_lane(struct connect_ssh *connect, struct inbox *inbox,
		     uint32_t id, const char *nonce, struct lane_result *result)
{
	int wanted = connect->provide, error;

	connect->provide = 0;
	if (kind_of(connect, CONNECT_FIRST) == KIND_SSH) {
		if (wanted && prepare_ssh(connect, result) == -1)
			return -1;
		return start_ssh(connect, inbox, id, nonce, result);
	}
	error = wanted ? connect_and_bring(connect, result)
		       : connect_line(connect, result);
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
	switch (kind_of(connect, (int)kind)) {
	case KIND_SSH:
		return start_ssh(connect, inbox, id, nonce, result);
	case KIND_CONNECTION:
		return connect_again(connect, inbox, id, nonce, over, result);
	default:
		return open_channel(connect, inbox, id, nonce, result);
	}
}
