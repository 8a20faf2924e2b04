/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_KNOWN_HOSTS_H
#define FERRY_TRANSFER_KNOWN_HOSTS_H

#include <libssh2.h>
#include <stddef.h>

/*
 * What the lines of known_hosts files (sshd(8)) say of one key of one host.
 * In rising order: of several lines the highest counts.
 */
enum known_host {
	KNOWN_HOST_UNKNOWN,
	KNOWN_HOST_OTHER_TYPE, /* only keys of other types are known */
	KNOWN_HOST_OTHER_KEY,  /* of this type it is another one */
	KNOWN_HOST_AUTHORITY,  /* a certificate authority is to be believed */
	KNOWN_HOST_KNOWN,
	KNOWN_HOST_REVOKED
};

struct known_hosts_query {
	/* Lower case: "host", or "[host]:port" if the port is not 22. */
	const char *name;
	/* The host alone: a line with it, too, vouches for a key, but says
	 * nothing against one.  NULL if name is that already. */
	const char *host;
	const char *type; /* "ssh-ed25519" */
	const char *key;  /* base64 */
	int authorities;  /* 0: lines with @cert-authority say nothing */
};

/*
 * One line, without its newline.  A line that is a comment, about something
 * else, or not understood (certificates among them) says UNKNOWN.  The
 * session lends libssh2's hash of names; it need not be connected.
 */
enum known_host known_hosts_line(LIBSSH2_SESSION *, const char *line,
				 const struct known_hosts_query *);

/*
 * The whole file.  *number is the line that decides, from 1, or untouched.  A
 * file that is not there knows nobody; -1 with errno if one cannot be read.
 */
int known_hosts_file(LIBSSH2_SESSION *, const char *path,
		     const struct known_hosts_query *, enum known_host *,
		     size_t *number);

/* The name for a host and port.  malloc'd, or NULL: no memory. */
char *known_hosts_name(const char *host, unsigned port);

/* Append a line for the key, hashed: with the name as its hash alone, as
 * ssh-keygen -H has it; the file and its folder are made if missing.  0, or -1
 * with errno. */
int known_hosts_add(const char *path, const struct known_hosts_query *,
		    int hashed);

/* Base64 of bytes, as in those files.  malloc'd, or NULL: no memory. */
char *known_hosts_base64(const void *bytes, size_t size);

#endif
