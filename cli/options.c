/* SPDX-License-Identifier: BSD-2-Clause */
/* Which options there are, and what a command line asks for. */
#include "cli/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/notice.h"
#include "cli/time_size.h"
#include "transfer/message.h"

/* How the argument of an option is kept, and where. */
enum kind {
	KIND_FLAG,
	KIND_COUNT,
	KIND_TEXT,
	KIND_TIME,
	KIND_PORT,
	KIND_LIST,
	KIND_LANES,
	KIND_TRANSPORT,
	KIND_RATE,
	KIND_LEVEL
};

#define ONLY(name) (1U << SUBCOMMAND_##name)
/* Those that reach for a far end. */
#define FAR        (ONLY(COPY) | ONLY(VERIFY) | ONLY(RESUME))
#define ALL        ((1U << SUBCOMMAND_COUNT) - 1)

/* clang-format off */
#define ROW(name, letter, argument, where, recorded, kind, field, help)        \
	{ { name, letter, argument, where, help }, recorded, kind,             \
	  offsetof(struct options, field) }
/* Sorted by name. */
struct row {
	struct option_row shown;
	int recorded; /* "ferry resume" repeats it */
	enum kind kind;
	size_t offset;
};
static const struct row rows[] = {
	ROW("bootstrap", 0, NULL, FAR, 1, KIND_FLAG, bootstrap,
	    "copy an agent to a far side that has no ferry"),
	ROW("bwlimit", 0, "RATE", ONLY(COPY) | ONLY(RESUME), 1, KIND_RATE,
	    bwlimit, "send at most so many KiB a second; 1.5m is MiB"),
	ROW("check", 0, "FILE", ONLY(MANIFEST), 0, KIND_TEXT, check,
	    "compare PATH with the manifest in FILE"),
	ROW("checksum", 0, NULL, ONLY(COPY), 1, KIND_FLAG, checksum,
	    "compare content where size and time agree"),
	ROW("cipher", 'c', "LIST", FAR, 1, KIND_TEXT, ciphers,
	    "SSH ciphers to choose from, with commas, best first"),
	ROW("compress", 0, "LEVEL", ONLY(COPY) | ONLY(RESUME), 1, KIND_LEVEL,
	    compress, "auto, no, or 1 to 19 (auto)"),
	ROW("config", 'F', "FILE", FAR, 1, KIND_TEXT, config,
	    "read this ssh_config instead of the usual ones"),
	ROW("contimeout", 0, "TIME", FAR, 1, KIND_TIME, connect_timeout,
	    "give one try to connect so long (30s)"),
	ROW("format", 0, "NAME", ONLY(MANIFEST), 0, KIND_TEXT, format,
	    "ferry, xxh128sum or sha256sum"),
	ROW("help", 0, NULL, ALL, 0, KIND_FLAG, help,
	    "show this"),
	ROW("identity", 'i', "FILE", FAR, 1, KIND_LIST, identities,
	    "log in with this private key; may be repeated"),
	ROW("ipv4", '4', NULL, FAR, 1, KIND_FLAG, ipv4,
	    "only IPv4 addresses"),
	ROW("ipv6", '6', NULL, FAR, 1, KIND_FLAG, ipv6,
	    "only IPv6 addresses"),
	ROW("json", 0, NULL,
	    ONLY(COPY) | ONLY(VERIFY) | ONLY(RESUME) | ONLY(STATUS) |
	    ONLY(MANIFEST), 0, KIND_FLAG, json,
	    "one JSON object per line on standard output"),
	ROW("jump", 'J', "HOST", FAR, 1, KIND_TEXT, jump,
	    "reach the host through this one, as ssh -J"),
	ROW("lanes", 0, "N", ONLY(COPY) | ONLY(RESUME), 1, KIND_LANES, lanes,
	    "carry data on so many lanes (auto)"),
	ROW("nonce", 0, "HEX", ONLY(SERVE), 0, KIND_TEXT, nonce,
	    "32 digits that the first frame repeats"),
	ROW("option", 'o', "NAME=VALUE", FAR, 1, KIND_LIST, ssh_options,
	    "an option as in ssh_config; see ferry(1)"),
	ROW("port", 'P', "PORT", FAR, 1, KIND_PORT, port,
	    "port of the SSH server"),
	ROW("progress", 0, NULL, FAR, 0, KIND_FLAG, progress,
	    "show progress also where stderr is no terminal"),
	ROW("quiet", 'q', NULL,
	    FAR | ONLY(MANIFEST) | ONLY(SERVE) | ONLY(STATUS), 0,
	    KIND_FLAG, quiet,
	    "only errors; no progress, no summary"),
	ROW("read-only", 0, NULL, ONLY(SERVE), 0, KIND_FLAG, read_only,
	    "with --root: refuse to write"),
	ROW("recursive", 'r', NULL, ONLY(COPY), 0, KIND_FLAG, recursive,
	    "no effect: folders are copied with all in them"),
	ROW("remote-ferry", 0, "PATH", FAR, 1, KIND_TEXT, remote_ferry,
	    "program on the far side (FERRY_REMOTE, or ferry)"),
	ROW("root", 0, "DIR", ONLY(SERVE), 0, KIND_TEXT, root,
	    "serve what is in DIR alone; see ferry(1)"),
	ROW("ssh", 'e', "PROGRAM", FAR, 1, KIND_TEXT, ssh,
	    "OpenSSH's client, with its options (ssh)"),
	ROW("state-dir", 0, "DIR",
	    ONLY(COPY) | ONLY(RESUME) | ONLY(STATUS) | ONLY(SERVE), 0,
	    KIND_TEXT, state_dir,
	    "keep state here, not in ~/.local/state/ferry"),
	ROW("stop-after", 0, "TIME", FAR, 1, KIND_TIME, stop_after,
	    "end after so long, to be resumed; exit 30"),
	ROW("timeout", 0, "TIME", FAR, 1, KIND_TIME, timeout,
	    "retry a lost connection so long (no limit)"),
	ROW("transport", 0, "NAME", FAR, 1, KIND_TRANSPORT, transport,
	    "auto, libssh2 or ssh: what carries the data"),
	ROW("user", 'l', "NAME", FAR, 1, KIND_TEXT, user,
	    "log in as this user, unless USER@ says another"),
	ROW("verbose", 'v', NULL, FAR | ONLY(MANIFEST), 0, KIND_COUNT, verbose,
	    "say more; -vv even more"),
	ROW("verify", 0, NULL, ONLY(COPY), 1, KIND_FLAG, verify,
	    "afterwards read both sides again and compare"),
	ROW("version", 0, NULL, ALL, 0, KIND_FLAG, version,
	    "show the version"),
	ROW("write-only", 0, NULL, ONLY(SERVE), 0, KIND_FLAG, write_only,
	    "with --root: refuse to read"),
};
/* clang-format on */
#define ROW_COUNT    (sizeof(rows) / sizeof(rows[0]))
#define LETTERS_SIZE (2 * ROW_COUNT + 3)
#define OPERAND      1   /* getopt's value of what is no option */
#define LETTER_NONE  256 /* getopt's value of row n: LETTER_NONE + n */

