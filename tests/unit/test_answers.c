/* SPDX-License-Identifier: BSD-2-Clause */
/* Goal: a code that counts once is not taken for a password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/answers.h"

static void what_may_be_given_again(void **state)
{
	static const char *const again[] = {
	    "(me@host) Password: ", "me@host's password: ",
	    "(me@host) Passphrase of /key: ", "PASSWORD"};
	static const char *const once[] = {
	    "(me@host) Verification code: ",
	    "(me@host) One-time password (OATH) for `me': ",
	    "(me@host) Password & verification code: ",
	    "(me@host) OTP: ",
	    "Passcode or option (1-3): ",
	    "Response: ",
	    "Trust it from now on (yes/no)? "};

	(void)state;
	for (size_t i = 0; i < sizeof(again) / sizeof(*again); i++)
		assert_true(answers_may_repeat(again[i]));
	for (size_t i = 0; i < sizeof(once) / sizeof(*once); i++)
		assert_false(answers_may_repeat(once[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_may_be_given_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
