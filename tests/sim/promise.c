/* SPDX-License-Identifier: BSD-2-Clause */
/* Which leaves were confirmed, and so must never be seen on a lane again. */
#include "tests/sim/promise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/memory.h"
#include "transfer/message.h"
#include "transfer/pack.h"

/* The simulator's files are small. */
#define LEAVES_MAX 16

/* One version of one file, in all sessions. */
struct version {
	char *path;
	struct digest digest;
	int confirmed[LEAVES_MAX]; /* the sender knows */
	int durable[LEAVES_MAX];   /* the receiver says so */
};

/* One entry of this session. */
struct planned {
	uint64_t index;
	uint64_t first_seq;
	uint64_t size;
	size_t version;
	int over;    /* for the sender */
	int dropped; /* by the receiver, without being stored */
	int flying[LEAVES_MAX];
	unsigned times[LEAVES_MAX];   /* that it was sent */
	uint64_t arrived[LEAVES_MAX]; /* when; 0: it is not waiting */
};

struct promise {
	struct version *versions;
	size_t version_count, version_capacity;
	struct planned *planned;
	size_t planned_count, planned_capacity;
	uint64_t window;
	uint64_t flying; /* bytes sent and not confirmed */
	uint64_t group_time;
	unsigned resent, damaged;
	int unreadable;
	int rotten;
	struct packer *packer;
	char text[400];
};

struct promise *promise_create(void)
{
	struct promise *promise = sim_zeroed(sizeof(*promise));

	promise->packer = packer_create();
	return promise;
}

void promise_free(struct promise *promise)
{
	if (promise == NULL)
		return;
	while (promise->version_count > 0)
		free(promise->versions[--promise->version_count].path);
	free(promise->versions);
	free(promise->planned);
	packer_free(promise->packer);
	free(promise);
}

void promise_begin(struct promise *promise, const struct engine_config *config,
		   int unreadable)
{
	size_t at, leaf;

	promise->unreadable = unreadable;
	promise->planned_count = 0;
	promise->window = config->window;
	promise->group_time = config->group_time;
	promise->flying = 0;
	promise->resent = promise->damaged = 0;
	for (at = 0; at < promise->version_count; at++)
		for (leaf = 0; leaf < LEAVES_MAX; leaf++)
			promise->versions[at].confirmed[leaf] |=
			    promise->versions[at].durable[leaf];
}

/* Is this what is staged of it?  A file that is called otherwise at the target
 * is the only one. */
static int is_staged_as(const struct promise *promise,
			const struct version *version, const char *staged)
{
	struct digest digest = digest_of(version->path, strlen(version->path));
	size_t at;
	char name[33];

	digest_format(&digest, name);
	if (strcmp(name, staged) == 0)
		return 1;
	for (at = 0; at < promise->version_count; at++)
		if (strcmp(promise->versions[at].path, version->path) != 0)
			return 0;
	return 1;
}

void promise_rot(struct promise *promise, const char *staged, uint64_t leaf)
{
	size_t at;

	promise->rotten = 1;
	for (at = 0; at < promise->version_count; at++) {
		struct version *version = &promise->versions[at];

		if (staged == NULL) {
			memset(version->confirmed, 0,
			       sizeof(version->confirmed));
			memset(version->durable, 0, sizeof(version->durable));
		} else if (is_staged_as(promise, version, staged)) {
			version->confirmed[leaf] = version->durable[leaf] = 0;
		}
	}
}

static struct planned *find_planned(struct promise *promise, uint64_t index)
{
	size_t at;

	for (at = promise->planned_count; at-- > 0;)
		if (promise->planned[at].index == index)
			return &promise->planned[at];
	return NULL;
}

static size_t find_version(struct promise *promise, const struct entry *entry)
{
	struct version *version;
	size_t at;

	for (at = 0; at < promise->version_count; at++) {
		version = &promise->versions[at];
		if (digest_equal(&version->digest, &entry->version) &&
		    strcmp(version->path, entry->path) == 0)
			return at;
	}
	promise->versions =
	    sim_grow(promise->versions, at, &promise->version_capacity,
		     sizeof(*promise->versions));
	version = &promise->versions[promise->version_count++];
	memset(version, 0, sizeof(*version));
	version->path = sim_copy(entry->path);
	version->digest = entry->version;
	return at;
}

