/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: the tokens of ssh_config stand for what they stand for to ssh, and what
 * a shell would act on is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/ssh_tokens.h"

static void each_token(void **state)
{
	static const struct ssh_tokens tokens = {"10.0.0.1", "alias", "them",
						 2222, "/home/me"};
	static const struct {
		const char *text, *means;
	} cases[] = {
	    {"", ""},
	    {"nc %h %p", "nc 10.0.0.1 2222"},
	    {"%n %r %d", "alias them /home/me"},
	    {"100%% %h%h", "100% 10.0.0.110.0.0.1"},
	    {"%%h", "%h"},
	    {"%z %", "%z %"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text = ssh_tokens_expand(cases[i].text, &tokens);

		assert_string_equal(text, cases[i].means);
		free(text);
	}
}

static void what_a_shell_may_see(void **state)
{
	static const char *const fine[] = {"host", "a-b.c_d", "fe80::1%eth0",
					   "user@realm", ""};
	static const char *const odd[] = {"-host", "a b", "a;b", "$(a)", "`a`",
					  "a|b",   "a'b", "a\"", "a\nb", "a\\b",
					  "a&b",   "a>b", "~a",  "*"};

	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(*fine); i++)
		assert_true(ssh_tokens_harmless(fine[i]));
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		assert_false(ssh_tokens_harmless(odd[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_token),
	    cmocka_unit_test(what_a_shell_may_see),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
