/* SPDX-License-Identifier: BSD-2-Clause */
/* What does the answer of ssh -G mean? */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/ssh_options_internal.h"
#include "cli/ssh_query.h"
#include "cli/ssh_setting.h"

/* What ssh takes when nobody names any: OpenSSH 7.4 to 9.9, and 10.0. */
static int is_usual_ciphers(const char *value)
{
	static const char *const usual[] = {
	    "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,"
	    "aes128-gcm@openssh.com,aes256-gcm@openssh.com",
	    "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,"
	    "aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr"};

	return strcmp(value, usual[0]) == 0 || strcmp(value, usual[1]) == 0;
}

/* Are these ciphers somebody's choice?  Another version of ssh may have
 * others by itself. */
static int is_chosen(const struct gathering *gathering, const char *value)
{
	struct options options = *gathering->options;
	const char *usual;
	char *answer;
	size_t length;
	int code, chosen = 1;

	if (is_usual_ciphers(value))
		return 0;
	options.config = "none";
	options.ciphers = NULL;
	options.ssh_options.count = 0;
	if (ssh_query(&options, gathering->far,
		      gathering->result->connect_timeout, &answer,
		      &code) != SSH_QUERY_DONE)
		return 1;
	usual = ssh_query_value(answer, "ciphers", &length);
	if (usual != NULL)
		chosen = strlen(value) != length ||
			 strncmp(value, usual, length) != 0;
	free(answer);
	return chosen;
}

/* What ssh does by itself and libssh2 does not. */
static int note_unable(struct gathering *gathering, const char *name,
		       const char *value)
{
	static const char *const names[] = {"bindaddress", "bindinterface",
					    "certificatefile", "pkcs11provider",
					    "proxyusefdpass"};

	if (gathering->result->unable != NULL ||
	    strcasecmp(value, "none") == 0 || strcasecmp(value, "no") == 0)
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		gathering->result->unable = strdup(name);
		return gathering->result->unable != NULL ? 0 : -1;
	}
	return 0;
}

/* ssh has the home folder of the account written out. */
static int is_usual_known_hosts(const char *value)
{
	const struct passwd *entry = getpwuid(getuid());
	char *usual;
	int same;

	if (entry == NULL ||
	    asprintf(&usual, "%s/.ssh/known_hosts %s/.ssh/known_hosts2",
		     entry->pw_dir, entry->pw_dir) < 0)
		return 0;
	same = strcmp(usual, value) == 0;
	free(usual);
	return same;
}

static int take_answer_line(struct gathering *gathering, const char *name,
			    const char *value)
{
	if (strcmp(name, "identityfile") == 0)
		return text_list_add(&gathering->named, value);
	if (strcmp(name, "userknownhostsfile") == 0 &&
	    is_usual_known_hosts(value))
		return 0;
	if (strcmp(name, "ciphers") == 0 &&
	    ((gathering->given & GIVEN_CIPHERS) ||
	     !is_chosen(gathering, value)))
		return 0;
	if (note_unable(gathering, name, value) != 0)
		return -1;
	/* A value that only a newer ssh knows is left as it is here. */
	ssh_setting_take(gathering->result, &gathering->given, name, value);
	return 0;
}

/* It names all the usual ones, in its order, when nobody named any. */
static int are_usual(const struct text_list *named)
{
	int usual = 0;

	for (size_t i = 0; i < named->count; i++) {
		if (strncmp(named->items[i], "~/.ssh/id_", 10) != 0)
			return 0;
		usual |= strcmp(named->items[i], "~/.ssh/id_rsa") == 0;
		usual |= (strcmp(named->items[i], "~/.ssh/id_ed25519") == 0)
			 << 1;
	}
	return usual == 3;
}

int ssh_options_take_answer(struct gathering *gathering, char *answer)
{
	char *at = NULL;
	int error = 0;

	for (char *line = strtok_r(answer, "\n", &at);
	     line != NULL && error == 0; line = strtok_r(NULL, "\n", &at)) {
		char *value = strchr(line, ' ');

		if (value == NULL)
			continue;
		*value++ = '\0';
		error = take_answer_line(gathering, line, value);
	}
	for (size_t i = 0; i < gathering->named.count && error == 0 &&
			   !are_usual(&gathering->named);
	     i++)
		ssh_setting_take(gathering->result, &gathering->given,
				 "IdentityFile", gathering->named.items[i]);
	return error;
}
