/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_SSH_TOKENS_H
#define FERRY_CLI_SSH_TOKENS_H

/* What the tokens of ssh_config(5) stand for. */
struct ssh_tokens {
	const char *host; /* %h: as it is connected to */
	const char *name; /* %n: as the user wrote it */
	const char *user; /* %r: on the far side */
	unsigned port;    /* %p */
	const char *home; /* %d: of this user here; and %u, %i, %L, %l */
};

/*
 * A copy of text with its tokens replaced.  One that is not known stays as it
 * is.  malloc'd; NULL: no memory.
 */
char *ssh_tokens_expand(const char *text, const struct ssh_tokens *);

/* 1 if text may stand in a shell's command line as it is, else 0. */
int ssh_tokens_harmless(const char *text);

#endif
