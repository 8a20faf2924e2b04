/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: a known_hosts file says of a host's key what ssh takes it to say:
 * patterns, hashed names, ports, markers; and a line that is not understood
 * says nothing, whatever is in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/scratch.h"
#include "transfer/known_hosts.h"

#define KEY   "AAAAC3NzaC1lZDI1NTE5AAAAIOU0H6dq44o9VxGlWsl4ltk6ZFhHUcXdXDEhR0"
#define OTHER "AAAAC3NzaC1lZDI1NTE5AAAAIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIII"

static LIBSSH2_SESSION *session;

static int setup(void **state)
{
	(void)state;
	assert_int_equal(libssh2_init(0), 0);
	session = libssh2_session_init();
	assert_non_null(session);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	libssh2_session_free(session);
	libssh2_exit();
	return 0;
}

/* What a line says of KEY for a host and port. */
static enum known_host says(const char *line, const char *host, unsigned port)
{
	char *name = known_hosts_name(host, port);
	char *plain = known_hosts_name(host, 22);
	struct known_hosts_query query = {
	    .name = name,
	    .host = port == 22 ? NULL : plain,
	    .type = "ssh-ed25519",
	    .key = KEY,
	};
	enum known_host known = known_hosts_line(session, line, &query);

	free(name);
	free(plain);
	return known;
}

static void one_host(void **state)
{
	const char *line = "host.example.org ssh-ed25519 " KEY;

	(void)state;
	assert_int_equal(says(line, "host.example.org", 22), KNOWN_HOST_KNOWN);
	/* Names are compared in lower case. */
	assert_int_equal(says(line, "HOST.Example.org", 22), KNOWN_HOST_KNOWN);
	assert_int_equal(
	    says("Host.EXAMPLE.org ssh-ed25519 " KEY, "host.example.org", 22),
	    KNOWN_HOST_KNOWN);
	assert_int_equal(says(line, "example.org", 22), KNOWN_HOST_UNKNOWN);
	assert_int_equal(says(line, "host.example.org.uk", 22),
			 KNOWN_HOST_UNKNOWN);
	assert_int_equal(says("host ssh-ed25519 " OTHER, "host", 22),
			 KNOWN_HOST_OTHER_KEY);
	assert_int_equal(says("host ssh-rsa " KEY, "host", 22),
			 KNOWN_HOST_OTHER_TYPE);
	assert_int_equal(says("host ssh-rsa " OTHER, "host", 22),
			 KNOWN_HOST_OTHER_TYPE);
	/* A comment, tabs, spaces and ends of lines. */
	assert_int_equal(
	    says(" \thost\t ssh-ed25519 \t" KEY " me@there\r\n", "host", 22),
	    KNOWN_HOST_KNOWN);
	assert_int_equal(says("host ssh-ed25519 " KEY "\n", "host", 22),
			 KNOWN_HOST_KNOWN);
	/* A part of the key is another one. */
	assert_int_equal(says("host ssh-ed25519 " KEY "A", "host", 22),
			 KNOWN_HOST_OTHER_KEY);
}

static void ports(void **state)
{
	const char *line = "[host]:2222 ssh-ed25519 " KEY;

	(void)state;
	assert_int_equal(says(line, "host", 2222), KNOWN_HOST_KNOWN);
	assert_int_equal(says(line, "host", 22), KNOWN_HOST_UNKNOWN);
	assert_int_equal(says(line, "host", 222), KNOWN_HOST_UNKNOWN);
	assert_int_equal(says("[::1]:2222 ssh-ed25519 " KEY, "::1", 2222),
			 KNOWN_HOST_KNOWN);
	/* The host's own key vouches for it on any port, and speaks against
	 * none: another server may listen there. */
	assert_int_equal(says("host ssh-ed25519 " KEY, "host", 2222),
			 KNOWN_HOST_KNOWN);
	assert_int_equal(says("host ssh-ed25519 " OTHER, "host", 2222),
			 KNOWN_HOST_UNKNOWN);
	assert_int_equal(says("[host]:2222 ssh-ed25519 " OTHER, "host", 2222),
			 KNOWN_HOST_OTHER_KEY);
}

