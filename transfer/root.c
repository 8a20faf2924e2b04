/* SPDX-License-Identifier: BSD-2-Clause */
/* What did the user name, and what will it be called? */
#include "transfer/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

const char *root_last_name(const char *path, size_t *length)
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

int root_means_contents(const char *path)
{
	size_t length;
	const char *name = root_last_name(path, &length);

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

int root_set(struct root *root, const char *path)
{
	size_t length;
	const char *name = root_last_name(path, &length);

	if (root_means_contents(path)) {
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

void root_release(struct root *root)
{
	free(root->anchor);
	free(root->name);
	free(root->prefix);
}

int root_open_anchor(const struct root *root, struct io *io, int start_dir)
{
	return io->open(io->context, start_dir, root->anchor,
			O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

int root_stat(const struct root *root, struct io *io, int start_dir,
	      struct stat *status)
{
	int anchor, result;

	if (strcmp(root->name, ".ferry") == 0) {
		errno = EINVAL; /* ferry's own */
		return -1;
	}
	anchor = root_open_anchor(root, io, start_dir);
	if (anchor == -1)
		return -1;
	if (root->name[0] == '\0')
		result = io->stat(io->context, anchor, status);
	else
		result = io->stat_at(io->context, anchor, root->name, status);
	io_close(io, anchor);
	return result;
}

static int compare_roots(const void *left, const void *right)
{
	const struct root *const *a = left;
	const struct root *const *b = right;
	int order = strcmp((*a)->name, (*b)->name);

	/* Of equal ones the later is the one that repeats. */
	return order != 0 ? order : (*a > *b) - (*a < *b);
}

size_t root_find_repeated(const struct root *roots, size_t count)
{
	const struct root **sorted = calloc(count + 1, sizeof(*sorted));
	size_t found = count;

	if (sorted == NULL)
		return found;
	for (size_t i = 0; i < count; i++)
		sorted[i] = &roots[i];
	qsort(sorted, count, sizeof(*sorted), compare_roots);
	for (size_t i = 1; i < count; i++) {
		if (sorted[i]->name[0] != '\0' &&
		    strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			found = (size_t)(sorted[i] - roots);
	}
	free(sorted);
	return found;
}
