/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said at the end of a copy. */
#include "cli/summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/escape.h"
#include "cli/exit_code.h"
#include "cli/notice.h"
#include "cli/time_size.h"
#include "journal/uuid.h"

/* One entry or several. */
static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static const char *proof(const struct summary *summary)
{
	if (summary->verified)
		return "; verified";
	if (summary->proven)
		return "; verified, but for what was there already";
	return summary->stored ? "; stored, not verified" : "";
}

static void print_done(const struct summary *summary)
{
	const struct transfer_stats *stats = &summary->result->stats;
	char bytes[TIME_SIZE_TEXT], sent[TIME_SIZE_TEXT], kept[TIME_SIZE_TEXT];
	char skipped[64] = "", reused[64] = "";

	size_format(stats->bytes_confirmed, bytes);
	size_format(stats->bytes_sent, sent);
	size_format(stats->bytes_reused, kept);
	if (stats->files_skipped > 0)
		snprintf(skipped, sizeof(skipped), " (%llu there already)",
			 (unsigned long long)stats->files_skipped);
	if (stats->bytes_reused > 0)
		snprintf(reused, sizeof(reused), ", reused %s", kept);
	notice_note("%llu file%s%s, %s; sent %s%s, in %.1f s%s",
		    (unsigned long long)stats->files_done,
		    plural(stats->files_done), skipped, bytes, sent, reused,
		    (double)summary->nanoseconds / (double)TIME_SECOND,
		    proof(summary));
}

/* What to do about an exit code, where the text does not say it. */
static const char *advice(int code)
{
	switch (code) {
	case EXIT_INCOMPATIBLE:
		return "install the same ferry on both sides";
	case EXIT_FILE_IO:
		return "mend that and run the same command again";
	case EXIT_PROTOCOL:
		return "run the same command again; if it stays so, one of the "
		       "two programs is damaged";
	case EXIT_CONNECT_TIMEOUT:
		return "check the host and the network, or allow more with "
		       "--contimeout";
	case EXIT_HELD:
		return "wait for it or end it";
	case EXIT_UNREACHABLE:
		return "check the host, the port and the key";
	default:
		return NULL;
	}
}

static const char *default_cause(int code)
{
	switch (code) {
	case EXIT_LOST:
		return "the connection was lost";
	case EXIT_INTERRUPTED:
		return "interrupted";
	case EXIT_DEADLINE:
		return "the time of --stop-after is over";
	case EXIT_CONNECT_TIMEOUT:
		return "the far side did not answer in time";
	case EXIT_UNREACHABLE:
		return "no connection to the far side";
	default:
		return "the transfer failed";
	}
}

/* The command line that goes on with it, malloc'd or NULL. */
static char *resume_command_line(const struct summary *summary)
{
	const struct options *options = summary->options;
	const char *words[6] = {"ferry"};
	const char **all;
	char id[UUID_TEXT_SIZE], *text;
	size_t count = 1;

	if (summary->recorded) {
		uuid_format(summary->result->uuid, id);
		words[count++] = "resume";
		if (options->state_dir != NULL) {
			words[count++] = "--state-dir";
			words[count++] = options->state_dir;
		}
		words[count++] = id;
		return escape_for_shell(words, count);
	}
	/* Without a record: the same again. */
	all = calloc(2 + options->recorded.count + options->operand_count,
		     sizeof(*all));
	if (all == NULL)
		return NULL;
	all[0] = "ferry";
	for (size_t i = 0; i < options->recorded.count; i++)
		all[count++] = options->recorded.values[i];
	all[count++] = "--";
	for (size_t i = 0; i < options->operand_count; i++)
		all[count++] = options->operands[i];
	text = escape_for_shell(all, count);
	free(all);
	return text;
}

/* Some entries are missing, all others are there. */
static void print_partial(const struct summary *summary)
{
	uint64_t count = summary->code == EXIT_VANISHED ? summary->vanished
							: summary->errors;

	if (summary->result->text != NULL)
		notice_failure(NULL, summary->result->text, NULL);
	else
		notice_error("%llu file%s or folder%s %s; all others are in "
			     "place%s",
			     (unsigned long long)count, plural(count),
			     plural(count),
			     summary->code == EXIT_VANISHED
				 ? "vanished from the source"
				 : "not transferred, as said above",
			     summary->code == EXIT_VANISHED
				 ? ""
				 : "; the same command tries only these again");
}

static void print_failed(const struct summary *summary)
{
	const char *text = summary->result->text;
	const char *todo;
	char *line = NULL, *going_on = NULL;

	if (text == NULL)
		text = default_cause(summary->code);
	/* A text that goes on with "; " says what to do by itself. */
	todo = strstr(text, "; ") == NULL ? advice(summary->code) : NULL;
	switch (summary->code) {
	case EXIT_LOST:
	case EXIT_INTERRUPTED:
	case EXIT_DEADLINE:
		going_on = resume_command_line(summary);
		if (asprintf(&line, "to go on: %s",
			     going_on != NULL ? going_on
					      : "the same command again") < 0)
			line = NULL;
		todo = line;
		break;
	default:
		break;
	}
	notice_failure(NULL, text, todo);
	free(line);
	free(going_on);
}

void summary_print(const struct summary *summary)
{
	switch (summary->code) {
	case EXIT_DONE:
		print_done(summary);
		break;
	case EXIT_PARTIAL:
	case EXIT_VANISHED:
		print_partial(summary);
		break;
	case EXIT_DIFFERENT:
		/* verify has named what differs. */
		notice_error("the two sides differ, as said above; the same "
			     "command %s mends it",
			     summary->options->checksum ? "again"
							: "with --checksum");
		break;
	default:
		print_failed(summary);
		break;
	}
}

void summary_json(const struct summary *summary, struct json_output *json)
{
	struct json_done done;

	memset(&done, 0, sizeof(done));
	done.result = summary->result;
	done.lanes = summary->lanes;
	done.transport = summary->transport;
	done.code = summary->code;
	done.verified = summary->verified;
	done.nanoseconds = summary->nanoseconds;
	done.errors = summary->errors + summary->vanished;
	done.message = summary->result->text;
	if (done.message == NULL && summary->code != EXIT_DONE)
		done.message = summary->code == EXIT_DIFFERENT
				   ? "the two sides differ"
				   : default_cause(summary->code);
	json_done(json, &done);
}
