/* SPDX-License-Identifier: BSD-2-Clause */
/* What both engines have in common: dispatch and the default limits. */
#include "transfer/engine.h"

#include <string.h>

#define SECOND   ((uint64_t)1000 * 1000 * 1000)
#define MEBIBYTE ((uint64_t)1 << 20)

void engine_handle(struct engine *engine, const struct engine_event *event)
{
	engine->operations->handle(engine, event);
}

int engine_next(struct engine *engine, struct engine_action *action)
{
	return engine->operations->next(engine, action);
}

uint64_t engine_deadline(const struct engine *engine)
{
	return engine->operations->deadline(engine);
}

void engine_stats(const struct engine *engine, struct transfer_stats *stats)
{
	engine->operations->stats(engine, stats);
}

void engine_free(struct engine *engine)
{
	if (engine != NULL)
		engine->operations->free(engine);
}

void engine_config_default(struct engine_config *config)
{
	memset(config, 0, sizeof(*config));
	config->version = PROTOCOL_VERSION;
	/* The window is what a crash may cost in chunks sent twice; groups are
	 * a quarter of it, so that chunks flow while one is being synced. */
	config->window = 64 * MEBIBYTE;
	/* At 10,000 small files a second, so many are on their way while two
	 * groups and two round trips of 100 ms go by. */
	config->entries = 16384;
	config->group_bytes = 16 * MEBIBYTE;
	config->group_time = SECOND;
	config->resend_time = 60 * SECOND;
	config->stall_time = 3 * SECOND;
	config->ping_time = 10 * SECOND;
	config->idle_time = 30 * SECOND;
}
