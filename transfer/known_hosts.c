/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What known_hosts files say of a host's key.  libssh2 has a reader too, but
 * one that knows neither patterns nor markers and stops at the first line that
 * it does not understand; only its hash of names is used here.
 */
#include "transfer/known_hosts.h"

#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define DEFAULT_PORT 22
#define HASH_MARK    "|1|"
#define HASH_SIZE    20 /* of SHA-1, and of the salt */

/* A word of a line; not terminated. */
struct word {
	const char *text;
	size_t length;
};

static struct word next_word(const char **line)
{
	struct word word;

	*line += strspn(*line, " \t");
	word.text = *line;
	word.length = strcspn(*line, " \t\r\n");
	*line += word.length;
	return word;
}

static int word_is(const struct word *word, const char *text)
{
	return word->length == strlen(text) &&
	       memcmp(word->text, text, word->length) == 0;
}

/* '*' is any text, '?' any character; letters in either case.  name is in
 * lower case. */
static int matches_pattern(const char *pattern, size_t length, const char *name)
{
	const char *star = NULL, *behind_star = name;
	size_t star_length = 0;

	/* When something does not fit, the last star takes one more. */
	for (;;) {
		if (length > 0 && *pattern == '*') {
			star = ++pattern;
			star_length = --length;
			behind_star = name;
		} else if (length > 0 && *name != '\0' &&
			   (*pattern == '?' ||
			    tolower((unsigned char)*pattern) == *name)) {
			pattern++;
			length--;
			name++;
		} else if (length == 0 && *name == '\0') {
			return 1;
		} else if (star != NULL && *behind_star != '\0') {
			name = ++behind_star;
			pattern = star;
			length = star_length;
		} else {
			return 0;
		}
	}
}

/* A list with commas; a pattern with '!' that matches refuses all. */
static int matches_list(const struct word *names, const char *name)
{
	const char *at = names->text, *end = names->text + names->length;
	int matched = 0;

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma == NULL ? end : comma;
		int refuses = *at == '!';

		at += refuses;
		if (matches_pattern(at, (size_t)(stop - at), name)) {
			if (refuses)
				return 0;
			matched = 1;
		}
		at = stop + 1;
	}
	return matched;
}

/* 20 bytes in base64; at others, libssh2 loses some memory. */
static int is_sha1(const char *hash)
{
	return strlen(hash) == 28 && hash[26] != '=' && hash[27] == '=';
}

/* "|1|salt|hash", where hash is HMAC-SHA1 of the name under the salt. */
static int matches_hash(LIBSSH2_SESSION *session, const struct word *hashed,
			const char *name)
{
	static const char some_key[] = "AAAA";
	const int mask = LIBSSH2_KNOWNHOST_TYPE_SHA1 |
			 LIBSSH2_KNOWNHOST_KEYENC_BASE64 |
			 LIBSSH2_KNOWNHOST_KEY_SSHRSA;
	char *salt = strndup(hashed->text + strlen(HASH_MARK),
			     hashed->length - strlen(HASH_MARK));
	char *hash = salt == NULL ? NULL : strchr(salt, '|');
	LIBSSH2_KNOWNHOSTS *hosts = libssh2_knownhost_init(session);
	int found = 0;

	if (hash != NULL && hosts != NULL) {
		*hash++ = '\0';
		if (is_sha1(hash) &&
		    libssh2_knownhost_addc(hosts, hash, salt, some_key,
					   sizeof(some_key) - 1, NULL, 0, mask,
					   NULL) == 0)
			found = libssh2_knownhost_check(
				    hosts, name, some_key, sizeof(some_key) - 1,
				    LIBSSH2_KNOWNHOST_TYPE_PLAIN |
					LIBSSH2_KNOWNHOST_KEYENC_BASE64,
				    NULL) == LIBSSH2_KNOWNHOST_CHECK_MATCH;
	}
	if (hosts != NULL)
		libssh2_knownhost_free(hosts);
	free(salt);
	return found;
}

static int names_host(LIBSSH2_SESSION *session, const struct word *names,
		      const char *name)
{
	if (name == NULL)
		return 0;
	if (names->length > strlen(HASH_MARK) &&
	    memcmp(names->text, HASH_MARK, strlen(HASH_MARK)) == 0)
		return matches_hash(session, names, name);
	return matches_list(names, name);
}

