/* SPDX-License-Identifier: BSD-2-Clause */
/* Which transfers are under way or cut off. */
#include "cli/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "cli/escape.h"
#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/json.h"
#include "cli/notice.h"
#include "cli/time_size.h"

struct status {
	const char *id; /* NULL: all */
	struct json_output *json;
	int found;
};

int status_matches(const struct state_entry *entry, const char *id)
{
	return *id != '\0' && strncasecmp(entry->id, id, strlen(id)) == 0;
}

static void print_escaped(FILE *file, const char *before, const char *text)
{
	char *escaped = escape_text(text, strlen(text));

	fprintf(file, "%s%s", before,
		escaped != NULL ? escaped : "(out of memory)");
	free(escaped);
}

static void print_amount(FILE *file, const struct state_entry *entry)
{
	char confirmed[TIME_SIZE_TEXT], total[TIME_SIZE_TEXT];

	size_format(entry->confirmed, confirmed);
	size_format(entry->total, total);
	if (!entry->has_amount)
		fprintf(file, "nothing known to be confirmed");
	else if (entry->total == 0)
		fprintf(file, "%s confirmed", confirmed);
	else
		fprintf(file, "%s of %s confirmed", confirmed, total);
}

void status_print(FILE *file, const struct state_entry *entry)
{
	const struct text_list *places = &entry->record->places;
	int64_t age = (int64_t)time(NULL) - entry->record->started;
	char text[TIME_SIZE_TEXT];

	fprintf(file, "%s ", entry->id);
	for (size_t i = 0; i + 1 < places->count; i++)
		print_escaped(file, " ", places->items[i]);
	print_escaped(file, " -> ", places->items[places->count - 1]);
	time_format(age > 0 ? (uint64_t)age : 0, text);
	fprintf(file, "\n  ");
	print_amount(file, entry);
	fprintf(file, ", begun %s ago, ", text);
	if (entry->holder != NULL)
		print_escaped(file, "running: ", entry->holder);
	else
		fprintf(file, "not running");
	fprintf(file, "\n");
}

static int print_one(void *cookie, const struct state_entry *entry)
{
	struct status *status = cookie;

	if (status->id != NULL && !status_matches(entry, status->id))
		return 0;
	status->found = 1;
	if (status->json != NULL)
		json_status(status->json, entry);
	else
		status_print(stdout, entry);
	return 0;
}

/* Lists; an exit code. */
static int list(struct status *status, const struct options *options)
{
	struct state *state = state_open(options->state_dir, NULL);
	int result;

	if (state == NULL)
		return EXIT_FILE_IO;
	result = state_list(state, print_one, status);
	state_close(state);
	if (result != 0)
		return EXIT_FILE_IO;
	if (fflush(stdout) != 0 || ferror(stdout)) {
		notice_failure("standard output", "cannot be written", NULL);
		return EXIT_FILE_IO;
	}
	if (status->found)
		return EXIT_DONE;
	if (status->id != NULL) {
		notice_failure(status->id, "no such transfer",
			       "see ferry status");
		return EXIT_USAGE;
	}
	notice_note("no transfer is under way or cut off");
	return EXIT_DONE;
}

int status_command(const struct options *options)
{
	struct status status = {NULL, NULL, 0};
	int code;

	if (options->operand_count > 1) {
		notice_error("more than one ID");
		return help_hint(options);
	}
	if (options->operand_count == 1)
		status.id = options->operands[0];
	if (options->json) {
		status.json = json_open();
		if (status.json == NULL) {
			notice_error("out of memory");
			return EXIT_FILE_IO;
		}
	}
	code = list(&status, options);
	if (json_close(status.json) != 0 && code == EXIT_DONE)
		code = EXIT_FILE_IO;
	return code;
}
