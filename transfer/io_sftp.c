/* SPDX-License-Identifier: BSD-2-Clause */
/* How do the files behind an SFTP server become a struct io? */
#include "transfer/io_sftp.h"

#include <stdlib.h>
#include <string.h>

#include "transfer/io_sftp_internal.h"

static void fill(struct io_sftp *store)
{
	/* Clocks and random numbers are this machine's. */
	store->io = *io_system();
	store->io.context = store;
	store->io.whole_seconds = 1;
	io_sftp_fill_names(&store->io);
	io_sftp_fill_open(&store->io);
	io_sftp_fill_write(&store->io);
	io_sftp_fill_read(&store->io);
	io_sftp_fill_lock(&store->io);
}

static void release(struct io_sftp *store)
{
	while (store->folder_count > 0)
		free(store->folders[--store->folder_count]);
	free(store->folders);
	free(store->files);
	free(store->place);
	free(store->home);
	pthread_cond_destroy(&store->changed);
	pthread_mutex_destroy(&store->sync_all);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

struct io_sftp *io_sftp_open(const struct io_sftp_config *config, char **text)
{
	const struct sftp_client_config client = {
	    .in = config->in,
	    .out = config->out,
	    .milliseconds = config->milliseconds,
	    .down = config->down,
	    .cookie = config->cookie,
	};
	struct io_sftp *store = calloc(1, sizeof(*store));

	*text = NULL;
	if (store == NULL)
		return NULL;
	pthread_mutex_init(&store->lock, NULL);
	pthread_mutex_init(&store->sync_all, NULL);
	pthread_cond_init(&store->changed, NULL);
	store->state_dir = config->state_dir;
	store->place = strdup(config->place);
	fill(store);
	if (store->place != NULL)
		store->client = sftp_client_open(&client, text);
	if (store->client == NULL) {
		release(store);
		return NULL;
	}
	store->extensions = sftp_client_extensions(store->client);
	/* Should it fail, so does all that begins there. */
	store->home = io_sftp_real_path(store, ".");
	if (store->home == NULL)
		store->home = strdup("/");
	return store;
}

struct io *io_sftp_io(struct io_sftp *store)
{
	return &store->io;
}

void io_sftp_cut(struct io_sftp *store)
{
	sftp_client_cut(store->client);
}

void io_sftp_close(struct io_sftp *store)
{
	if (store == NULL)
		return;
	io_sftp_settle(store);
	sftp_client_close(store->client);
	release(store);
}
