/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: of the algorithms that are wanted libssh2 is told those it knows, in
 * their order, and none that the Terrapin attack works on unless nothing else
 * is wanted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transfer/ssh_methods.h"

static void chooses(const char *names, int strict, const char *expected)
{
	static const char *const known[] = {
	    "aes128-ctr",
	    "aes128-gcm@openssh.com",
	    "chacha20-poly1305@openssh.com",
	    "hmac-sha2-256",
	    "hmac-sha2-256-etm@openssh.com",
	};
	char *list = ssh_methods_choose(names, known, 5, strict);

	assert_non_null(list);
	assert_string_equal(list, expected);
	free(list);
}

static void those_that_are_known(void **state)
{
	(void)state;
	chooses("", 1, "");
	chooses("none,other", 1, "");
	chooses("hmac-sha2-256", 1, "hmac-sha2-256");
	chooses("umac,hmac-sha2-256,other,aes128-ctr", 1,
		"hmac-sha2-256,aes128-ctr");
	chooses("aes128-ct,aes128-ctr2,,aes128-ctr,", 1, "aes128-ctr");
}

static void what_terrapin_works_on_is_the_last_resort(void **state)
{
	const char *ciphers = "chacha20-poly1305@openssh.com,aes128-ctr";
	const char *macs = "hmac-sha2-256-etm@openssh.com,hmac-sha2-256";

	(void)state;
	chooses(ciphers, 1, ciphers);
	chooses(ciphers, 0, "aes128-ctr");
	chooses(macs, 1, macs);
	chooses(macs, 0, "hmac-sha2-256");
	/* It was asked for. */
	chooses("chacha20-poly1305@openssh.com,other", 0,
		"chacha20-poly1305@openssh.com");
	chooses("hmac-sha2-256-etm@openssh.com", 0,
		"hmac-sha2-256-etm@openssh.com");
}

/* A session is told, and what libssh2 lacks is told to us. */
static void a_session_offers_them(void **state)
{
	struct ssh_config config = {.macs = "umac-64@openssh.com"};
	struct ssh_methods_lack lack;
	LIBSSH2_SESSION *session;

	(void)state;
	assert_int_equal(libssh2_init(0), 0);
	session = libssh2_session_init();
	assert_non_null(session);
	assert_int_equal(
	    ssh_methods_set(session, &config, "ssh-ed25519", &lack), 1);
	assert_string_equal(lack.kind, "MACs");
	assert_string_equal(lack.names, "umac-64@openssh.com");
	config.macs = NULL;
	config.host_key_types = "ssh-ed25519-cert-v01@openssh.com";
	assert_int_equal(ssh_methods_set(session, &config, "", &lack), 1);
	assert_string_equal(lack.kind, "host key algorithms");
	assert_string_equal(lack.names, config.host_key_types);
	assert_int_equal(
	    ssh_methods_set(session, &config, "ssh-ed25519", &lack), 0);
	libssh2_session_free(session);
	libssh2_exit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(those_that_are_known),
	    cmocka_unit_test(what_terrapin_works_on_is_the_last_resort),
	    cmocka_unit_test(a_session_offers_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
