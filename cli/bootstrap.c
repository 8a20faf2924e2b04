/* SPDX-License-Identifier: BSD-2-Clause */
/* How an agent is brought to a far side that has none. */
#include "cli/bootstrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "cli/bootstrap_agent.h"
#include "cli/exit_code.h"
#include "cli/notice.h"
#include "config.h"

struct bootstrap {
	struct bootstrap_agent agent;
	char *check; /* a shell function: is the file $1 the agent? */
	char *install;
};

/* ---- the commands there ---- */

/* The name of the copy, in $a. */
#define NAME "d=$HOME/.cache/ferry; a=$d/ferry-agent-" PACKAGE_VERSION "-%s; "

static const char check_format[] =
    "c() { if command -v sha256sum >/dev/null 2>&1; then "
    "case $(sha256sum <\"$1\") in %s*) true;; *) false;; esac; else "
    "case $(cksum <\"$1\") in \"%u %zu\") true;; *) false;; esac; fi; }; ";

/* With exec no shell stays in between. */
static const char serve_format[] =
    "exec sh -c '"
    "if command -v \"$1\" >/dev/null 2>&1; then exec \"$@\"; fi; "
    "%s" NAME "if [ -x \"$a\" ] && c \"$a\"; then shift; exec \"$a\" \"$@\"; "
    "fi; echo \"neither $1 nor a sound $a\" >&2; exit 127' "
    "ferry %s serve --nonce ";

/* What begins with MARK is for us, the rest is what went wrong. */
#define MARK   "ferry-bootstrap: "
#define SYSTEM MARK "is "
#define STORED MARK "stored"

/* What is no upload any more: one of this host whose process is gone. */
#define LEFT_OVER                                                              \
	"h=$(uname -n); for t in \"$d\"/*.new-\"$h\"-*; do "                   \
	"kill -0 \"${t##*-}\" 2>/dev/null || rm -f \"$t\"; done; "

static const char install_format[] =
    "exec sh -c 'exec 2>&1; umask 077; echo \"" SYSTEM "$(uname -sm)\"; "
    "%s" NAME LEFT_OVER "t=$a.new-$h-$$; f() { rm -f \"$t\"; }; trap f 0; "
    "trap \"exit 1\" 1 2 15; mkdir -p \"$d\" && cat >\"$t\" && "
    "{ c \"$t\" || { echo \"what arrived is damaged\"; false; }; } && "
    "chmod 700 \"$t\" && \"$t\" --version && mv -f \"$t\" \"$a\" && "
    "echo \"" STORED "\"'";

static int make_commands(struct bootstrap *bootstrap)
{
	const struct bootstrap_agent *agent = &bootstrap->agent;

	if (asprintf(&bootstrap->check, check_format, agent->sha256,
		     agent->cksum, agent->size) < 0) {
		bootstrap->check = NULL;
		return -1;
	}
	if (asprintf(&bootstrap->install, install_format, bootstrap->check,
		     agent->sha256) < 0) {
		bootstrap->install = NULL;
		return -1;
	}
	return 0;
}

char *bootstrap_serve_command(const struct bootstrap *bootstrap,
			      const char *program)
{
	char *command;

	if (asprintf(&command, serve_format, bootstrap->check,
		     bootstrap->agent.sha256, program) < 0)
		return NULL;
	return command;
}

const char *bootstrap_install_command(const struct bootstrap *bootstrap)
{
	return bootstrap->install;
}

/* ---- begin and end ---- */

struct bootstrap *bootstrap_create(void)
{
	struct bootstrap *bootstrap = calloc(1, sizeof(*bootstrap));

	if (bootstrap == NULL) {
		notice_error("out of memory");
		return NULL;
	}
	if (bootstrap_agent_load(&bootstrap->agent) == 0) {
		if (make_commands(bootstrap) == 0)
			return bootstrap;
		notice_error("out of memory");
	}
	bootstrap_free(bootstrap);
	return NULL;
}

