/* SPDX-License-Identifier: BSD-2-Clause */
/* Which lines do xxh128sum and sha256sum print for these files? */
#include "cli/checksums.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "cli/exit_code.h"
#include "cli/notice.h"
#include "cli/signals.h"
#include "transfer/fault.h"
#include "transfer/folder_cache.h"
#include "transfer/reread.h"
#include "transfer/root.h"
#include "transfer/walk.h"

struct checksums {
	enum checksums_format format;
	struct io *io;
	struct reread *reread;
	XXH3_state_t *xxh; /* of the file being read, as is sha */
	EVP_MD_CTX *sha;
	uint64_t errors;
	int code; /* why it has to end, or EXIT_DONE */
};

static int begin_file(void *cookie, const struct stat *status)
{
	struct checksums *checksums = cookie;

	(void)status;
	if (checksums->format == CHECKSUMS_SHA256)
		return EVP_DigestInit_ex(checksums->sha, EVP_sha256(), NULL) !=
		       1;
	return XXH3_128bits_reset(checksums->xxh) != XXH_OK;
}

static int take_leaf(void *cookie, const uint8_t *bytes, size_t length)
{
	struct checksums *checksums = cookie;

	if (signals_stop() != 0) {
		checksums->code = EXIT_INTERRUPTED;
		return -1;
	}
	if (checksums->format == CHECKSUMS_SHA256)
		return EVP_DigestUpdate(checksums->sha, bytes, length) != 1;
	return XXH3_128bits_update(checksums->xxh, bytes, length) != XXH_OK;
}

static void print_digest(struct checksums *checksums)
{
	uint8_t bytes[EVP_MAX_MD_SIZE];
	XXH128_canonical_t canonical;
	unsigned length = 0;

	if (checksums->format == CHECKSUMS_SHA256) {
		if (EVP_DigestFinal_ex(checksums->sha, bytes, &length) != 1)
			checksums->code = EXIT_FILE_IO;
	} else {
		XXH128_canonicalFromHash(&canonical,
					 XXH3_128bits_digest(checksums->xxh));
		length = sizeof(canonical.digest);
		memcpy(bytes, canonical.digest, length);
	}
	for (unsigned i = 0; i < length; i++)
		printf("%02x", bytes[i]);
}

/*
 * coreutils puts a backslash before the digest and escapes these.  xxhsum
 * does so since 0.8.2, and before takes every name but one with a newline as
 * it is: so only that is escaped there, which all versions read alike as far
 * as they can.
 */
static int needs_escape(enum checksums_format format, const char *path)
{
	return strpbrk(path, format == CHECKSUMS_SHA256 ? "\\\n\r" : "\n") !=
	       NULL;
}

static void print_path(const char *path, int escaped)
{
	for (; *path != '\0'; path++) {
		if (escaped && *path == '\n')
			fputs("\\n", stdout);
		else if (escaped && *path == '\r')
			fputs("\\r", stdout);
		else if (escaped && *path == '\\')
			fputs("\\\\", stdout);
		else
			putchar(*path);
	}
}

/* It cannot be read; text is taken. */
static void tell_problem(struct checksums *checksums, const char *path,
			 char *text)
{
	checksums->errors++;
	notice_failure(path, text != NULL ? text : "out of memory", NULL);
	free(text);
}

static void print_line(struct checksums *checksums, const char *path)
{
	int escaped = needs_escape(checksums->format, path);

	if (escaped)
		putchar('\\');
	print_digest(checksums);
	fputs("  ", stdout);
	print_path(path, escaped);
	putchar('\n');
	if (ferror(stdout))
		checksums->code = EXIT_FILE_IO;
}

static void put_file(struct checksums *checksums, struct folder_cache *folders,
		     const char *path, const char *shown)
{
	const struct reread_sink sink = {begin_file, take_leaf, checksums};
	enum reread_result result = REREAD_FAILED;
	struct stat status;
	const char *name;
	char *text = NULL;
	int folder = folder_cache_parent(folders, path, &name);

	if (folder != -1)
		result = reread_file(checksums->reread, folder, name, &sink,
				     &status, &text);
	else
		text = fault_text(NULL, "cannot open", errno);
	switch (result) {
	case REREAD_DONE:
		print_line(checksums, shown);
		break;
	case REREAD_FAILED:
		tell_problem(checksums, shown, text);
		break;
	case REREAD_STOPPED:
		if (checksums->code == EXIT_DONE)
			checksums->code = EXIT_FILE_IO;
		break;
	case REREAD_GONE:
		break;
	}
}

static void put_step(struct checksums *checksums, struct folder_cache *folders,
		     const struct root *root, const struct walk_step *step)
{
	char *shown;

	if (asprintf(&shown, "%s%s", root->prefix, step->path) == -1) {
		checksums->code = EXIT_FILE_IO;
		return;
	}
	if (step->kind == WALK_FILE)
		put_file(checksums, folders, step->path, shown);
	else if (step->kind == WALK_PROBLEM && step->error != ENOENT)
		tell_problem(checksums, shown,
			     fault_text(NULL, step->what, step->error));
	free(shown);
}

static void put_tree(struct checksums *checksums, const struct root *root,
		     int anchor)
{
	struct folder_cache *folders =
	    folder_cache_create(checksums->io, anchor);
	struct walk *walk = walk_create(checksums->io, anchor, root->name);
	struct walk_step step;
	int result = -1;

	while (folders != NULL && walk != NULL &&
	       checksums->code == EXIT_DONE &&
	       (result = walk_next(walk, &step)) == 1)
		put_step(checksums, folders, root, &step);
	if (result == -1)
		checksums->code = EXIT_FILE_IO;
	folder_cache_free(folders);
	walk_free(walk);
}

static void put_path(struct checksums *checksums, const char *path)
{
	struct root root;
	struct stat status;
	int anchor = -1;

	memset(&root, 0, sizeof(root));
	if (root_set(&root, path) == 0 &&
	    root_stat(&root, checksums->io, AT_FDCWD, &status) == 0)
		anchor = root_open_anchor(&root, checksums->io, AT_FDCWD);
	if (anchor == -1)
		tell_problem(checksums, path, strdup(strerror(errno)));
	else
		put_tree(checksums, &root, anchor);
	io_close(checksums->io, anchor);
	root_release(&root);
}

int checksums_print(enum checksums_format format, char **paths, size_t count)
{
	struct checksums checksums = {.format = format, .io = io_system()};

	checksums.reread = reread_create(checksums.io);
	checksums.xxh = XXH3_createState();
	checksums.sha = EVP_MD_CTX_new();
	if (checksums.reread == NULL || checksums.xxh == NULL ||
	    checksums.sha == NULL)
		checksums.code = EXIT_FILE_IO;
	for (size_t i = 0; i < count && checksums.code == EXIT_DONE; i++)
		put_path(&checksums, paths[i]);
	reread_free(checksums.reread);
	XXH3_freeState(checksums.xxh);
	EVP_MD_CTX_free(checksums.sha);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		notice_failure("standard output", "cannot be written", NULL);
		return EXIT_FILE_IO;
	}
	if (checksums.code == EXIT_FILE_IO)
		notice_error("out of memory");
	if (checksums.code != EXIT_DONE)
		return checksums.code;
	return checksums.errors > 0 ? EXIT_PARTIAL : EXIT_DONE;
}
