/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Renames on an SFTP server, many of them at once.  Without
 * posix-rename@openssh.com a rename replaces nothing, so what is in the way is
 * looked at first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/io_sftp_internal.h"

/* One that was asked for. */
struct renaming {
	struct sftp_call call;
	struct sftp_client *client;
	char *from, *to;
};

/* What a plain rename, which replaces nothing, would be refused for. */
static int clear_place(struct io_sftp *store, const char *to)
{
	struct stat status;

	if (io_sftp_look(store, SFTP_LSTAT, to, &status) == -1)
		return errno == ENOENT ? 0 : -1;
	if (S_ISLNK(status.st_mode) || strstr(to, "/.ferry/") != NULL)
		return io_sftp_ask_path(store, SFTP_REMOVE, to);
	errno = S_ISDIR(status.st_mode) ? EISDIR : ENOTUNIQ;
	return -1;
}

/* What a failure was: another file system there has no code of its own. */
static void explain_rename(struct io_sftp *store, const char *from,
			   const char *to)
{
	struct stat status;

	if (errno != EIO)
		return;
	if (io_sftp_look(store, SFTP_LSTAT, from, &status) == -1)
		return;
	errno = io_sftp_look(store, SFTP_LSTAT, to, &status) == 0 &&
			S_ISDIR(status.st_mode)
		    ? EISDIR
		    : EXDEV;
}

/* Ask for it.  0; -1 with errno: there is nothing to wait for. */
static int begin(struct io_sftp *store, struct renaming *rename,
		 const struct io_rename *wanted)
{
	const int posix = (store->extensions & SFTP_POSIX_RENAME) != 0;
	struct sftp_writer body;

	memset(rename, 0, sizeof(*rename));
	rename->from = io_sftp_path_at(store, wanted->from_dir, wanted->from);
	rename->to = io_sftp_path_at(store, wanted->to_dir, wanted->to);
	if (rename->from == NULL || rename->to == NULL ||
	    (!posix && clear_place(store, rename->to) == -1))
		return -1;
	sftp_begin(&body);
	if (posix)
		sftp_put_text(&body, "posix-rename@openssh.com");
	sftp_put_text(&body, rename->from);
	sftp_put_text(&body, rename->to);
	rename->call.expect = SFTP_STATUS;
	rename->client = io_sftp_client(store);
	sftp_send(rename->client, &rename->call,
		  posix ? SFTP_EXTENDED : SFTP_RENAME, &body, NULL, 0);
	return 0;
}

/* 0, or the errno. */
static int end(struct io_sftp *store, struct renaming *rename)
{
	if (sftp_wait(rename->client, &rename->call) == -1) {
		explain_rename(store, rename->from, rename->to);
		return errno;
	}
	io_sftp_cache_changed(store, rename->from);
	io_sftp_note_folder(store, rename->to);
	return 0;
}

static void release(struct renaming *rename)
{
	free(rename->from);
	free(rename->to);
}

static void rename_all(void *context, struct io_rename *wanted, size_t count)
{
	struct io_sftp *store = context;
	struct renaming *renames = calloc(count, sizeof(*renames));

	for (size_t i = 0; i < count; i++) {
		wanted[i].error = ENOMEM;
		if (renames != NULL)
			wanted[i].error =
			    begin(store, &renames[i], &wanted[i]) == 0 ? 0
								       : errno;
	}
	for (size_t i = 0; i < count && renames != NULL; i++) {
		if (wanted[i].error == 0)
			wanted[i].error = end(store, &renames[i]);
		release(&renames[i]);
	}
	free(renames);
}

static int rename_at(void *context, int from_dir, const char *from, int to_dir,
		     const char *to)
{
	struct io_rename one = {from_dir, to_dir, from, to, 0};

	if (from_dir < IO_SFTP_FIRST)
		return io_system()->rename_at(NULL, from_dir, from, to_dir, to);
	rename_all(context, &one, 1);
	errno = one.error;
	return one.error == 0 ? 0 : -1;
}

void io_sftp_fill_rename(struct io *io)
{
	io->rename_at = rename_at;
	io->rename_all = rename_all;
}
