/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_SSH_OPTIONS_INTERNAL_H
#define FERRY_CLI_SSH_OPTIONS_INTERNAL_H

#include "cli/ssh_options.h"

/* How far ssh_options_gather has come. */
struct gathering {
	struct ssh_options *result;
	const struct options *options;
	const struct location *far;
	unsigned given;
	struct text_list named; /* identities that ssh -G knows */
};

/* Take what ssh -G said; answer is cut into pieces.  0, or -1: no memory. */
int ssh_options_take_answer(struct gathering *, char *answer);

#endif
