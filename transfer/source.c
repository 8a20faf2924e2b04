/* SPDX-License-Identifier: BSD-2-Clause */
/* What did the user name, and who does which task of the reading end? */
#include "transfer/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/fault.h"
#include "transfer/pack.h"
#include "transfer/source_internal.h"

int source_open_anchor(const struct source *source, size_t root)
{
	return root_open_anchor(&source->roots[root], source->io,
				source->start_dir);
}

/* The name of a folder whose contents are copied, for telling one job from
 * another; else what will be in the target. */
static const char *job_name(const char *path, size_t *length)
{
	const char *name = root_last_name(path, length);

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
		if (root_means_contents(config->paths[i]))
			bytes[used++] = '/';
		bytes[used++] = '\0';
	}
	*digest = digest_of(bytes, used);
	free(bytes);
	return 0;
}

/* Look at every path.  0; -1 with errno and *text. */
static int look_at_roots(struct source *source,
			 const struct source_config *config,
			 struct message_offer *offer, char **text)
{
	struct stat status;
	size_t repeated;

	for (size_t i = 0; i < config->path_count; i++) {
		source->root_count = i + 1; /* to be released */
		if (root_set(&source->roots[i], config->paths[i]) == -1)
			return -1;
		if (root_stat(&source->roots[i], source->io, source->start_dir,
			      &status) == -1) {
			*text = fault_text(
			    config->paths[i],
			    errno == EINVAL ? "ferry keeps this name for itself"
					    : NULL,
			    errno);
			return -1;
		}
		if (source->roots[i].name[0] == '\0')
			offer->flags |= OFFER_CONTENTS;
		else if (config->path_count == 1 && !S_ISDIR(status.st_mode))
			offer->flags |= OFFER_SINGLE;
	}
	repeated = root_find_repeated(source->roots, source->root_count);
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
	source->packer = packer_create();
	if (source->roots == NULL || source->folders == NULL ||
	    source->packer == NULL ||
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
	case TASK_PACK:
		source_pack(source, task);
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
	packer_free(source->packer);
	journal_close(source->journal);
	if (source->ledger != NULL)
		ledger_close(source->ledger);
	io_close(source->io, source->journal_dir);
	for (size_t i = 0; i < source->root_count; i++)
		root_release(&source->roots[i]);
	free(source->roots);
	free(source);
}