static void patterns(void **state)
{
	static const struct {
		const char *names, *host;
		int known;
	} cases[] = {
	    {"a,b,c", "b", 1},
	    {"a,b,c", "d", 0},
	    {"a,b,c", "a,b", 0},
	    {"*", "anything", 1},
	    {"*.example.org", "www.example.org", 1},
	    {"*.example.org", "example.org", 0},
	    {"*.example.org", "www.example.org.evil.org", 0},
	    {"192.168.0.?", "192.168.0.7", 1},
	    {"192.168.0.?", "192.168.0.77", 0},
	    {"www*.example.*", "www2.example.net", 1},
	    {"*a*b*c", "xaxbxbxc", 1},
	    {"*a*b*c", "xaxbxbxcx", 0},
	    {"*ab", "aab", 1},
	    {"a**b", "ab", 1},
	    {"!www.example.org,*.example.org", "www.example.org", 0},
	    {"!www.example.org,*.example.org", "ftp.example.org", 1},
	    {"*.example.org,!www.example.org", "www.example.org", 0},
	    {"!a", "b", 0},
	    {",,a,", "a", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char line[200];

		snprintf(line, sizeof(line), "%s ssh-ed25519 " KEY,
			 cases[i].names);
		assert_int_equal(says(line, cases[i].host, 22),
				 cases[i].known ? KNOWN_HOST_KNOWN
						: KNOWN_HOST_UNKNOWN);
	}
}

/* As ssh-keygen -H wrote them, for secret.example.org and port 2222 of it. */
static void hashed_names(void **state)
{
	static const char line[] =
	    "|1|g+AitYmoM9CmGvDykdL9OovbOd0=|wSAUufcOzad/mNMn0Cbe01tSrD4= "
	    "ssh-ed25519 " KEY;
	static const char with_port[] =
	    "|1|UqDH8S8B/dIZuZipdxUDyIhqPrI=|Ol9pKEfOMWPXmP++Rd9Z0Gvk+8w= "
	    "ssh-ed25519 " KEY;
	static const char *const broken[] = {
	    "|1| ssh-ed25519 " KEY,
	    "|1|| ssh-ed25519 " KEY,
	    "|1|g+AitYmoM9CmGvDykdL9OovbOd0= ssh-ed25519 " KEY,
	    "|1|g+AitYmoM9CmGvDykdL9OovbOd0=| ssh-ed25519 " KEY,
	    "|1|!!!!|wSAUufcOzad/mNMn0Cbe01tSrD4= ssh-ed25519 " KEY,
	    "|1|g+AitYmoM9CmGvDykdL9OovbOd0=|**** ssh-ed25519 " KEY,
	    "|2|g+AitYmoM9CmGvDykdL9OovbOd0=|wSAUufcOzad/mNMn0Cbe01tSrD4= "
	    "ssh-ed25519 " KEY,
	};

	(void)state;
	assert_int_equal(says(line, "secret.example.org", 22),
			 KNOWN_HOST_KNOWN);
	assert_int_equal(says(line, "secret.example.net", 22),
			 KNOWN_HOST_UNKNOWN);
	assert_int_equal(says(line, "secret.example.org", 2222),
			 KNOWN_HOST_KNOWN);
	assert_int_equal(says(with_port, "secret.example.org", 2222),
			 KNOWN_HOST_KNOWN);
	assert_int_equal(says(with_port, "secret.example.org", 22),
			 KNOWN_HOST_UNKNOWN);
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
		assert_int_equal(says(broken[i], "secret.example.org", 22),
				 KNOWN_HOST_UNKNOWN);
}

static void markers(void **state)
{
	(void)state;
	assert_int_equal(says("@revoked * ssh-ed25519 " KEY, "host", 22),
			 KNOWN_HOST_REVOKED);
	assert_int_equal(says("@revoked host ssh-ed25519 " KEY, "host", 2222),
			 KNOWN_HOST_REVOKED);
	/* Of another key, or host, it says nothing. */
	assert_int_equal(says("@revoked * ssh-ed25519 " OTHER, "host", 22),
			 KNOWN_HOST_UNKNOWN);
	assert_int_equal(says("@revoked other ssh-ed25519 " KEY, "host", 22),
			 KNOWN_HOST_UNKNOWN);
	assert_int_equal(says("@cert-authority * ssh-ed25519 " KEY, "host", 22),
			 KNOWN_HOST_UNKNOWN);
	{
		const struct known_hosts_query query = {"host", NULL,
							"ssh-ed25519", KEY, 1};

		assert_int_equal(known_hosts_line(session,
						  "@cert-authority h* x " OTHER,
						  &query),
				 KNOWN_HOST_AUTHORITY);
		assert_int_equal(
		    known_hosts_line(session, "@cert-authority other x " KEY,
				     &query),
		    KNOWN_HOST_UNKNOWN);
	}
	assert_int_equal(says("@future host ssh-ed25519 " KEY, "host", 22),
			 KNOWN_HOST_UNKNOWN);
}

static void what_is_not_understood_says_nothing(void **state)
{
	static const char *const lines[] = {
	    "",
	    "\n",
	    "   \t ",
	    "# host ssh-ed25519 " KEY,
	    "host",
	    "host ssh-ed25519",
	    "host ssh-ed25519 ",
	    "ssh-ed25519 " KEY,
	    "@revoked",
	    "@revoked ",
	    "@revoked host",
	    "@revoked host ssh-ed25519",
	    "@",
	    "\xff\xfe\x01",
	    "host 1024 35 1234567890",
	};
	char *wild = malloc(200000);

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		enum known_host known = says(lines[i], "host", 22);

		/* Of a key of another type it may be said that there is one. */
		assert_true(known == KNOWN_HOST_UNKNOWN ||
			    known == KNOWN_HOST_OTHER_TYPE);
	}
	/* A pattern that would take for ever if stars were tried in turn. */
	assert_non_null(wild);
	for (size_t i = 0; i < 100000; i += 2)
		memcpy(wild + i, "*a", 2);
	strcpy(wild + 100000, "b ssh-ed25519 " KEY);
	assert_int_equal(says(wild, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 22),
			 KNOWN_HOST_UNKNOWN);
	free(wild);
}

