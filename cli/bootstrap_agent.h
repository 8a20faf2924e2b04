/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_BOOTSTRAP_AGENT_H
#define FERRY_CLI_BOOTSTRAP_AGENT_H

#include <stddef.h>
#include <stdint.h>

/* The agent that was built with this ferry, as a whole. */
struct bootstrap_agent {
	uint8_t *bytes;
	size_t size;
	char sha256[65]; /* hexadecimal */
	uint32_t cksum;  /* what POSIX's cksum prints */
};

/* Read it.  0, or -1 after telling the user; bootstrap_agent_free is to be
 * called in any case. */
int bootstrap_agent_load(struct bootstrap_agent *);
void bootstrap_agent_free(struct bootstrap_agent *);

/* The checksum of POSIX's cksum, for systems that have no better one. */
uint32_t bootstrap_agent_cksum(const uint8_t *bytes, size_t size);

#endif
