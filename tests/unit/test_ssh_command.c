/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: OpenSSH's client is called with what the user wrote, word for word, and
 * with what libssh2 is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/ssh_command.h"
#include "cli/time_size.h"

/* All words with '|' behind each; from which on is the caller's. */
static char *words_of(const struct options *options,
		      const struct ssh_options *ssh_options)
{
	static char text[4000];
	struct location far = {.host = (char *)"host"};
	struct ssh_command command;
	char **argv;

	assert_int_equal(ssh_command_make(&command, options, ssh_options, &far),
			 0);
	argv = ssh_command_argv(&command, (char *)"the command");
	assert_non_null(argv);
	text[0] = '\0';
	for (char **word = argv; *word != NULL; word++) {
		strcat(text, *word);
		strcat(text, "|");
	}
	free(argv);
	ssh_command_clear(&command);
	return text;
}

static struct ssh_options usual(void)
{
	struct ssh_options options;

	memset(&options, 0, sizeof(options));
	options.user = (char *)"me";
	options.port = 22;
	options.connect_timeout = 3 * TIME_SECOND;
	return options;
}

static void program_is(const char *program, const char *expected)
{
	struct ssh_options ssh_options = usual();
	struct options options;
	char *text;

	memset(&options, 0, sizeof(options));
	options.ssh = program;
	text = words_of(&options, &ssh_options);
	assert_int_equal(strncmp(text, expected, strlen(expected)), 0);
	assert_int_equal(strncmp(text + strlen(expected), "-T|", 3), 0);
}

static void the_program_is_words(void **state)
{
	(void)state;
	program_is(NULL, "ssh|");
	program_is("ssh", "ssh|");
	program_is("  /bin/a  -b\t-c ", "/bin/a|-b|-c|");
	program_is("'my ssh' \"-o\" \"User x\"", "my ssh|-o|User x|");
	program_is("a'b c'd\"e f\"g", "ab cde fg|");
	program_is("a \"it's\" 'say \"x\"'", "a|it's|say \"x\"|");
	program_is("a '' \"\" b", "a|||b|");
	/* As rsync: no backslashes, and no end is needed. */
	program_is("a\\ b", "a\\|b|");
	program_is("a 'b c", "a|b c|");
}

static void all_that_libssh2_is_told(void **state)
{
	char *known[] = {(char *)"/a b/50%/k", (char *)"/q\"u\\o"};
	char *identities[] = {(char *)"~/%h", (char *)"two"};
	struct ssh_options ssh_options = usual();
	struct options options;
	char *text;

	(void)state;
	memset(&options, 0, sizeof(options));
	ssh_options.port = 2222;
	ssh_options.known_hosts.items = known;
	ssh_options.known_hosts.count = 2;
	ssh_options.identities.items = identities;
	ssh_options.identities.count = 2;
	ssh_options.ciphers = (char *)"one,other";
	text = strstr(words_of(&options, &ssh_options), "|-p|");
	assert_string_equal(
	    text,
	    "|-p|2222|-l|me|-oConnectTimeout=4|-oStrictHostKeyChecking=yes|-o|"
	    "UserKnownHostsFile=\"/a b/50%%/k\" \"/q\\\"u\\\\o\"|-o|"
	    "IdentityFile=\"~/%%h\"|-o|IdentityFile=\"two\"|-c|one,other|--|"
	    "host|the command|");
	ssh_options.unknown_host = SSH_UNKNOWN_ACCEPT;
	assert_non_null(strstr(words_of(&options, &ssh_options),
			       "|-oStrictHostKeyChecking=accept-new|"));
}

/* Nothing is asked, forwarded, or left to another connection's mercy. */
static void nobody_is_asked(void **state)
{
	static const char *const words[] = {"|-T|", "|-oBatchMode=yes|",
					    "|-oClearAllForwardings=yes|",
					    "|-oControlPath=none|"};
	struct ssh_options ssh_options = usual();
	struct options options;

	(void)state;
	memset(&options, 0, sizeof(options));
	for (size_t i = 0; i < 4; i++)
		assert_non_null(
		    strstr(words_of(&options, &ssh_options), words[i]));
}

/* A program that says what it would use. */
static int prefers_fast(const char *program)
{
	struct ssh_options ssh_options = usual();
	struct location far = {.host = (char *)"host"};
	struct ssh_command command;
	struct options options;
	int result;

	memset(&options, 0, sizeof(options));
	options.ssh = program;
	assert_int_equal(
	    ssh_command_make(&command, &options, &ssh_options, &far), 0);
	ssh_command_prefer_fast(&command);
	result = command.fast.count > 0;
	/* Not twice. */
	ssh_command_prefer_fast(&command);
	assert_int_equal(command.fast.count, 2 * result);
	ssh_command_clear(&command);
	return result;
}

static void ciphers_are_left_alone_where_they_are_chosen(void **state)
{
	(void)state;
	assert_false(prefers_fast("sh -c 'echo ciphers $2' sh"));
	assert_false(prefers_fast("true"));
	assert_false(prefers_fast("/no/such/program"));
	/* Only where the processor is good at it. */
#if defined(__x86_64__)
	assert_int_equal(prefers_fast("sh -c 'echo ciphers usual' sh"),
			 __builtin_cpu_supports("aes") != 0);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_program_is_words),
	    cmocka_unit_test(all_that_libssh2_is_told),
	    cmocka_unit_test(nobody_is_asked),
	    cmocka_unit_test(ciphers_are_left_alone_where_they_are_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
