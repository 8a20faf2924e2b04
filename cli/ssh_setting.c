/* SPDX-License-Identifier: BSD-2-Clause */
/* What does one setting of ssh_config mean? */
#include "cli/ssh_setting.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/time_size.h"

/* ---- folders and names of this user ---- */

const char *ssh_setting_home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *entry;

	if (home != NULL && home[0] == '/')
		return home;
	entry = getpwuid(getuid());
	return entry == NULL ? "/" : entry->pw_dir;
}

char *ssh_setting_path(const char *path)
{
	char *expanded;

	if (strncmp(path, "~/", 2) != 0)
		return strdup(path);
	if (asprintf(&expanded, "%s/%s", ssh_setting_home(), path + 2) < 0)
		return NULL;
	return expanded;
}

static int add_path(struct text_list *list, const char *path)
{
	return text_list_take(list, ssh_setting_path(path));
}

/* ---- one option each: 0, -1 for a value that is none, or NOT_HERE ---- */

#define NOT_HERE 1 /* ssh alone knows what it means */

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

static int set_hash(struct ssh_options *result, const char *value)
{
	return set_flag(value, &result->hash_known_hosts);
}

int ssh_setting_is_change(const char *names)
{
	return *names == '+' || *names == '-' || *names == '^';
}

static int set_names(char **field, const char *value)
{
	if (ssh_setting_is_change(value))
		return NOT_HERE;
	free(*field);
	*field = strdup(value);
	return value[0] != '\0' && *field != NULL ? 0 : -1;
}

static int set_ciphers(struct ssh_options *result, const char *value)
{
	return set_names(&result->ciphers, value);
}

static int set_host_keys(struct ssh_options *result, const char *value)
{
	return set_names(&result->host_key_types, value);
}

static int set_kex(struct ssh_options *result, const char *value)
{
	return set_names(&result->kex, value);
}

static int set_macs(struct ssh_options *result, const char *value)
{
	return set_names(&result->macs, value);
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
	else if (is_one_of(value, "accept-new", "no", "off") ||
		 strcasecmp(value, "false") == 0)
		result->unknown_host = SSH_UNKNOWN_ACCEPT;
	else
		return -1;
	return 0;
}

/* "none" is NULL. */
static int set_text(char **field, const char *value)
{
	free(*field);
	*field = NULL;
	if (strcasecmp(value, "none") == 0)
		return 0;
	*field = strdup(value);
	return value[0] != '\0' && *field != NULL ? 0 : -1;
}

static int set_user(struct ssh_options *result, const char *value)
{
	free(result->user);
	result->user = strdup(value);
	return value[0] != '\0' && result->user != NULL ? 0 : -1;
}

static int set_host_name(struct ssh_options *result, const char *value)
{
	return set_text(&result->host_name, value);
}

static int set_alias(struct ssh_options *result, const char *value)
{
	return set_text(&result->host_key_alias, value);
}

static int set_jump(struct ssh_options *result, const char *value)
{
	return set_text(&result->proxy_jump, value);
}

static int set_proxy(struct ssh_options *result, const char *value)
{
	return set_text(&result->proxy_command, value);
}

static int set_only(struct ssh_options *result, const char *value)
{
	return set_flag(value, &result->identities_only);
}

/* A path, "none", SSH_AUTH_SOCK or another variable with a dollar sign. */
static int set_agent(struct ssh_options *result, const char *value)
{
	free(result->identity_agent);
	result->identity_agent = NULL;
	if (strcmp(value, "SSH_AUTH_SOCK") == 0)
		return 0;
	if (*value == '$') {
		value = getenv(value + 1);
		if (value == NULL || *value == '\0')
			value = "none";
	}
	result->identity_agent = ssh_setting_path(value);
	return *value != '\0' && result->identity_agent != NULL ? 0 : -1;
}

static int set_family(struct ssh_options *result, const char *value)
{
	if (strcasecmp(value, "any") == 0)
		result->family = AF_UNSPEC;
	else if (strcasecmp(value, "inet") == 0)
		result->family = AF_INET;
	else if (strcasecmp(value, "inet6") == 0)
		result->family = AF_INET6;
	else
		return -1;
	return 0;
}

/* Several files with spaces between, or none at all. */
static int set_known_hosts(struct ssh_options *result, const char *value)
{
	struct text_list words = {NULL, 0};
	int error = text_list_split(&words, value);

	text_list_clear(&result->known_hosts);
	for (size_t i = 0; i < words.count && error == 0; i++) {
		if (strcasecmp(words.items[i], "none") != 0)
			error = add_path(&result->known_hosts, words.items[i]);
	}
	text_list_clear(&words);
	return error;
}

/* Kept apart until all is read: they come last. */
static int set_global(struct ssh_options *result, const char *value)
{
	struct text_list users = result->known_hosts;
	int error;

	result->known_hosts = result->global_known_hosts;
	error = set_known_hosts(result, value);
	result->global_known_hosts = result->known_hosts;
	result->known_hosts = users;
	return error;
}

/* Sorted, as in the manual. */
struct known_option {
	const char *name;
	int (*set)(struct ssh_options *, const char *value);
	unsigned given;
};
static const struct known_option known_options[] = {
    {"AddressFamily", set_family, GIVEN_FAMILY},
    {"BatchMode", set_batch, GIVEN_BATCH},
    {"Ciphers", set_ciphers, GIVEN_CIPHERS},
    {"ConnectTimeout", set_timeout, GIVEN_TIMEOUT},
    {"GlobalKnownHostsFile", set_global, GIVEN_GLOBAL},
    {"HashKnownHosts", set_hash, GIVEN_HASH},
    {"HostKeyAlgorithms", set_host_keys, GIVEN_HOST_KEYS},
    {"HostKeyAlias", set_alias, GIVEN_ALIAS},
    {"HostName", set_host_name, GIVEN_NAME},
    {"IdentitiesOnly", set_only, GIVEN_ONLY},
    {"IdentityAgent", set_agent, GIVEN_AGENT},
    {"IdentityFile", set_identity, GIVEN_ALWAYS},
    {"KexAlgorithms", set_kex, GIVEN_KEX},
    {"MACs", set_macs, GIVEN_MACS},
    {"PasswordAuthentication", set_password, GIVEN_PASSWORD},
    {"Port", set_port, GIVEN_PORT},
    {"ProxyCommand", set_proxy, GIVEN_PROXY},
    {"ProxyJump", set_jump, GIVEN_PROXY},
    {"StrictHostKeyChecking", set_unknown_host, GIVEN_UNKNOWN},
    {"User", set_user, GIVEN_USER},
    {"UserKnownHostsFile", set_known_hosts, GIVEN_KNOWN},
};
#define KNOWN_COUNT (sizeof(known_options) / sizeof(known_options[0]))

int ssh_setting_take(struct ssh_options *result, unsigned *given,
		     const char *name, const char *value)
{
	for (size_t i = 0; i < KNOWN_COUNT; i++) {
		const struct known_option *known = &known_options[i];

		if (strcasecmp(known->name, name) != 0)
			continue;
		if (*given & known->given)
			return SSH_SETTING_TAKEN;
		switch (known->set(result, value)) {
		case 0:
			*given |= known->given;
			return SSH_SETTING_TAKEN;
		case NOT_HERE:
			return SSH_SETTING_UNKNOWN;
		default:
			return SSH_SETTING_WRONG;
		}
	}
	return SSH_SETTING_UNKNOWN;
}
