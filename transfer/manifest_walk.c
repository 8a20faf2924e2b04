/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is in these trees, as a manifest?
 *
 * Named roots ("photos") hold disjoint subtrees and are walked one after the
 * other in the order of their names.  Roots whose contents are meant
 * ("photos/") may have entries in common with each other and with those: each
 * is a walk of its own, and the walks are merged.
 */
#include "transfer/manifest_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/manifest.h"
#include "transfer/fault.h"
#include "transfer/folder_cache.h"
#include "transfer/manifest_roots.h"
#include "transfer/reread.h"
#include "transfer/walk.h"

/* Some roots, walked one after the other. */
struct stream {
	const struct manifest_root *root, *end; /* being walked; no more */
	int anchor;                             /* of root */
	struct walk *walk;                      /* NULL: between two */
	struct folder_cache *folders;
	struct walk_step step; /* the next entry, if there is one */
	int has_step;
};

struct manifest_walk {
	const struct manifest_walk_config *config;
	struct manifest_walk_result *result;
	struct manifest_roots roots;
	struct stream *streams;
	size_t stream_count;
	struct manifest_writer *writer;
	struct reread *reread;
	char *last;  /* path of the last entry; NULL: none yet */
	int stopped; /* what line or stop returned */

	/* The file that is being read. */
	uint64_t size;
	uint64_t leaf_index;
	struct leaf_table *leaves;
};

static int ask_stop(struct manifest_walk *walk)
{
	const struct manifest_walk_config *config = walk->config;

	if (walk->stopped == 0 && config->stop != NULL)
		walk->stopped = config->stop(config->cookie);
	return walk->stopped;
}

static int put_line(void *cookie, const char *line, size_t length)
{
	struct manifest_walk *walk = cookie;

	walk->stopped = walk->config->line(walk->config->cookie, line, length);
	return walk->stopped;
}

/* It cannot go on.  Always -1. */
static int fail(struct manifest_walk *walk, const char *path, const char *what,
		int error)
{
	if (walk->result->text == NULL)
		walk->result->text = fault_text(path, what, error);
	errno = error;
	return -1;
}

/* ---- streams ---- */

/* The path as the manifest has it. */
static const char *entry_path(const struct stream *stream, size_t *length)
{
	const char *as = stream->root->as;

	*length = as != NULL ? strlen(as) : stream->step.path_length;
	return as != NULL ? as : stream->step.path;
}

/* Have what was written lately on the disk at once, which is faster than file
 * by file.  A hint: each file is synced again when it is read. */
