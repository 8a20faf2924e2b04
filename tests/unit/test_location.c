/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: SRC and DST mean the machine and path that the manual says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/location.h"

static void assert_text(const char *is, const char *wanted)
{
	if (wanted == NULL)
		assert_null(is);
	else
		assert_string_equal(is, wanted);
}

static void what_is_accepted(void **state)
{
	static const struct {
		const char *text, *user, *host, *path;
	} cases[] = {
	    {"path", NULL, NULL, "path"},
	    {"/a/b", NULL, NULL, "/a/b"},
	    {"./a:b", NULL, NULL, "./a:b"},
	    {"a/b:c", NULL, NULL, "a/b:c"},
	    {"./-", NULL, NULL, "./-"},
	    {"host:path", NULL, "host", "path"},
	    {"host:/path", NULL, "host", "/path"},
	    {"host://path", NULL, "host", "//path"},
	    {"host:", NULL, "host", "./"},
	    {"host:.", NULL, "host", "."},
	    {"host:a:b", NULL, "host", "a:b"},
	    {"host:~", NULL, "host", "./"},
	    {"host:~/", NULL, "host", "./"},
	    {"host:~/a", NULL, "host", "a"},
	    {"host:~//a", NULL, "host", "a"},
	    {"host:./~bob", NULL, "host", "./~bob"},
	    {"user@host:path", "user", "host", "path"},
	    {"a@b@host:path", "a@b", "host", "path"},
	    {"[::1]:path", NULL, "::1", "path"},
	    {"user@[fe80::1%eth0]:/a", "user", "fe80::1%eth0", "/a"},
	    {"[host]:path", NULL, "host", "path"},
	    {"host:p@th", NULL, "host", "p@th"},
	    {"a@b/c", NULL, NULL, "a@b/c"},
	    {"sftp://host/path", NULL, "host", "/path"},
	    {"sftp://user@host:2222/~/a", "user", "host", "a"},
	    {"sftp://[::1]:22/~", NULL, "::1", "./"},
	    {"sftp://host/~bob", NULL, "host", "/~bob"},
	    {"host:\xff\n", NULL, "host", "\xff\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct location location;
		char *cause;

		assert_int_equal(
		    location_parse(cases[i].text, &location, &cause), 0);
		assert_text(location.user, cases[i].user);
		assert_text(location.host, cases[i].host);
		assert_text(location.path, cases[i].path);
		location_clear(&location);
	}
}

static void what_is_refused_with_advice(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
	    {"", "write ."},
	    {"-", "name a file"},
	    {"sftp://host", "no path"},
	    {"sftp://host:0/a", "no port"},
	    {"sftp://host:65536/a", "no port"},
	    {"sftp:///a", "no host"},
	    {"rsync://host/path", "not supported"},
	    {":path", "no host"},
	    {"user@:path", "no host"},
	    {"@host:path", "no user"},
	    {"-oProxyCommand=x:path", "dash"},
	    {"-l@host:path", "dash"},
	    {"two words:path", "spaces"},
	    {"ho\nst:path", "control"},
	    {"host::module", "[::1]:path"},
	    {"::1:path", "no host"},
	    {"host:~bob/x", "host:./~user"},
	    {"[]:path", "no host"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct location location;
		char *cause;

		assert_int_equal(
		    location_parse(cases[i].text, &location, &cause), -1);
		assert_non_null(cause);
		assert_non_null(strstr(cause, cases[i].part));
		free(cause);
	}
}

static void the_same_place_resolves_to_the_same_text(void **state)
{
	static const struct {
		const char *text, *resolved;
	} cases[] = {
	    {"a", "/work/a"},
	    {"./a", "/work/a"},
	    {".//a/./b", "/work/a/b"},
	    {"a/", "/work/a/"},
	    {"a//", "/work/a/"},
	    {".", "/work/"},
	    {"..", "/work/.."},
	    {"/", "/"},
	    {"//a///b", "/a/b"},
	    {"/a/...", "/a/..."},
	    {"user@host:a//b", "user@host:a//b"},
	    {"[::1]:a", "::1:a"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct location location;
		char *cause, *text;

		assert_int_equal(
		    location_parse(cases[i].text, &location, &cause), 0);
		text = location_resolve(&location, "/work");
		assert_string_equal(text, cases[i].resolved);
		free(text);
		location_clear(&location);
	}
}

static void ends_are_the_same_by_user_and_host(void **state)
{
	static const struct {
		const char *one, *other;
		int same;
	} cases[] = {
	    {"a", "/b", 1},        {"h:a", "h:b", 1}, {"u@h:a", "u@h:b", 1},
	    {"a", "h:b", 0},       {"h:a", "i:a", 0}, {"h:a", "u@h:a", 0},
	    {"u@h:a", "v@h:a", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct location one, other;
		char *cause;

		assert_int_equal(location_parse(cases[i].one, &one, &cause), 0);
		assert_int_equal(location_parse(cases[i].other, &other, &cause),
				 0);
		assert_int_equal(location_same_end(&one, &other),
				 cases[i].same);
		assert_int_equal(location_same_end(&other, &one),
				 cases[i].same);
		location_clear(&one);
		location_clear(&other);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_accepted),
	    cmocka_unit_test(what_is_refused_with_advice),
	    cmocka_unit_test(the_same_place_resolves_to_the_same_text),
	    cmocka_unit_test(ends_are_the_same_by_user_and_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
