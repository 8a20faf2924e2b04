/* SPDX-License-Identifier: BSD-2-Clause */
/* Which algorithms does an SSH connection offer? */
#include "transfer/ssh_methods.h"

#include <stdlib.h>
#include <string.h>

/* The first version of libssh2 with strict key exchange. */
#define VERSION_STRICT 0x010b01

/*
 * Best first; what libssh2 does not know is left out.  It encrypts block by
 * block whatever the cipher is, so the short key is faster; no CBC, no MAC
 * shorter than that of SHA-1.
 */
#define OUR_KEX                                                                \
	"curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"   \
	"ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group16-sha512," \
	"diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256"
#define OUR_CIPHERS                                                            \
	"aes128-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-gcm@openssh.com," \
	"aes256-ctr"
#define OUR_MACS                                                               \
	"hmac-sha2-256-etm@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1"

/* ---- one list ---- */

static int is_among(const char *name, size_t length, const char *const *names,
		    int count)
{
	for (int i = 0; i < count; i++)
		if (strlen(names[i]) == length &&
		    memcmp(names[i], name, length) == 0)
			return 1;
	return 0;
}

/* What needs a strict key exchange.  Whether a "-etm" meets CBC is up to the
 * server, so none of them is taken. */
static int needs_strict(const char *name, size_t length)
{
	return memmem(name, length, "-etm@", 5) != NULL ||
	       memmem(name, length, "chacha20-", 9) != NULL;
}

/* To take the others out is not left to libssh2: 1.10.0 does so with a memcpy
 * whose ends overlap. */
static void pick(char *list, const char *names, const char *const *known,
		 int count, int strict)
{
	char *end = list;

	while (*names != '\0') {
		size_t length = strcspn(names, ",");

		if (is_among(names, length, known, count) &&
		    (strict || !needs_strict(names, length))) {
			if (end > list)
				*end++ = ',';
			memcpy(end, names, length);
			end += length;
		}
		names += length + (names[length] == ',');
	}
	*end = '\0';
}

char *ssh_methods_choose(const char *names, const char *const *known, int count,
			 int strict)
{
	char *list = malloc(strlen(names) + 1);

	if (list == NULL)
		return NULL;
	pick(list, names, known, count, strict);
	if (list[0] == '\0')
		pick(list, names, known, count, 1);
	return list;
}

/* ---- all of them ---- */

struct choice {
	int method;
	const char *kind;
	const char *names;
};

/* 0, 1 if nothing is left, or -1. */
static int set(LIBSSH2_SESSION *session, const struct choice *choice)
{
	const char **known = NULL;
	int count =
	    libssh2_session_supported_algs(session, choice->method, &known);
	int result = -1;
	char *list;

	if (count < 0)
		return -1;
	list = ssh_methods_choose(choice->names, known, count,
				  libssh2_version(VERSION_STRICT) != NULL);
	if (count > 0)
		libssh2_free(session, known);
	if (list != NULL && list[0] == '\0')
		result = 1;
	else if (list != NULL && libssh2_session_method_pref(
				     session, choice->method, list) == 0)
		result = 0;
	free(list);
	return result;
}

static const char *either(const char *chosen, const char *ours)
{
	return chosen != NULL ? chosen : ours;
}

int ssh_methods_set(LIBSSH2_SESSION *session, const struct ssh_config *config,
		    const char *host_key_types, struct ssh_methods_lack *lack)
{
	const char *ciphers = either(config->ciphers, OUR_CIPHERS);
	const char *macs = either(config->macs, OUR_MACS);
	const struct choice choices[] = {
	    {LIBSSH2_METHOD_HOSTKEY, "host key algorithms", host_key_types},
	    {LIBSSH2_METHOD_KEX, "key exchanges", either(config->kex, OUR_KEX)},
	    {LIBSSH2_METHOD_CRYPT_CS, "ciphers", ciphers},
	    {LIBSSH2_METHOD_CRYPT_SC, "ciphers", ciphers},
	    {LIBSSH2_METHOD_MAC_CS, "MACs", macs},
	    {LIBSSH2_METHOD_MAC_SC, "MACs", macs},
	    {LIBSSH2_METHOD_COMP_CS, "compression", "none"},
	    {LIBSSH2_METHOD_COMP_SC, "compression", "none"},
	};
	int result = 0;

	for (size_t i = 0;
	     i < sizeof(choices) / sizeof(choices[0]) && result == 0; i++) {
		result = set(session, &choices[i]);
		lack->kind = choices[i].kind;
		lack->names = choices[i].names;
	}
	/* Of host keys, what libssh2 cannot check was taken out before. */
	if (result == 1 && lack->names[0] == '\0')
		lack->names = either(config->host_key_types, "");
	return result;
}