static void note_entry(struct promise *promise, const struct frame *frame)
{
	struct entry *entry;
	struct planned *planned;

	if (message_entry_decode(frame, &entry) == -1)
		return;
	if (entry->type == ENTRY_FILE &&
	    find_planned(promise, entry->index) == NULL) {
		promise->planned = sim_grow(
		    promise->planned, promise->planned_count,
		    &promise->planned_capacity, sizeof(*promise->planned));
		planned = &promise->planned[promise->planned_count++];
		memset(planned, 0, sizeof(*planned));
		planned->index = entry->index;
		planned->first_seq = entry->first_seq;
		planned->size = entry->size;
		planned->version = find_version(promise, entry);
	}
	entry_free(entry);
}

/* A leaf is no longer under way. */
static void landed(struct promise *promise, struct planned *planned,
		   size_t leaf)
{
	if (!planned->flying[leaf])
		return;
	planned->flying[leaf] = 0;
	promise->flying -= leaf_length(planned->size, leaf);
}

static void note_over(struct promise *promise, uint64_t index)
{
	struct planned *planned = find_planned(promise, index);
	size_t leaf;

	if (planned == NULL)
		return;
	planned->over = 1;
	for (leaf = 0; leaf < LEAVES_MAX; leaf++)
		landed(promise, planned, leaf);
}

static const char *check_chunk(struct promise *promise,
			       const struct frame *frame)
{
	struct message_chunk chunk;
	struct planned *planned;
	struct version *version;
	size_t leaf;

	if (message_chunk_decode(frame, &chunk) == -1)
		return "the sender made a bad CHUNK frame";
	planned = find_planned(promise, chunk.entry);
	if (planned == NULL)
		return "the sender sent a chunk of an entry it never named";
	if (planned->over)
		return "the sender sent a chunk of an entry that is over";
	leaf = (size_t)(chunk.seq - planned->first_seq);
	if (chunk.seq < planned->first_seq || leaf >= LEAVES_MAX ||
	    chunk.offset != leaf * LEAF_SIZE ||
	    chunk.length != leaf_length(planned->size, leaf))
		return "the sender sent a chunk that was not planned";
	promise->resent += planned->times[leaf]++ > 0;
	version = &promise->versions[planned->version];
	if (version->confirmed[leaf] && !promise->unreadable) {
		snprintf(promise->text, sizeof(promise->text),
			 "leaf %zu of %.300s was confirmed and is sent again",
			 leaf, version->path);
		return promise->text;
	}
	if (planned->flying[leaf])
		return NULL;
	planned->flying[leaf] = 1;
	promise->flying += chunk.length;
	if (promise->flying > promise->window &&
	    promise->flying > chunk.length) {
		snprintf(promise->text, sizeof(promise->text),
			 "%llu bytes are under way, the window is %llu",
			 (unsigned long long)promise->flying,
			 (unsigned long long)promise->window);
		return promise->text;
	}
	return NULL;
}

const char *promise_sent(struct promise *promise, const struct frame *frame)
{
	struct message_problem problem;
	uint64_t index;

	switch (frame->type) {
	case FRAME_ENTRY:
		note_entry(promise, frame);
		return NULL;
	case FRAME_CHUNK:
		return check_chunk(promise, frame);
	case FRAME_WITHDRAW:
		if (message_withdraw_decode(frame, &index) == 0)
			note_over(promise, index);
		return NULL;
	case FRAME_PROBLEM:
		if (message_problem_decode(frame, &problem) == 0)
			note_over(promise, problem.entry);
		return NULL;
	default:
		return NULL;
	}
}

unsigned promise_resent(const struct promise *promise, unsigned *damaged)
{
	*damaged = promise->damaged;
	return promise->resent;
}

