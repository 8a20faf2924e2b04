/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_RECEIVER_INTERNAL_H
#define FERRY_TRANSFER_RECEIVER_INTERNAL_H

#include "journal/seq_set.h"
#include "transfer/engine.h"
#include "transfer/index_map.h"
#include "transfer/lane_table.h"
#include "transfer/outbox.h"

/*
 * The receiver's state, shared by receiver*.c and by nobody else.
 *
 * What holds at all times:
 *
 *  1. A seq is in durable only when its bytes were synced and the journal
 *     group that claims them was synced after (or when nothing of it is
 *     needed).  ACK never says more than durable.
 *  2. A leaf is in taken from the moment its write is asked for; it leaves
 *     taken only if the write failed or the bytes on disk proved damaged.
 *  3. An entry is placed only when it has a COMMIT, all its leaves are
 *     durable, none is unverified, and the digests of the leaves make up the
 *     digest in COMMIT.
 *  4. RECEIPT is sent only after a group that began after the rename.
 *  5. An entry is freed only when nothing points to it: busy counts its tasks
 *     and its places in lists.
 *  6. At most one entry with a given path has work under way; a second one
 *     waits in its follower.
 */
enum incoming_state {
	INCOMING_EXAMINED, /* being examined, or its basis hashed */
	INCOMING_OPEN,     /* NEED was sent: chunks come */
	INCOMING_PLACING,  /* complete; in the list to be placed, or out */
	INCOMING_PLACED,   /* renamed; the next group makes it durable */
	INCOMING_DROPPED   /* withdrawn, failed or finished; freed when idle */
};

struct incoming {
	struct entry *entry;
	enum incoming_state state;
	unsigned busy;
	struct staged staged;
	uint64_t path_key; /* low half of the digest of the path */
	struct incoming *follower;
	struct incoming *next; /* in the one list that it is in */

	struct leaf_table *leaves; /* of this version, written or kept */
	struct seq_set taken;
	struct seq_set unverified; /* kept from before: to be hashed again */
	uint64_t verify_next;      /* the first that is not asked for */
	struct seq_set damaged;    /* to be taken back by the journal first */
	int verifying;             /* is in to_verify */
	unsigned writes;           /* tasks out */
	uint64_t group_number;     /* the last group it had leaves in */

	struct leaf_table *basis; /* digests that NEED_COMPARE told */
	uint64_t basis_size;
	uint64_t basis_next;         /* the next leaf to hash for NEED */
	int basis_kind;              /* BASIS_* */
	struct digest basis_version; /* of the target's file */
	int basis_known;             /* digests came from the journal */
	int basis_mixed;             /* BASIS_TARGET, but for these leaves, */
	struct seq_set basis_staged; /* which are staged, and known */
	enum receipt_status outcome;

	int committed; /* COMMIT came: */
	int in_place;  /* with COMMIT_IDENTICAL */
	struct digest file;
};

/* A list in order of arrival. */
struct incoming_list {
	struct incoming *first;
	struct incoming **end;
	size_t count;
};

struct receiver {
	struct engine engine; /* first */
	struct engine_config config;
	struct outbox outbox;
	struct lane_table lanes;
	struct transfer_stats stats;
	uint64_t received; /* payload of chunks, as bytes_sent */
	uint64_t now;

	struct index_map entries; /* under way, by index */
	struct index_map dropped; /* no longer, but not idle yet */
	struct index_map paths;   /* files and links of both, by path_key */
	size_t entry_bytes;
	struct seq_set durable; /* invariant 1 */
	struct seq_set settled; /* entries placed, failed, or withdrawn */
	struct seq_set failed;  /* of these, the ones that failed */
	struct seq_set same;    /* of these, the ones that were there */
	uint64_t unknown_below; /* failed and same do not tell of these */
	int ack_due;
	int ack_news;    /* durable has grown since the last ACK */
	size_t ack_next; /* the range that the next ACK begins with, if not
			    all fit in it */

	struct incoming_list to_examine;
	struct incoming_list to_hash;   /* for NEED */
	struct incoming_list to_verify; /* unverified leaves */
	struct incoming_list to_place;
	struct incoming_list folder_ends; /* waiting for what is inside */
	struct incoming_list placed;      /* waiting for a group */
	unsigned examining;               /* tasks out */
	unsigned hashing;
	unsigned writing;
	int placing;

	/* The group that is being filled. */
	struct written_leaf {
		struct incoming *incoming;
		uint64_t leaf;
		int damaged; /* it is not there after all */
	} * written;
	size_t written_count;
	size_t written_capacity;
	uint64_t written_bytes;
	struct incoming **planned;
	size_t planned_count;
	size_t planned_capacity;
	int settle;            /* see task_group */
	uint64_t group_opened; /* when the first came in */
	int flush;             /* the sender waits, */
	uint64_t flush_chunks; /* when so many chunks have come */
	uint64_t chunks;       /* that came, on all lanes */
	/* The one that is out; NULL: none. */
	struct group_out *group;
	uint64_t group_number;
	uint64_t settled_seen; /* size of settled when folder_ends was last
				  looked through */
	uint64_t settled_count;

	struct entry *root_end; /* attributes of the target folder itself */
	int closing;            /* BYE came; TASK_CLOSE is out, or will be */
	int close_out;          /* it is */
	int closed;
};

