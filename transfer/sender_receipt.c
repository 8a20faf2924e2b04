/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of an entry, as the receiver tells it.  What it says of a file is
 * held against what was sent: a receipt for bytes that it cannot have is no
 * confirmation.
 */
#include <stdio.h>
#include <string.h>

#include "transfer/sender_internal.h"

static void fail(struct sender *sender, const struct entry *entry,
		 const char *what)
{
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "%.500s: the far end %s", entry->path,
		 what);
	sender_fail(sender, EXIT_PROTOCOL, text);
}

/*
 * Can the receiver have all of it?  *file is then the digest of what it must
 * have.  A receipt that is said again has none.
 */
static int is_complete(const struct outgoing *outgoing,
		       const struct message_receipt *message,
		       struct digest *file)
{
	static const struct digest none;
	const struct entry *entry = outgoing->entry;

	if (entry->type != ENTRY_FILE)
		return 1;
	if ((entry->size > 0 && !outgoing->committed) ||
	    !leaf_table_digest(outgoing->leaves, entry->size, file))
		return 0;
	return digest_equal(&message->file, &none) ||
	       digest_equal(&message->file, file);
}

static void done(struct sender *sender, struct outgoing *outgoing,
		 struct engine_report *report)
{
	struct entry *entry = outgoing->entry;

	sender->stats.files_done += (unsigned)report->file;
	if (outgoing->state == OUTGOING_COMMITTED && outgoing->target_basis &&
	    outgoing->same_count == entry_chunks(entry)) {
		sender->stats.bytes_confirmed += entry->size;
		sender->stats.bytes_reused += entry->size;
	}
	sender_record_receipt(sender, entry, report->file, &report->digest);
}

static void same(struct sender *sender, const struct outgoing *outgoing,
		 struct engine_report *report)
{
	struct entry *entry = outgoing->entry;

	report->kind = REPORT_SAME;
	sender->stats.files_done += (unsigned)report->file;
	sender->stats.files_skipped += (unsigned)report->file;
	sender->stats.bytes_confirmed += entry->size;
	sender_record_receipt(sender, entry, 0, &report->digest);
}

/* An entry that is still wanted has ended.  -1: it cannot have. */
static int end(struct sender *sender, struct outgoing *outgoing,
	       const struct message_receipt *message)
{
	struct entry *entry = outgoing->entry;
	struct engine_report report = {
	    .kind = REPORT_DONE,
	    .path = entry->path,
	    .size = entry->size,
	    .file = entry->type == ENTRY_FILE,
	};
	char text[TEXT_MAX + 1];

	switch (message->status) {
	case RECEIPT_DONE:
		if (!is_complete(outgoing, message, &report.digest)) {
			fail(sender, entry, "confirms what it was not sent");
			return -1;
		}
		done(sender, outgoing, &report);
		break;
	case RECEIPT_SAME:
		same(sender, outgoing, &report);
		break;
	case RECEIPT_FAILED:
		memcpy(text, message->text, message->text_length);
		text[message->text_length] = '\0';
		report.kind = REPORT_FAILED;
		report.text = text;
		sender->stats.files_failed++;
		break;
	case RECEIPT_WITHDRAWN:
		fail(sender, entry, "dropped it, and was not asked to");
		return -1;
	}
	/* A folder was told when it was made. */
	if (entry->type != ENTRY_FOLDER_END || report.kind == REPORT_FAILED)
		outbox_report(&sender->outbox, &report);
	return 0;
}

void sender_receipt(struct sender *sender, const struct frame *frame)
{
	struct message_receipt message;
	struct outgoing *outgoing;

	if (message_receipt_decode(frame, &message) == -1) {
		sender_fail(sender, EXIT_PROTOCOL, "bad RECEIPT frame");
		return;
	}
	outgoing = index_map_get(&sender->entries, message.entry);
	if (outgoing == NULL)
		return; /* said again */
	sender->progress = sender->now;
	if (outgoing->state == OUTGOING_WITHDRAWN ||
	    end(sender, outgoing, &message) == 0)
		sender_drop(sender, outgoing);
}
