/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which folder, and which file, does DST mean?
 *
 * A folder that is there is the target.  Else, if there is one source and it
 * is no folder, and DST does not end in '/', DST names the file, and the
 * folder that it is in is the target.  Else DST is made.  Links on the way to
 * the target are the user's own and are followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/root.h"
#include "transfer/target_internal.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* DST taken apart: the folder that it is in, and its last name. */
struct destination {
	const char *path;
	char *parent;
	char *name;
	int slash; /* it ends in '/' */
};

static void destination_release(struct destination *destination)
{
	free(destination->parent);
	free(destination->name);
}

static int destination_set(struct destination *destination, const char *path)
{
	size_t end = strlen(path), begin;

	destination->path = path;
	destination->slash = end > 0 && path[end - 1] == '/';
	while (end > 0 && path[end - 1] == '/')
		end--;
	begin = end;
	while (begin > 0 && path[begin - 1] != '/')
		begin--;
	destination->name = strndup(path + begin, end - begin);
	destination->parent = begin == 0 ? strdup(".") : strndup(path, begin);
	return destination->name == NULL || destination->parent == NULL ? -1
									: 0;
}

static int open_user_folder(struct target *target,
			    const struct target_config *config,
			    const char *path)
{
	return target->io->open(target->io->context, config->start_dir, path,
				FOLDER_FLAGS, 0);
}

/* Make DST in its parent, and that durable.  The descriptor, or -1. */
static int make_base(struct target *target, const struct target_config *config,
		     const struct destination *destination)
{
	struct io *io = target->io;
	int parent = open_user_folder(target, config, destination->parent);
	int base = -1, error;

	if (parent == -1)
		return -1;
	/* The user's umask applies, as for mkdir. */
	if (io->make_dir_at(io->context, parent, destination->name, 0777) ==
		-1 &&
	    errno != EEXIST)
		goto close_parent;
	if (io_sync(io, parent) == 0)
		base = io_open_beneath(io, parent, destination->name,
				       FOLDER_FLAGS, 0);

close_parent:
	error = errno;
	io_close(io, parent);
	errno = error;
	return base;
}

/* A run that was killed may have made DST and not synced its name.  What the
 * user may not open was not made by ferry. */
static int sync_name(struct target *target, const struct target_config *config,
		     const struct destination *destination)
{
	int parent, result;

	if (destination->name[0] == '\0')
		return 0;
	parent = open_user_folder(target, config, destination->parent);
	if (parent == -1)
		return 0;
	result = io_sync(target->io, parent);
	io_close(target->io, parent);
	return result;
}

/* May this be the name of the file?  It comes from the user, or from a peer
 * that is not trusted. */
static int is_file_name(const char *name)
{
	return strchr(name, '/') == NULL &&
	       entry_path_valid(name, strlen(name), 0);
}

/* Open the target folder.  0, or -1 with errno. */
static int open_base(struct target *target, const struct target_config *config,
		     const struct destination *destination)
{
	int single = (config->offer->flags & OFFER_SINGLE) != 0;

	target->base = open_user_folder(
	    target, config, config->path[0] == '\0' ? "." : config->path);
	if (target->base != -1)
		return sync_name(target, config, destination);
	if (errno != ENOENT && errno != ENOTDIR)
		return -1;
	if (single && !destination->slash) {
		if (!is_file_name(destination->name)) {
			errno = EINVAL;
			return -1;
		}
		target->named = 1;
		target->base =
		    open_user_folder(target, config, destination->parent);
	} else if (errno == ENOENT && destination->name[0] != '\0') {
		target->base = make_base(target, config, destination);
	}
	return target->base == -1 ? -1 : 0;
}

static int compare_names(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/*
 * What may be made in the target: the last names of what was asked for, or
 * anything, if that means the contents of a folder.  0, or -1 with errno.
 */
static int set_asked(struct target *target, const struct target_config *config)
{
	for (size_t i = 0; i < config->asked_count; i++)
		if (root_means_contents(config->asked[i]))
			return 0;
	if (config->asked == NULL)
		return 0;
	target->asked = calloc(config->asked_count + 1, sizeof(char *));
	if (target->asked == NULL)
		return -1;
	for (size_t i = 0; i < config->asked_count; i++) {
		size_t length;
		const char *name = root_last_name(config->asked[i], &length);

		target->asked[i] = strndup(name, length);
		if (target->asked[i] == NULL)
			return -1;
		target->asked_count++;
	}
	qsort(target->asked, target->asked_count, sizeof(char *),
	      compare_names);
	return 0;
}

int target_is_asked(const struct target *target, const char *path)
{
	size_t length = strcspn(path, "/"), low = 0;
	size_t high = target->asked_count;

	if (target->asked == NULL)
		return 1;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *name = target->asked[middle];
		int order = strncmp(name, path, length);

		if (order == 0 && name[length] == '\0')
			return 1;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

/* A single source: what it is called there and here.  0, or -1 with errno. */
static int set_names(struct target *target, const struct target_config *config,
		     const struct destination *destination)
{
	const struct message_offer *offer = config->offer;

	if (!(offer->flags & OFFER_SINGLE))
		return 0;
	target->offered = strndup(offer->name, offer->name_length);
	if (target->offered == NULL)
		return -1;
	target->single =
	    strdup(target->named ? destination->name : target->offered);
	if (target->single == NULL)
		return -1;
	if (strlen(target->offered) != offer->name_length ||
	    !is_file_name(target->offered) ||
	    !target_is_asked(target, target->offered)) {
		errno = EPROTO;
		return -1;
	}
	return 0;
}

/* Why there is no target folder, and what to do about it. */
static char *why_not(const char *path, int error)
{
	const char *advice;
	char *text;

	switch (error) {
	case EPROTO:
		return strdup("the far end offers a file that was not asked "
			      "for");
	case ENOENT:
		advice = "make the folder that it is to be in first";
		break;
	case ENOTDIR:
		advice = "a file is where a folder should be, so name another "
			 "target";
		break;
	default:
		return fault_last_text(path, NULL, error);
	}
	if (asprintf(&text, "%s: %s; %s", path, strerror(error), advice) == -1)
		return NULL;
	return text;
}

int target_resolve(struct target *target, const struct target_config *config,
		   char **text)
{
	struct destination destination = {NULL, NULL, NULL, 0};
	struct stat status;
	int result = -1;

	if (destination_set(&destination, config->path) == -1)
		goto release;
	if (set_asked(target, config) == -1 ||
	    open_base(target, config, &destination) == -1 ||
	    set_names(target, config, &destination) == -1)
		goto release;
	if (target->named)
		target->shown = strndup(config->path,
					strcmp(destination.parent, ".") == 0 &&
						config->path[0] != '.'
					    ? 0
					    : strlen(destination.parent));
	else
		target->shown = strdup(config->path);
	if (target->shown == NULL ||
	    target->io->stat(target->io->context, target->base, &status) == -1)
		goto release;
	target->device = status.st_dev;
	target->base_mode = status.st_mode & 07777;
	result = 0;

release:
	if (result == -1)
		*text = why_not(config->path, errno);
	destination_release(&destination);
	return result;
}
