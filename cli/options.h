/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_OPTIONS_H
#define FERRY_CLI_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

/*
 * The command line, from one table: what getopt_long takes, what --help shows
 * and what a subcommand refuses are the same rows.
 */
enum subcommand {
	SUBCOMMAND_COPY,
	SUBCOMMAND_HELP,
	SUBCOMMAND_MANIFEST,
	SUBCOMMAND_RESUME,
	SUBCOMMAND_SERVE,
	SUBCOMMAND_STATUS,
	SUBCOMMAND_VERIFY,
	SUBCOMMAND_VERSION,
	SUBCOMMAND_COUNT
};

/* What carries the data; sorted as in --transport's message. */
enum transport { TRANSPORT_AUTO, TRANSPORT_LIBSSH2, TRANSPORT_SSH };
#define OPTIONS_LANES_MAX 16

/* Arguments of a repeatable option, in order.  The strings are argv's. */
struct option_list {
	const char **values;
	size_t count;
};

/* Strings are argv's or the environment's; NULL: not given. */
struct options {
	enum subcommand subcommand;
	int help;
	int version;

	unsigned port; /* 0: not given */
	struct option_list identities;
	struct option_list ssh_options; /* of -o, each "Name=value" */
	int bootstrap;                  /* bring the agent if it is missing */
	const char *remote_ferry;       /* or FERRY_REMOTE, or "ferry" */
	const char *ciphers;
	const char *config; /* ssh_config to read, as ssh -F */
	const char *jump;
	const char *user; /* of -l */
	int ipv4;
	int ipv6;
	const char *ssh;          /* the program and its options */
	enum transport transport; /* AUTO if it was not given */
	int transport_given;
	unsigned lanes;           /* 0: auto */
	uint64_t connect_timeout; /* nanoseconds; 0: not given */
	uint64_t timeout;         /* nanoseconds; 0: never */
	uint64_t stop_after;      /* nanoseconds; 0: never */

	int compress;     /* COMPRESS_* of transfer/message.h, or a level */
	uint64_t bwlimit; /* bytes a second; 0: no limit */
	int checksum;
	int verify;
	int recursive; /* taken and without effect: folders need no flag */
	const char *check;
	const char *format;
	const char *nonce;
	const char *root; /* of serve; the next two are with it only */
	int read_only;
	int write_only;
	const char *state_dir;

	int json;
	int progress;
	int quiet;
	int verbose; /* how often */

	int named;       /* the subcommand was typed */
	char **operands; /* without the subcommand */
	size_t operand_count;
	/* The options that say what is done and how to get there, as
	 * "--name=value": what "ferry resume" repeats. */
	struct option_list recorded;
};

/*
 * Parse a command line.  0; or -1 after telling the user what is wrong (then
 * options_free is to be called all the same).  argv must outlive
 * *options.
 */
int options_parse(struct options *, int argc, char **argv);
void options_free(struct options *);

/* The name of a subcommand, as it is typed. */
const char *options_subcommand_name(enum subcommand);

/* One row of the table, as help shows it. */
struct option_row {
	const char *name;     /* long name */
	int letter;           /* short name, or 0 */
	const char *argument; /* its name in --help, or NULL: takes none */
	unsigned subcommands; /* bit 1 << enum subcommand */
	const char *help;
};

/* The row number index, sorted by name, or NULL after the last. */
const struct option_row *options_row(size_t index);

#endif
