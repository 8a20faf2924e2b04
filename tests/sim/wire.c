/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client runs in the caller's thread, the agent in another one.  Both
 * reach their disks through a fail_io, which lets one thread after the other
 * through.
 */
#include "tests/sim/wire.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/check.h"
#include "tests/sim/memory.h"
#include "transfer/transfer.h"

struct agent {
	struct io *io;
	int descriptor;
	int state_dir;
	uint8_t nonce[16];
	int code;
	pthread_t thread;
};

struct wire {
	struct world *world;
	int client; /* which end */
	struct wire_result *result;
	struct agent agent;
	int started;
	int state_dirs[END_COUNT];
	struct history **done; /* as reported */
	size_t done_count, done_capacity;
};

static void *agent_thread(void *cookie)
{
	struct agent *agent = cookie;

	agent->code = agent_run(agent->io, agent->descriptor, agent->descriptor,
				agent->nonce, agent->state_dir, AGENT_ALL);
	return NULL;
}

static void agent_join(struct wire *wire)
{
	if (!wire->started)
		return;
	pthread_join(wire->agent.thread, NULL);
	wire->started = 0;
	wire->result->far_code = wire->agent.code;
}

static int fail_connect(struct lane_result *result, const char *why)
{
	result->code = EXIT_UNREACHABLE;
	result->text = sim_copy(why);
	return -1;
}

/* The carrier of transfer_run: an agent that is a thread. */
static int wire_connect(void *cookie, struct inbox *inbox, uint32_t id,
			const char *nonce, struct lane_result *result)
{
	struct wire *wire = cookie;
	struct agent *agent = &wire->agent;
	int pair[2];

	memset(result, 0, sizeof(*result));
	agent_join(wire);
	for (size_t i = 0; i < sizeof(agent->nonce); i++) {
		unsigned byte;

		if (sscanf(nonce + 2 * i, "%2x", &byte) != 1)
			return fail_connect(result, "bad nonce");
		agent->nonce[i] = (uint8_t)byte;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return fail_connect(result, "no sockets");
	result->lane = lane_fd_create(inbox, id, pair[0], pair[0], 0);
	agent->descriptor = pair[1];
	if (result->lane == NULL ||
	    pthread_create(&agent->thread, NULL, agent_thread, agent) != 0)
		return fail_connect(result, "no lane or no thread");
	wire->started = 1;
	return 0;
}

/* Histories are not changed here: the agent is at work. */
static void take_report(void *cookie, const struct engine_report *report)
{
	struct wire *wire = cookie;
	struct history *history = world_find(wire->world, report->path);

	if (report->kind == REPORT_FAILED) {
		wire->result->failed++;
		if (report->text == NULL || report->text[0] == '\0')
			world_fail(wire->world, "%s failed without a word",
				   report->path);
	}
	if (report->kind > REPORT_SAME)
		return;
	if (history == NULL) {
		world_fail(wire->world, "unknown path reported: %s",
			   report->path);
		return;
	}
	if (report->kind == REPORT_SAME) {
		history->same = 1;
		return;
	}
	wire->done = sim_grow(wire->done, wire->done_count,
			      &wire->done_capacity, sizeof(*wire->done));
	wire->done[wire->done_count++] = history;
}

static void run_client(struct wire *wire)
{
	struct world *world = wire->world;
	struct wire_result *result = wire->result;
	int push = wire->client == END_SENDER;
	struct transfer_request request = {
	    .io = fail_io_table(world->fail[wire->client]),
	    .operation = push ? OPERATION_PUSH : OPERATION_PULL,
	    .sources = world->paths,
	    .source_count = world->path_count,
	    .target = world_target(world),
	    .options = world->checksum ? OPEN_CHECKSUM : 0,
	    .state_dir = wire->state_dirs[wire->client],
	    .carrier = {.cookie = wire, .connect = wire_connect},
	    .observer = {.cookie = wire, .report = take_report},
	    .give_up = 1, /* the user runs it again */
	};
	struct transfer_result transfer;

	memcpy(request.uuid, world->uuid, sizeof(request.uuid));
	transfer_run(&request, &transfer);
	agent_join(wire);
	result->code = transfer.code;
	if (transfer.text != NULL)
		snprintf(result->text, sizeof(result->text), "%s",
			 transfer.text);
	free(transfer.text);
}

static void open_disks(struct wire *wire, const struct fail_plan *plans[])
{
	struct world *world = wire->world;

	for (int end = 0; end < END_COUNT; end++) {
		struct io *io = disk_io(world->disks[end]);

		wire->state_dirs[end] = io->open(io->context, AT_FDCWD, "state",
						 O_RDONLY | O_DIRECTORY, 0);
		fail_io_set(world->fail[end], plans[end]);
		/* Threads sleep until the clock says so. */
		fail_io_table(world->fail[end])->clock = io_system()->clock;
	}
}

static void close_disks(struct wire *wire)
{
	struct world *world = wire->world;

	for (int end = 0; end < END_COUNT; end++) {
		struct disk *disk = world->disks[end];
		struct fail_io *fail = world->fail[end];

		io_close(disk_io(disk), wire->state_dirs[end]);
		wire->result->calls[end] = fail_io_calls(fail, FAIL_ANY);
		wire->result->failures[end] = fail_io_failed(fail);
		fail_io_set(fail, NULL);
		if (disk_misuse(disk) != NULL)
			world_fail(world, "end %d: %s", end, disk_misuse(disk));
		if (disk_open_count(disk) > 0)
			world_fail(world, "end %d leaks %zu descriptors", end,
				   disk_open_count(disk));
	}
}

/* The source is only read. */
static void check_source(struct world *world, const struct snapshot *before)
{
	struct snapshot *now = disk_snapshot(world->disks[END_SENDER]);
	const struct snapshot_item *item, *other;

	for (size_t i = 0; i < before->count; i++) {
		item = &before->items[i];
		other = snapshot_find(now, item->path);
		if (strncmp(item->path, "state", 5) == 0)
			continue;
		if (other == NULL || !snapshot_equal(item, other) ||
		    item->mode != other->mode ||
		    item->modified.tv_sec != other->modified.tv_sec ||
		    item->modified.tv_nsec != other->modified.tv_nsec)
			world_fail(world, "%s was changed at the source",
				   item->path);
	}
	for (size_t i = 0; i < now->count; i++)
		if (strncmp(now->items[i].path, "state", 5) != 0 &&
		    snapshot_find(before, now->items[i].path) == NULL)
			world_fail(world, "%s was made at the source",
				   now->items[i].path);
	snapshot_free(now);
}

void wire_run(struct world *world, int client,
	      const struct fail_plan *plans[END_COUNT],
	      struct wire_result *result)
{
	struct wire wire = {.world = world, .client = client, .result = result};
	struct snapshot *source = disk_snapshot(world->disks[END_SENDER]);

	memset(result, 0, sizeof(*result));
	for (size_t i = 0; i < world->history_count; i++)
		world->histories[i].same = 0;
	open_disks(&wire, plans);
	wire.agent.io = fail_io_table(world->fail[!client]);
	wire.agent.state_dir = wire.state_dirs[!client];
	run_client(&wire);
	for (size_t i = 0; i < wire.done_count; i++)
		check_confirm(world, wire.done[i]);
	for (size_t i = 0; i < world->history_count; i++)
		if (result->code == EXIT_DONE && world->histories[i].same)
			check_confirm(world, &world->histories[i]);
	free(wire.done);
	close_disks(&wire);
	check_always(world);
	check_source(world, source);
	snapshot_free(source);
}