static const char *const names[SUBCOMMAND_COUNT] = {
    "copy",  "help",   "manifest", "resume",
    "serve", "status", "verify",   "version"};

const char *options_subcommand_name(enum subcommand subcommand)
{
	return names[subcommand];
}

const struct option_row *options_row(size_t index)
{
	return index < ROW_COUNT ? &rows[index].shown : NULL;
}

static int list_add(struct option_list *list, const char *value)
{
	const char **values =
	    realloc(list->values, (list->count + 1) * sizeof(*values));

	if (values == NULL) {
		notice_error("out of memory");
		return -1;
	}
	list->values = values;
	values[list->count++] = value;
	return 0;
}

static int keep_time(const struct row *row, const char *value, uint64_t *time)
{
	if (time_parse(value, time) == 0)
		return 0;
	notice_error("--%s %s: not a time; write 90, 30s, 1.5h, 2m or 1d",
		     row->shown.name, value);
	return -1;
}

static int keep_rate(const char *value, uint64_t *rate)
{
	if (rate_parse(value, rate) == 0)
		return 0;
	notice_error("--bwlimit %s: not a rate; write 500 (KiB a second), "
		     "1.5m, 10MB or 0",
		     value);
	return -1;
}

static int keep_level(const char *value, int *level)
{
	char *end;
	long number;

	if (strcmp(value, "auto") == 0) {
		*level = COMPRESS_AUTO;
		return 0;
	}
	if (strcmp(value, "no") == 0) {
		*level = COMPRESS_NO;
		return 0;
	}
	errno = 0;
	number = strtol(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 ||
	    number < 1 || number > COMPRESS_LEVEL_MAX) {
		notice_error("--compress %s: write auto, no, or 1 to %d", value,
			     COMPRESS_LEVEL_MAX);
		return -1;
	}
	*level = (int)number;
	return 0;
}

