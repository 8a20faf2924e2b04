/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SENDER_INTERNAL_H
#define FERRY_TRANSFER_SENDER_INTERNAL_H

#include "journal/seq_set.h"
#include "transfer/engine.h"
#include "transfer/index_map.h"
#include "transfer/lane_table.h"
#include "transfer/line.h"
#include "transfer/outbox.h"
#include "transfer/pace.h"

/*
 * The sender's state, shared by sender*.c and by nobody else.
 *
 * An entry goes ANNOUNCED -> (COMPARING ->) SENDING -> COMMITTED, or at any
 * time to WITHDRAWN, and leaves with its receipt.  What holds at all times:
 *
 *  1. A leaf of an entry is in at most one of todo, compare, same, trusted,
 *     a read that is out, and a flight; it is in none once it is confirmed.
 *  2. window_used is what the leaves of all flights have, plus those of all
 *     reads that are out, packed or not; it exceeds config.window only by one
 *     chunk that is alone.
 *  3. An entry is freed only when no task points to it (busy is 0).
 *  4. COMMIT goes out only after the source was seen unchanged after the last
 *     leaf was read or compared.
 *  5. A read is out until it is packed, if it is to be: it is one task.  What
 *     its chunk can be at most was spent of pace when it went out.
 */
enum outgoing_state {
	OUTGOING_ANNOUNCED, /* ENTRY is out; the answer is NEED or RECEIPT */
	OUTGOING_COMPARING, /* our leaves are hashed against theirs */
	OUTGOING_SENDING,
	OUTGOING_COMMITTED, /* all is out; the answer is RECEIPT */
	OUTGOING_WITHDRAWN  /* it is not to be had; the answer is RECEIPT */
};

struct outgoing {
	struct entry *entry;
	enum outgoing_state state;
	unsigned busy;    /* read tasks that are out, with those that pack */
	int gone;         /* freed when busy falls to 0 */
	int checked;      /* invariant 4 */
	int checking;     /* a read that will tell is out */
	int committed;    /* COMMIT, or the only chunk, was ever sent */
	unsigned changes; /* how often it was planned anew */
	uint64_t asked;   /* when an answer was last asked for */
	uint64_t flights;
	unsigned resends; /* of flights: in the resend queue */

	struct leaf_table *leaves; /* our digests, or trusted ones of theirs */
	struct leaf_table *held;   /* theirs, to be compared */
	struct seq_set todo;       /* leaves to send */
	struct seq_set compare;    /* leaves to hash */
	struct seq_set same;       /* equal: to be kept as they are */
	struct seq_set trusted;    /* held there, of this very version */
	uint64_t told;             /* leaves of which NEED told a digest */
	int told_last;             /* the frame with NEED_LAST has come */
	uint64_t same_count;       /* how many ever were equal */
	uint64_t target_size;      /* with held from the target's file */
	int target_basis;
	struct index_map refused; /* leaf -> how often its digest was wrong */
	int problem;              /* WITHDRAWN: an enum problem_kind, or 0 */
	char *problem_text;       /* owned; may be NULL */
	char *shown;              /* as the user would name it; owned; NULL:
				     by the entry's path */
	struct outgoing *next;    /* in the queue of those with work to do */
	struct outgoing **at;     /* what points to it there; NULL: nothing */
};

/* A chunk, or a kept leaf, that is sent and not confirmed. */
struct flight {
	struct flight *next;
	struct flight *previous;
	struct outgoing *outgoing;
	uint64_t leaf;
	uint64_t sent; /* when */
	uint32_t lane;
	uint32_t length; /* of the leaf; 0 for a kept one */
	enum {
		RESEND_NOT,
		RESEND_WAITS, /* in the resend queue */
		RESEND_READS  /* there, and being read */
	} resend;
};

struct sender {
	struct engine engine; /* first */
	struct engine_config config;
	struct outbox outbox;
	struct lane_table lanes;
	struct transfer_stats stats;
	uint64_t now;

	struct index_map entries; /* under way, by index */
	size_t entry_bytes;       /* of their paths and links */
	struct outgoing *queue;   /* with work to do, in order */
	struct outgoing **queue_end;
	uint64_t *open_folders; /* indexes, outermost first */
	size_t open_count;
	size_t open_capacity;

	struct flight flights; /* head of the ring; in order of sending */
	struct flight resends; /* the resend queue, another ring */
	uint64_t flight_count;
	uint64_t window_used;
	struct seq_set acked;
	uint64_t progress;  /* when the receiver last confirmed something */
	uint64_t next_scan; /* for unanswered frames */
	unsigned scans;     /* in a row without progress: the wait doubles */

	unsigned reads;    /* tasks that are out */
	unsigned packs;    /* of these, to be packed */
	size_t read_bytes; /* of chunks in them */
	struct pace pace;  /* config.rate */
	struct line line;  /* for COMPRESS_AUTO */
	int walking;       /* a walk task is out */
	int walk_ended;
	int unflushed;   /* something was sent since the last FLUSH */
	uint64_t chunks; /* sent, with those sent again */
	int bye_sent;
	uint64_t stats_sent; /* when */

	struct task *record; /* being filled */
	int recording;       /* one is out */
	uint64_t recorded;   /* when the last one went out */
};

