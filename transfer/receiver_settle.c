/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How an entry leaves: in place, failed, or given up by the sender (RECEIPT,
 * WITHDRAW, PROBLEM).  What is remembered of it afterwards answers a sender
 * that did not hear of it.
 */
#include <stdlib.h>
#include <string.h>

#include "transfer/receiver_internal.h"

void receiver_settle(struct receiver *receiver, uint64_t index)
{
	if (seq_set_add(&receiver->settled, index, index + 1) == -1)
		receiver_out_of_memory(receiver);
	receiver->settled_count++;
	/* A gap is an entry that is under way, or lost on its way here. */
	if (receiver->settled.count > SETTLED_RANGES_MAX)
		receiver_fail(receiver, EXIT_PROTOCOL,
			      "entries are numbered with too many gaps");
}

void receiver_cover(struct receiver *receiver, const struct incoming *incoming)
{
	uint64_t first = incoming->entry->first_seq;
	uint64_t end = first + entry_chunks(incoming->entry);

	/* What a group confirmed is no news for an ACK, in which the sender
	 * looks for all that it has under way. */
	if (seq_set_contains(&receiver->durable, first, end))
		return;
	if (seq_set_add(&receiver->durable, first, end) == -1)
		receiver_out_of_memory(receiver);
	if (receiver->durable.count > DURABLE_RANGES_MAX)
		receiver_fail(receiver, EXIT_PROTOCOL,
			      "chunks are numbered with too many gaps");
	receiver->ack_due = receiver->ack_news = 1;
}

/* Out of the transfer, for whatever reason; staged data stays on disk. */
static void drop(struct receiver *receiver, struct incoming *incoming)
{
	struct entry *entry = incoming->entry;
	struct task *task;

	receiver_cover(receiver, incoming);
	index_map_remove(&receiver->entries, entry->index);
	incoming->state = INCOMING_DROPPED;
	if (index_map_put(&receiver->dropped, entry->index, incoming) == -1)
		receiver_out_of_memory(receiver);

	incoming->busy++;
	/* While a write is out, it may be opening the file. */
	if (incoming->writes == 0 && incoming->staged.descriptor == -1) {
		receiver_idle(receiver, incoming);
		return;
	}
	task = task_create(TASK_DISCARD);
	if (task != NULL) {
		task->owner = incoming;
		task->discard->staged = &incoming->staged;
		task->discard->entry = entry;
	}
	outbox_task(&receiver->outbox, task);
}

static void send_receipt(struct receiver *receiver,
			 const struct message_receipt *message)
{
	receiver_send(receiver, message_receipt_encode(message));
}

/*
 * Only so many are remembered.  Of the first ones it is then unknown how they
 * ended, and said to be.
 */
static void remember(struct receiver *receiver, struct seq_set *set,
		     uint64_t index)
{
	uint64_t end;

	if (seq_set_add(set, index, index + 1) == -1)
		receiver_out_of_memory(receiver);
	if (set->count <= REMEMBERED_RANGES_MAX)
		return;
	end = set->ranges[set->count / 4].end;
	if (receiver->unknown_below < end)
		receiver->unknown_below = end;
	seq_set_remove(set, 0, end);
}

void receiver_failed(struct receiver *receiver, struct incoming *incoming,
		     const char *text)
{
	uint64_t index = incoming->entry->index;
	struct message_receipt message = {
	    .entry = index,
	    .status = RECEIPT_FAILED,
	    .text = text != NULL ? text : "cannot be stored",
	};
	struct engine_report report = {
	    .kind = REPORT_FAILED,
	    .path = incoming->entry->path,
	    .text = message.text,
	};

	message.text_length = strnlen(message.text, TEXT_MAX);
	receiver->stats.files_failed++;
	remember(receiver, &receiver->failed, index);
	outbox_report(&receiver->outbox, &report);
	send_receipt(receiver, &message);
	receiver_settle(receiver, index);
	drop(receiver, incoming);
}

