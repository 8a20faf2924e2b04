/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_ENGINE_H
#define FERRY_TRANSFER_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "transfer/frame.h"
#include "transfer/message.h"
#include "transfer/task.h"

/*
 * The sender and the receiver are state machines: they are told what happened
 * (events), and say what to do next (actions).  They do no I/O, hold no
 * thread and read no clock, so the same code runs over SSH and in the
 * simulator.  One engine serves one session: from READY to the end, or until
 * its last lane is gone.  The next session begins with new engines and what
 * the journals hold.
 *
 *     engine_handle(engine, &event);
 *     while (engine_next(engine, &action))
 *             ... do it ...
 */
enum engine_event_type {
	EVENT_LANE_UP,    /* lane, bulk; frames may flow on it */
	EVENT_LANE_DOWN,  /* lane; what was sent on it may be lost */
	EVENT_LANE_SENT,  /* lane; bytes more have left its queue */
	EVENT_LANE_HEARD, /* lane; bytes came that are no whole frame yet: told
			     about once a second, so that a slow lane is not
			     taken for a dead one */
	EVENT_FRAME,      /* lane, frame: moved to the engine */
	EVENT_TASK,       /* task: moved back to the engine */
	EVENT_TIME,       /* nothing but the time passing */
	EVENT_LANE_MADE   /* made; not for engines: see transfer/lane_set.h */
};

/* What EVENT_LANE_MADE brings; its owner frees it. */
struct lane_made;

struct engine_event {
	enum engine_event_type type;
	uint64_t now;  /* nanoseconds, never going back */
	uint32_t lane; /* 0..LANES_MAX-1 */
	int bulk;      /* while it is up, chunks go only on such lanes */
	size_t bytes;
	struct frame *frame;
	struct task *task;
	struct lane_made *made;
};
#define LANES_MAX 64

enum engine_action_type {
	ACTION_SEND,   /* frame on lane: moved to the caller */
	ACTION_TASK,   /* task: moved to the caller */
	ACTION_LOSE,   /* nothing was heard on lane for too long: it is down for
			  the engine, and is to be closed */
	ACTION_REPORT, /* tell the user of report; valid until the next call */
	ACTION_FAIL,   /* the session is over: report says why */
	ACTION_FINISH  /* all is done on both ends */
};

enum report_kind {
	REPORT_DONE,     /* path is in place, confirmed */
	REPORT_SAME,     /* path was there already */
	REPORT_FAILED,   /* path was not transferred: exit 23 */
	REPORT_VANISHED, /* exit 24 */
	REPORT_SKIPPED,  /* not a file, folder or link */
	REPORT_RESENT,   /* a chunk of path arrived damaged and goes again */
	REPORT_SESSION   /* with ACTION_FAIL: no path */
};

struct engine_report {
	enum report_kind kind;
	int code;         /* ACTION_FAIL: exit code; EXIT_LOST: try again */
	int told;         /* ACTION_FAIL: 1, the far end said so */
	const char *path; /* escaped by whoever shows it */
	const char *text;
	uint64_t size;
	int file; /* DONE, SAME: 1 for a regular file */
	struct digest digest;
};

struct engine_action {
	enum engine_action_type type;
	uint32_t lane;
	struct frame *frame;
	struct task *task;
	struct engine_report report;
};

/* How a session or a transfer ends, as exit codes; ferry(1) lists them all.
 * The numbers are rsync's where it has one. */
enum {
	EXIT_DONE = 0,
	EXIT_INCOMPATIBLE = 2,
	EXIT_LOST = 10,
	EXIT_FILE_IO = 11,
	EXIT_PROTOCOL = 12,
	EXIT_INTERRUPTED = 20,
	EXIT_PARTIAL = 23,
	EXIT_VANISHED = 24,
	EXIT_CONNECT_TIMEOUT = 35,
	EXIT_HELD = 75,
	EXIT_UNREACHABLE = 255
};
/* Running figures; both engines keep what they know. */
struct transfer_stats {
	uint64_t total_files; /* 0 until counted */
	uint64_t total_bytes;
	uint64_t bytes_planned; /* in files that were announced */
	uint64_t files_done;    /* regular files with a receipt */
	uint64_t files_skipped; /* of these, were there already */
	uint64_t files_failed;
	uint64_t files_vanished;
	uint64_t bytes_confirmed; /* durable at the target, reused included */
	uint64_t bytes_sent;      /* chunk payload on lanes, as packed, with
				     resends */
	uint64_t bytes_reused;    /* held by the target before this session */
	uint64_t chunks_resent;
};

/* Every engine begins with this. */
struct engine {
	const struct engine_operations {
		void (*handle)(struct engine *, const struct engine_event *);
		int (*next)(struct engine *, struct engine_action *);
		uint64_t (*deadline)(const struct engine *);
		void (*stats)(const struct engine *, struct transfer_stats *);
		void (*free)(struct engine *);
	} * operations;
};

/* Tell the engine what happened.  What it decides on is fetched with
 * engine_next, which is due after each event. */
void engine_handle(struct engine *, const struct engine_event *);
/* 1 and *action, or 0: nothing more to do now. */
int engine_next(struct engine *, struct engine_action *);
/* When EVENT_TIME is wanted at the latest; UINT64_MAX: never. */
uint64_t engine_deadline(const struct engine *);
void engine_stats(const struct engine *, struct transfer_stats *);
/*
 * Tasks still out must have come back first (EVENT_TASK is fine after FAIL or
 * FINISH: the task is just freed).
 */
void engine_free(struct engine *);

/* What both engines are made with. */
struct engine_config {
	uint32_t epoch; /* from READY */
	uint64_t next_entry;
	uint64_t next_seq;
	uint64_t now;
	int checksum;
	int count;            /* sender: count the source first */
	unsigned version;     /* of the protocol, that both speak */
	int compression;      /* sender: COMPRESS_NO, a level, COMPRESS_AUTO */
	uint64_t rate;        /* sender: most bytes a second; 0: no limit */
	uint64_t window;      /* sender: most bytes sent and not confirmed */
	uint64_t entries;     /* sender: most entries that have no receipt */
	uint64_t group_bytes; /* receiver: commit after so many, */
	uint64_t group_time;  /* or so many nanoseconds */
	uint64_t resend_time; /* sender: repeat an unanswered frame after */
	uint64_t stall_time;  /* sender: a lane that moves nothing for so long
				 loses its chunks to others */
	uint64_t ping_time; /* say something after so long a silence of ours */
	uint64_t idle_time; /* give a lane up after so long a silence of its */
};
/* The defaults: our version, no compression, no rate, window 64 MiB, 16384
 * entries, group 16 MiB or 1 s, resend 60 s, stall 3 s, ping 10 s, idle 30 s.
 */
void engine_config_default(struct engine_config *);
/* What a receiver of version 1 of the protocol takes. */
#define ENTRIES_VERSION_1 4096

#endif