/* What is read ahead of the lanes at most. */
#define READS_MAX       64
#define READ_BYTES_MAX  ((size_t)4 << 20)
/* Bytes of paths and links under way at most; the receiver refuses twice as
 * many, and twice as many entries as config.entries has by default. */
#define ENTRY_BYTES_MAX ((size_t)8 << 20)
/* Chunks and kept leaves under way at most. */
#define FLIGHTS_MAX     16384
/* A chunk whose digest is wrong so often, and a file that changed so often
 * while it was read, is given up. */
#define REFUSED_MAX     5
#define CHANGES_MAX     3

/* sender.c */
/* It is lost if that dies; sender_scan repeats what has no answer. */
void sender_send(struct sender *, struct frame *); /* on the control lane */
void sender_fail(struct sender *, int code, const char *text);
void sender_out_of_memory(struct sender *);
/*
 * There is work to do for it: at the end of the queue, unless it is in it,
 * withdrawn, or gone.
 */
void sender_queue(struct sender *, struct outgoing *);
/* Out of the queue, if it is in it. */
void sender_unqueue(struct sender *, struct outgoing *);
/* Take it out of the transfer; freed now or when its tasks are back. */
void sender_drop(struct sender *, struct outgoing *);
/* Number an entry (moved); NULL: out of memory. */
struct outgoing *sender_add(struct sender *, struct entry *);
/* The same, and announce it.  0, or -1: out of memory. */
int sender_announce(struct sender *, struct entry *, unsigned changes);

/* sender_withdraw.c: what is not sent after all */
void sender_withdraw(struct sender *, struct outgoing *);
/* The same, and both users hear why. */
void sender_give_up(struct sender *, struct outgoing *, enum problem_kind,
		    const char *text);
/* Of what cannot even be announced.  0, or -1: out of memory. */
int sender_problem(struct sender *, enum problem_kind, const char *path,
		   const char *text);
/* Tell the receiver, again. */
void sender_say_withdrawn(struct sender *, struct outgoing *);

/* sender_need.c: what the receiver has */
void sender_need(struct sender *, const struct frame *);
void sender_compared(struct sender *, struct outgoing *,
		     const struct task_read *);
/* Send KEEP frames for leaves in same, as far as there is room. */
void sender_keep(struct sender *, struct outgoing *);

/* sender_chunk.c: reading and sending */
void sender_pump(struct sender *);
/* A new one for a leaf; NULL: the session has failed. */
struct task *sender_read_task(struct sender *, struct outgoing *,
			      uint64_t leaf);
/* A read came back as planned, for an entry that is still wanted. */
void sender_read_done(struct sender *, struct outgoing *, struct task_read *);
/* The room that the task took is free again. */
void sender_read_back(struct sender *, const struct task_read *);
/* Is there room in memory for the chunk of a leaf, and may it go now? */
int sender_may_read(struct sender *, size_t length);
/* A read for a chunk goes out; sender_read_back undoes it. */
void sender_read_out(struct sender *, struct task *, size_t length);
/* All leaves are out: ask for the file to be put in its place, or ask again. */
void sender_commit(struct sender *, struct outgoing *, int again);

/* sender_pack.c: what is compressed */
/* A read is back; 1: it went out again to be packed, 0: it goes on as it is. */
int sender_pack(struct sender *, struct task *);
/* It is back from that. */
void sender_packed(struct sender *, const struct task_read *);
/* Too little is known of the line to give it more now. */
int sender_must_look(const struct sender *);
/* What is queued and packed may have changed. */
void sender_look(struct sender *);

/* sender_flight.c: confirmation and resending */
/* A leaf is on its way on lane. */
int sender_add_flight(struct sender *, struct outgoing *, uint64_t leaf,
		      uint32_t lane, uint32_t length);
/* Read what is in the resend queue, as far as there is room. */
void sender_resend(struct sender *);
/* It was read and goes on lane; 0: it need not go any more. */
int sender_fly_again(struct sender *, struct outgoing *, uint64_t leaf,
		     uint32_t lane);
/* What it names is confirmed for good.  Numbers that are in no flight are
 * passed over. */
void sender_ack(struct sender *, const struct frame *);
/*
 * The receiver has not the leaf.  Late ones are passed over; the fifth for a
 * digest of one leaf gives its file up.
 */
void sender_nack(struct sender *, const struct frame *);
/*
 * All that was sent on it and is not confirmed waits to be read and sent again,
 * in its place in the window.
 */
void sender_lane_lost(struct sender *, uint32_t lane);
/*
 * Nothing of an entry needs an answer any more: give its room in the window
 * back.
 */
void sender_forget_flights(struct sender *, struct outgoing *);
void sender_scan(struct sender *); /* repeat what was not answered */
/* Ask for every answer that is due, now. */
void sender_ask_again(struct sender *);

/* sender_receipt.c: how an entry ended */
void sender_receipt(struct sender *, const struct frame *);

/* sender_record.c: this end's journal */
void sender_record_plan(struct sender *, struct entry *);
void sender_record_leaf(struct sender *, struct entry *, uint64_t leaf);
/* ledger: 1 if the file was sent, so that the ledger gets a line. */
void sender_record_receipt(struct sender *, struct entry *, int ledger,
			   const struct digest *);
/* Send the record task if it is due, or now. */
void sender_record_flush(struct sender *, int now);

#endif
