/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: -o, -P, -i and the location mean what they mean to ssh: the first value
 * counts, letters come before -o, and what is no value, or no option that ferry
 * knows, is refused with a word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "cli/exit_code.h"
#include "cli/ssh_options.h"
#include "cli/time_size.h"
#include "tests/unit/capture.h"

static int setup(void **state)
{
	(void)state;
	return setenv("HOME", "/home/me", 1);
}

static struct location far_host(char *user)
{
	struct location location;

	memset(&location, 0, sizeof(location));
	location.host = (char *)"host";
	location.user = user;
	return location;
}

/* Of -o alone.  What ssh_options_gather returns. */
static int gather(struct ssh_options *result, struct capture *capture,
		  const char **values, size_t count, int *code)
{
	struct options options;
	struct location location = far_host(NULL);
	int outcome;

	memset(&options, 0, sizeof(options));
	/* Without it, -o is for ferry to read. */
	options.ssh = "/no/such/ssh";
	options.config = "none";
	options.ssh_options.values = values;
	options.ssh_options.count = count;
	capture_begin(capture);
	outcome = ssh_options_gather(result, &options, &location, code);
	capture_end(capture);
	return outcome;
}

/* They are taken, without a word. */
static void take(struct ssh_options *result, const char **values, size_t count)
{
	struct capture capture;
	int code;

	assert_int_equal(gather(result, &capture, values, count, &code), 0);
	assert_string_equal(capture.text, "");
}
#define TAKE(result, ...)                                                      \
	take(result, (const char *[]){__VA_ARGS__},                            \
	     sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

static void nothing_is_said(void **state)
{
	struct ssh_options result;

	(void)state;
	take(&result, NULL, 0);
	assert_int_equal(result.port, 22);
	assert_int_equal(result.connect_timeout, 30 * TIME_SECOND);
	assert_false(result.batch);
	assert_true(result.password);
	assert_int_equal(result.unknown_host, SSH_UNKNOWN_ASK);
	assert_non_null(result.user);
	assert_int_equal(result.identities.count, 0);
	assert_int_equal(result.usual_identities.count, 3);
	assert_string_equal(result.usual_identities.items[0],
			    "/home/me/.ssh/id_ed25519");
	assert_int_equal(result.known_hosts.count, 3);
	assert_string_equal(result.known_hosts.items[0],
			    "/home/me/.ssh/known_hosts");
	assert_string_equal(result.known_hosts.items[1],
			    "/home/me/.ssh/known_hosts2");
	assert_string_equal(result.known_hosts.items[2],
			    "/etc/ssh/ssh_known_hosts");
	ssh_options_clear(&result);
	ssh_options_clear(&result);
}

static void each_option(void **state)
{
	struct ssh_options result;

	(void)state;
	TAKE(&result, "BatchMode=yes", "ConnectTimeout=7", "Port=2222",
	     "PasswordAuthentication=no", "StrictHostKeyChecking=accept-new",
	     "User=none", "IdentityFile=~/key", "IdentityFile=/other",
	     "UserKnownHostsFile=~/a  /b");
	assert_true(result.batch);
	assert_int_equal(result.connect_timeout, 7 * TIME_SECOND);
	assert_int_equal(result.port, 2222);
	assert_false(result.password);
	assert_int_equal(result.unknown_host, SSH_UNKNOWN_ACCEPT);
	assert_string_equal(result.user, "none");
	assert_int_equal(result.identities.count, 2);
	assert_string_equal(result.identities.items[0], "/home/me/key");
	assert_string_equal(result.identities.items[1], "/other");
	/* Who names one does not want the usual ones tried. */
	assert_int_equal(result.usual_identities.count, 0);
	assert_int_equal(result.known_hosts.count, 3);
	assert_string_equal(result.known_hosts.items[0], "/home/me/a");
	assert_string_equal(result.known_hosts.items[1], "/b");
	ssh_options_clear(&result);
}

static void host_key_checking(void **state)
{
	static const struct {
		const char *option;
		enum ssh_unknown_host means;
	} cases[] = {
	    {"StrictHostKeyChecking=ask", SSH_UNKNOWN_ASK},
	    {"StrictHostKeyChecking=yes", SSH_UNKNOWN_REFUSE},
	    {"stricthostkeychecking=TRUE", SSH_UNKNOWN_REFUSE},
	    {"StrictHostKeyChecking=accept-new", SSH_UNKNOWN_ACCEPT},
	    /* Keys are always checked: this is as far as it goes. */
	    {"StrictHostKeyChecking=no", SSH_UNKNOWN_ACCEPT},
	    {"StrictHostKeyChecking=off", SSH_UNKNOWN_ACCEPT},
	};
	struct ssh_options result;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		TAKE(&result, cases[i].option);
		assert_int_equal(result.unknown_host, cases[i].means);
		ssh_options_clear(&result);
	}
}