enum known_host known_hosts_line(LIBSSH2_SESSION *session, const char *line,
				 const struct known_hosts_query *query)
{
	struct word names = next_word(&line), type, key;
	int revoked = 0, authority, same;

	if (names.length == 0 || names.text[0] == '#')
		return KNOWN_HOST_UNKNOWN;
	if (names.text[0] == '@') {
		revoked = word_is(&names, "@revoked");
		authority = word_is(&names, "@cert-authority");
		names = next_word(&line);
		if (authority)
			return query->authorities &&
				       names_host(session, &names, query->name)
				   ? KNOWN_HOST_AUTHORITY
				   : KNOWN_HOST_UNKNOWN;
		if (!revoked)
			return KNOWN_HOST_UNKNOWN;
	}
	type = next_word(&line);
	key = next_word(&line);
	if (key.length == 0)
		return KNOWN_HOST_UNKNOWN;
	same = word_is(&type, query->type) && word_is(&key, query->key);
	if (revoked && !same)
		return KNOWN_HOST_UNKNOWN;
	if (!names_host(session, &names, query->name))
		return same && names_host(session, &names, query->host)
			   ? (revoked ? KNOWN_HOST_REVOKED : KNOWN_HOST_KNOWN)
			   : KNOWN_HOST_UNKNOWN;
	if (revoked)
		return KNOWN_HOST_REVOKED;
	if (same)
		return KNOWN_HOST_KNOWN;
	return word_is(&type, query->type) ? KNOWN_HOST_OTHER_KEY
					   : KNOWN_HOST_OTHER_TYPE;
}

int known_hosts_file(LIBSSH2_SESSION *session, const char *path,
		     const struct known_hosts_query *query,
		     enum known_host *known, size_t *number)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t capacity = 0, count = 0;
	int error;

	*known = KNOWN_HOST_UNKNOWN;
	if (file == NULL)
		return errno == ENOENT ? 0 : -1;
	errno = 0;
	while (getline(&line, &capacity, file) != -1) {
		enum known_host says = known_hosts_line(session, line, query);

		count++;
		if (says > *known) {
			*known = says;
			*number = count;
		}
		errno = 0;
	}
	error = errno;
	if (error == 0 && ferror(file))
		error = EIO;
	free(line);
	fclose(file);
	errno = error;
	return error == 0 ? 0 : -1;
}

char *known_hosts_name(const char *host, unsigned port)
{
	char *name;
	int length = port == DEFAULT_PORT
			 ? asprintf(&name, "%s", host)
			 : asprintf(&name, "[%s]:%u", host, port);

	if (length < 0)
		return NULL;
	for (char *at = name; *at != '\0'; at++)
		*at = (char)tolower((unsigned char)*at);
	return name;
}

/* The folder of a file, as ssh makes ~/.ssh. */
static void make_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder;

	if (slash == NULL || slash == path)
		return;
	folder = strndup(path, (size_t)(slash - path));
	if (folder != NULL)
		mkdir(folder, 0700);
	free(folder);
}

/* 1 if the last line of a file lacks its newline. */
static int ends_open(int file)
{
	struct stat status;
	char last;

	return fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
	       status.st_size > 0 &&
	       pread(file, &last, 1, status.st_size - 1) == 1 && last != '\n';
}

/* "|1|salt|hash"; malloc'd, or NULL. */
static char *hash_name(const char *name)
{
	uint8_t salt[HASH_SIZE], hash[HASH_SIZE];
	char *salt_text, *hash_text, *text = NULL;

	if (getentropy(salt, sizeof(salt)) == -1 ||
	    HMAC(EVP_sha1(), salt, sizeof(salt), (const uint8_t *)name,
		 strlen(name), hash, NULL) == NULL)
		return NULL;
	salt_text = known_hosts_base64(salt, sizeof(salt));
	hash_text = known_hosts_base64(hash, sizeof(hash));
	if (salt_text != NULL && hash_text != NULL &&
	    asprintf(&text, HASH_MARK "%s|%s", salt_text, hash_text) < 0)
		text = NULL;
	free(salt_text);
	free(hash_text);
	return text;
}

/* 0, or an errno. */
static int add_line(int file, const struct known_hosts_query *query, int hashed)
{
	char *name = hashed ? hash_name(query->name) : strdup(query->name);
	int length = -1, error = 0;
	ssize_t written;
	char *line;

	if (name != NULL)
		length =
		    asprintf(&line, "%s%s %s %s\n", ends_open(file) ? "\n" : "",
			     name, query->type, query->key);
	free(name);
	if (length < 0)
		return ENOMEM;
	/* One write, so that two that add at once don't mix. */
	written = write(file, line, (size_t)length);
	if (written != length)
		error = written == -1 ? errno : ENOSPC;
	free(line);
	return error;
}

int known_hosts_add(const char *path, const struct known_hosts_query *query,
		    int hashed)
{
	int file, error;

	file = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (file == -1 && errno == ENOENT) {
		make_folder(path);
		file =
		    open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	}
	if (file == -1)
		return -1;
	error = add_line(file, query, hashed);
	if (close(file) == -1 && error == 0)
		error = errno;
	errno = error;
	return error == 0 ? 0 : -1;
}

char *known_hosts_base64(const void *bytes, size_t size)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789+/";
	const uint8_t *from = bytes;
	char *text = malloc((size + 2) / 3 * 4 + 1), *to = text;

	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		uint32_t group = (uint32_t)from[i] << 16;

		if (left > 1)
			group |= (uint32_t)from[i + 1] << 8;
		if (left > 2)
			group |= from[i + 2];
		*to++ = letters[group >> 18];
		*to++ = letters[group >> 12 & 63];
		*to++ = left > 1 ? letters[group >> 6 & 63] : '=';
		*to++ = left > 2 ? letters[group & 63] : '=';
	}
	*to = '\0';
	return text;
}
