/* SPDX-License-Identifier: BSD-2-Clause */
/* How -o NAME=VALUE and its fellows say how a host is reached. */
#include "cli/ssh_options.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/notice.h"
#include "cli/time_size.h"

#define DEFAULT_PORT    22
#define DEFAULT_TIMEOUT (30 * TIME_SECOND)

/* The names that have been given a value; bits of struct gathering. */
enum given {
	GIVEN_BATCH = 1,
	GIVEN_TIMEOUT = 2,
	GIVEN_PASSWORD = 4,
	GIVEN_PORT = 8,
	GIVEN_UNKNOWN = 16,
	GIVEN_USER = 32,
	GIVEN_KNOWN = 64,
	GIVEN_CIPHERS = 128,
	GIVEN_ALWAYS = 0 /* each one counts */
};

struct gathering {
	struct ssh_options *result;
	unsigned given;
};

/* ---- folders and names of this user ---- */

static const char *home_folder(void)
{
	const char *home = getenv("HOME");
	const struct passwd *entry;

	if (home != NULL && home[0] == '/')
		return home;
	entry = getpwuid(getuid());
	return entry == NULL ? "/" : entry->pw_dir;
}

/* path, with "~/" at its beginning replaced.  malloc'd, or NULL. */
static char *expand_home(const char *path)
{
	char *expanded;

	if (strncmp(path, "~/", 2) != 0)
		return strdup(path);
	if (asprintf(&expanded, "%s/%s", home_folder(), path + 2) < 0)
		return NULL;
	return expanded;
}

static int add_path(struct text_list *list, const char *path)
{
	return text_list_take(list, expand_home(path));
}

/* ---- one option each: 0, or -1 for a value that is none ---- */

static int is_one_of(const char *value, const char *a, const char *b,
		     const char *c)
{
	return strcasecmp(value, a) == 0 || strcasecmp(value, b) == 0 ||
	       strcasecmp(value, c) == 0;
}

static int set_flag(const char *value, int *flag)
{
	*flag = is_one_of(value, "yes", "true", "on");
	return *flag || is_one_of(value, "no", "false", "off") ? 0 : -1;
}

static int set_batch(struct ssh_options *result, const char *value)
{
	return set_flag(value, &result->batch);
}

static int set_password(struct ssh_options *result, const char *value)
{
	return set_flag(value, &result->password);
}

static int set_ciphers(struct ssh_options *result, const char *value)
{
	free(result->ciphers);
	result->ciphers = strdup(value);
	return value[0] != '\0' && result->ciphers != NULL ? 0 : -1;
}

static int set_timeout(struct ssh_options *result, const char *value)
{
	if (strcasecmp(value, "none") == 0)
		return 0;
	return time_parse(value, &result->connect_timeout);
}

static int set_identity(struct ssh_options *result, const char *value)
{
	if (strcasecmp(value, "none") == 0)
		return 0;
	return add_path(&result->identities, value);
}

static int set_port(struct ssh_options *result, const char *value)
{
	char *end;
	unsigned long port = strtoul(value, &end, 10);

	if (value[0] < '0' || value[0] > '9' || *end != '\0' || port == 0 ||
	    port > 65535)
		return -1;
	result->port = (unsigned)port;
	return 0;
}

/* Host keys are always checked: "no" goes no further than accept-new. */
static int set_unknown_host(struct ssh_options *result, const char *value)
{
	if (is_one_of(value, "ask", "ask", "ask"))
		result->unknown_host = SSH_UNKNOWN_ASK;
	else if (is_one_of(value, "yes", "true", "on"))
		result->unknown_host = SSH_UNKNOWN_REFUSE;
	else if (is_one_of(value, "accept-new", "no", "off"))
		result->unknown_host = SSH_UNKNOWN_ACCEPT;
	else
		return -1;
	return 0;
}

static int set_user(struct ssh_options *result, const char *value)
{
	free(result->user);
	result->user = strdup(value);
	return value[0] != '\0' && result->user != NULL ? 0 : -1;
}

/* Several files with spaces between, or none at all. */
static int set_known_hosts(struct ssh_options *result, const char *value)
{
	char *copy = strdup(value), *at = NULL;
	int error = copy == NULL ? -1 : 0;

	text_list_clear(&result->known_hosts);
	for (char *word = copy == NULL ? NULL : strtok_r(copy, " \t", &at);
	     word != NULL && error == 0; word = strtok_r(NULL, " \t", &at)) {
		if (strcasecmp(word, "none") != 0)
			error = add_path(&result->known_hosts, word);
	}
	free(copy);
	return error;
}