void bootstrap_free(struct bootstrap *bootstrap)
{
	if (bootstrap == NULL)
		return;
	bootstrap_agent_free(&bootstrap->agent);
	free(bootstrap->check);
	free(bootstrap->install);
	free(bootstrap);
}

/* ---- what is said there ---- */

/* What start-up files may print before, as in greeting.h. */
#define NOISE_MAXIMUM ((size_t)64 << 10)

struct listener {
	const struct exchange *exchange;
	char bytes[512]; /* start..end are not parsed */
	size_t start;
	size_t end;
	size_t heard;
	char line[200]; /* the last one, cut where it is longer */
	char said[200]; /* the last one that is not for us */
};

static int next_byte(struct listener *listener)
{
	const struct exchange *exchange = listener->exchange;
	ssize_t got;

	if (listener->start == listener->end) {
		if (listener->heard > NOISE_MAXIMUM)
			return -1;
		got = exchange->read(exchange->cookie, listener->bytes,
				     sizeof(listener->bytes));
		if (got <= 0)
			return -1;
		listener->start = 0;
		listener->end = (size_t)got;
		listener->heard += (size_t)got;
	}
	return (unsigned char)listener->bytes[listener->start++];
}

/* 1, or 0: no more comes. */
static int next_line(struct listener *listener)
{
	size_t length = 0;
	int byte;

	while ((byte = next_byte(listener)) != -1 && byte != '\n') {
		if (byte != '\0' && byte != '\r' &&
		    length + 1 < sizeof(listener->line))
			listener->line[length++] = (char)byte;
	}
	listener->line[length] = '\0';
	return byte == '\n' || length > 0;
}

/* The rest of the line that begins with mark, or NULL: it did not come. */
static const char *await_mark(struct listener *listener, const char *mark)
{
	while (next_line(listener)) {
		if (strncmp(listener->line, mark, strlen(mark)) == 0)
			return listener->line + strlen(mark);
		if (listener->line[0] != '\0')
			memcpy(listener->said, listener->line,
			       sizeof(listener->said));
	}
	return NULL;
}

/* ---- the talk ---- */

static char *text_of(const char *format, const char *value)
{
	char *text;

	return asprintf(&text, format, value) < 0 ? NULL : text;
}

static const char *last_said(const struct listener *listener)
{
	return listener->said[0] != '\0' ? listener->said : "it said nothing";
}

/* NULL, or why the agent would not run there. */
static char *refuse_system(const char *there)
{
	struct utsname name;
	char here[sizeof(name.sysname) + sizeof(name.machine) + 1], *text;

	if (uname(&name) == -1)
		return strdup("the system here does not say what it is");
	snprintf(here, sizeof(here), "%s %s", name.sysname, name.machine);
	if (strcmp(here, there) == 0)
		return NULL;
	if (asprintf(&text,
		     "the system there is %s, and the agent is for %s; install "
		     "ferry on that host",
		     there, here) < 0)
		return strdup("another system");
	return text;
}

int bootstrap_install(const struct bootstrap *bootstrap,
		      const struct exchange *exchange, int *code, char **text)
{
	const struct bootstrap_agent *agent = &bootstrap->agent;
	struct listener listener = {.exchange = exchange};
	const char *there = await_mark(&listener, SYSTEM);

	*code = EXIT_UNREACHABLE;
	if (there == NULL) {
		*text = text_of("no shell there takes the agent (\"%s\"); "
				"install ferry on that host",
				last_said(&listener));
		return -1;
	}
	*text = refuse_system(there);
	if (*text != NULL)
		return -1;
	listener.said[0] = '\0';
	/* If it does not take all of it, it says why. */
	if (exchange->write(exchange->cookie, agent->bytes, agent->size) == 0)
		exchange->end(exchange->cookie);
	if (await_mark(&listener, STORED) != NULL)
		return 0;
	*text = text_of("the agent cannot be stored in ~/.cache/ferry there "
			"(\"%s\"); make that possible, or install ferry on "
			"that host",
			last_said(&listener));
	return -1;
}
