/* SPDX-License-Identifier: BSD-2-Clause */
/* What did the user name, and who does which task of the reading end? */
#include "transfer/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/fault.h"
#include "transfer/source_internal.h"

/* The last name of a path, without slashes at its end, and its length. */
static const char *last_name(const char *path, size_t *length)
{
	size_t end = strlen(path), begin;

	while (end > 0 && path[end - 1] == '/')
		end--;
	begin = end;
	while (begin > 0 && path[begin - 1] != '/')
		begin--;
	*length = end - begin;
	return path + begin;
}

static int name_is(const char *name, size_t length, const char *other)
{
	return strlen(other) == length && memcmp(name, other, length) == 0;
}

/* rsync's rule: "folder/", and so "." and "..", stand for what is inside. */
static int means_contents(const char *path)
{
	size_t length;
	const char *name = last_name(path, &length);

	return name[length] == '/' || length == 0 ||
	       name_is(name, length, ".") || name_is(name, length, "..");
}

/* path with a '/' at its end. */
static char *with_slash(const char *path)
{
	size_t length = strlen(path);
	char *copy = malloc(length + 2);

	if (copy == NULL)
		return NULL;
	memcpy(copy, path, length + 1);
	if (length == 0 || path[length - 1] != '/')
		memcpy(copy + length, "/", 2);
	return copy;
}

/* Take the path apart.  0, or -1: no memory. */
static int root_set(struct source_root *root, const char *path)
{
	size_t length;
	const char *name = last_name(path, &length);

	if (means_contents(path)) {
		root->anchor = strdup(path);
		root->name = strdup("");
		root->prefix = with_slash(path);
	} else {
		root->prefix = strndup(path, (size_t)(name - path));
		root->anchor =
		    name == path ? strdup(".") : strdup(root->prefix);
		root->name = strndup(name, length);
	}
	return root->anchor == NULL || root->name == NULL ||
		       root->prefix == NULL
		   ? -1
		   : 0;
}

static void root_release(struct source_root *root)
{
	free(root->anchor);
	free(root->name);
	free(root->prefix);
}