static void sync_root(struct io *io, const struct stream *stream)
{
	const char *name = stream->root->root.name;
	int folder = io_open_beneath(io, stream->anchor, name,
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	if (folder != -1)
		io_sync_all(io, folder);
	io_close(io, folder);
}

/* Begin to walk stream->root.  0, or -1. */
static int begin_root(struct manifest_walk *walk, struct stream *stream)
{
	struct io *io = walk->config->io;
	const struct root *root = &stream->root->root;

	stream->anchor = root_open_anchor(root, io, walk->config->start_dir);
	if (stream->anchor == -1)
		return fail(walk, root->anchor, "cannot open", errno);
	sync_root(io, stream);
	stream->folders = folder_cache_create(io, stream->anchor);
	stream->walk = walk_create(io, stream->anchor, root->name);
	if (stream->folders == NULL || stream->walk == NULL)
		return fail(walk, root->anchor, NULL, ENOMEM);
	return 0;
}

static void end_root(struct manifest_walk *walk, struct stream *stream)
{
	walk_free(stream->walk);
	folder_cache_free(stream->folders);
	io_close(walk->config->io, stream->anchor);
	stream->walk = NULL;
	stream->folders = NULL;
	stream->anchor = -1;
}

/* Is the step an entry of the manifest? */
static int is_entry(const struct walk_step *step)
{
	switch (step->kind) {
	case WALK_FOLDER:
	case WALK_FILE:
	case WALK_LINK:
		return 1;
	case WALK_PROBLEM:
		return step->error != ENOENT; /* else it is there no more */
	case WALK_FOLDER_END:
	case WALK_OTHER:
		break;
	}
	return 0;
}

/* Go on to the stream's next entry.  0 (has_step says if there is one) or
 * -1. */
static int advance(struct manifest_walk *walk, struct stream *stream)
{
	int result;

	stream->has_step = 0;
	while (stream->root < stream->end) {
		if (stream->walk == NULL && begin_root(walk, stream) == -1)
			return -1;
		result = walk_next(stream->walk, &stream->step);
		if (result == -1)
			return fail(walk, stream->root->root.anchor, NULL,
				    ENOMEM);
		if (result == 1 && is_entry(&stream->step)) {
			stream->has_step = 1;
			return 0;
		}
		if (result == 0) {
			end_root(walk, stream);
			stream->root++;
		}
	}
	return 0;
}

static int compare_streams(const struct stream *a, const struct stream *b)
{
	size_t a_length, b_length;
	const char *a_path = entry_path(a, &a_length);
	const char *b_path = entry_path(b, &b_length);

	return manifest_compare_paths(a_path, a_length, b_path, b_length);
}

/* Two entries with the same path: 1 if they are folders that become one, or
 * one thing that was named twice, or cannot be looked at. */
static int can_be_one(const struct walk_step *a, const struct walk_step *b)
{
	if (a->kind == WALK_PROBLEM || b->kind == WALK_PROBLEM ||
	    (a->kind == WALK_FOLDER && b->kind == WALK_FOLDER))
		return 1;
	return a->status.st_dev == b->status.st_dev &&
	       a->status.st_ino == b->status.st_ino;
}

/*
 * Whose entry is next?  NULL: none is left.  Of several with the same path the
 * root of the highest rank has it; the others pass over theirs.
 */
static int choose(struct manifest_walk *walk, struct stream **chosen)
{
	*chosen = NULL;
	for (size_t i = 0; i < walk->stream_count; i++) {
		struct stream *stream = &walk->streams[i], *passed;
		int order;

		if (!stream->has_step)
			continue;
		order = *chosen == NULL ? -1 : compare_streams(stream, *chosen);
		passed = NULL;
		if (order == 0 && !can_be_one(&stream->step, &(*chosen)->step))
			return fail(walk, stream->step.path,
				    "another source has the same name", EEXIST);
		if (order == 0)
			passed = stream->root->rank < (*chosen)->root->rank
				     ? stream
				     : *chosen;
		if (order < 0 || passed == *chosen)
			*chosen = stream;
		if (passed != NULL && advance(walk, passed) == -1)
			return -1;
	}
	return 0;
}

static int begin_streams(struct manifest_walk *walk)
{
	const struct manifest_roots *roots = &walk->roots;

	walk->streams = calloc(roots->contents + 1, sizeof(*walk->streams));
	if (walk->streams == NULL)
		return -1;
	walk->stream_count = roots->contents + 1;
	for (size_t i = 0; i < walk->stream_count; i++) {
		struct stream *stream = &walk->streams[i];

		stream->anchor = -1;
		stream->root = roots->roots + i;
		stream->end = i < roots->contents ? stream->root + 1
						  : roots->roots + roots->count;
	}
	for (size_t i = 0; i < walk->stream_count; i++) {
		if (advance(walk, &walk->streams[i]) == -1)
			return -1;
	}
	return 0;
}

/* ---- entries ---- */

static int begin_file(void *cookie, const struct stat *status)
{
	struct manifest_walk *walk = cookie;

	leaf_table_free(walk->leaves);
	walk->leaves = leaf_table_create();
	walk->size = (uint64_t)status->st_size;
	walk->leaf_index = 0;
	return walk->leaves == NULL;
}

static int take_leaf(void *cookie, const uint8_t *bytes, size_t length)
{
	struct manifest_walk *walk = cookie;
	struct digest digest = digest_of(bytes, length);

	if (leaf_table_set(walk->leaves, walk->leaf_index++, &digest) == -1)
		return -1;
	return ask_stop(walk);
}

/* Tell of an entry that cannot be read; its text is text. */
static void tell_problem(struct manifest_walk *walk,
			 const struct stream *stream, const char *text)
{
	const struct manifest_walk_config *config = walk->config;
	char *shown;

	if (config->problem == NULL)
		return;
	if (asprintf(&shown, "%s%s", stream->root->root.prefix,
		     stream->step.path) == -1)
		return;
	config->problem(config->cookie, shown, text);
	free(shown);
}

static void fill(struct manifest_entry *entry, enum manifest_type type,
		 const struct stat *status)
{
	entry->type = type;
	entry->mtime_seconds = status->st_mtim.tv_sec;
	entry->mtime_nanoseconds = (uint32_t)status->st_mtim.tv_nsec;
	entry->mode = (uint32_t)status->st_mode & 07777;
}

/*
 * Read a file.  1 and *entry; 0: it is there no more; -1.  *text is
 * malloc'd, or NULL.
 */
static int read_file(struct manifest_walk *walk, struct stream *stream,
		     struct manifest_entry *entry, char **text)
{
	const struct reread_sink sink = {begin_file, take_leaf, walk};
	const char *name;
	struct stat status;
	int folder =
	    folder_cache_parent(stream->folders, stream->step.path, &name);
	enum reread_result result = REREAD_FAILED;

	if (folder != -1)
		result = reread_file(walk->reread, folder, name, &sink, &status,
				     text);
	else if (errno == ENOENT)
		result = REREAD_GONE;
	else
		*text = fault_text(NULL, "cannot open", errno);
	switch (result) {
	case REREAD_DONE:
		fill(entry, MANIFEST_FILE, &status);
		entry->size = walk->size;
		leaf_table_digest(walk->leaves, walk->size, &entry->digest);
		return 1;
	case REREAD_FAILED:
		entry->type = MANIFEST_UNREADABLE;
		return *text != NULL ? 1 : fail(walk, name, NULL, ENOMEM);
	case REREAD_STOPPED:
		return walk->stopped != 0 ? -1 : fail(walk, name, NULL, ENOMEM);
	case REREAD_GONE:
		break;
	}
	return 0;
}

/* What the stream's entry is: as read_file. */
static int look(struct manifest_walk *walk, struct stream *stream,
		struct manifest_entry *entry, char **text)
{
	const struct walk_step *step = &stream->step;

	switch (step->kind) {
	case WALK_FILE:
		return read_file(walk, stream, entry, text);
	case WALK_LINK:
		fill(entry, MANIFEST_LINK, &step->status);
		entry->text = step->link;
		entry->text_length = step->link_length;
		return 1;
	case WALK_FOLDER:
		fill(entry, MANIFEST_FOLDER, &step->status);
		return 1;
	default:
		break;
	}
	entry->type = MANIFEST_UNREADABLE;
	*text = fault_text(NULL, step->what, step->error);
	return *text != NULL ? 1 : fail(walk, step->path, NULL, ENOMEM);
}

/* What is wrong with a folder after it had its entry has no place in the
 * order; nor has a path that is too long.  The manifest would be a lie. */
static int check_path(struct manifest_walk *walk, const char *path,
		      size_t length, const struct walk_step *step)
{
	int in_order = walk->last == NULL ||
		       manifest_compare_paths(walk->last, strlen(walk->last),
					      path, length) < 0;

	if (length > MANIFEST_PATH_MAX)
		return fail(walk, NULL, "a path is too long", ENAMETOOLONG);
	if (!in_order)
		return fail(walk, path, step->what,
			    step->error != 0 ? step->error : ESTALE);
	free(walk->last);
	walk->last = strdup(path);
	return walk->last != NULL ? 0 : fail(walk, path, NULL, ENOMEM);
}

static int write_entry(struct manifest_walk *walk, struct stream *stream)
{
	struct manifest_entry entry;
	char *text = NULL;
	int result;

	memset(&entry, 0, sizeof(entry));
	entry.path = entry_path(stream, &entry.path_length);
	if (check_path(walk, entry.path, entry.path_length, &stream->step) ==
	    -1)
		return -1;
	result = look(walk, stream, &entry, &text);
	if (result == 1) {
		if (entry.type == MANIFEST_UNREADABLE) {
			tell_problem(walk, stream, text);
			entry.text = text;
			entry.text_length = strlen(text);
		}
		result =
		    manifest_write_entry(walk->writer, &entry, walk->leaves);
		if (result != 0 && walk->stopped == 0)
			result = fail(walk, entry.path, NULL, errno);
	}
	free(text);
	return result;
}

static int write_all(struct manifest_walk *walk)
{
	struct stream *stream;

	if (manifest_write_header(walk->writer) != 0 ||
	    begin_streams(walk) == -1)
		return -1;
	for (;;) {
		if (choose(walk, &stream) == -1)
			return -1;
		if (stream == NULL)
			return manifest_write_trailer(walk->writer);
		if (ask_stop(walk) != 0 || write_entry(walk, stream) != 0 ||
		    advance(walk, stream) == -1)
			return -1;
	}
}

static void release(struct manifest_walk *walk)
{
	for (size_t i = 0; i < walk->stream_count; i++)
		end_root(walk, &walk->streams[i]);
	free(walk->streams);
	manifest_roots_release(&walk->roots);
	manifest_writer_free(walk->writer);
	reread_free(walk->reread);
	leaf_table_free(walk->leaves);
	free(walk->last);
}

int manifest_walk(const struct manifest_walk_config *config,
		  struct manifest_walk_result *result)
{
	struct manifest_walk walk;
	int done = -1, error;

	memset(&walk, 0, sizeof(walk));
	memset(result, 0, sizeof(*result));
	walk.config = config;
	walk.result = result;
	walk.writer = manifest_writer_create(put_line, &walk);
	walk.reread = reread_create(config->io);
	if (walk.writer == NULL || walk.reread == NULL)
		errno = ENOMEM;
	else if (manifest_roots_set(&walk.roots, config, &result->text) == 0)
		done = write_all(&walk);
	error = errno;
	if (walk.writer != NULL) {
		const struct manifest_counts *counts =
		    manifest_writer_counts(walk.writer);

		result->entries = counts->entries;
		result->files = counts->files;
		result->bytes = counts->bytes;
		result->errors = counts->errors;
	}
	release(&walk);
	errno = error;
	if (walk.stopped != 0)
		return walk.stopped;
	return done == 0 ? 0 : -1;
}
