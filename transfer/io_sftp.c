/* SPDX-License-Identifier: BSD-2-Clause */
/* How do the files behind an SFTP server become a struct io? */
#include "transfer/io_sftp.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transfer/io_sftp_internal.h"

static void fill(struct io_sftp *store)
{
	/* Clocks and random numbers are this machine's. */
	store->io = *io_system();
	store->io.context = store;
	store->io.whole_seconds = 1;
	store->io.late = 1;
	io_sftp_fill_names(&store->io);
	io_sftp_fill_open(&store->io);
	io_sftp_fill_write(&store->io);
	io_sftp_fill_read(&store->io);
	io_sftp_fill_lock(&store->io);
	io_sftp_fill_put(&store->io);
	io_sftp_fill_rename(&store->io);
	io_sftp_fill_sync(&store->io);
}

static void release(struct io_sftp *store)
{
	while (store->folder_count > 0)
		free(store->folders[--store->folder_count]);
	free(store->folders);
	free(store->files);
	io_sftp_cache_free(store->cache);
	free(store->place);
	free(store->home);
	pthread_cond_destroy(&store->changed);
	pthread_mutex_destroy(&store->sync_all);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

struct io_sftp *io_sftp_open(const struct io_sftp_config *config, char **text)
{
	struct io_sftp *store = calloc(1, sizeof(*store));
	uint64_t began;

	*text = NULL;
	if (store == NULL) {
		close(config->in);
		if (config->out != config->in)
			close(config->out);
		return NULL;
	}
	pthread_mutex_init(&store->lock, NULL);
	pthread_mutex_init(&store->sync_all, NULL);
	pthread_cond_init(&store->changed, NULL);
	store->state_dir = config->state_dir;
	store->place = strdup(config->place);
	store->cache = io_sftp_cache_create();
	fill(store);
	store->down = config->down;
	store->cookie = config->cookie;
	if (io_sftp_add(store, config->in, config->out, config->milliseconds,
			config->over, text) == -1 ||
	    store->place == NULL || store->cache == NULL) {
		io_sftp_close(store);
		return NULL;
	}
	began = store->io.clock(NULL);
	/* Should it fail, so does all that begins there. */
	store->home = io_sftp_real_path(store, ".");
	store->round_trip = store->io.clock(NULL) - began;
	if (store->home == NULL)
		store->home = strdup("/");
	return store;
}

uint64_t io_sftp_round_trip(const struct io_sftp *store)
{
	return store->round_trip;
}

struct io *io_sftp_io(struct io_sftp *store)
{
	return &store->io;
}

int io_sftp_is_broken(struct io_sftp *store)
{
	const size_t count = atomic_load(&store->client_count);

	for (size_t i = 0; i < count; i++)
		if (sftp_client_is_broken(store->clients[i]))
			return 1;
	return 0;
}

const char *io_sftp_home(const struct io_sftp *store)
{
	return store->home;
}

void io_sftp_cut(struct io_sftp *store)
{
	const size_t count = atomic_load(&store->client_count);

	for (size_t i = 0; i < count; i++)
		sftp_client_cut(store->clients[i]);
}

void io_sftp_close(struct io_sftp *store)
{
	if (store == NULL)
		return;
	io_sftp_settle(store);
	io_sftp_end_puts(store);
	for (size_t i = 0; i < store->client_count; i++)
		sftp_client_close(store->clients[i]);
	release(store);
}
