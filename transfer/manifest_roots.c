/* SPDX-License-Identifier: BSD-2-Clause */
/* Which trees does a manifest describe, and how are their entries called? */
#include "transfer/manifest_roots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/entry.h"
#include "transfer/fault.h"

static int fail(char **text, const char *path, const char *what, int error)
{
	*text = fault_text(path, what, error);
	errno = error;
	return -1;
}

/* Add path as a root.  1; 0: it is not there; -1 with errno. */
static int add(struct manifest_roots *roots,
	       const struct manifest_walk_config *config, const char *path)
{
	struct manifest_root *root = &roots->roots[roots->count];
	struct stat status;
	int error;

	root->rank = roots->count;
	if (root_set(&root->root, path) == 0 &&
	    root_stat(&root->root, config->io, config->start_dir, &status) ==
		0) {
		roots->count++;
		return 1;
	}
	error = errno;
	root_release(&root->root);
	memset(root, 0, sizeof(*root));
	errno = error;
	return error == ENOENT || error == ENOTDIR ? 0 : -1;
}

static int add_sources(struct manifest_roots *roots,
		       const struct manifest_walk_config *config, char **text)
{
	for (size_t i = 0; i < config->path_count; i++) {
		if (add(roots, config, config->paths[i]) != 1)
			return fail(text, config->paths[i], NULL, errno);
	}
	return 0;
}

/* ---- the target of a copy ---- */

static int is_contents(const char *name)
{
	return strcmp(name, ".") == 0;
}

/* Names come from a peer that is not trusted. */
static int is_name(const char *name)
{
	return is_contents(name) || (strchr(name, '/') == NULL &&
				     entry_path_valid(name, strlen(name), 0));
}

/* 1 if path leads to a folder; 0 if there is none; -1 with errno. */
static int is_folder(const struct manifest_walk_config *config,
		     const char *path)
{
	struct io *io = config->io;
	int folder = io->open(io->context, config->start_dir, path,
			      O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

	if (folder == -1)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	io_close(io, folder);
	return 1;
}

/* "target/name", and "target/" for ".".  malloc'd; NULL: no memory. */
static char *path_of(const char *target, const char *name)
{
	size_t length = strlen(target);
	char *path;

	if (asprintf(&path, "%s%s%s", target,
		     length > 0 && target[length - 1] == '/' ? "" : "/",
		     is_contents(name) ? "" : name) == -1)
		return NULL;
	return path;
}

/* DST is a folder: what has the names in it. */
static int add_in_folder(struct manifest_roots *roots,
			 const struct manifest_walk_config *config,
			 const char *target)
{
	const char *all = NULL;

	for (size_t i = 1; i < config->path_count; i++) {
		if (is_contents(config->paths[i]))
			all = config->paths[i];
	}
	for (size_t i = 1; i < config->path_count; i++) {
		char *path =
		    path_of(target, all != NULL ? all : config->paths[i]);
		int added = path != NULL ? add(roots, config, path) : -1;

		free(path);
		if (added == -1)
			return -1;
		if (all != NULL)
			break;
	}
	return 0;
}

/* DST is the file itself, which is called like its source. */
static int add_file(struct manifest_roots *roots,
		    const struct manifest_walk_config *config,
		    const char *target)
{
	const char *name = config->paths[1];

	if (add(roots, config, target) != 1)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	roots->roots[0].as = strdup(is_contents(name) ? "" : name);
	return roots->roots[0].as != NULL ? 0 : -1;
}

static int add_target(struct manifest_roots *roots,
		      const struct manifest_walk_config *config, char **text)
{
	const char *target = config->paths[0];
	size_t length = strlen(target);
	int folder, result = 0;

	for (size_t i = 1; i < config->path_count; i++) {
		if (!is_name(config->paths[i]))
			return fail(text, config->paths[i],
				    "cannot be a name in the target", EINVAL);
	}
	if (length == 0)
		target = ".";
	folder = is_folder(config, target);
	if (folder == 1)
		result = add_in_folder(roots, config, target);
	else if (folder == -1)
		result = -1;
	else if (config->path_count == 2 && target[length - 1] != '/')
		result = add_file(roots, config, target);
	return result == 0 ? 0 : fail(text, target, NULL, errno);
}

/* ---- */

static int compare(const void *left, const void *right)
{
	const struct manifest_root *a = left, *b = right;
	int order = strcmp(a->root.name, b->root.name);

	return order != 0 ? order : (a->rank > b->rank) - (a->rank < b->rank);
}

/* The path that the root with this rank was made of. */
static const char *path_of_rank(const struct manifest_walk_config *config,
				size_t rank)
{
	return config->paths[config->target ? 0 : rank];
}

int manifest_roots_set(struct manifest_roots *roots,
		       const struct manifest_walk_config *config, char **text)
{
	int result;

	memset(roots, 0, sizeof(*roots));
	*text = NULL;
	roots->roots = calloc(config->path_count + 1, sizeof(*roots->roots));
	if (roots->roots == NULL)
		return -1;
	result = config->target ? add_target(roots, config, text)
				: add_sources(roots, config, text);
	if (result == -1)
		return -1;
	qsort(roots->roots, roots->count, sizeof(*roots->roots), compare);
	for (size_t i = 0; i < roots->count; i++) {
		const struct manifest_root *root = &roots->roots[i];

		if (root->root.name[0] == '\0')
			roots->contents = i + 1;
		else if (i > 0 && strcmp(root->root.name,
					 roots->roots[i - 1].root.name) == 0)
			return fail(text, path_of_rank(config, root->rank),
				    "another source has the same name", EEXIST);
	}
	return 0;
}

void manifest_roots_release(struct manifest_roots *roots)
{
	for (size_t i = 0; i < roots->count; i++) {
		root_release(&roots->roots[i].root);
		free(roots->roots[i].as);
	}
	free(roots->roots);
	memset(roots, 0, sizeof(*roots));
}
