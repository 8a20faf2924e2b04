/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_LOCATION_H
#define FERRY_CLI_LOCATION_H

/*
 * Where a SRC or DST is: "path", "[user@]host:path", "[user@][::1]:path".  A
 * colon before the first slash makes it remote; "./a:b" is local.
 * "sftp://[user@]host[:port]/path" is remote, and there is no ferry there: the
 * path is absolute, "/~/path" begins in the home folder.
 */
struct location {
	char *user; /* NULL: none given */
	char *host; /* NULL: local.  Without brackets */
	char *path; /* never empty: "host:" is "./", the home folder there */
	int sftp;
	unsigned port; /* of sftp://; 0: none given */
};

/*
 * Parse what the user wrote.  0; or -1 and *cause, malloc'd (NULL: no memory),
 * says what is wrong and what to write instead.
 */
int location_parse(const char *text, struct location *, char **cause);
void location_clear(struct location *);

/* 1 if both are on this machine, or both name the same user and host. */
int location_same_end(const struct location *, const struct location *);

/*
 * The same place whatever the working folder is: a local path made absolute
 * with cwd, doubled slashes and "." parts left out, a trailing slash kept;
 * a remote one as "user@host:path".  malloc'd, or NULL: no memory.
 */
char *location_resolve(const struct location *, const char *cwd);

#endif
