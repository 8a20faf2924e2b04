/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_CONNECT_SSH_INTERNAL_H
#define FERRY_CLI_CONNECT_SSH_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "cli/bootstrap.h"
#include "cli/connect_ssh.h"
#include "cli/ssh_command.h"
#include "cli/ssh_options.h"
#include "transfer/lane_ssh.h"

/* Shared by connect_ssh*.c and by nobody else. */

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

/* What carries lanes of a kind, as of connect_ssh_kind. */
enum kind connect_ssh_kind_of(const struct connect_ssh *, int kind);

/* connect_ssh_ask.c */
/* Set ask, tell, stop and elsewhere of the config. */
void connect_ssh_set_asking(struct connect_ssh *);
/* Without the person, who was asked by the first lane: those of an attempt. */
void connect_ssh_set_recalling(struct attempt *);
/* libssh2 cannot use what: from now on ssh carries all. */
void connect_ssh_leave(struct connect_ssh *, const char *what);
/* tell and stop of ssh_config.h; the cookie is the connect_ssh. */
void connect_ssh_tell(void *cookie, enum ssh_tell level, const char *text);
int connect_ssh_stop(void *cookie);

/* connect_ssh_lane.c */
/* ssh's command line, to run command: to be freed, not its words; or NULL. */
char **connect_ssh_argv(struct connect_ssh *, char *command);
/* A new connection as connect->line.  0, or -1 as the result says. */
int connect_ssh_line(struct connect_ssh *, struct lane_result *);
/* The result says so: -1. */
int connect_ssh_no_memory(struct lane_result *);

/* connect_ssh_bring.c */
/* Bring the agent, by an ssh of its own; or over connect->line, which is made
 * if there is none.  0, or -1 as the result says. */
int connect_ssh_bring_apart(struct connect_ssh *, struct lane_result *);
int connect_ssh_bring_on_line(struct connect_ssh *, struct lane_result *);

#endif
