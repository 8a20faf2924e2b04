/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_STATUS_H
#define FERRY_CLI_STATUS_H

#include <stdint.h>
#include <stdio.h>

#include "cli/options.h"
#include "cli/state.h"

/* "ferry status [ID]": transfers under way or cut off, on stdout.  An exit
 * code. */
int status_command(const struct options *);

/* One transfer for people, on two lines. */
void status_print(FILE *, const struct state_entry *);

/* 1 if id, as the user typed it, means this transfer: its UUID begins so. */
int status_matches(const struct state_entry *, const char *id);

#endif
