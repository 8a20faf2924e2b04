/* SPDX-License-Identifier: BSD-2-Clause */
/* Which machine and which path a SRC or DST means. */
#include "cli/location.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int say(char **cause, const char *text)
{
	*cause = strdup(text);
	return -1;
}

/* What people type that means something to other programs. */
static int refuse_foreign(const char *text, char **cause)
{
	static const char *const schemes[] = {"file://",  "ftp://",   "http://",
					      "https://", "rsync://", "scp://",
					      "ssh://"};

	if (strcmp(text, "-") == 0)
		return say(
		    cause,
		    "standard input and output are not supported; name a file "
		    "(./- for one of this name)");
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strncmp(text, schemes[i], strlen(schemes[i])) == 0) {
			if (asprintf(cause,
				     "%s is not supported; write a path or "
				     "[user@]host:path",
				     schemes[i]) < 0)
				*cause = NULL;
			return -1;
		}
	}
	return 0;
}

/* Where the parts of "[user@]host:path" are in what the user wrote. */
struct parts {
	const char *user; /* NULL: none */
	size_t user_length;
	const char *host;
	size_t host_length;
	const char *path;
};

/* 1, or 0 if text is a local path. */
static int take_apart(const char *text, struct parts *parts)
{
	size_t length = strcspn(text, "/");
	const char *colon = memchr(text, ':', length);
	const char *at, *close;

	if (colon == NULL)
		return 0;
	memset(parts, 0, sizeof(*parts));
	/* A user's name may hold an at sign, a host's never. */
	at = memrchr(text, '@', (size_t)(colon - text));
	if (at != NULL) {
		parts->user = text;
		parts->user_length = (size_t)(at - text);
	}
	parts->host = at != NULL ? at + 1 : text;
	parts->host_length = (size_t)(colon - parts->host);
	parts->path = colon + 1;
	close = memchr(parts->host, ']', length - (size_t)(parts->host - text));
	if (*parts->host == '[' && close != NULL && close[1] == ':') {
		parts->host++;
		parts->host_length = (size_t)(close - parts->host);
		parts->path = close + 2;
	}
	return 1;
}

/* The host goes to getaddrinfo, and maybe to ssh as an argument. */
static int check_host(const char *host, size_t length, char **cause)
{
	if (length == 0)
		return say(
		    cause,
		    "there is no host before the colon; write ./ before a "
		    "local path with a colon");
	if (host[0] == '-')
		return say(cause, "a host cannot begin with a dash");
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)host[i];

		if (byte <= ' ' || byte == 0x7f)
			return say(
			    cause,
			    "a host cannot hold spaces or control characters; "
			    "write ./ before a local path with a colon");
	}
	return 0;
}

static int check_user(const struct parts *parts, char **cause)
{
	if (parts->user == NULL)
		return 0;
	if (parts->user_length == 0)
		return say(cause, "there is no user before the @");
	if (parts->user[0] == '-')
		return say(cause, "a user cannot begin with a dash");
	return 0;
}

/* The far side starts in the home folder: "~/" is that, and no shell is there
 * to know others' homes. */
static char *remote_path(const char *path, char **cause)
{
	if (path[0] == ':') {
		say(cause,
		    "two colons; an IPv6 address is written [::1]:path, a path "
		    "that begins with a colon host:./:path");
		return NULL;
	}
	if (path[0] == '~') {
		if (path[1] == '\0')
			return strdup("./");
		if (path[1] != '/') {
			say(cause,
			    "~user is not looked up on the far side; write the "
			    "path, or host:./~user for a file of that name");
			return NULL;
		}
		path += 2;
		while (*path == '/')
			path++;
	}
	return strdup(*path != '\0' ? path : "./");
}

/* ---- sftp:// ------------------------------------------------------------ */

#define SFTP_SCHEME "sftp://"

/* ":port", or nothing.  0 or -1. */
static int take_port(const char *text, size_t length, struct location *location,
		     char **cause)
{
	unsigned long port = 0;

	if (length == 0)
		return 0;
	for (size_t i = 1; i < length && port <= 65535; i++) {
		if (text[i] < '0' || text[i] > '9')
			port = 65536;
		else
			port = port * 10 + (unsigned long)(text[i] - '0');
	}
	if (text[0] != ':' || port < 1 || port > 65535)
		return say(cause, "there is no port like that; write "
				  "sftp://host:22/path");
	location->port = (unsigned)port;
	return 0;
}

/* "[user@]host[:port]/path" in its parts; the port is kept at once. */
static int take_url_apart(const char *text, struct parts *parts,
			  struct location *location, char **cause)
{
	size_t length = strcspn(text, "/"), rest;
	const char *at = memrchr(text, '@', length), *close;