static void of_several_lines_the_best_counts(void **state)
{
	struct known_hosts_query query = {
	    .name = "host", .type = "ssh-ed25519", .key = KEY};
	struct scratch scratch;
	enum known_host known;
	char path[100];
	size_t number = 77;

	(void)state;
	scratch_make(&scratch);
	snprintf(path, sizeof(path), "%s/known", scratch.path);
	assert_int_equal(
	    known_hosts_file(session, path, &query, &known, &number), 0);
	assert_int_equal(known, KNOWN_HOST_UNKNOWN);
	assert_int_equal(number, 77);

	scratch_text(&scratch, "known",
		     "# comment\n"
		     "host ssh-rsa " OTHER "\n"
		     "host ssh-ed25519 " OTHER "\n"
		     "\n"
		     "host ssh-ed25519 " KEY "\n"
		     "host ssh-ed25519 " OTHER);
	assert_int_equal(
	    known_hosts_file(session, path, &query, &known, &number), 0);
	assert_int_equal(known, KNOWN_HOST_KNOWN);
	assert_int_equal(number, 5);
	query.key = "AAAA";
	assert_int_equal(
	    known_hosts_file(session, path, &query, &known, &number), 0);
	assert_int_equal(known, KNOWN_HOST_OTHER_KEY);
	assert_int_equal(number, 3);
	query.key = KEY;
	scratch_text(&scratch, "known",
		     "host ssh-ed25519 " KEY "\n@revoked * ssh-ed25519 " KEY);
	assert_int_equal(
	    known_hosts_file(session, path, &query, &known, &number), 0);
	assert_int_equal(known, KNOWN_HOST_REVOKED);
	assert_int_equal(number, 2);
	/* What cannot be read is no answer. */
	assert_int_equal(
	    known_hosts_file(session, scratch.path, &query, &known, &number),
	    -1);
	assert_int_equal(errno, EISDIR);
	scratch_remove(&scratch);
}

