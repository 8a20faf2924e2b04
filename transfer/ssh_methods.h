/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SSH_METHODS_H
#define FERRY_TRANSFER_SSH_METHODS_H

#include <libssh2.h>

#include "transfer/ssh_config.h"

/*
 * Of names (between commas, best first) those that libssh2 knows, in their
 * order.  Not strict: it lacks the strict key exchange that ends the Terrapin
 * attack (CVE-2023-48795), and what the attack works on (ChaCha20-Poly1305;
 * CBC with a MAC of the kind "-etm") is left out, unless there is nothing else
 * in names.  "" if nothing is left; malloc'd, or NULL: no memory.
 */
char *ssh_methods_choose(const char *names, const char *const *known, int count,
			 int strict);

/* What cannot be offered. */
struct ssh_methods_lack {
	const char *kind;  /* "key exchanges" */
	const char *names; /* of which libssh2 knows none */
};

/*
 * Set what the session offers: what the configuration names, else ours.
 * host_key_types: names with commas, best first.  0; 1 if nothing is left of
 * one kind, which *lack tells; or -1 with libssh2's last error.
 */
int ssh_methods_set(LIBSSH2_SESSION *, const struct ssh_config *,
		    const char *host_key_types, struct ssh_methods_lack *lack);

#endif
