/* SPDX-License-Identifier: BSD-2-Clause */
/* What both ends do before their engines run, and the disks' faults. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/session_private.h"
#include "transfer/receiver.h"
#include "transfer/sender.h"

/* What the client does before the first frame of an engine. */
static int open_source(struct session *session, struct message_offer *offer)
{
	struct world *world = session->world;
	struct actor *actor = &session->actors[END_SENDER];
	struct source_config config = {fail_io_table(world->fail[END_SENDER]),
				       AT_FDCWD, world->paths,
				       world->path_count, actor->state_dir};
	char *text = NULL;

	actor->source = source_open(&config, offer, &text);
	if (actor->source == NULL)
		snprintf(session->result->ends[END_SENDER].text, 300, "%s",
			 text != NULL ? text : "?");
	free(text);
	return actor->source == NULL ? -1 : 0;
}

static int open_target(struct session *session,
		       const struct message_offer *offer,
		       struct message_ready *ready)
{
	struct world *world = session->world;
	struct actor *actor = &session->actors[END_RECEIVER];
	struct target_config config = {0};
	enum target_result result;
	char *text = NULL;

	config.io = fail_io_table(world->fail[END_RECEIVER]);
	config.start_dir = AT_FDCWD;
	config.path = world_target(world);
	config.offer = offer;
	memcpy(config.uuid, world->uuid, sizeof(config.uuid));
	dice_fill(&world->dice, config.client, sizeof(config.client));
	config.state_dir = actor->state_dir;
	if (world->client == END_RECEIVER) {
		config.asked = world->paths;
		config.asked_count = world->path_count;
	}
	result = target_open(&config, &actor->target, ready, &text);
	if (result != TARGET_OPEN)
		snprintf(session->result->ends[END_RECEIVER].text, 300, "%s",
			 text != NULL ? text : "?");
	if (result == TARGET_HELD)
		world_fail(world, "the target is held: %s", text);
	free(text);
	return result == TARGET_OPEN ? 0 : -1;
}

static int open_journal(struct session *session, const uint8_t uuid[16],
			struct journal_summary *summary)
{
	if (source_open_journal(session->actors[END_SENDER].source, uuid,
				summary) == 0)
		return 0;
	snprintf(session->result->ends[END_SENDER].text, 300,
		 "cannot open the journal");
	return -1;
}

/* As transfer.c and agent.c: a client that pushes knows numbers that it has
 * used; what a pull's far end has used, the client does not know. */
int session_open(struct session *session, struct message_ready *ready)
{
	struct world *world = session->world;
	struct message_offer offer = {0};
	struct journal_summary ours, theirs;

	if (open_source(session, &offer) == -1 ||
	    open_journal(session, world->uuid, &ours) == -1 ||
	    open_target(session, &offer, ready) == -1 ||
	    (memcmp(ready->uuid, world->uuid, sizeof(world->uuid)) != 0 &&
	     open_journal(session, ready->uuid, &theirs) == -1))
		return -1;
	memcpy(session->result->uuid, ready->uuid, sizeof(ready->uuid));
	if (world->client == END_RECEIVER)
		return 0;
	if (ready->next_entry < ours.next_entry)
		ready->next_entry = ours.next_entry;
	if (ready->next_seq < ours.next_seq)
		ready->next_seq = ours.next_seq;
	return 0;
}

void session_make_engines(struct session *session,
			  const struct message_ready *ready)
{
	struct engine_config config = session->plan->config;

	session->epoch = ready->epoch;
	config.epoch = ready->epoch;
	config.next_entry = ready->next_entry;
	config.next_seq = ready->next_seq;
	config.now = session->world->now;
	config.checksum = session->world->checksum;
	session->actors[END_SENDER].engine = sender_create(&config);
	session->actors[END_RECEIVER].engine = receiver_create(&config);
}

void session_arm(struct session *session)
{
	struct world *world = session->world;
	int end;

	for (end = 0; end < END_COUNT; end++) {
		const struct end_plan *plan = &session->plan->ends[end];
		struct disk *disk = world->disks[end];
		struct actor *actor = &session->actors[end];
		struct io *io = disk_io(disk);

		memset(actor, 0, sizeof(*actor));
		actor->end = end;
		disk_set_flaky(disk, 0);
		disk_set_clock(disk, world->now);
		actor->state_dir = io->open(io->context, AT_FDCWD, "state",
					    O_RDONLY | O_DIRECTORY, 0);
		fail_io_set(world->fail[end],
			    plan->fail ? &plan->fail_plan : NULL);
		disk_set_strict(disk, world->strict);
		disk_set_flaky(disk, plan->flaky);
		disk_fail_sync(disk, plan->fail_sync);
		disk_stop_after(disk, plan->stop_after);
	}
}

void session_disarm(struct session *session)
{
	struct world *world = session->world;
	int end;

	for (end = 0; end < END_COUNT; end++) {
		session->result->calls[end] =
		    fail_io_calls(world->fail[end], FAIL_ANY);
		fail_io_set(world->fail[end], NULL);
		disk_set_strict(world->disks[end], 0);
		disk_set_flaky(world->disks[end], 0);
		disk_set_space(world->disks[end], UINT64_MAX);
		disk_fail_sync(world->disks[end], UINT64_MAX);
		disk_stop_after(world->disks[end], UINT64_MAX);
	}
}
