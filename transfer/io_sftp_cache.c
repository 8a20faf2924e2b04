/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is in the folder that is being looked at, name by name?  A look takes a
 * round trip, and a listing brings a hundred names with one: when some names
 * of one folder were asked for, it is listed, and answers for the others.  One
 * that we made is known to be empty.
 *
 * Who else changes that folder within CACHE_TIME is not seen, as if the look
 * had been so much earlier; a name that we change ourselves is asked for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/digest.h"
#include "transfer/io_sftp_internal.h"

#define CACHE_TIME ((uint64_t)10 * 1000 * 1000 * 1000)
/* So many looks are cheaper than a listing of who knows how many names. */
#define LOOKS_MAX  32
/* With more names the folder is not kept: 40 bytes each. */
#define NAMES_MAX  ((size_t)1 << 16)

struct cached {
	struct digest name;
	uint64_t size;
	uint32_t time;
	uint32_t mode; /* 0: ask for it */
};

struct sftp_cache {
	pthread_mutex_t lock;
	char *folder;   /* that is known; NULL: none */
	uint64_t until; /* UINT64_MAX: we made it */
	struct cached *slots;
	unsigned char *used; /* of slots */
	size_t capacity;     /* a power of 2, and never more than half full */
	size_t count;
	char *missed; /* the folder that was last looked into */
	unsigned looks;
};

struct sftp_cache *io_sftp_cache_create(void)
{
	struct sftp_cache *cache = calloc(1, sizeof(*cache));