unsigned promise_times(struct promise *promise, const struct frame *frame)
{
	struct message_chunk chunk;
	struct planned *planned;

	if (message_chunk_decode(frame, &chunk) == -1)
		return 0;
	planned = find_planned(promise, chunk.entry);
	return planned == NULL ? 0
			       : planned->times[chunk.seq - planned->first_seq];
}

static const char *note_ack(struct promise *promise, const struct frame *frame)
{
	struct seq_set acked = SEQ_SET_EMPTY;
	struct message_ack ack;
	size_t at;

	if (message_ack_decode(frame, &ack) == -1)
		return "the receiver made a bad ACK frame";
	seq_set_add(&acked, 0, ack.below);
	for (at = 0; at < ack.range_count; at++)
		seq_set_add(&acked, ack.ranges[at].first, ack.ranges[at].end);
	free(ack.ranges);
	for (at = 0; at < promise->planned_count; at++) {
		struct planned *planned = &promise->planned[at];
		size_t leaf, count = (size_t)leaf_count(planned->size);

		for (leaf = 0; leaf < count && !planned->over; leaf++) {
			uint64_t seq = planned->first_seq + leaf;

			if (!seq_set_contains(&acked, seq, seq + 1))
				continue;
			/* A receipt or a withdrawal counts seqs as done of
			 * which no byte was stored. */
			if (planned->flying[leaf])
				promise->versions[planned->version]
				    .confirmed[leaf] = 1;
			landed(promise, planned, leaf);
		}
	}
	seq_set_clear(&acked);
	return NULL;
}

static const char *note_nack(struct promise *promise, const struct frame *frame)
{
	struct message_nack nack;
	struct planned *planned;
	size_t leaf;

	if (message_nack_decode(frame, &nack) == -1)
		return "the receiver made a bad NACK frame";
	planned = find_planned(promise, nack.entry);
	if (planned == NULL || planned->over)
		return NULL;
	leaf = (size_t)(nack.seq - planned->first_seq);
	if (leaf >= LEAVES_MAX)
		return "the receiver refused a chunk that was not planned";
	/* It is not there: it does not count as sent. */
	landed(promise, planned, leaf);
	if (nack.reason == NACK_DIGEST)
		return NULL;
	/* LOST says the same of what NACK_DISK was to say and did not come. */
	promise->damaged++;
	if (nack.reason == NACK_LOST)
		return NULL;
	promise->versions[planned->version].confirmed[leaf] = 0;
	if (promise->unreadable || promise->rotten)
		return NULL;
	snprintf(promise->text, sizeof(promise->text),
		 "leaf %zu of %.300s was confirmed and is found damaged", leaf,
		 promise->versions[planned->version].path);
	return promise->text;
}

const char *promise_arrived(struct promise *promise, const struct frame *frame)
{
	struct message_receipt receipt;

	switch (frame->type) {
	case FRAME_ACK:
		return note_ack(promise, frame);
	case FRAME_NACK:
		return note_nack(promise, frame);
	case FRAME_RECEIPT:
		if (message_receipt_decode(frame, &receipt) == -1)
			return "the receiver made a bad RECEIPT frame";
		note_over(promise, receipt.entry);
		return NULL;
	default:
		return NULL;
	}
}

/* ---- at the receiver ---------------------------------------------------- */

/* It arrived as it was sent, packed or not. */
static int is_whole(struct promise *promise, const struct message_chunk *chunk)
{
	uint8_t *leaf = sim_zeroed(chunk->length);
	struct digest digest;
	int whole = 1;

	if ((chunk->flags & CHUNK_PACKED) == 0)
		memcpy(leaf, chunk->data, chunk->length);
	else
		whole = packer_unpack(promise->packer, chunk->data, chunk->size,
				      leaf, chunk->length) == 0;
	digest = digest_of(leaf, chunk->length);
	free(leaf);
	return whole && digest_equal(&digest, &chunk->digest);
}