#define EXAMINES_MAX          4
#define HASHES_MAX            8
/* The sender's limits (sender_internal.h), twice. */
#define ENTRIES_ACCEPTED      32768
#define ENTRY_BYTES_ACCEPTED  ((size_t)16 << 20)
/* How scattered the numbers may be that a peer makes us remember. */
#define SETTLED_RANGES_MAX    (2 * ENTRIES_ACCEPTED)
#define DURABLE_RANGES_MAX    ((size_t)1 << 20)
#define REMEMBERED_RANGES_MAX ((size_t)1 << 16)

/* receiver.c */
/*
 * On the control lane, which may be none any more: then it is lost, as on a
 * lane that dies.
 */
void receiver_send(struct receiver *, struct frame *); /* control lane */
/* An answer that the sender asks for again if it does not come: not sent while
 * the sender does not read. */
void receiver_send_again(struct receiver *, struct frame *);
void receiver_fail(struct receiver *, int code, const char *text);
/*
 * The session ends; callers go on without looking, for a closed outbox takes
 * nothing more.
 */
void receiver_out_of_memory(struct receiver *);
/* The task failed in a way that no other entry would survive: ENOSPC, EIO
 * and the like.  1 if so; the session is then over. */
int receiver_disk_failed(struct receiver *, const struct task *);
void receiver_push(struct incoming_list *, struct incoming *);
/* The one that has waited longest, or NULL. */
struct incoming *receiver_pop(struct incoming_list *);

/* receiver_entry.c: ENTRY, what is there, NEED */
void receiver_entry(struct receiver *, const struct frame *);
void receiver_examined(struct receiver *, struct task *);
/*
 * A leaf of what was there was hashed for NEED; one that could not be read
 * counts as missing.
 */
void receiver_hashed(struct receiver *, struct task *);
/*
 * Ask for TASK_EXAMINE and TASK_HASH, as many as may be out.  After every
 * event.
 */
void receiver_examine_more(struct receiver *);
/* One task or list less; frees it if it was dropped and nothing is left. */
void receiver_idle(struct receiver *, struct incoming *);
void receiver_release(struct incoming *); /* free all of it, now */

/* receiver_settle.c: RECEIPT, WITHDRAW, PROBLEM */
/* It is at an end: tell the sender and the user; drop it. */
void receiver_failed(struct receiver *, struct incoming *, const char *text);
void receiver_finished(struct receiver *, struct incoming *);
/*
 * The sender gives an entry up.  Answered with its receipt also if it is not
 * known: the first answer may be lost.
 */
void receiver_withdraw(struct receiver *, const struct frame *);
/* As WITHDRAW, and the user hears of it, once. */
void receiver_problem(struct receiver *, const struct frame *);
/* Nothing more will come for this number of an entry. */
void receiver_settle(struct receiver *, uint64_t index);
/* Nothing of its seqs is needed any more. */
void receiver_cover(struct receiver *, const struct incoming *);
/* The receipt of one that is settled was lost. */
void receiver_receipt_again(struct receiver *, uint64_t index);

/* receiver_chunk.c: CHUNK, KEEP, COMMIT, writing */
void receiver_chunk(struct receiver *, struct frame **);
void receiver_keep(struct receiver *, const struct frame *);
/*
 * All of the entry was sent.  It is placed when invariant 3 holds; until then
 * this is only noted.
 */
void receiver_commit(struct receiver *, const struct frame *);
/*
 * A TASK_WRITE came back: on success its leaf goes into the open group, and is
 * not durable yet.
 */
void receiver_written(struct receiver *, struct task *);
/*
 * A staged leaf from an earlier run was read back.  It counts as durable only
 * if its digest is the journal's; else the journal takes it back and the sender
 * is asked for it.
 */
void receiver_verified(struct receiver *, struct task *);
void receiver_verify_more(struct receiver *);
/*
 * Ask for a leaf again.  It must not be in taken any more, or what comes is
 * ignored as a duplicate.
 */
void receiver_nack(struct receiver *, const struct incoming *, uint64_t leaf,
		   enum nack_reason);
/* Have its unverified leaves hashed. */
void receiver_verify(struct receiver *, struct incoming *);
/* Stage a file of no bytes. */
void receiver_write_empty(struct receiver *, struct incoming *);
/* Move it to to_place if it is complete (invariant 3). */
void receiver_check_complete(struct receiver *, struct incoming *);

/* receiver_group.c: group commit, placing, ACK and RECEIPT */
#define NO_LEAF UINT64_MAX /* of a file without bytes */
void receiver_group_leaf(struct receiver *, struct incoming *, uint64_t leaf);
/* Have the journal take back what it says of a leaf, and then the sender told
 * to send it again: else bytes that were written and never synced could pass
 * for those that it speaks of. */
void receiver_group_damaged(struct receiver *, struct incoming *,
			    uint64_t leaf);
/* The next group journals the plan of the entry, before any leaf of it. */
void receiver_group_plan(struct receiver *, struct incoming *);
/* It is in place; the next group is to make sure that it stays. */
void receiver_group_placed(struct receiver *, struct incoming *);
void receiver_group_done(struct receiver *, struct task *);
/* A TASK_PLACE came back: each entry waits for a group, or has failed. */
void receiver_placed(struct receiver *, struct task *);
void receiver_commit_more(struct receiver *); /* start what is due */
void receiver_send_ack(struct receiver *);
/* The session is over: make durable what is written. */
void receiver_group_last(struct receiver *);
uint64_t receiver_group_deadline(const struct receiver *);
/*
 * At the end of the engine: the open group and the one that is out, without a
 * look at what they hold.
 */
void receiver_group_free(struct receiver *);

#endif
