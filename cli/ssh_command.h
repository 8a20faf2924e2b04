/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_SSH_COMMAND_H
#define FERRY_CLI_SSH_COMMAND_H

#include "cli/options.h"
#include "cli/ssh_options.h"
#include "cli/text_list.h"

/*
 * The command line of OpenSSH's client that reaches the same host in the same
 * way as libssh2 would.
 */
struct ssh_command {
	struct text_list program; /* and its options, from --ssh */
	struct text_list words;   /* the other options */
	char *host;
};

/*
 * It asks nothing, unless attended.  It prefers AES-GCM, which costs a fifth of
 * the processor time of other ciphers, if the processor has instructions for it
 * and nobody said which ciphers are wanted.  0, or -1: no memory.
 * ssh_command_clear is to be called in any case. */
int ssh_command_make(struct ssh_command *, const struct options *,
		     const struct ssh_options *, const struct location *far,
		     int attended);
/*
 * The way through a proxy as a command for a shell: ProxyCommand, or ssh -W by
 * the jump host.  batch: it asks nothing.  *command, malloc'd, NULL: there is
 * none.  0, or -1: no memory.
 */
int ssh_command_proxy(const struct options *, const struct ssh_options *,
		      int batch, char **command);
void ssh_command_clear(struct ssh_command *);

/* The whole, to run remote_command: malloc'd, NULL after the last; the words
 * stay the command's and the caller's.  NULL: no memory. */
char **ssh_command_argv(const struct ssh_command *, char *remote_command);

#endif
