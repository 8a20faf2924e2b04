/* SPDX-License-Identifier: BSD-2-Clause */
/* What each end does up to BYE, be it the client or the agent. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/receiver.h"
#include "transfer/sender.h"
#include "transfer/session_internal.h"

static void begin(struct session *session, const struct message_ready *ready)
{
	const struct transfer_observer *observer = session->observer;

	session->up = 1;
	session->resumed = ready->resumed;
	memcpy(session->uuid, ready->uuid, sizeof(session->uuid));
	if (observer->session != NULL)
		observer->session(observer->cookie, session->uuid,
				  session->resumed);
}

static void configure(const struct session *session,
		      struct engine_config *config,
		      const struct message_ready *ready, uint32_t options)
{
	engine_config_default(config);
	config->epoch = ready->epoch;
	config->next_entry = ready->next_entry;
	config->next_seq = ready->next_seq;
	config->now = session->io->clock(session->io->context);
	config->version = session->version;
	config->checksum = (options & OPEN_CHECKSUM) != 0;
	config->count = (options & OPEN_COUNT) != 0;
	if (session->version < 2)
		config->entries = ENTRIES_VERSION_1;
}

/* engine NULL: there was no memory for it. */
static int run(struct session *session, struct session_engine *engine)
{
	int result;

	if (engine->engine == NULL)
		return session_fail(session, EXIT_FILE_IO, "out of memory");
	result = session_run_engine(session, engine);
	engine_free(engine->engine);
	return result;
}

/* ---- the reading end ---- */

static void source_task(void *source, struct task *task)
{
	source_run(source, task);
}

static int expect_ready(struct session *session, struct message_ready *ready)
{
	struct frame *frame;
	int result;

	if (session_expect(session, FRAME_READY, &frame) == -1)
		return -1;
	result = message_ready_decode(frame, ready);
	frame_free(frame);
	if (result == -1)
		return session_fail(session, EXIT_PROTOCOL,
				    "the far end sent a malformed ready frame");
	return 0;
}

int session_run_source(struct session *session, struct source *source,
		       const uint8_t uuid[16],
		       const struct session_manner *manner)
{
	struct session_engine engine = {.run = source_task, .cookie = source};
	struct journal_summary summary;
	struct message_ready ready;
	struct engine_config config;
	char *text;

	if (expect_ready(session, &ready) == -1)
		return -1;
	if (memcmp(ready.uuid, uuid, sizeof(ready.uuid)) != 0 &&
	    source_open_journal(source, ready.uuid, &summary) == -1) {
		if (asprintf(&text, "the journal of this end: %s",
			     strerror(errno)) == -1)
			text = NULL;
		return session_fail_text(session, EXIT_FILE_IO, text);
	}
	begin(session, &ready);
	configure(session, &config, &ready, manner->options);
	config.compression = manner->compression;
	config.rate = manner->rate;
	engine.epoch = ready.epoch;
	engine.engine = sender_create(&config);
	if (run(session, &engine) == -1)
		return -1;
	source_finish(source);
	return 0;
}

/* ---- the writing end ---- */

static void target_task(void *target, struct task *task)
{
	target_run(target, task);
}

/* Take the offer from the far end and open the target for it. */
static int open_target(struct session *session,
		       const struct target_config *wanted,
		       struct target **target, struct message_ready *ready)
{
	struct target_config config = *wanted;
	struct message_offer offer;
	enum target_result result;
	struct frame *frame;
	char *text = NULL;
	int error;

	if (session_expect(session, FRAME_OFFER, &frame) == -1)
		return -1;
	if (message_offer_decode(frame, &offer) == -1) {
		frame_free(frame);
		return session_fail(session, EXIT_PROTOCOL,
				    "the far end sent a malformed offer frame");
	}
	config.offer = &offer;
	result = target_open(&config, target, ready, &text);
	error = errno;
	if (result != TARGET_OPEN && text == NULL &&
	    asprintf(&text, "%s: %s", config.path, strerror(error)) == -1)
		text = NULL;
	frame_free(frame);
	if (result == TARGET_OPEN)
		return 0;
	if (result == TARGET_HELD)
		return session_fail_text(session, EXIT_HELD, text);
	return session_fail_text(
	    session, error == EPROTO ? EXIT_PROTOCOL : EXIT_FILE_IO, text);
}

static uint64_t higher(uint64_t one, uint64_t other)
{
	return one > other ? one : other;
}

int session_run_target(struct session *session,
		       const struct target_config *wanted, uint64_t next_entry,
		       uint64_t next_seq, uint32_t options)
{
	struct session_engine engine = {.run = target_task};
	struct message_ready ready;
	struct engine_config config;
	struct target *target;
	int result = -1;

	if (open_target(session, wanted, &target, &ready) == -1)
		return -1;
	ready.next_entry = higher(ready.next_entry, next_entry);
	ready.next_seq = higher(ready.next_seq, next_seq);
	if (session_send(session, message_ready_encode(&ready)) == 0) {
		begin(session, &ready);
		configure(session, &config, &ready, options);
		engine.epoch = ready.epoch;
		engine.cookie = target;
		engine.engine = receiver_create(&config);
		result = run(session, &engine);
	}
	target_close(target);
	return result;
}
