/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_CONFINE_H
#define FERRY_TRANSFER_CONFINE_H

/* What this process is to reach from now on, as folders that are open. */
struct confine_config {
	int root;      /* with all in it */
	int read_only; /* root is */
	int state_dir; /* to be written to; -1: none */
};

/*
 * Give up all other files, and for good: no program that is started gains
 * rights, and where the kernel has Landlock no other file or folder can be
 * opened, made, renamed or removed, but for reading in /proc, where processes
 * that hold a lock are looked up; nor does TCP reach anybody.  Descriptors
 * that are open stay.  This is a second wall: paths are kept inside by
 * journal/io_root.h, and what the kernel lacks of this is done without.
 *
 * For the calling thread and those it starts, so call it first.  0, or -1 with
 * errno: the kernel has it and refused.
 */
int confine(const struct confine_config *);

#endif
