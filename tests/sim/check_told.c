/* SPDX-License-Identifier: BSD-2-Clause */
/* What the user is told, and what the ledgers say, when a session has ended. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "journal/ledger.h"
#include "journal/uuid.h"
#include "tests/sim/check.h"

void check_told(struct world *world, const struct session_result *result)
{
	size_t index;

	/* Below a folder that cannot be read nothing is known. */
	if (result->unplaced > 0)
		return;
	for (index = 0; index < world->history_count; index++) {
		const struct history *history = &world->histories[index];

		if (!history->told && !history->vanished)
			world_fail(world, "the end, and not a word of %s",
				   history->target);
	}
}

/* What is found in one ledger. */
struct looking {
	struct world *world;
	int end;
	size_t found;
};

static int look_at_receipt(void *cookie, const struct ledger_receipt *receipt)
{
	struct looking *looking = cookie;
	struct history *history;
	struct placed *placed;
	char path[8192];

	snprintf(path, sizeof(path), "%.*s", (int)receipt->path_length,
		 receipt->path);
	history = world_find(looking->world, path);
	if (history == NULL) {
		world_fail(looking->world,
			   "a receipt for %s, which is not ours", path);
		return 0;
	}
	placed = &history->placed[looking->end];
	if (placed->is && placed->size == receipt->size &&
	    digest_equal(&placed->digest, &receipt->digest)) {
		placed->is = 0;
		looking->found++;
	}
	return 0;
}

static void check_ledger(struct world *world, int end, const uint8_t uuid[16])
{
	struct looking looking = {world, end, 0};
	struct io *io = disk_io(world->disks[end]);
	size_t index, placed = 0;
	int state;

	for (index = 0; index < world->history_count; index++)
		placed += world->histories[index].placed[end].is != 0;
	if (placed == 0)
		return;
	state = io->open(io->context, AT_FDCWD, "state", O_RDONLY, 0);
	ledger_read(io, state, uuid,
		    end == END_SENDER ? LEDGER_SENT : LEDGER_RECEIVED,
		    look_at_receipt, &looking);
	io->close(io->context, state);
	if (looking.found != placed)
		world_fail(world, "%zu of %zu receipts are in the %s's ledger",
			   looking.found, placed,
			   end == END_SENDER ? "sender" : "receiver");
}

void check_ledgers(struct world *world, const struct session_result *result)
{
	char path[sizeof("state/transfers/") + UUID_TEXT_SIZE];
	struct snapshot_item item;

	check_ledger(world, END_SENDER, result->uuid);
	check_ledger(world, END_RECEIVER, result->uuid);
	strcpy(path, "state/transfers/");
	uuid_format(result->uuid, path + strlen(path));
	if (disk_look(world->disks[END_SENDER], path, &item)) {
		world_fail(world, "%s is left", path);
		snapshot_item_release(&item);
	}
}

/* A receipt that should be somewhere in a ledger. */
struct sought {
	struct world *world;
	const struct received *received;
	int found;
};

static int look_for_receipt(void *cookie, const struct ledger_receipt *receipt)
{
	struct sought *sought = cookie;
	const struct placed *placed = &sought->received->placed;
	char path[8192];

	snprintf(path, sizeof(path), "%.*s", (int)receipt->path_length,
		 receipt->path);
	sought->found |=
	    world_find(sought->world, path) == sought->received->history &&
	    placed->size == receipt->size &&
	    digest_equal(&placed->digest, &receipt->digest);
	return sought->found;
}

void check_received(struct world *world)
{
	struct io *io = disk_io(world->disks[END_RECEIVER]);
	int state = io->open(io->context, AT_FDCWD, "state", O_RDONLY, 0);
	size_t index;

	for (index = 0; index < world->received_count; index++) {
		struct sought sought = {world, &world->received[index], 0};

		ledger_read(io, state, sought.received->uuid, LEDGER_RECEIVED,
			    look_for_receipt, &sought);
		if (!sought.found)
			world_fail(world, "no ledger has the receipt for %s",
				   sought.received->history->target);
	}
	io->close(io->context, state);
}