void promise_received(struct promise *promise, const struct frame *frame,
		      uint64_t now)
{
	struct message_chunk chunk;
	struct planned *planned;
	size_t leaf;

	if (frame->type != FRAME_CHUNK ||
	    message_chunk_decode(frame, &chunk) == -1)
		return;
	planned = find_planned(promise, chunk.entry);
	if (planned == NULL || planned->over || planned->dropped ||
	    !is_whole(promise, &chunk))
		return;
	leaf = (size_t)(chunk.seq - planned->first_seq);
	if (planned->arrived[leaf] == 0)
		planned->arrived[leaf] = now;
}

/* Other than its group, a leaf waits for tasks before it and for the group
 * before. */
#define TASKS_TIME UINT64_C(2000000000)

static const char *stored(struct promise *promise, struct planned *planned,
			  size_t leaf, uint64_t now)
{
	struct version *version = &promise->versions[planned->version];
	uint64_t arrived = planned->arrived[leaf];

	if (arrived == 0)
		return NULL;
	version->durable[leaf] = 1;
	planned->arrived[leaf] = UINT64_MAX;
	if (arrived == UINT64_MAX ||
	    now < arrived + promise->group_time + TASKS_TIME)
		return NULL;
	snprintf(promise->text, sizeof(promise->text),
		 "leaf %zu of %.300s was confirmed %llu ms after it came", leaf,
		 version->path, (unsigned long long)(now - arrived) / 1000000);
	return promise->text;
}

static const char *answered_ack(struct promise *promise,
				const struct message_ack *ack, uint64_t now)
{
	struct seq_set acked = SEQ_SET_EMPTY;
	const char *wrong = NULL;
	size_t at, leaf;

	seq_set_add(&acked, 0, ack->below);
	for (at = 0; at < ack->range_count; at++)
		seq_set_add(&acked, ack->ranges[at].first, ack->ranges[at].end);
	for (at = 0; at < promise->planned_count && wrong == NULL; at++) {
		struct planned *planned = &promise->planned[at];
		size_t count = (size_t)leaf_count(planned->size);

		for (leaf = 0; leaf < count && !planned->dropped && !wrong;
		     leaf++) {
			uint64_t seq = planned->first_seq + leaf;

			if (seq_set_contains(&acked, seq, seq + 1))
				wrong = stored(promise, planned, leaf, now);
		}
	}
	seq_set_clear(&acked);
	return wrong;
}

static void answered_receipt(struct promise *promise,
			     const struct message_receipt *receipt)
{
	struct planned *planned = find_planned(promise, receipt->entry);
	size_t leaf;

	/* A sender that withdrew it does not ask, and is not told again. */
	if (planned == NULL || planned->dropped)
		return;
	if (receipt->status == RECEIPT_FAILED ||
	    receipt->status == RECEIPT_WITHDRAWN) {
		planned->dropped = 1;
		return;
	}
	for (leaf = 0; leaf < LEAVES_MAX; leaf++)
		promise->versions[planned->version].durable[leaf] = 1;
}

const char *promise_answered(struct promise *promise, const struct frame *frame,
			     uint64_t now)
{
	struct message_receipt receipt;
	struct message_nack nack;
	struct message_ack ack;
	struct planned *planned;
	const char *wrong;

	switch (frame->type) {
	case FRAME_ACK:
		if (message_ack_decode(frame, &ack) == -1)
			return "the receiver made a bad ACK frame";
		wrong = answered_ack(promise, &ack, now);
		free(ack.ranges);
		return wrong;
	case FRAME_RECEIPT:
		if (message_receipt_decode(frame, &receipt) == 0)
			answered_receipt(promise, &receipt);
		return NULL;
	case FRAME_NACK:
		if (message_nack_decode(frame, &nack) == -1)
			return NULL;
		planned = find_planned(promise, nack.entry);
		if (planned != NULL && nack.reason == NACK_DISK)
			promise->versions[planned->version]
			    .durable[nack.seq - planned->first_seq] = 0;
		return NULL;
	default:
		return NULL;
	}
}
