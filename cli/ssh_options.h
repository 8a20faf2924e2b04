/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_SSH_OPTIONS_H
#define FERRY_CLI_SSH_OPTIONS_H

#include <stdint.h>

#include "cli/location.h"
#include "cli/options.h"
#include "cli/text_list.h"
#include "transfer/ssh_config.h"

/*
 * What -o, -P, -i and the location say of a connection, with ssh's rules: the
 * first value of a name counts, only IdentityFile adds up, and the letters
 * come before -o.
 */
struct ssh_options {
	char *user;
	char *ciphers; /* with commas; NULL: not chosen */
	unsigned port;
	uint64_t connect_timeout; /* nanoseconds */
	int batch;                /* ask nothing */
	int password;
	enum ssh_unknown_host unknown_host;
	struct text_list identities;
	struct text_list usual_identities;
	struct text_list known_hosts;
};

/* 0; or -1 after telling the user, and *code.  ssh_options_clear is to be
 * called in any case. */
int ssh_options_gather(struct ssh_options *, const struct options *,
		       const struct location *far, int *code);
/* Frees what the struct owns, not the struct; one that is all zero is fine. */
void ssh_options_clear(struct ssh_options *);

#endif
