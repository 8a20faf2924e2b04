/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is not sent after all, because it cannot be read or has changed.  The
 * receiver is told until it answers: a folder's end waits for all that is in
 * the folder, and the user at the far end is to hear of what is missing.
 */
#include <stdlib.h>
#include <string.h>

#include "transfer/sender_internal.h"

static const char *shown_path(const struct outgoing *outgoing)
{
	return outgoing->shown != NULL ? outgoing->shown
				       : outgoing->entry->path;
}

void sender_say_withdrawn(struct sender *sender, struct outgoing *outgoing)
{
	const struct entry *entry = outgoing->entry;
	struct message_problem problem = {
	    .entry = entry->index,
	    .path = shown_path(outgoing),
	    .text = outgoing->problem_text,
	};

	/* What the receiver has of others need not wait for this one. */
	sender->unflushed = 1;
	outgoing->asked = sender->now;
	if (outgoing->problem == 0) {
		sender_send(sender, message_withdraw_encode(entry->index));
		return;
	}
	problem.path_length = strlen(problem.path);
	problem.kind = (enum problem_kind)outgoing->problem;
	if (problem.text != NULL)
		problem.text_length = strnlen(problem.text, TEXT_MAX);
	sender_send(sender, message_problem_encode(&problem));
}

/* Nothing of it is to be sent or awaited but its receipt. */
static void end(struct sender *sender, struct outgoing *outgoing)
{
	outgoing->state = OUTGOING_WITHDRAWN;
	sender_forget_flights(sender, outgoing);
	sender_unqueue(sender, outgoing);
	seq_set_clear(&outgoing->todo);
	seq_set_clear(&outgoing->compare);
	seq_set_clear(&outgoing->same);
	seq_set_clear(&outgoing->trusted);
	leaf_table_free(outgoing->leaves);
	leaf_table_free(outgoing->held);
	outgoing->leaves = outgoing->held = NULL;
}

void sender_withdraw(struct sender *sender, struct outgoing *outgoing)
{
	end(sender, outgoing);
	sender_say_withdrawn(sender, outgoing);
}

void sender_give_up(struct sender *sender, struct outgoing *outgoing,
		    enum problem_kind kind, const char *text)
{
	struct engine_report report = {
	    .kind = REPORT_FAILED,
	    .path = shown_path(outgoing),
	    .text = text,
	};

	if (kind == PROBLEM_VANISHED)
		report.kind = REPORT_VANISHED;
	if (kind == PROBLEM_SKIPPED)
		report.kind = REPORT_SKIPPED;
	sender->stats.files_failed += kind == PROBLEM_FAILED;
	sender->stats.files_vanished += kind == PROBLEM_VANISHED;
	outbox_report(&sender->outbox, &report);

	end(sender, outgoing);
	outgoing->problem = (int)kind;
	if (text != NULL)
		outgoing->problem_text = strdup(text);
	sender_say_withdrawn(sender, outgoing);
}

int sender_problem(struct sender *sender, enum problem_kind kind,
		   const char *path, const char *text)
{
	/* It has no bytes, and so no sequence numbers. */
	struct entry *entry = entry_create(
	    ENTRY_FILE, path, strnlen(path, ENTRY_PATH_MAX), NULL, 0);
	struct outgoing *outgoing;

	if (entry == NULL)
		return -1;
	outgoing = sender_add(sender, entry);
	if (outgoing == NULL)
		return -1;
	sender_give_up(sender, outgoing, kind, text);
	return 0;
}
