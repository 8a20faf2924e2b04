/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SSH_CONFIG_H
#define FERRY_TRANSFER_SSH_CONFIG_H

#include <stddef.h>
#include <stdint.h>

/*
 * What is to be known to reach a host over SSH, and whom to ask.  It belongs
 * to the caller and must outlive what is made with it.
 */
enum ssh_unknown_host {
	SSH_UNKNOWN_ASK,    /* refused where there is nobody to ask */
	SSH_UNKNOWN_ACCEPT, /* added to known_hosts without a question */
	SSH_UNKNOWN_REFUSE
};

enum ssh_tell {
	SSH_TELL_NOTE,   /* worth knowing */
	SSH_TELL_DETAIL, /* how the connection is made */
	SSH_TELL_REMOTE  /* a line that the far end wrote to its stderr */
};

struct ssh_config {
	const char *host;    /* as the user wrote it, for messages */
	const char *address; /* what is connected to; NULL: host */
	/* Its name in known_hosts, where the port then counts no more; NULL:
	 * the address. */
	const char *host_key_alias;
	unsigned port;
	int family; /* of addresses: AF_INET, AF_INET6; 0: any */
	/* A shell's command that is the way to the server; NULL: TCP.
	 * attended: it may ask on the terminal itself. */
	const char *proxy;
	int proxy_attended;
	const char *user;
	/* Nanoseconds for one try, without the time that answers take. */
	uint64_t timeout;
	/* What starts the agent: the nonce follows it.  The program alone is
	 * for messages. */
	const char *command;
	const char *program;

	/* Names with commas, best first; NULL: ours. */
	const char *ciphers;
	const char *macs;
	const char *kex;
	const char *host_key_types;

	/* Read in this order; an accepted key is added to the first. */
	const char *const *known_hosts;
	size_t known_hosts_count;
	enum ssh_unknown_host unknown_host;
	int hash_known_hosts; /* a host that is added is not to be read there */

	/* Private key files that were asked for by name, and those that are
	 * tried if they are there. */
	const char *const *identities;
	size_t identity_count;
	const char *const *usual_identities;
	size_t usual_identity_count;
	int identities_only;        /* of the agent's keys, only these */
	const char *identity_agent; /* its socket or "none"; NULL: the
				       environment's */
	const char *unable;         /* what libssh2 cannot do of what was
				       configured; NULL: nothing known */
	int password;               /* 0: log in by keys only */
	int batch;                  /* nobody is asked by the user's wish */

	void *cookie;
	/*
	 * Ask the person: the answer malloc'd, or NULL.  echo 0: a secret.
	 * The function is NULL if there is nobody.
	 */
	char *(*ask)(void *, const char *question, int echo);
	/* Any thread; text is one line of any bytes but NUL. */
	void (*tell)(void *, enum ssh_tell, const char *text);
	/* Nonzero, an exit code, ends a try. */
	int (*stop)(void *);
	/*
	 * libssh2 cannot do what may be needed here: 1 if the caller goes
	 * another way, so that the try fails and nobody is asked.  The
	 * function is NULL if there is no other way.
	 */
	int (*elsewhere)(void *, const char *what);
};

#endif