	memset(parts, 0, sizeof(*parts));
	if (at != NULL) {
		parts->user = text;
		parts->user_length = (size_t)(at - text);
	}
	parts->host = at != NULL ? at + 1 : text;
	parts->path = text + length;
	rest = (size_t)(parts->path - parts->host);
	close = memchr(parts->host, ']', rest);
	if (*parts->host == '[' && close != NULL) {
		parts->host++;
		parts->host_length = (size_t)(close - parts->host);
		close++;
	} else {
		parts->host_length = strcspn(parts->host, ":/");
		close = parts->host + parts->host_length;
	}
	if (*parts->path == '\0')
		return say(cause, "there is no path; write sftp://host/~/ for "
				  "the home folder there");
	return take_port(close, (size_t)(parts->path - close), location, cause);
}

/* "/~/a" is "a", relative to where the server begins. */
static char *url_path(const char *path)
{
	if (strncmp(path, "/~", 2) != 0 || (path[2] != '/' && path[2] != '\0'))
		return strdup(path);
	path += 2;
	path += strspn(path, "/");
	return strdup(*path != '\0' ? path : "./");
}

/* The path as in the URL.  malloc'd, or NULL. */
static char *resolve_url(const struct location *location)
{
	const char *bracket = strchr(location->host, ':') != NULL ? "[" : "";
	char port[16] = "", *text;

	if (location->port != 0)
		snprintf(port, sizeof(port), ":%u", location->port);
	if (asprintf(&text, SFTP_SCHEME "%s%s%s%s%s%s%s%s",
		     location->user != NULL ? location->user : "",
		     location->user != NULL ? "@" : "", bracket, location->host,
		     *bracket != '\0' ? "]" : "", port,
		     location->path[0] == '/' ? "" : "/~/", location->path) < 0)
		return NULL;
	return text;
}

/* ------------------------------------------------------------------------- */

int location_parse(const char *text, struct location *location, char **cause)
{
	struct parts parts;

	memset(location, 0, sizeof(*location));
	*cause = NULL;
	if (*text == '\0')
		return say(cause, "an empty path; write . for this folder");
	if (refuse_foreign(text, cause) != 0)
		return -1;
	location->sftp = strncmp(text, SFTP_SCHEME, strlen(SFTP_SCHEME)) == 0;
	if (location->sftp) {
		if (take_url_apart(text + strlen(SFTP_SCHEME), &parts, location,
				   cause) != 0)
			return -1;
	} else if (!take_apart(text, &parts)) {
		location->path = strdup(text);
		return location->path != NULL ? 0 : -1;
	}
	if (check_user(&parts, cause) != 0 ||
	    check_host(parts.host, parts.host_length, cause) != 0)
		return -1;
	location->path = location->sftp ? url_path(parts.path)
					: remote_path(parts.path, cause);
	location->host = strndup(parts.host, parts.host_length);
	if (parts.user != NULL)
		location->user = strndup(parts.user, parts.user_length);
	if (location->path == NULL || location->host == NULL ||
	    (parts.user != NULL && location->user == NULL)) {
		location_clear(location);
		return -1;
	}
	return 0;
}

void location_clear(struct location *location)
{
	free(location->user);
	free(location->host);
	free(location->path);
	memset(location, 0, sizeof(*location));
}

static int same_text(const char *one, const char *other)
{
	if (one == NULL || other == NULL)
		return one == other;
	return strcmp(one, other) == 0;
}

int location_same_end(const struct location *one, const struct location *other)
{
	return same_text(one->host, other->host) &&
	       same_text(one->user, other->user) && one->sftp == other->sftp &&
	       one->port == other->port;
}

/* In place: one slash for many, no "." parts.  ".." stays: what it means is
 * for the kernel to say. */
static void tidy_path(char *path)
{
	const char *from = path;
	char *to = path;

	while (*from != '\0') {
		size_t length;

		while (*from == '/')
			from++;
		length = strcspn(from, "/");
		if (to == path || to[-1] != '/')
			*to++ = '/';
		if (length == 1 && *from == '.') {
			from++;
			continue;
		}
		memmove(to, from, length);
		to += length;
		from += length;
		if (*from == '/')
			*to++ = '/';
	}
	*to = '\0';
}

char *location_resolve(const struct location *location, const char *cwd)
{
	char *text = NULL;

	if (location->sftp)
		return resolve_url(location);
	if (location->host != NULL) {
		if (asprintf(&text, "%s%s%s:%s",
			     location->user != NULL ? location->user : "",
			     location->user != NULL ? "@" : "", location->host,
			     location->path) < 0)
			return NULL;
		return text;
	}
	if (asprintf(&text, "%s/%s", location->path[0] == '/' ? "" : cwd,
		     location->path) < 0)
		return NULL;
	tidy_path(text);
	return text;
}
