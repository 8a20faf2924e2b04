/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: without ssh, a file of ssh_config means what its plain parts mean, and
 * the others are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/ssh_plain.h"
#include "tests/unit/scratch.h"

static char told[1000];

static int take(void *cookie, const char *name, const char *value,
		const char *where)
{
	(void)where;
	strcat(told, name);
	strcat(told, "=");
	strcat(told, value);
	strcat(told, "|");
	return strcmp(value, cookie) == 0 ? 7 : 0;
}

static void skipped(void *cookie, const char *name, const char *where)
{
	(void)cookie;
	strcat(told, name);
	strcat(told, strstr(where, " line "));
	strcat(told, "|");
}

/* What is taken of a file, of the scratch folder. */
static const char *read_file(const char *content, const char *host,
			     int expected)
{
	struct ssh_plain plain = {host, (char *)"stop here", take, skipped};
	struct scratch scratch;
	char *path;
	FILE *file;

	told[0] = '\0';
	scratch_make(&scratch);
	assert_true(asprintf(&path, "%s/config", scratch.path) > 0);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(content, file);
	fclose(file);
	assert_int_equal(ssh_plain_read(path, &plain), expected);
	free(path);
	scratch_remove(&scratch);
	return told;
}

static void what_applies(void **state)
{
	static const char content[] = "# comment\n"
				      "\n"
				      "User = first\r\n"
				      "Host a *.b !c.b\n"
				      "\tHostName\t \"two words\"  \n"
				      "  include x\n"
				      "UserKnownHostsFile \"/a b\" /c\n"
				      "HOST=z\n"
				      "Port 3\n"
				      "Match all\n"
				      "Port 4\n"
				      "Include y\n"
				      "Host ?\n"
				      "Port=5";

	(void)state;
	assert_string_equal(read_file(content, "a", 0),
			    "User=first|HostName=two words|Include line 6|"
			    "UserKnownHostsFile=\"/a b\" /c|Match line 10|"
			    "Port=5|");
	assert_string_equal(read_file(content, "c.b", 0),
			    "User=first|Match line 10|");
	assert_string_equal(read_file(content, "z", 0),
			    "User=first|Port=3|Match line 10|Port=5|");
}

static void what_ends_it(void **state)
{
	struct ssh_plain plain = {"host", (char *)"", take, skipped};

	(void)state;
	assert_string_equal(read_file("A 1\nB stop here\nC 2\n", "host", 7),
			    "A=1|B=stop here|");
	assert_string_equal(read_file("", "host", 0), "");
	assert_int_equal(ssh_plain_read("/no/such/file", &plain), 0);
	assert_int_equal(ssh_plain_read("/dev", &plain), -1);
}

static void patterns(void **state)
{
	(void)state;
	assert_true(ssh_plain_matches("*", "host"));
	assert_true(ssh_plain_matches("a h?st", "host"));
	assert_true(ssh_plain_matches("*.example.org", "a.example.org"));
	assert_false(ssh_plain_matches("*.example.org", "example.org"));
	assert_false(ssh_plain_matches("* !host", "host"));
	assert_false(ssh_plain_matches("!host *", "host"));
	assert_false(ssh_plain_matches("!other", "host"));
	assert_false(ssh_plain_matches("", "host"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_applies),
	    cmocka_unit_test(what_ends_it),
	    cmocka_unit_test(patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