int source_open_anchor(const struct source *source, size_t root)
{
	struct io *io = source->io;

	return io->open(io->context, source->start_dir,
			source->roots[root].anchor,
			O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

/* What a root is.  0 and *status, or -1 with errno. */
static int root_stat(const struct source *source, size_t root,
		     struct stat *status)
{
	struct io *io = source->io;
	int anchor = source_open_anchor(source, root), result;

	if (anchor == -1)
		return -1;
	if (source->roots[root].name[0] == '\0')
		result = io->stat(io->context, anchor, status);
	else
		result = io->stat_at(io->context, anchor,
				     source->roots[root].name, status);
	io_close(io, anchor);
	return result;
}

/* The name of a folder whose contents are copied, for telling one job from
 * another; else what will be in the target. */
static const char *job_name(const char *path, size_t *length)
{
	const char *name = last_name(path, length);

	return *length == 0 ? "/" : name;
}

/* The digest of all names, each with '/' for contents and a NUL. */
static int digest_names(const struct source_config *config,
			struct digest *digest)
{
	size_t size = 0, used = 0;
	char *bytes;

	for (size_t i = 0; i < config->path_count; i++)
		size += strlen(config->paths[i]) + 3;
	bytes = calloc(1, size + 1);
	if (bytes == NULL)
		return -1;
	for (size_t i = 0; i < config->path_count; i++) {
		size_t length;
		const char *name = job_name(config->paths[i], &length);

		memcpy(bytes + used, name, length);
		used += length;
		if (means_contents(config->paths[i]))
			bytes[used++] = '/';
		bytes[used++] = '\0';
	}
	*digest = digest_of(bytes, used);
	free(bytes);
	return 0;
}

/* Two sources that would be one file in the target would replace each other
 * at every run.  The first that repeats a name, or root_count. */
static int compare_roots(const void *left, const void *right)
{
	const struct source_root *const *a = left;
	const struct source_root *const *b = right;

	return strcmp((*a)->name, (*b)->name);
}

static size_t find_repeated(const struct source *source)
{
	const struct source_root **sorted =
	    calloc(source->root_count + 1, sizeof(struct source_root *));
	size_t found = source->root_count;

	if (sorted == NULL)
		return found;
	for (size_t i = 0; i < source->root_count; i++)
		sorted[i] = &source->roots[i];
	qsort(sorted, source->root_count, sizeof(struct source_root *),
	      compare_roots);
	for (size_t i = 1; i < source->root_count; i++) {
		if (sorted[i]->name[0] != '\0' &&
		    strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			found = (size_t)(sorted[i] - source->roots);
	}
	free(sorted);
	return found;
}

/* Look at every path.  0; -1 with errno and *text. */
static int look_at_roots(struct source *source,
			 const struct source_config *config,
			 struct message_offer *offer, char **text)
{
	struct stat status;
	size_t repeated;

	for (size_t i = 0; i < config->path_count; i++) {
		if (root_set(&source->roots[i], config->paths[i]) == -1)
			return -1;
		source->root_count = i + 1;
		if (strcmp(source->roots[i].name, ".ferry") == 0)
			errno = EINVAL; /* ferry's own */
		else if (root_stat(source, i, &status) == 0)
			goto next;
		*text = fault_text(config->paths[i], NULL, errno);
		return -1;
	next:
		if (source->roots[i].name[0] == '\0')
			offer->flags |= OFFER_CONTENTS;
		else if (config->path_count == 1 && !S_ISDIR(status.st_mode))
			offer->flags |= OFFER_SINGLE;
	}
	repeated = find_repeated(source);
	if (repeated == source->root_count)
		return 0;
	errno = EEXIST;
	*text = fault_text(config->paths[repeated],
			   "another source has the same name", errno);
	return -1;
}

struct source *source_open(const struct source_config *config,
			   struct message_offer *offer, char **text)
{
	struct source *source = calloc(1, sizeof(*source));
	int error;

	*text = NULL;
	memset(offer, 0, sizeof(*offer));
	if (source == NULL)
		return NULL;
	source->io = config->io;
	source->start_dir = config->start_dir;
	source->state_dir = config->state_dir;
	source->walk_anchor = source->read_anchor = source->journal_dir = -1;
	for (size_t i = 0; i < SOURCE_FILES_OPEN; i++)
		source->files[i].descriptor = -1;
	source->roots = calloc(config->path_count + 1, sizeof(*source->roots));
	source->folders = folder_cache_create(config->io, -1);
	if (source->roots == NULL || source->folders == NULL ||
	    look_at_roots(source, config, offer, text) == -1 ||
	    digest_names(config, &offer->names) == -1)
		goto close_source;
	if (offer->flags & OFFER_SINGLE) {
		offer->name = source->roots[0].name;
		offer->name_length = strlen(offer->name);
	}
	return source;

close_source:
	error = errno;
	source_close(source);
	errno = error;
	return NULL;
}

void source_run(struct source *source, struct task *task)
{
	switch (task->type) {
	case TASK_WALK:
		source_walk(source, task);
		break;
	case TASK_READ:
		source_read(source, task);
		break;
	case TASK_COUNT:
		source_count(source, task);
		break;
	case TASK_RECORD:
		source_record(source, task);
		break;
	default:
		fault_task(task, NULL, "the reading end was asked to write",
			   EINVAL);
	}
}

void source_close(struct source *source)
{
	if (source == NULL)
		return;
	walk_free(source->walk);
	io_close(source->io, source->walk_anchor);
	source_read_close(source);
	folder_cache_free(source->folders);
	io_close(source->io, source->read_anchor);
	free(source->buffer);
	journal_close(source->journal);
	if (source->ledger != NULL)
		ledger_close(source->ledger);
	io_close(source->io, source->journal_dir);
	for (size_t i = 0; i < source->root_count; i++)
		root_release(&source->roots[i]);
	free(source->roots);
	free(source);
}
