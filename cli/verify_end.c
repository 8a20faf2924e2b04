/* SPDX-License-Identifier: BSD-2-Clause */
/* How did a comparison end? */
#include "cli/verify_end.h"

#include <stdio.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/notice.h"
#include "cli/time_size.h"

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static unsigned long long number(uint64_t value)
{
	return (unsigned long long)value;
}

/* What both sides have, and what they have not; "" when it is all said. */
static void describe(const struct compare_result *result, char *text,
		     size_t size)
{
	char bytes[TIME_SIZE_TEXT];

	switch (result->code) {
	case EXIT_DONE:
		size_format(result->bytes, bytes);
		snprintf(text, size, "no difference; %llu file%s, %s",
			 number(result->files), plural(result->files), bytes);
		break;
	case EXIT_DIFFERENT:
		snprintf(text, size, "%llu difference%s; %llu file%s the same",
			 number(result->differences),
			 plural(result->differences), number(result->files),
			 result->files == 1 ? " is" : "s are");
		break;
	case EXIT_INTERRUPTED:
		snprintf(text, size, "interrupted; not all was compared");
		break;
	case EXIT_DEADLINE:
		snprintf(text, size,
			 "the time of --stop-after is over; not all was "
			 "compared");
		break;
	case EXIT_PARTIAL:
		if (result->errors > 0)
			snprintf(text, size,
				 "%llu entr%s could not be compared; all "
				 "others are the same",
				 number(result->errors),
				 result->errors == 1 ? "y" : "ies");
		break;
	default:
		break;
	}
}

static void put_done(const struct compare_result *result,
		     struct json_output *json, const char *text,
		     uint64_t nanoseconds)
{
	struct transfer_result all;
	struct json_done done;

	memset(&all, 0, sizeof(all));
	memset(&done, 0, sizeof(done));
	/* Its uuid stays zero: no transfer, nothing to resume. */
	all.stats.files_done = result->files;
	all.stats.bytes_confirmed = result->bytes;
	done.result = &all;
	done.code = result->code;
	done.verified = result->code == EXIT_DONE;
	done.nanoseconds = nanoseconds;
	done.errors = result->differences + result->errors;
	done.message = result->code != EXIT_DONE && *text != '\0' ? text : NULL;
	json_done(json, &done);
}

int verify_end(const struct compare_result *result, struct json_output *json,
	       uint64_t nanoseconds)
{
	char text[160] = "";

	describe(result, text, sizeof(text));
	/* Of differences and errors each had its line. */
	if (result->code == EXIT_INTERRUPTED || result->code == EXIT_DEADLINE)
		notice_error("%s", text);
	else if (*text != '\0')
		notice_note("%s", text);
	if (json != NULL)
		put_done(result, json, text, nanoseconds);
	if (json_close(json) != 0 && result->code == EXIT_DONE) {
		notice_failure("standard output", "cannot be written", NULL);
		return EXIT_FILE_IO;
	}
	return result->code;
}
