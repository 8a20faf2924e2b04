/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_SIM_WORLD_H
#define FERRY_TESTS_SIM_WORLD_H

#include <stdint.h>

#include "journal/digest.h"
#include "tests/sim/dice.h"
#include "tests/sim/disk.h"
#include "tests/sim/fail_io.h"
#include "tests/sim/network.h"
#include "tests/sim/promise.h"

/*
 * All that one seed is about: two machines with their disks, what is to be
 * copied, and the record of every version that a file at the source ever had,
 * against which the target is checked at any moment.
 *
 * The source machine has s/ (the tree to be copied) and state/; the target
 * machine d (the target, there or not), state/, and outside/ with some files
 * that nothing may touch.
 */
enum form {
	FORM_CONTENTS, /* s/ d: what is in s goes into d */
	FORM_FOLDER,   /* s d: makes d/s */
	FORM_MANY,     /* s/a s/b ... d */
	FORM_SINGLE,   /* s/a d, where d is a folder */
	FORM_NAMED     /* s/a d, where d is to be the file */
};

/* One path that ferry is to bring to the target. */
struct history {
	char *source;                   /* its path on the source's disk */
	char *target;                   /* and on the target's */
	struct snapshot_item *versions; /* in the order of time */
	size_t count, capacity;
	size_t confirmed; /* versions before this one are a loss; see there */
	int is_confirmed; /* versions[confirmed] or a later one must be there */
	int vanished;     /* removed from the source at some time */
	int same;         /* reported as being there, in this session */
	int failed;       /* reported as failed, in this session */
	int told;         /* by the client in any way, in this session */
	struct placed {   /* reported as done by an end, in this session */
		int is;
		uint64_t size;
		struct digest digest;
	} placed[END_COUNT];
	int blocked; /* something at the target is in its way */
};

struct world {
	uint64_t seed;
	struct dice dice;
	int verbose;
	uint64_t now; /* nanoseconds; begins at one second */
	struct disk *disks[END_COUNT];
	struct fail_io *fail[END_COUNT];
	struct network *network;
	struct promise *promise;
	uint8_t uuid[16]; /* of the transfer, while the client knows it */

	enum form form;
	int client; /* END_SENDER: a push; END_RECEIVER: a pull */
	int checksum;
	int strict;       /* permission bits count: the user is not root */
	int target_slash; /* the user wrote "d/" */
	char *paths[32];  /* as the user names the sources */
	size_t path_count;
	struct received { /* RECEIPTs that the receiver sent for files */
		struct history *history;
		uint8_t uuid[16];
		struct placed placed;
	} * received;
	size_t received_count, received_capacity;
	int rotten; /* a journal was damaged: staged data may be left */
	struct snapshot *before; /* the target's disk at the beginning */
	struct history *histories;
	size_t history_count, history_capacity;

	char failure[500]; /* "": all is well so far */
};

/* Sizes for world_create. */
struct world_shape {
	unsigned entries;        /* about so many */
	unsigned large_percent;  /* of files: those of 1 to 3 leaves */
	unsigned target_percent; /* of entries that are at the target already,
				    in some state */
	int form;                /* or -1 for any */
	unsigned first_large;    /* in a thousand: the first file has 3 leaves
				    or 4 */
};

struct world *world_create(uint64_t seed, const struct world_shape *,
			   int verbose);
void world_free(struct world *);

/* The seed has failed; only the first reason is kept. */
__attribute__((format(printf, 2, 3))) void world_fail(struct world *,
						      const char *, ...);
int world_failed(const struct world *);
/* A line of the story, with -v. */
__attribute__((format(printf, 2, 3))) void world_tell(struct world *,
						      const char *, ...);

/* The target as the user wrote it. */
const char *world_target(const struct world *);
/* Where the target's staging folder is. */
const char *world_staging(const struct world *);
/* The history of a path as engines report it, or NULL. */
struct history *world_find(struct world *, const char *entry_path);

/* ---- world_change.c ----------------------------------------------------- */

/* Some file at the source changes, or vanishes. */
void world_change(struct world *);
void world_vanish(struct world *);
/* A bit of what is staged at the target flips, or of the journal there. */
void world_rot(struct world *);

#endif
