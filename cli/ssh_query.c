/* SPDX-License-Identifier: BSD-2-Clause */
/* What does OpenSSH's client know of a host? */
#include "cli/ssh_query.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/notice.h"
#include "cli/program.h"
#include "cli/ssh_setting.h"

/* ---- the words ---- */

int ssh_query_program(struct text_list *list, const struct options *options)
{
	return text_list_split(list,
			       options->ssh != NULL ? options->ssh : "ssh");
}

static int add_pair(struct text_list *list, const char *letter,
		    const char *value)
{
	return text_list_add(list, letter) == 0 &&
		       text_list_add(list, value) == 0
		   ? 0
		   : -1;
}

int ssh_query_config(struct text_list *list, const struct options *options)
{
	const struct passwd *entry = getpwuid(getuid());
	const char *home = getenv("HOME");
	char *path;
	int error;

	if (options->config != NULL)
		return add_pair(list, "-F", options->config);
	if (home == NULL || home[0] != '/' || entry == NULL ||
	    strcmp(home, entry->pw_dir) == 0)
		return 0;
	if (asprintf(&path, "%s/.ssh/config", home) < 0)
		return -1;
	error = add_pair(list, "-F", access(path, R_OK) == 0 ? path : "none");
	free(path);
	return error;
}

int ssh_query_letters(struct text_list *list, const struct options *options)
{
	if (ssh_query_config(list, options) != 0 ||
	    (options->jump != NULL &&
	     add_pair(list, "-J", options->jump) != 0) ||
	    (options->ipv4 && text_list_add(list, "-4") != 0) ||
	    (options->ipv6 && text_list_add(list, "-6") != 0))
		return -1;
	for (size_t i = 0; i < options->ssh_options.count; i++) {
		if (add_pair(list, "-o", options->ssh_options.values[i]) != 0)
			return -1;
	}
	return 0;
}

/* -T: else it says on stderr that there is no terminal. */
static int add_question(struct text_list *list, const struct options *options,
			const struct location *far)
{
	const char *user = far->user != NULL ? far->user : options->user;
	char port[16];

	snprintf(port, sizeof(port), "%u", options->port);
	if (ssh_query_program(list, options) != 0 ||
	    text_list_add(list, "-G") != 0 || text_list_add(list, "-T") != 0 ||
	    ssh_query_letters(list, options) != 0 ||
	    (user != NULL && add_pair(list, "-l", user) != 0) ||
	    (options->port != 0 && add_pair(list, "-p", port) != 0) ||
	    (options->ciphers != NULL &&
	     ssh_setting_is_change(options->ciphers) &&
	     add_pair(list, "-c", options->ciphers) != 0) ||
	    add_pair(list, "--", far->host) != 0)
		return -1;
	return text_list_end(list);
}

/* ---- the answer ---- */

/* Its first line that is not empty, without its end; in text, which is cut. */
static const char *first_line(char *text)
{
	text += strspn(text, "\r\n");
	text[strcspn(text, "\r\n")] = '\0';
	return *text != '\0' ? text : "it said nothing";
}

/* Does ssh find fault with its command line?  The name of a file may have such
 * words in it, so they count at the beginning alone. */
static int is_usage(const char *line)
{
	static const char *const beginnings[] = {
	    "command-line", "Unknown cipher",   "Can't open user config file",
	    "Invalid -J",   "Only a single -J", "Cannot specify -J"};

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]);
	     i++) {
		if (strncmp(line, beginnings[i], strlen(beginnings[i])) == 0)
			return 1;
	}
	return 0;
}

/* What is wrong on the command line is a wrong command line. */
static void tell_refused(const struct location *far, const char *program,
			 const struct program_answer *answer, int *code)
{
	const char *line = first_line(answer->errors);
	int usage = is_usage(line);

	*code = usage ? EXIT_USAGE : EXIT_UNREACHABLE;
	notice_error("%s: %s -G: %s; mend %s", far->host, program, line,
		     usage ? "-o, -F, -J or -c" : "ssh_config");
}

static enum ssh_query judge(const struct location *far, const char *program,
			    int error, struct program_answer *answer, int *code)
{
	if (error == ENOENT || error == EACCES)
		return SSH_QUERY_NO_PROGRAM;
	if (error == EINTR) {
		*code = EXIT_INTERRUPTED;
	} else if (error == ETIMEDOUT) {
		*code = EXIT_CONNECT_TIMEOUT;
		notice_error("%s: %s -G does not end; look for a Match exec in "
			     "ssh_config, or allow more with --contimeout",
			     far->host, program);
	} else if (error != 0) {
		*code = EXIT_FILE_IO;
		notice_error("%s: %s -G: %s", far->host, program,
			     strerror(error));
	} else if (!WIFEXITED(answer->status) ||
		   WEXITSTATUS(answer->status) != 0) {
		tell_refused(far, program, answer, code);
	} else {
		return SSH_QUERY_DONE;
	}
	return SSH_QUERY_FAILED;
}

enum ssh_query ssh_query(const struct options *options,
			 const struct location *far, uint64_t timeout,
			 char **answer, int *code)
{
	struct text_list words = {NULL, 0};
	struct program_answer said;
	enum ssh_query outcome;
	size_t length;
	int error;

	*answer = NULL;
	memset(&said, 0, sizeof(said));
	error = add_question(&words, options, far) != 0
		    ? ENOMEM
		    : program_run(words.items, timeout, &said);
	outcome = judge(far, words.count > 0 ? words.items[0] : "ssh", error,
			&said, code);
	/* A program of the user's need not know -G. */
	if (outcome == SSH_QUERY_DONE &&
	    ssh_query_value(said.output, "hostname", &length) == NULL)
		outcome = SSH_QUERY_NO_PROGRAM;
	if (outcome == SSH_QUERY_DONE) {
		*answer = said.output;
		said.output = NULL;
	}
	program_answer_clear(&said);
	text_list_clear(&words);
	return outcome;
}

const char *ssh_query_value(const char *answer, const char *name,
			    size_t *length)
{
	size_t size = strlen(name);

	while (*answer != '\0') {
		if (strncmp(answer, name, size) == 0 && answer[size] == ' ') {
			*length = strcspn(answer + size + 1, "\n");
			return answer + size + 1;
		}
		answer += strcspn(answer, "\n");
		answer += *answer == '\n';
	}
	return NULL;
}
