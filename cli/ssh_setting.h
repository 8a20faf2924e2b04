/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_SSH_SETTING_H
#define FERRY_CLI_SSH_SETTING_H

#include "cli/ssh_options.h"

/* What has been given a value, a bit each. */
enum ssh_given {
	GIVEN_BATCH = 1,
	GIVEN_TIMEOUT = 2,
	GIVEN_PASSWORD = 4,
	GIVEN_PORT = 8,
	GIVEN_UNKNOWN = 16,
	GIVEN_USER = 32,
	GIVEN_KNOWN = 64,
	GIVEN_CIPHERS = 128,
	GIVEN_FAMILY = 256,
	GIVEN_GLOBAL = 512,
	GIVEN_ALIAS = 1024,
	GIVEN_NAME = 2048,
	GIVEN_ONLY = 4096,
	GIVEN_AGENT = 8192,
	GIVEN_PROXY = 16384, /* the first of the two counts */
	GIVEN_HASH = 32768,
	GIVEN_HOST_KEYS = 65536,
	GIVEN_KEX = 131072,
	GIVEN_MACS = 262144,
	GIVEN_ALWAYS = 0 /* each one counts */
};

enum { SSH_SETTING_TAKEN, SSH_SETTING_WRONG, SSH_SETTING_UNKNOWN };

/* 1 for names with a sign before, which change ssh's own list: ssh -G says what
 * comes of it. */
int ssh_setting_is_change(const char *names);

/*
 * One setting, wherever it was written; the case of its name does not matter.
 * Nothing changes if *given says that it has a value; else *given says so
 * afterwards.  A change of ssh's own list is unknown.
 */
int ssh_setting_take(struct ssh_options *, unsigned *given, const char *name,
		     const char *value);

/* The home folder: HOME, or the account's. */
const char *ssh_setting_home(void);
/* path, with "~/" at its beginning replaced.  malloc'd, or NULL. */
char *ssh_setting_path(const char *path);

#endif