/* Sorted, as in the manual. */
struct known_option {
	const char *name;
	int (*set)(struct ssh_options *, const char *value);
	unsigned given;
};
static const struct known_option known_options[] = {
    {"BatchMode", set_batch, GIVEN_BATCH},
    {"Ciphers", set_ciphers, GIVEN_CIPHERS},
    {"ConnectTimeout", set_timeout, GIVEN_TIMEOUT},
    {"IdentityFile", set_identity, GIVEN_ALWAYS},
    {"PasswordAuthentication", set_password, GIVEN_PASSWORD},
    {"Port", set_port, GIVEN_PORT},
    {"StrictHostKeyChecking", set_unknown_host, GIVEN_UNKNOWN},
    {"User", set_user, GIVEN_USER},
    {"UserKnownHostsFile", set_known_hosts, GIVEN_KNOWN},
};
#define KNOWN_COUNT (sizeof(known_options) / sizeof(known_options[0]))

/* ---- all of them ---- */

/* "Name=value" or "Name value", with spaces around the middle. */
static int take_option(struct gathering *gathering, const char *text)
{
	size_t length = strcspn(text, " \t=");
	const char *value = text + length;

	value += strspn(value, " \t");
	value += *value == '=';
	value += strspn(value, " \t");
	for (size_t i = 0; i < KNOWN_COUNT; i++) {
		const char *name = known_options[i].name;

		if (strlen(name) != length ||
		    strncasecmp(name, text, length) != 0)
			continue;
		if (gathering->given & known_options[i].given)
			return 0;
		gathering->given |= known_options[i].given;
		if (known_options[i].set(gathering->result, value) == 0)
			return 0;
		notice_error("-o %s: \"%s\" is no value for %s; see "
			     "ssh_config(5)",
			     text, value, name);
		return -1;
	}
	notice_error("-o %s: ferry does not know this option; see ferry(1) "
		     "for those it does",
		     text);
	return -1;
}

/* What is as it is unless said otherwise. */
static int set_defaults(struct ssh_options *result)
{
	const struct passwd *entry = getpwuid(getuid());

	result->port = DEFAULT_PORT;
	result->connect_timeout = DEFAULT_TIMEOUT;
	result->password = 1;
	result->user = strdup(entry != NULL ? entry->pw_name : "root");
	if (result->user == NULL ||
	    add_path(&result->known_hosts, "~/.ssh/known_hosts") != 0 ||
	    add_path(&result->known_hosts, "~/.ssh/known_hosts2") != 0)
		return -1;
	return 0;
}

/* What the letters and the location say. */
static int take_letters(struct gathering *gathering,
			const struct options *options,
			const struct location *far)
{
	struct ssh_options *result = gathering->result;

	if (options->port != 0) {
		result->port = options->port;
		gathering->given |= GIVEN_PORT;
	}
	if (options->connect_timeout != 0) {
		result->connect_timeout = options->connect_timeout;
		gathering->given |= GIVEN_TIMEOUT;
	}
	if (options->ciphers != NULL) {
		if (set_ciphers(result, options->ciphers) != 0)
			return -1;
		gathering->given |= GIVEN_CIPHERS;
	}
	if (far->user != NULL) {
		if (set_user(result, far->user) != 0)
			return -1;
		gathering->given |= GIVEN_USER;
	}
	for (size_t i = 0; i < options->identities.count; i++) {
		if (add_path(&result->identities,
			     options->identities.values[i]) != 0)
			return -1;
	}
	return 0;
}

/* Those that are tried when no other was named, and the machine's hosts. */
static int add_usual(struct ssh_options *result)
{
	static const char *const names[] = {"~/.ssh/id_ed25519",
					    "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) &&
			   result->identities.count == 0;
	     i++) {
		if (add_path(&result->usual_identities, names[i]) != 0)
			return -1;
	}
	return add_path(&result->known_hosts, "/etc/ssh/ssh_known_hosts");
}

int ssh_options_gather(struct ssh_options *result,
		       const struct options *options,
		       const struct location *far, int *code)
{
	struct gathering gathering = {result, 0};
	int error;

	memset(result, 0, sizeof(*result));
	*code = EXIT_FILE_IO;
	error = set_defaults(result) != 0 ||
		take_letters(&gathering, options, far) != 0;
	for (size_t i = 0; i < options->ssh_options.count && !error; i++) {
		if (take_option(&gathering, options->ssh_options.values[i]) !=
		    0) {
			*code = EXIT_USAGE;
			return -1;
		}
	}
	if (!error && add_usual(result) == 0)
		return 0;
	notice_error("out of memory");
	return -1;
}

void ssh_options_clear(struct ssh_options *options)
{
	free(options->user);
	free(options->ciphers);
	text_list_clear(&options->identities);
	text_list_clear(&options->usual_identities);
	text_list_clear(&options->known_hosts);
	memset(options, 0, sizeof(*options));
}