void receiver_finished(struct receiver *receiver, struct incoming *incoming)
{
	struct entry *entry = incoming->entry;
	struct message_receipt message = {
	    .entry = entry->index,
	    .status = incoming->outcome,
	    .file = incoming->file,
	};
	struct engine_report report = {
	    .kind = REPORT_DONE,
	    .path = entry->path,
	    .size = entry->size,
	    .file = entry->type == ENTRY_FILE,
	    .digest = incoming->file,
	};

	receiver->stats.files_done += (unsigned)report.file;
	if (incoming->outcome == RECEIPT_SAME) {
		report.kind = REPORT_SAME;
		receiver->stats.files_skipped += (unsigned)report.file;
		receiver->stats.bytes_confirmed += entry->size;
		remember(receiver, &receiver->same, entry->index);
	}
	/* A folder was told when it was made. */
	if (entry->type != ENTRY_FOLDER_END)
		outbox_report(&receiver->outbox, &report);
	send_receipt(receiver, &message);
	drop(receiver, incoming);
}

void receiver_receipt_again(struct receiver *receiver, uint64_t index)
{
	struct message_receipt message = {.entry = index};

	if (seq_set_contains(&receiver->same, index, index + 1)) {
		message.status = RECEIPT_SAME;
	} else if (index < receiver->unknown_below ||
		   seq_set_contains(&receiver->failed, index, index + 1)) {
		message.status = RECEIPT_FAILED;
		message.text = index < receiver->unknown_below
				   ? "whether it was stored is not known any "
				     "more; run it again"
				   : "could not be stored";
		message.text_length = strlen(message.text);
	}
	receiver_send_again(receiver, message_receipt_encode(&message));
}

/* ---- given up by the sender --------------------------------------------- */

static void say_withdrawn(struct receiver *receiver, uint64_t index)
{
	struct message_receipt message = {
	    .entry = index,
	    .status = RECEIPT_WITHDRAWN,
	};

	receiver_send_again(receiver, message_receipt_encode(&message));
}

/*
 * The number ends without a file.  It may come before its ENTRY, or be one
 * that has none.  1: that is news; 0: it is over already, or about to be.
 */
static int withdraw(struct receiver *receiver, uint64_t index)
{
	struct incoming *incoming = index_map_get(&receiver->entries, index);

	if (incoming == NULL) {
		int known =
		    seq_set_contains(&receiver->settled, index, index + 1);

		if (!known && receiver->closing) {
			receiver_fail(receiver, EXIT_PROTOCOL,
				      "an entry is withdrawn after BYE");
			return 0;
		}
		if (!known)
			receiver_settle(receiver, index);
		say_withdrawn(receiver, index);
		return !known;
	}
	if (incoming->state == INCOMING_PLACING ||
	    incoming->state == INCOMING_PLACED)
		return 0; /* its own receipt is about to come */
	if (incoming->entry->type == ENTRY_FOLDER_END) {
		receiver_fail(receiver, EXIT_PROTOCOL,
			      "a folder's end cannot be withdrawn");
		return 0;
	}
	receiver_settle(receiver, index);
	say_withdrawn(receiver, index);
	drop(receiver, incoming);
	return 1;
}

void receiver_withdraw(struct receiver *receiver, const struct frame *frame)
{
	uint64_t index;

	if (message_withdraw_decode(frame, &index) == -1)
		receiver_fail(receiver, EXIT_PROTOCOL, "bad WITHDRAW frame");
	else
		withdraw(receiver, index);
}

static void report_problem(struct receiver *receiver,
			   const struct message_problem *message)
{
	struct engine_report report = {.kind = REPORT_FAILED};
	char *path = strndup(message->path, message->path_length);
	char *text = strndup(message->text, message->text_length);

	if (path == NULL || text == NULL) {
		receiver_out_of_memory(receiver);
		goto free_copies;
	}
	if (message->kind == PROBLEM_VANISHED)
		report.kind = REPORT_VANISHED;
	if (message->kind == PROBLEM_SKIPPED)
		report.kind = REPORT_SKIPPED;
	receiver->stats.files_failed += message->kind == PROBLEM_FAILED;
	receiver->stats.files_vanished += message->kind == PROBLEM_VANISHED;
	report.path = path;
	report.text = text;
	outbox_report(&receiver->outbox, &report);

free_copies:
	free(path);
	free(text);
}

void receiver_problem(struct receiver *receiver, const struct frame *frame)
{
	struct message_problem message;

	if (message_problem_decode(frame, &message) == -1)
		receiver_fail(receiver, EXIT_PROTOCOL, "bad PROBLEM frame");
	else if (withdraw(receiver, message.entry))
		report_problem(receiver, &message);
}
