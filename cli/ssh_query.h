/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_SSH_QUERY_H
#define FERRY_CLI_SSH_QUERY_H

#include <stdint.h>

#include "cli/location.h"
#include "cli/options.h"
#include "cli/text_list.h"

/* Each appends words for OpenSSH's client.  0, or -1: no memory. */
/* The program and its options, from --ssh. */
int ssh_query_program(struct text_list *, const struct options *);
/*
 * What the user wrote that is for ssh to understand: -F, -J, -4, -6 and -o.
 * Where HOME is not the home folder of the account, which is what ssh looks
 * at, -F names the file there.
 */
int ssh_query_letters(struct text_list *, const struct options *);
/* -F alone. */
int ssh_query_config(struct text_list *, const struct options *);

enum ssh_query {
	SSH_QUERY_FAILED = -1, /* the user was told; *code */
	SSH_QUERY_DONE,        /* *answer, malloc'd */
	SSH_QUERY_NO_PROGRAM
};

/*
 * What ssh -G says of the far host with these options: a line for each
 * setting, its name in lower case, a space, its value.  user: NULL, or who is
 * meant whatever the configuration says.  It is given so many nanoseconds.
 */
enum ssh_query ssh_query(const struct options *, const struct location *far,
			 uint64_t timeout, char **answer, int *code);

/* The value of the first line with that name: in answer, up to its end of
 * line; NULL: there is none. */
const char *ssh_query_value(const char *answer, const char *name,
			    size_t *length);

#endif