	if (cache != NULL)
		pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

/* Under the lock, as all that follows. */
static void forget_all(struct sftp_cache *cache)
{
	free(cache->folder);
	free(cache->slots);
	free(cache->used);
	cache->folder = NULL;
	cache->slots = NULL;
	cache->used = NULL;
	cache->capacity = cache->count = 0;
}

void io_sftp_cache_free(struct sftp_cache *cache)
{
	if (cache == NULL)
		return;
	forget_all(cache);
	free(cache->missed);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

/* The slot of a name, or the free one where it would be. */
static size_t find(const struct sftp_cache *cache, const struct digest *name)
{
	const size_t mask = cache->capacity - 1;
	size_t i;

	memcpy(&i, name->bytes, sizeof(i));
	for (i &= mask; cache->used[i]; i = (i + 1) & mask)
		if (digest_equal(&cache->slots[i].name, name))
			break;
	return i;
}

/* 0, or -1: no memory, or too many names. */
static int grow(struct sftp_cache *cache)
{
	struct sftp_cache old = *cache;

	if (cache->count >= NAMES_MAX)
		return -1;
	cache->capacity = old.capacity * 2 + (old.capacity == 0 ? 256 : 0);
	cache->slots = calloc(cache->capacity, sizeof(*cache->slots));
	cache->used = calloc(cache->capacity, 1);
	if (cache->slots == NULL || cache->used == NULL) {
		free(cache->slots);
		free(cache->used);
		cache->slots = old.slots;
		cache->used = old.used;
		cache->capacity = old.capacity;
		return -1;
	}
	for (size_t i = 0; i < old.capacity; i++) {
		if (old.used[i]) {
			size_t at = find(cache, &old.slots[i].name);

			cache->slots[at] = old.slots[i];
			cache->used[at] = 1;
		}
	}
	free(old.slots);
	free(old.used);
	return 0;
}

/* 0, or -1. */
static int set(struct sftp_cache *cache, const struct cached *entry)
{
	size_t at;

	if (cache->count >= cache->capacity / 2 && grow(cache) == -1)
		return -1;
	at = find(cache, &entry->name);
	cache->count += !cache->used[at];
	cache->used[at] = 1;
	cache->slots[at] = *entry;
	return 0;
}

/* The length of the folder of an absolute path; its last name is behind the
 * slash. */
static size_t folder_length(const char *path)
{
	return (size_t)(strrchr(path, '/') - path);
}

static int is_folder(const char *folder, const char *path)
{
	const size_t length = folder_length(path);

	return folder != NULL && strlen(folder) == length &&
	       memcmp(folder, path, length) == 0;
}

static struct digest digest_of_name(const char *path)
{
	const char *name = path + folder_length(path) + 1;

	return digest_of(name, strlen(name));
}

/* Begin with a folder that has no names yet.  0, or -1: no memory. */
static int begin(struct sftp_cache *cache, const char *folder, size_t length,
		 uint64_t until)
{
	forget_all(cache);
	cache->folder = strndup(folder, length);
	cache->until = until;
	if (cache->folder != NULL && grow(cache) == 0)
		return 0;
	forget_all(cache);
	return -1;
}

/* ---- what the store asks and says --------------------------------------- */

enum sftp_known io_sftp_cache_look(struct io_sftp *store, const char *path,
				   struct stat *status)
{
	struct sftp_cache *cache = store->cache;
	enum sftp_known known = SFTP_UNKNOWN;
	struct digest name = digest_of_name(path);
	const struct cached *entry;
	size_t at;

	pthread_mutex_lock(&cache->lock);
	if (cache->folder != NULL && cache->until != UINT64_MAX &&
	    store->io.clock(NULL) >= cache->until)
		forget_all(cache);
	if (!is_folder(cache->folder, path))
		goto unlock;
	at = find(cache, &name);
	entry = &cache->slots[at];
	if (!cache->used[at]) {
		known = SFTP_ABSENT;
	} else if (entry->mode != 0) {
		known = SFTP_PRESENT;
		memset(status, 0, sizeof(*status));
		status->st_nlink = 1;
		status->st_mode = entry->mode;
		status->st_size = (off_t)entry->size;
		status->st_mtim.tv_sec = entry->time;
		io_sftp_identify(path, status);
	}
unlock:
	pthread_mutex_unlock(&cache->lock);
	return known;
}

/* One name of a listing.  As list. */
static int add(void *cookie, const char *name, const struct stat *status,
	       uint32_t told)
{
	const uint32_t all =
	    SFTP_ATTR_SIZE | SFTP_ATTR_PERMISSIONS | SFTP_ATTR_TIMES;
	struct cached entry = {.name = digest_of(name, strlen(name))};

	if ((told & all) == all) {
		entry.size = (uint64_t)status->st_size;
		entry.time = (uint32_t)status->st_mtim.tv_sec;
		entry.mode = status->st_mode;
	}
	return set(cookie, &entry);
}

/* It was looked for by itself: 1 if its folder should be listed now. */
static int count_look(struct sftp_cache *cache, const char *path)
{
	if (!is_folder(cache->missed, path)) {
		free(cache->missed);
		cache->missed = strndup(path, folder_length(path));
		cache->looks = 0;
	}
	return ++cache->looks == LOOKS_MAX;
}

void io_sftp_cache_looked(struct io_sftp *store, const char *path)
{
	struct sftp_cache *cache = store->cache;
	uint64_t until = store->io.clock(NULL) + CACHE_TIME;

	pthread_mutex_lock(&cache->lock);
	/* Of one that is known only names that we changed are looked for. */
	if (!is_folder(cache->folder, path) && count_look(cache, path) &&
	    begin(cache, path, folder_length(path), until) == 0 &&
	    io_sftp_list(store, cache->folder[0] == '\0' ? "/" : cache->folder,
			 add, cache) != 0)
		forget_all(cache);
	pthread_mutex_unlock(&cache->lock);
}

void io_sftp_cache_made(struct io_sftp *store, const char *path)
{
	struct sftp_cache *cache = store->cache;

	pthread_mutex_lock(&cache->lock);
	begin(cache, path, strlen(path), UINT64_MAX);
	pthread_mutex_unlock(&cache->lock);
}

void io_sftp_cache_changed(struct io_sftp *store, const char *path)
{
	struct sftp_cache *cache = store->cache;
	const struct cached entry = {.name = digest_of_name(path)};

	pthread_mutex_lock(&cache->lock);
	if (is_folder(cache->folder, path) && set(cache, &entry) == -1)
		forget_all(cache);
	pthread_mutex_unlock(&cache->lock);
}