static void spellings(void **state)
{
	static const char *const ways[] = {
	    "Port=99",  "port=99",     "PORT 99",  "Port = 99",
	    "Port  99", "Port\t=\t99", "Port= 99",
	};
	struct ssh_options result;

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		TAKE(&result, ways[i]);
		assert_int_equal(result.port, 99);
		ssh_options_clear(&result);
	}
	TAKE(&result, "UserKnownHostsFile=none", "IdentityFile=none",
	     "ConnectTimeout=none");
	assert_int_equal(result.known_hosts.count, 1);
	assert_int_equal(result.identities.count, 0);
	ssh_options_clear(&result);
}

static void the_first_value_counts(void **state)
{
	struct ssh_options result;

	(void)state;
	TAKE(&result, "Port=1", "Port=2", "User=a", "User=b",
	     "StrictHostKeyChecking=yes", "StrictHostKeyChecking=no",
	     "UserKnownHostsFile=/a", "UserKnownHostsFile=/b");
	assert_int_equal(result.port, 1);
	assert_string_equal(result.user, "a");
	assert_int_equal(result.unknown_host, SSH_UNKNOWN_REFUSE);
	assert_int_equal(result.known_hosts.count, 2);
	assert_string_equal(result.known_hosts.items[0], "/a");
	ssh_options_clear(&result);
}

static void letters_come_first(void **state)
{
	const char *values[] = {"Port=1", "User=a", "ConnectTimeout=1",
				"IdentityFile=/o"};
	const char *identities[] = {"~/i"};
	char user[] = "them";
	struct location location = far_host(user);
	struct options options;
	struct ssh_options result;
	int code;

	(void)state;
	memset(&options, 0, sizeof(options));
	options.ssh = "/no/such/ssh";
	options.config = "none";
	options.port = 2222;
	options.connect_timeout = 5 * TIME_SECOND;
	options.identities.values = identities;
	options.identities.count = 1;
	options.ssh_options.values = values;
	options.ssh_options.count = 4;
	assert_int_equal(
	    ssh_options_gather(&result, &options, &location, &code), 0);
	assert_int_equal(result.port, 2222);
	assert_string_equal(result.user, "them");
	assert_int_equal(result.connect_timeout, 5 * TIME_SECOND);
	assert_int_equal(result.identities.count, 2);
	assert_string_equal(result.identities.items[0], "/home/me/i");
	assert_string_equal(result.identities.items[1], "/o");
	ssh_options_clear(&result);
}

static void what_is_no_value_is_refused(void **state)
{
	static const char *const wrong[] = {
	    "Port=0",
	    "Port=65536",
	    "Port=",
	    "Port",
	    "Port=22x",
	    "Port=-1",
	    "Port=99999999999999999999",
	    "BatchMode=maybe",
	    "BatchMode",
	    "PasswordAuthentication=1",
	    "StrictHostKeyChecking=never",
	    "ConnectTimeout=soon",
	    "User=",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct ssh_options result;
		struct capture capture;
		const char *value = wrong[i];
		int code = 0;

		assert_int_equal(gather(&result, &capture, &value, 1, &code),
				 -1);
		assert_int_equal(code, EXIT_USAGE);
		assert_non_null(strstr(capture.text, "is no value for"));
		assert_non_null(strstr(capture.text, value));
		ssh_options_clear(&result);
	}
}

static void what_ferry_does_not_know_is_refused(void **state)
{
	static const char *const unknown[] = {
	    "Compression=yes", "Por=22", "Portx=22", "=22", "", " Port=22",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		struct ssh_options result;
		struct capture capture;
		const char *value = unknown[i];
		int code = 0;

		assert_int_equal(gather(&result, &capture, &value, 1, &code),
				 -1);
		assert_int_equal(code, EXIT_USAGE);
		assert_non_null(
		    strstr(capture.text, "ferry does not know this option"));
		ssh_options_clear(&result);
	}
}

/* What a program says that is asked as ssh -G is. */
static void answered(struct ssh_options *result, const char *program)
{
	struct location location = far_host(NULL);
	struct options options;
	int code;

	memset(&options, 0, sizeof(options));
	options.ssh = program;
	options.config = "/some/config";
	assert_int_equal(ssh_options_gather(result, &options, &location, &code),
			 0);
}

