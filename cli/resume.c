/* SPDX-License-Identifier: BSD-2-Clause */
/* How a transfer that was cut off is taken up by its ID. */
#include "cli/resume.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/notice.h"
#include "cli/state.h"
#include "cli/status.h"
#include "cli/text_list.h"

struct choice {
	const char *id; /* NULL: the only one */
	int list;       /* print instead */
	size_t count;
	struct text_list options;
	struct text_list operands;
	char *cwd;
};

static int copy_list(struct text_list *to, const struct text_list *from)
{
	text_list_clear(to);
	for (size_t i = 0; i < from->count; i++) {
		if (text_list_add(to, from->items[i]) != 0)
			return -1;
	}
	return 0;
}

/* Without an ID, one that runs is none that could be meant. */
static int consider(void *cookie, const struct state_entry *entry)
{
	struct choice *choice = cookie;

	if (choice->id != NULL ? !status_matches(entry, choice->id)
			       : entry->holder != NULL)
		return 0;
	choice->count++;
	if (choice->list) {
		status_print(stderr, entry);
		return 0;
	}
	free(choice->cwd);
	choice->cwd = strdup(entry->record->cwd);
	if (choice->cwd == NULL ||
	    copy_list(&choice->options, &entry->record->options) != 0 ||
	    copy_list(&choice->operands, &entry->record->operands) != 0) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

/* Exactly one must be meant: EXIT_DONE, or another after saying why not. */
static int choose(struct choice *choice, struct state *state)
{
	if (state_list(state, consider, choice) != 0)
		return EXIT_FILE_IO;
	if (choice->count == 1)
		return EXIT_DONE;
	if (choice->count == 0) {
		notice_failure(choice->id,
			       choice->id != NULL ? "no such transfer"
						  : "no transfer was cut off",
			       choice->id != NULL ? "see ferry status" : NULL);
		return EXIT_USAGE;
	}
	notice_failure(choice->id,
		       choice->id != NULL
			   ? "more than one transfer begins so"
			   : "more than one transfer was cut off",
		       "name one of these");
	choice->list = 1;
	state_list(state, consider, choice);
	return EXIT_USAGE;
}

static int add_all(struct text_list *words, char **items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (text_list_add(words, items[i]) != 0)
			return -1;
	}
	return 0;
}

/* How much to say is for this run to choose, not the first one's. */
static int add_own_options(struct text_list *words,
			   const struct options *options)
{
	const struct option_list *recorded = &options->recorded;
	char *folder, *text;

	for (size_t i = 0; i < recorded->count; i++) {
		if (text_list_add(words, recorded->values[i]) != 0)
			return -1;
	}
	for (int i = 0; i < options->verbose; i++) {
		if (text_list_add(words, "--verbose") != 0)
			return -1;
	}
	if ((options->json && text_list_add(words, "--json") != 0) ||
	    (options->progress && text_list_add(words, "--progress") != 0) ||
	    (options->quiet && text_list_add(words, "--quiet") != 0))
		return -1;
	if (options->state_dir == NULL)
		return 0;
	/* It is open already, so it exists; the folder is about to change. */
	folder = realpath(options->state_dir, NULL);
	if (folder == NULL || asprintf(&text, "--state-dir=%s", folder) < 0)
		text = NULL;
	free(folder);
	return text_list_take(words, text);
}

static int make_words(struct text_list *words, const struct choice *choice,
		      const struct options *options)
{
	return text_list_add(words, "ferry") != 0 ||
		       text_list_add(words, "copy") != 0 ||
		       add_all(words, choice->options.items,
			       choice->options.count) != 0 ||
		       add_own_options(words, options) != 0 ||
		       text_list_add(words, "--") != 0 ||
		       add_all(words, choice->operands.items,
			       choice->operands.count) != 0
		   ? -1
		   : 0;
}

static int run(const struct choice *choice, const struct options *options)
{
	struct text_list words = {NULL, 0};
	char **argv = NULL;

	if (make_words(&words, choice, options) == 0)
		argv = calloc(words.count + 1, sizeof(*argv));
	if (argv == NULL) {
		notice_error("out of memory");
	} else if (chdir(choice->cwd) != 0) {
		notice_failure(choice->cwd, strerror(errno),
			       "the transfer was begun in that folder");
	} else {
		memcpy(argv, words.items, words.count * sizeof(*argv));
		execv("/proc/self/exe", argv);
		notice_failure("/proc/self/exe", strerror(errno), NULL);
	}
	free(argv);
	text_list_clear(&words);
	return EXIT_FILE_IO;
}

int resume_command(const struct options *options)
{
	struct choice choice;
	struct state *state;
	int code;

	memset(&choice, 0, sizeof(choice));
	if (options->operand_count > 1) {
		notice_error("more than one ID");
		return help_hint(options);
	}
	if (options->operand_count == 1)
		choice.id = options->operands[0];
	state = state_open(options->state_dir, NULL);
	if (state == NULL)
		return EXIT_FILE_IO;
	code = choose(&choice, state);
	state_close(state);
	if (code == EXIT_DONE)
		code = run(&choice, options);
	free(choice.cwd);
	text_list_clear(&choice.options);
	text_list_clear(&choice.operands);
	return code;
}
