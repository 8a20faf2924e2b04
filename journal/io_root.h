/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_IO_ROOT_H
#define FERRY_JOURNAL_IO_ROOT_H

#include "journal/io.h"

/*
 * This machine's table for a process whose paths come from a peer that may
 * reach one folder alone: "open" takes every path beneath that folder, "/x" as
 * "x", and never gets out of it (EXDEV), whatever links and ".." there are.
 * All other calls are io_system's; they follow no link anyway.
 */
struct io_root {
	struct io io; /* what to hand on; its context is this struct */
	int dir;      /* the caller's, open as long as the table is used */
};

/* dir may be opened with O_PATH. */
void io_root_init(struct io_root *, int dir);

#endif