static void what_ssh_answers(void **state)
{
	struct ssh_options result;

	(void)state;
	answered(&result,
		 "sh -c \"echo hostname far.example; echo user them; "
		 "echo port 2222; echo identityfile /a/%r@%h:%p%%; "
		 "echo identitiesonly yes; echo identityagent none; "
		 "echo userknownhostsfile /k /l; echo globalknownhostsfile "
		 "none; echo hostkeyalias name; echo addressfamily inet6; "
		 "echo stricthostkeychecking false; echo proxycommand way %n; "
		 "echo connecttimeout 7; echo unheard of\" sh");
	assert_true(result.queried);
	assert_string_equal(result.host_name, "far.example");
	assert_string_equal(result.user, "them");
	assert_int_equal(result.port, 2222);
	assert_int_equal(result.identities.count, 1);
	assert_string_equal(result.identities.items[0],
			    "/a/them@far.example:2222%");
	assert_true(result.identities_only);
	assert_string_equal(result.identity_agent, "none");
	assert_int_equal(result.known_hosts.count, 2);
	assert_string_equal(result.known_hosts.items[1], "/l");
	assert_string_equal(result.host_key_alias, "name");
	assert_int_equal(result.family, AF_INET6);
	assert_int_equal(result.unknown_host, SSH_UNKNOWN_ACCEPT);
	assert_string_equal(result.proxy_command, "way host");
	assert_int_equal(result.connect_timeout, 7 * TIME_SECOND);
	assert_null(result.unable);
	assert_null(result.ciphers);
	ssh_options_clear(&result);
}

static void what_ssh_takes_by_itself_is_no_choice(void **state)
{
	struct ssh_options result;

	(void)state;
	answered(&result, "sh -c \"echo hostname host; "
			  "echo identityfile ~/.ssh/id_rsa; "
			  "echo identityfile ~/.ssh/id_ed25519; "
			  "echo ciphers those\" sh");
	assert_int_equal(result.identities.count, 2);
	ssh_options_clear(&result);
	/* A tilde that no shell has replaced; and ciphers that are the same
	 * without any configuration. */
	answered(&result, "sh -c \"echo hostname host; "
			  "echo identityfile '~/.ssh/id_rsa'; "
			  "echo identityfile '~/.ssh/id_ed25519'; "
			  "echo ciphers those; echo certificatefile /c\" sh");
	assert_int_equal(result.identities.count, 0);
	assert_int_equal(result.usual_identities.count, 3);
	assert_null(result.ciphers);
	assert_string_equal(result.unable, "certificatefile");
	ssh_options_clear(&result);
	answered(&result, "sh -c \"echo hostname host; "
			  "echo ciphers $4\" sh");
	assert_string_equal(result.ciphers, "/some/config");
	ssh_options_clear(&result);
}

static void lists_of_algorithms(void **state)
{
	struct ssh_options result;
	struct capture capture;
	int code;

	(void)state;
	TAKE(&result, "MACs=m,n", "KexAlgorithms=k", "HostKeyAlgorithms h",
	     "HashKnownHosts=yes");
	assert_string_equal(result.macs, "m,n");
	assert_string_equal(result.kex, "k");
	assert_string_equal(result.host_key_types, "h");
	assert_true(result.hash_known_hosts);
	ssh_options_clear(&result);
	answered(&result, "sh -c \"echo hostname host; "
			  "echo hashknownhosts yes; "
			  "echo hostkeyalgorithms h; echo kexalgorithms k; "
			  "echo macs m\" sh");
	assert_string_equal(result.macs, "m");
	assert_string_equal(result.kex, "k");
	assert_string_equal(result.host_key_types, "h");
	assert_true(result.hash_known_hosts);
	ssh_options_clear(&result);
	/* What "+" adds to is known to ssh alone. */
	assert_int_equal(gather(&result, &capture,
				(const char *[]){"MACs=+hmac-md5"}, 1, &code),
			 -1);
	assert_int_equal(code, EXIT_USAGE);
	assert_non_null(strstr(capture.text, "-o MACs=+hmac-md5: "));
	ssh_options_clear(&result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_said),
	    cmocka_unit_test(each_option),
	    cmocka_unit_test(host_key_checking),
	    cmocka_unit_test(spellings),
	    cmocka_unit_test(the_first_value_counts),
	    cmocka_unit_test(letters_come_first),
	    cmocka_unit_test(what_is_no_value_is_refused),
	    cmocka_unit_test(what_ferry_does_not_know_is_refused),
	    cmocka_unit_test(what_ssh_answers),
	    cmocka_unit_test(lists_of_algorithms),
	    cmocka_unit_test(what_ssh_takes_by_itself_is_no_choice),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
