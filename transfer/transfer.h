/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_TRANSFER_H
#define FERRY_TRANSFER_TRANSFER_H

#include <stdatomic.h>
#include <stdint.h>

#include "journal/io.h"
#include "transfer/engine.h"
#include "transfer/lane.h"
#include "transfer/message.h"

enum lane_news { LANE_CAME_UP, LANE_REFUSED, LANE_LOST };

/*
 * One transfer from the client's side: connect, agree with the far end, run
 * an engine until the end, and after a lost connection do it all again with
 * the backoff of retry.h.  Prints nothing; tells an observer.
 */
struct transfer_observer {
	void *cookie;
	/* One entry ended, or a chunk was sent again. */
	void (*report)(void *, const struct engine_report *);
	/* About ten times a second, and once at the end. */
	void (*progress)(void *, const struct transfer_stats *);
	/* A session begins: resumed is 1 if the target held staged data. */
	void (*session)(void *, const uint8_t uuid[16], int resumed);
	/* Of a lane beside the first, of a kind of the carrier's; text says
	 * why one was refused or lost, or is NULL. */
	void (*lane)(void *, enum lane_news, unsigned kind, int bulk,
		     const char *text);
	/* A connection was lost or refused; the next try comes after wait. */
	void (*retry)(void *, unsigned attempt, uint64_t wait_nanoseconds,
		      const char *why);
	/* Nonzero ends the transfer in order: an exit code (20, 30 ...). */
	int (*stop)(void *);
	/* One line of a manifest (OPERATION_VERIFY); nonzero ends it. */
	int (*manifest)(void *, const char *line, size_t length);
};

/* How lanes are made. */
struct transfer_carrier {
	void *cookie;
	const char *name; /* of the host, for texts; NULL: it needs none */
	int lanes;        /* how many should carry chunks; 0: as they pay */
	unsigned kinds;   /* of further lanes, best first; 0: there are none */
	unsigned bulk;    /* bit 1 << kind: the first lane carries no chunks
			     while one of these is up */
	int quick; /* the kind that comes up without a log-in; -1: none */
	/*
	 * Connect and start the agent; the lane is the caller's.  nonce is 32
	 * hexadecimal digits for "serve --nonce".  It may take as long as the
	 * carrier's own time limit and the user's answers do.  0 or -1, as
	 * the result says.
	 */
	int (*connect)(void *, struct inbox *, uint32_t id, const char *nonce,
		       struct lane_result *);
	/* The same for a further lane, in any thread, several at once; nobody
	 * is asked anything.  It gives up soon after *over is set. */
	int (*further)(void *, unsigned kind, struct inbox *, uint32_t id,
		       const char *nonce, const atomic_int *over,
		       struct lane_result *);
	/* How far the files are, in nanoseconds, where that is further than the
	 * agent.  NULL: they are where it is. */
	uint64_t (*round_trip)(void *);
	/* After a try that found no ferry there, nor ever one before: 1 if
	 * the next connect brings one.  NULL: it cannot. */
	int (*provide)(void *);
};

int transfer_carrier_bulk(const struct transfer_carrier *, unsigned kind);
/* How many lanes of a kind there should be beside the first, as
 * lane_policy.h has it. */
int transfer_carrier_wish(const struct transfer_carrier *, unsigned kind);

struct transfer_request {
	struct io *io;
	enum operation operation;
	char **sources; /* local for a push, the far side's for a pull, the
			   reader's if there is one */
	size_t source_count;
	const char *target; /* local for a pull; NULL for verify */
	uint32_t options;   /* OPEN_*, but for OPEN_SENDER */
	int compression;    /* COMPRESS_NO, a level, COMPRESS_AUTO: with a far
			       end that speaks version 1, nothing is packed */
	uint64_t rate;      /* bytes a second; 0: no limit.  A pull fails with
			       EXIT_INCOMPATIBLE if the far end knows of none */
	uint8_t uuid[16];
	int state_dir; /* descriptor, or -1 */
	struct transfer_carrier carrier;
	/* Push: another agent reads, and this end passes on what both say to
	 * each other; sources are its own.  NULL: this end reads. */
	const struct transfer_carrier *reader;
	struct transfer_observer observer;
	uint64_t give_up; /* nanoseconds without a confirmed byte or a session
			     before a lost connection is final; 0: never */
};

struct transfer_result {
	int code;                 /* exit code */
	char *text;               /* one line for the user, or NULL; malloc'd */
	int told;                 /* 1: the far end said it, of what is there */
	enum lane_absence absent; /* why nothing was begun */
	uint8_t uuid[16];
	int resumed;
	unsigned retries;
	unsigned reconnects;
	struct transfer_stats stats; /* of all sessions together */
};

/*
 * Run to the end, with all its retries, in the calling thread.  *result is
 * filled in whatever happens, and its text is the caller's.  request must stay
 * as it is meanwhile.
 */
void transfer_run(const struct transfer_request *, struct transfer_result *);

/* Which sessions an agent serves: a push writes, a pull or a verification
 * reads.  The others are refused with a word. */
enum agent_access { AGENT_ALL, AGENT_READ_ONLY, AGENT_WRITE_ONLY };

/*
 * The far end: "ferry serve".  Speaks on descriptors in and out until the
 * client is done or gone.  Returns an exit code.  nonce is echoed in HELLO.
 * Paths that the client names are opened by the table's open.
 */
int agent_run(struct io *, int in, int out, const uint8_t nonce[16],
	      int state_dir, enum agent_access);

#endif
