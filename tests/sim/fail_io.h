/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_SIM_FAIL_IO_H
#define FERRY_TESTS_SIM_FAIL_IO_H

#include <stdint.h>

#include "journal/io.h"

/*
 * A struct io around another one that makes the n-th call fail.  close, clock,
 * wall and advise never fail and are not counted: a failed close is no news,
 * and advice is only a hint.
 *
 * One call after the other goes through, so that threads may share what is
 * beneath even if that is made for one.
 */
struct fail_io;

enum fail_kind { /* the calls of struct io */
		 FAIL_ANY,
		 FAIL_OPEN,
		 FAIL_OPEN_BENEATH,
		 FAIL_PREAD,
		 FAIL_PWRITE,
		 FAIL_TRUNCATE,
		 FAIL_SYNC_DATA,
		 FAIL_SYNC,
		 FAIL_SYNC_ALL,
		 FAIL_STAT,
		 FAIL_STAT_AT,
		 FAIL_LIST,
		 FAIL_READ_LINK_AT,
		 FAIL_MAKE_DIR_AT,
		 FAIL_MAKE_LINK_AT,
		 FAIL_RENAME_AT,
		 FAIL_UNLINK_AT,
		 FAIL_SET_MODE,
		 FAIL_SET_TIMES,
		 FAIL_SET_TIMES_AT,
		 FAIL_LOCK,
		 FAIL_RANDOM,
		 FAIL_KIND_COUNT
};

enum fail_how {
	FAIL_ERROR, /* with the given errno */
	/* EINTR, where the call may be interrupted: open_beneath, pread,
	 * pwrite, truncate, the syncs.  Others go through. */
	FAIL_INTERRUPT,
	FAIL_SHORT /* pread and pwrite do a part; others go through */
};

struct fail_plan {
	enum fail_kind kind;
	uint64_t after; /* so many calls of this kind go through first */
	uint64_t count; /* then so many fail; UINT64_MAX: all */
	/* Of these only every so-manieth fails; 0 is 1.  Without end, each
	 * call interrupted would never end. */
	uint64_t stride;
	enum fail_how how;
	int error; /* FAIL_ERROR */
};

struct fail_io *fail_io_create(struct io *);
void fail_io_free(struct fail_io *);
/* Freed with fail_io. */
struct io *fail_io_table(struct fail_io *);

/* Begin to count; NULL: nothing fails. */
void fail_io_set(struct fail_io *, const struct fail_plan *);
/* How many calls of a kind were seen since fail_io_set. */
uint64_t fail_io_calls(const struct fail_io *, enum fail_kind);
/* How many of them were made to fail. */
uint64_t fail_io_failed(const struct fail_io *);

#endif
