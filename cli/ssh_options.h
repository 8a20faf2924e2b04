/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_SSH_OPTIONS_H
#define FERRY_CLI_SSH_OPTIONS_H

#include <stdint.h>

#include "cli/location.h"
#include "cli/options.h"
#include "cli/text_list.h"
#include "transfer/ssh_config.h"

/*
 * How a host is reached: what the command line says, and ssh_config(5) as ssh
 * itself reads it (ssh_query.h), or where there is no such program, as
 * ssh_plain.h does.  ssh's rules hold: the first value of a name counts, only
 * IdentityFile adds up, the letters come before -o, and that before files.
 */
struct ssh_options {
	char *user;
	char *host_name;      /* what is connected to */
	char *host_key_alias; /* its name in known_hosts; NULL: host_name */
	char *ciphers;        /* with commas; NULL: not chosen */
	char *macs;           /* as all these: ssh's own, if it was asked */
	char *kex;
	char *host_key_types;
	unsigned port;
	int family;               /* AF_UNSPEC, AF_INET or AF_INET6 */
	uint64_t connect_timeout; /* nanoseconds */
	int batch;                /* ask nothing */
	int password;
	enum ssh_unknown_host unknown_host;
	int hash_known_hosts;
	int identities_only;
	char *identity_agent; /* its socket, or "none"; NULL: SSH_AUTH_SOCK */
	char *proxy_command;  /* tokens replaced; NULL: none */
	char *proxy_jump;     /* as written; NULL: none */
	char *unable;         /* what libssh2 cannot do; NULL: all is well */
	int queried;          /* ssh -G was asked */
	struct text_list identities;
	struct text_list usual_identities;
	struct text_list known_hosts;        /* all, in the order of reading */
	struct text_list global_known_hosts; /* of these, the machine's */
};

/* 0; or -1 after telling the user, and *code.  ssh_options_clear is to be
 * called in any case. */
int ssh_options_gather(struct ssh_options *, const struct options *,
		       const struct location *far, int *code);
/* Frees what the struct owns, not the struct; one that is all zero is fine. */
void ssh_options_clear(struct ssh_options *);

#endif
