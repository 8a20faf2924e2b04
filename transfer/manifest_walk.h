/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_MANIFEST_WALK_H
#define FERRY_TRANSFER_MANIFEST_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "journal/io.h"

/*
 * A manifest (journal/manifest.h, ferry-manifest(5)) of what is on this
 * machine: all of it is read again from the disk, what the page cache holds is
 * dropped first.  It is how both ends of "ferry verify" look at their side.
 * What is neither file, folder nor symbolic link has no entry, as it is not
 * copied; nor has ".ferry".
 *
 * The paths are one of two things:
 *
 *   sources  what the user named, by the rule for a trailing slash: "photos"
 *            has the entries "photos", "photos/a" ..., "photos/" has "", "a".
 *            Each must exist.
 *   target   paths[0] is the DST of a copy, and the others are the names that
 *            the copy had to bring there: the last name of a source, or "."
 *            for one whose contents go straight into DST.  Entries have the
 *            names that the sources' manifest gives them: when there is one
 *            name and DST is there but no folder, or is not there, then DST
 *            is that file, and its entry is called like the source.  What is
 *            not there has no entry.
 *
 * With "." all that is in DST is listed, else only what has one of the names.
 * Several sources make one sorted manifest; of two files with one path it has
 * the later source's.
 */
struct manifest_walk_config {
	struct io *io;
	int start_dir; /* paths are relative to it (AT_FDCWD) */
	char **paths;
	size_t path_count;
	int target; /* 1: as OPEN_TARGET says; 0: sources */

	/*
	 * Takes a line, its newline included, of at most MANIFEST_LINE_MAX
	 * bytes; nonzero ends the walk.  Valid during the call.
	 */
	int (*line)(void *cookie, const char *line, size_t length);
	/*
	 * Asked before each entry and each MiB that is read, so also a place
	 * to tell a peer that work goes on; nonzero ends the walk.  May be
	 * NULL.
	 */
	int (*stop)(void *cookie);
	/* Told of each entry that gets an "error", path as the user would
	 * name it.  May be NULL. */
	void (*problem)(void *cookie, const char *path, const char *text);
	void *cookie;
};

struct manifest_walk_result {
	uint64_t entries; /* all of them */
	uint64_t files;   /* that were read */
	uint64_t bytes;   /* in these */
	uint64_t errors;  /* entries that could not be read, or changed
			     meanwhile: they have an "error", and the exit
			     code is 23 */
	char *text; /* with -1: "path: why", malloc'd, or NULL: no memory */
};

/*
 * Walk, and give every line of the manifest in order, the header first and
 * the trailer last.  0; -1 with errno and text when it cannot be made at all;
 * or what line or stop returned when nonzero.  Not bound to a thread.
 */
int manifest_walk(const struct manifest_walk_config *,
		  struct manifest_walk_result *);

#endif
