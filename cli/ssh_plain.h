/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_SSH_PLAIN_H
#define FERRY_CLI_SSH_PLAIN_H

/*
 * A plain reading of one ssh_config(5) file, for machines without ssh(1):
 * settings before any Host, and below a Host with a pattern that matches.
 * What is below a Match is left out.
 */
struct ssh_plain {
	const char *host; /* as the user wrote it */
	void *cookie;
	/* Each setting that applies, in order; nonzero ends it. */
	int (*take)(void *cookie, const char *name, const char *value,
		    const char *where);
	/* What is not read: "Match" or "Include"; where is "FILE line N". */
	void (*skipped)(void *cookie, const char *name, const char *where);
};

/* 0, what take returned, or -1 with errno: it cannot be read.  A file that is
 * not there is an empty one. */
int ssh_plain_read(const char *path, const struct ssh_plain *);

/* 1 if the host matches patterns with spaces between: '*' and '?', and one
 * with '!' refuses what it matches. */
int ssh_plain_matches(const char *patterns, const char *host);

#endif
