/* SPDX-License-Identifier: BSD-2-Clause */
/* What --help and --version print. */
#include "cli/help.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/notice.h"
#include "config.h"

/* In the order of enum subcommand. */
struct page {
	const char *operands;
	const char *summary;
	const char *text; /* more, for its own help */
};
static const struct page pages[SUBCOMMAND_COUNT] = {
    [SUBCOMMAND_COPY] =
	{"SRC... DST", "copy files; the word may be left out",
	 "SRC and DST are PATH or [USER@]HOST:PATH; both may be on other "
	 "hosts.\n"
	 "SRC/ with a slash means what is in the folder, SRC the folder "
	 "itself.\n"
	 "The same command again resumes what was cut and skips what is "
	 "there.\n"},
    [SUBCOMMAND_HELP] = {"[SUBCOMMAND]", "show help", ""},
    [SUBCOMMAND_MANIFEST] =
	{"PATH...", "write a manifest of PATH, or check PATH with one",
	 "It goes to standard output; see ferry-manifest(5).  "
	 "Exit status 65: PATH\nis not as FILE says.\n"},
    [SUBCOMMAND_RESUME] =
	{"[ID]", "go on with a transfer that was cut off",
	 "ID, or a part that begins it, is as ferry status shows it; without "
	 "one\n"
	 "there must be only one such transfer.  Options are added to those "
	 "of\n"
	 "the first run.\n"},
    [SUBCOMMAND_SERVE] =
	{"", "the far side; ferry starts it by itself",
	 "Speaks ferry-protocol(7) on standard input and output.\n"},
    [SUBCOMMAND_STATUS] = {"[ID]", "list transfers under way or cut off", ""},
    [SUBCOMMAND_VERIFY] =
	{"SRC... DST", "read both sides again and compare them by content",
	 "Only digests travel.  Exit status 65: they differ.\n"},
    [SUBCOMMAND_VERSION] = {"", "show the version", ""},
};

/* stdout may be full or closed. */
static int finish(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_DONE;
	notice_failure("standard output", "cannot be written", NULL);
	return EXIT_FILE_IO;
}

static void print_usage(enum subcommand subcommand)
{
	unsigned bit = 1U << subcommand;
	const char *operands = pages[subcommand].operands;
	const char *summary = pages[subcommand].summary;
	const struct option_row *row;
	char name[32];

	snprintf(name, sizeof(name),
		 subcommand == SUBCOMMAND_COPY ? "[%s]" : "%s",
		 options_subcommand_name(subcommand));
	printf("usage: ferry %s [options]%s%s\n\n%c%s.\n", name,
	       *operands != '\0' ? " " : "", operands, toupper(*summary),
	       summary + 1);
	if (*pages[subcommand].text != '\0')
		printf("\n%s", pages[subcommand].text);
	printf("\noptions:\n");
	for (size_t i = 0; (row = options_row(i)) != NULL; i++) {
		char text[64];

		if ((row->subcommands & bit) == 0)
			continue;
		snprintf(text, sizeof(text), "%c%c%s --%s%s%s",
			 row->letter != 0 ? '-' : ' ',
			 row->letter != 0 ? row->letter : ' ',
			 row->letter != 0 ? "," : " ", row->name,
			 row->argument != NULL ? " " : "",
			 row->argument != NULL ? row->argument : "");
		printf("  %-26s %s\n", text, row->help);
	}
}

int help_print_subcommand(enum subcommand subcommand)
{
	print_usage(subcommand);
	printf("\nSee ferry(1) for all of it, exit codes too.\n");
	return finish();
}

int help_print(void)
{
	printf("ferry copies files between machines over SSH and proves what "
	       "arrived.\n\n");
	for (int i = 0; i < SUBCOMMAND_COUNT; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s %s",
			 options_subcommand_name((enum subcommand)i),
			 pages[i].operands);
		printf("  ferry %-21s %s\n", text, pages[i].summary);
	}
	printf("\n");
	print_usage(SUBCOMMAND_COPY);
	printf(
	    "\n\"ferry SUBCOMMAND --help\" shows the options of the others;\n"
	    "ferry(1) has all of it, exit codes too.\n");
	return finish();
}

int help_print_version(void)
{
	printf("ferry %s\n", PACKAGE_VERSION);
	return finish();
}

int help_command(const struct options *options)
{
	if (options->operand_count == 0)
		return help_print();
	for (int i = 0; i < SUBCOMMAND_COUNT; i++) {
		if (strcmp(options->operands[0],
			   options_subcommand_name((enum subcommand)i)) == 0)
			return help_print_subcommand((enum subcommand)i);
	}
	notice_error("%s: no such subcommand", options->operands[0]);
	return help_hint(options);
}

int help_hint(const struct options *options)
{
	const char *name = options_subcommand_name(options->subcommand);
	const char *operands = pages[options->subcommand].operands;
	char text[160];

	if (options->named)
		snprintf(text, sizeof(text),
			 "usage: ferry %s [options]%s%s (see ferry %s --help)",
			 name, *operands != '\0' ? " " : "", operands, name);
	else
		snprintf(
		    text, sizeof(text),
		    "usage: ferry [options] SRC... DST (see ferry --help)");
	notice_status(text);
	return EXIT_USAGE;
}