static void an_accepted_key_is_added(void **state)
{
	struct known_hosts_query query = {
	    .name = "[host]:2222", .type = "ssh-ed25519", .key = KEY};
	struct scratch scratch;
	enum known_host known;
	char path[100];
	size_t number;

	(void)state;
	scratch_make(&scratch);
	/* The folder and the file are made, for nobody else to read. */
	snprintf(path, sizeof(path), "%s/.ssh/known_hosts", scratch.path);
	assert_int_equal(known_hosts_add(path, &query, 0), 0);
	assert_int_equal(scratch_stat(&scratch, ".ssh").st_mode & 0777, 0700);
	assert_int_equal(
	    scratch_stat(&scratch, ".ssh/known_hosts").st_mode & 0777, 0600);
	scratch_holds(&scratch, ".ssh/known_hosts",
		      "[host]:2222 ssh-ed25519 " KEY "\n",
		      strlen("[host]:2222 ssh-ed25519 " KEY "\n"));
	assert_int_equal(
	    known_hosts_file(session, path, &query, &known, &number), 0);
	assert_int_equal(known, KNOWN_HOST_KNOWN);

	/* Behind a last line without an end. */
	scratch_text(&scratch, ".ssh/known_hosts", "a ssh-rsa BBBB");
	assert_int_equal(known_hosts_add(path, &query, 0), 0);
	scratch_holds(
	    &scratch, ".ssh/known_hosts",
	    "a ssh-rsa BBBB\n[host]:2222 ssh-ed25519 " KEY "\n",
	    strlen("a ssh-rsa BBBB\n[host]:2222 ssh-ed25519 " KEY "\n"));
	snprintf(path, sizeof(path), "%s/no/such/folder", scratch.path);
	assert_int_equal(known_hosts_add(path, &query, 0), -1);
	assert_int_equal(errno, ENOENT);
	scratch_remove(&scratch);
}

static void a_hashed_name_is_known_again_and_not_to_be_read(void **state)
{
	struct known_hosts_query query = {
	    .name = "[host]:2222", .type = "ssh-ed25519", .key = KEY};
	struct scratch scratch;
	enum known_host known;
	char path[100], lines[2][200];
	size_t number;
	FILE *file;

	(void)state;
	scratch_make(&scratch);
	snprintf(path, sizeof(path), "%s/known_hosts", scratch.path);
	assert_int_equal(known_hosts_add(path, &query, 1), 0);
	assert_int_equal(
	    known_hosts_file(session, path, &query, &known, &number), 0);
	assert_int_equal(known, KNOWN_HOST_KNOWN);
	query.name = "[host]:2223";
	assert_int_equal(
	    known_hosts_file(session, path, &query, &known, &number), 0);
	assert_int_equal(known, KNOWN_HOST_UNKNOWN);

	/* Each has a salt of its own. */
	query.name = "[host]:2222";
	assert_int_equal(known_hosts_add(path, &query, 1), 0);
	file = fopen(path, "re");
	assert_non_null(file);
	for (int i = 0; i < 2; i++) {
		assert_non_null(fgets(lines[i], sizeof(lines[i]), file));
		assert_int_equal(strncmp(lines[i], "|1|", 3), 0);
		assert_null(strstr(lines[i], "host"));
	}
	fclose(file);
	assert_string_not_equal(lines[0], lines[1]);
	scratch_remove(&scratch);
}

static void base64(void **state)
{
	/* RFC 4648, section 10. */
	static const char *const pairs[][2] = {
	    {"", ""},
	    {"f", "Zg=="},
	    {"fo", "Zm8="},
	    {"foo", "Zm9v"},
	    {"foob", "Zm9vYg=="},
	    {"fooba", "Zm9vYmE="},
	    {"foobar", "Zm9vYmFy"},
	    {"\xfb\xff\xfe", "+//+"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		char *text =
		    known_hosts_base64(pairs[i][0], strlen(pairs[i][0]));

		assert_string_equal(text, pairs[i][1]);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_host),
	    cmocka_unit_test(ports),
	    cmocka_unit_test(patterns),
	    cmocka_unit_test(hashed_names),
	    cmocka_unit_test(markers),
	    cmocka_unit_test(what_is_not_understood_says_nothing),
	    cmocka_unit_test(of_several_lines_the_best_counts),
	    cmocka_unit_test(an_accepted_key_is_added),
	    cmocka_unit_test(a_hashed_name_is_known_again_and_not_to_be_read),
	    cmocka_unit_test(base64),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
