/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_BOOTSTRAP_H
#define FERRY_CLI_BOOTSTRAP_H

#include "transfer/exchange.h"

/*
 * How a far side that has no ferry gets an agent: the static ferry-agent of
 * this build, as ~/.cache/ferry/ferry-agent-VERSION-DIGEST.
 *
 *  - The commands that run there are constant but for the version and the
 *    digests of the agent.  They work in every log-in shell, which hands them
 *    to sh: so they hold no single quote, '!', backslash or newline.
 *  - The system and the processor there are compared before a byte is copied.
 *  - It is written to a name of its own, which is moved into place only after
 *    its digest was checked and it has run; and whoever starts it later checks
 *    the digest again.  So half an agent, or a damaged one, never serves.
 *  - The digest is SHA-256; where no sha256sum is there, that of cksum.
 */
struct bootstrap;

/* Read the agent.  NULL after telling the user. */
struct bootstrap *bootstrap_create(void);
void bootstrap_free(struct bootstrap *); /* NULL is fine */

/*
 * What starts the agent there, malloc'd, or NULL: no memory.  program is a
 * word of the shell there, quoted; that program is taken first, then the copy,
 * and if neither is there the exit status is 127.  The nonce follows.
 */
char *bootstrap_serve_command(const struct bootstrap *, const char *program);

/* What takes the agent there. */
const char *bootstrap_install_command(const struct bootstrap *);

/*
 * Speak with that command until the agent is in place.  0; or -1 with *code,
 * an exit code, and *text, malloc'd or NULL: why not, without the host.
 */
int bootstrap_install(const struct bootstrap *, const struct exchange *,
		      int *code, char **text);

#endif
