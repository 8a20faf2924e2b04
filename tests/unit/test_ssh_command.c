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

	assert_int_equal(
	    ssh_command_make(&command, options, ssh_options, &far, 0), 0);
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

static int prefers_fast(const char *ciphers, int queried)
{
	struct ssh_options ssh_options = usual();
	struct options options;

	memset(&options, 0, sizeof(options));
	ssh_options.ciphers = (char *)(uintptr_t)ciphers;
	ssh_options.queried = queried;
	return strstr(words_of(&options, &ssh_options), "aes128-gcm") != NULL;
}

static void ciphers_are_left_alone_where_they_are_chosen(void **state)
{
	(void)state;
	assert_false(prefers_fast("aes128-ctr", 1));
	/* Nobody knows. */
	assert_false(prefers_fast(NULL, 0));
	/* Only where the processor is good at it. */
#if defined(__x86_64__)
	assert_int_equal(prefers_fast(NULL, 1),
			 __builtin_cpu_supports("aes") != 0);
#endif
}

static void way_is(const char *jump, const char *proxy, const char *expected)
{
	struct ssh_options ssh_options = usual();
	struct options options;
	char *command;

	memset(&options, 0, sizeof(options));
	options.config = "/the config";
	ssh_options.host_name = (char *)"::1";
	ssh_options.proxy_jump = (char *)(uintptr_t)jump;
	ssh_options.proxy_command = (char *)(uintptr_t)proxy;
	assert_int_equal(ssh_command_proxy(&options, &ssh_options, 0, &command),
			 0);
	if (expected == NULL)
		assert_null(command);
	else if (jump == NULL)
		assert_string_equal(command, expected);
	else
		assert_string_equal(strstr(command, "-W"), expected);
	free(command);
}

static void the_way_through_a_proxy(void **state)
{
	(void)state;
	way_is(NULL, NULL, NULL);
	way_is(NULL, "nc a 22", "nc a 22");
	way_is("jump", NULL, "-W '[::1]:22' -- jump");
	way_is("me@jump:33", NULL, "-W '[::1]:22' -p 33 -l me -- jump");
	way_is("a,me@b:1,c@d@e", NULL, "-W '[::1]:22' -J a,me@b:1 -l c@d -- e");
	way_is("[fe80::1]:33", NULL, "-W '[::1]:22' -p 33 -- fe80::1");
	way_is("[fe80::1]", NULL, "-W '[::1]:22' -- fe80::1");
	way_is("fe80::1", NULL, "-W '[::1]:22' -- fe80::1");
	way_is("ssh://me@jump:33", NULL, "-W '[::1]:22' -- ssh://me@jump:33");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_program_is_words),
	    cmocka_unit_test(all_that_libssh2_is_told),
	    cmocka_unit_test(nobody_is_asked),
	    cmocka_unit_test(the_way_through_a_proxy),
	    cmocka_unit_test(ciphers_are_left_alone_where_they_are_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