static int keep_port(const char *value, unsigned *port)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 ||
	    number < 1 || number > 65535) {
		notice_error("-P %s: not a port; write 1 to 65535", value);
		return -1;
	}
	*port = (unsigned)number;
	return 0;
}

/* "auto" is 0. */
static int keep_lanes(const char *value, unsigned *lanes)
{
	char *end;
	unsigned long number;

	*lanes = 0;
	if (strcmp(value, "auto") == 0)
		return 0;
	number = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || number < 1 ||
	    number > OPTIONS_LANES_MAX) {
		notice_error("--lanes %s: not a number of lanes; write 1 to %d "
			     "or auto",
			     value, OPTIONS_LANES_MAX);
		return -1;
	}
	*lanes = (unsigned)number;
	return 0;
}

static int keep_transport(const char *value, enum transport *transport)
{
	static const char *const words[] = {"auto", "libssh2", "ssh"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(value, words[i]) == 0) {
			*transport = (enum transport)i;
			return 0;
		}
	}
	notice_error("--transport %s: not a transport; write auto, libssh2 or "
		     "ssh",
		     value);
	return -1;
}

/* Put the argument where the row says. */
static int keep(struct options *options, const struct row *row,
		const char *value)
{
	void *field = (char *)options + row->offset;

	switch (row->kind) {
	case KIND_FLAG:
		*(int *)field = 1;
		return 0;
	case KIND_COUNT:
		*(int *)field += 1;
		return 0;
	case KIND_TEXT:
		*(const char **)field = value;
		return 0;
	case KIND_TIME:
		return keep_time(row, value, field);
	case KIND_PORT:
		return keep_port(value, field);
	case KIND_LIST:
		return list_add(field, value);
	case KIND_LANES:
		return keep_lanes(value, field);
	case KIND_TRANSPORT:
		options->transport_given = 1;
		return keep_transport(value, field);
	case KIND_RATE:
		return keep_rate(value, field);
	case KIND_LEVEL:
		return keep_level(value, field);
	}
	return -1;
}

static int record(struct options *options, const struct row *row,
		  const char *value)
{
	char *text = NULL;

	if (!row->recorded)
		return 0;
	if (asprintf(&text, "--%s%s%s", row->shown.name,
		     value != NULL ? "=" : "",
		     value != NULL ? value : "") < 0) {
		notice_error("out of memory");
		return -1;
	}
	if (list_add(&options->recorded, text) == 0)
		return 0;
	free(text);
	return -1;
}

/* The table as getopt_long wants it. */
static void fill_getopt(char letters[LETTERS_SIZE],
			struct option long_options[ROW_COUNT + 1])
{
	*letters++ = '-'; /* operands come in order, as OPERAND */
	*letters++ = ':'; /* errors are ours to print */
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct option_row *row = &rows[i].shown;

		long_options[i].name = row->name;
		long_options[i].has_arg =
		    row->argument != NULL ? required_argument : no_argument;
		long_options[i].flag = NULL;
		long_options[i].val = LETTER_NONE + (int)i;
		if (row->letter == 0)
			continue;
		*letters++ = (char)row->letter;
		if (row->argument != NULL)
			*letters++ = ':';
	}
	*letters = '\0';
	memset(&long_options[ROW_COUNT], 0, sizeof(*long_options));
}

static const struct row *find_row(int value)
{
	if (value >= LETTER_NONE)
		return &rows[value - LETTER_NONE];
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (rows[i].shown.letter == value)
			return &rows[i];
	}
	return NULL;
}

