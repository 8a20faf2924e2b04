/* SPDX-License-Identifier: BSD-2-Clause */
/* Which folder is a path in: answered with an open one. */
#include "transfer/folder_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct folder_cache {
	struct io *io;
	int base;
	int descriptor; /* -1: nothing is open */
	char *path;     /* of what is open; NUL-terminated */
	size_t length;
	size_t capacity;
};

struct folder_cache *folder_cache_create(struct io *io, int base)
{
	struct folder_cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		return NULL;
	cache->io = io;
	cache->base = base;
	cache->descriptor = -1;
	return cache;
}

void folder_cache_free(struct folder_cache *cache)
{
	if (cache == NULL)
		return;
	folder_cache_forget(cache);
	free(cache->path);
	free(cache);
}

void folder_cache_move(struct folder_cache *cache, int base)
{
	folder_cache_forget(cache);
	cache->base = base;
}

void folder_cache_forget(struct folder_cache *cache)
{
	io_close(cache->io, cache->descriptor);
	cache->descriptor = -1;
}

/* Room for a path, with its NUL. */
static int reserve(struct folder_cache *cache, size_t length)
{
	char *bigger;

	if (length < cache->capacity)
		return 0;
	bigger = realloc(cache->path, length * 2 + 64);
	if (bigger == NULL)
		return -1;
	cache->path = bigger;
	cache->capacity = length * 2 + 64;
	return 0;
}

/* Is the folder that is open an ancestor of path? */
static int is_above(const struct folder_cache *cache, const char *path,
		    size_t length)
{
	return cache->descriptor != -1 && cache->length < length &&
	       path[cache->length] == '/' &&
	       memcmp(cache->path, path, cache->length) == 0;
}

int folder_cache_open(struct folder_cache *cache, const char *path,
		      size_t length)
{
	/* A search permission is all that is needed of it. */
	const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	int from = cache->base, opened;
	size_t skip = 0;

	if (length == 0)
		return cache->base;
	if (cache->descriptor != -1 && cache->length == length &&
	    memcmp(cache->path, path, length) == 0)
		return cache->descriptor;
	if (is_above(cache, path, length)) {
		from = cache->descriptor;
		skip = cache->length + 1;
	}
	if (reserve(cache, length) == -1)
		return -1;
	/* What is above keeps its bytes: path begins with them. */
	memcpy(cache->path, path, length);
	cache->path[length] = '\0';
	opened = io_open_beneath(cache->io, from, cache->path + skip, flags, 0);
	folder_cache_forget(cache);
	cache->descriptor = opened;
	cache->length = length;
	return opened;
}

size_t folder_cache_parent_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? 0 : (size_t)(slash - path);
}

int folder_cache_parent(struct folder_cache *cache, const char *path,
			const char **name)
{
	size_t length = folder_cache_parent_length(path);

	*name = length == 0 ? path : path + length + 1;
	return folder_cache_open(cache, path, length);
}