/* What getopt_long did not take: value is '?' or ':'. */
static void say_refused(int value, const char *argument)
{
	const struct row *row = optopt != 0 ? find_row(optopt) : NULL;

	if (value == ':' && row != NULL)
		notice_error("%s: needs %s", argument, row->shown.argument);
	else if (row != NULL && optopt >= LETTER_NONE)
		notice_error("--%s: takes no argument", row->shown.name);
	else if (optopt != 0)
		notice_error("-%c: no such option", optopt);
	else
		notice_error("%s: no such option, or short for several",
			     argument);
}

/* One option or operand.  0 or -1. */
static int take(struct options *options, int value, const char *argument,
		uint64_t *used)
{
	const struct row *row;

	if (value == OPERAND) {
		options->operands[options->operand_count++] = optarg;
		return 0;
	}
	row = value == '?' || value == ':' ? NULL : find_row(value);
	if (row == NULL) {
		say_refused(value, argument);
		return -1;
	}
	*used |= UINT64_C(1) << (size_t)(row - rows);
	return keep(options, row, optarg) != 0 ? -1
					       : record(options, row, optarg);
}

/* One pass over argv.  used gets a bit for each row given, *named is the
 * number of operands before any "--".  0 or -1. */
static int scan(struct options *options, int argc, char **argv, uint64_t *used,
		size_t *named)
{
	char letters[LETTERS_SIZE];
	struct option long_options[ROW_COUNT + 1];
	int value;

	_Static_assert(ROW_COUNT <= 64, "used has a bit for each row");
	fill_getopt(letters, long_options);
	optind = 0; /* glibc: begin anew */
	opterr = 0;
	while ((value = getopt_long(argc, argv, letters, long_options, NULL)) !=
	       -1) {
		if (take(options, value, argv[optind - 1], used) != 0)
			return -1;
	}
	*named = options->operand_count;
	while (optind < argc)
		options->operands[options->operand_count++] = argv[optind++];
	return 0;
}

/* The first operand may be a subcommand; after "--" it is a path. */
static void take_subcommand(struct options *options, size_t named)
{
	options->subcommand = SUBCOMMAND_COPY;
	for (int i = 0; named > 0 && i < SUBCOMMAND_COUNT; i++) {
		if (strcmp(options->operands[0], names[i]) != 0)
			continue;
		options->subcommand = (enum subcommand)i;
		options->named = 1;
		options->operand_count--;
		memmove(options->operands, options->operands + 1,
			options->operand_count * sizeof(*options->operands));
		return;
	}
}

/*
 * Words that other versions of ferry may take for subcommands: to copy a file
 * of that name where there is none would be a surprise.
 */
static int refuse_unknown_subcommand(const struct options *options)
{
	static const char *const words[] = {
	    "abort", "cp", "gc", "list", "ls", "mv", "reconcile", "rm", "sync"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(options->operands[0], words[i]) != 0 ||
		    faccessat(AT_FDCWD, words[i], F_OK, AT_SYMLINK_NOFOLLOW) ==
			0)
			continue;
		notice_error("%s: neither a subcommand nor a file here",
			     words[i]);
		return -1;
	}
	return 0;
}

static int refuse_foreign_options(const struct options *options, uint64_t used)
{
	unsigned bit = 1U << options->subcommand;

	for (size_t i = 0; i < ROW_COUNT; i++) {
		if ((used >> i & 1) == 0 || (rows[i].shown.subcommands & bit))
			continue;
		notice_error("--%s: not an option of ferry %s",
			     rows[i].shown.name, names[options->subcommand]);
		return -1;
	}
	return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
	uint64_t used = 0;
	size_t named = 0;

	memset(options, 0, sizeof(*options));
	options->compress = COMPRESS_AUTO;
	options->operands = calloc((size_t)argc, sizeof(*options->operands));
	if (options->operands == NULL) {
		notice_error("out of memory");
		return -1;
	}
	if (scan(options, argc, argv, &used, &named) != 0)
		return -1;
	take_subcommand(options, named);
	if (!options->named && named > 0 && !options->help &&
	    refuse_unknown_subcommand(options) != 0)
		return -1;
	return refuse_foreign_options(options, used);
}

void options_free(struct options *options)
{
	for (size_t i = 0; i < options->recorded.count; i++)
		free((char *)(uintptr_t)options->recorded.values[i]);
	free(options->recorded.values);
	free(options->operands);
	free(options->identities.values);
	free(options->ssh_options.values);
	memset(options, 0, sizeof(*options));
}
