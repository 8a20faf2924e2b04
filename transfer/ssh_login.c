/* SPDX-License-Identifier: BSD-2-Clause */
/* How a user logs in: which ways are tried, and what is said if none works. */
#include "transfer/ssh_login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transfer/engine.h"
#include "transfer/ssh_login_internal.h"

/* What the server takes.  As a side effect it tells whether it needs nothing
 * at all.  0 or -1. */
static enum ssh_login_outcome list_methods(struct ssh_login *login)
{
	char *list;
	int result;

	do {
		list = libssh2_userauth_list(login->session, login->user,
					     login->user_length);
		result = list == NULL
			     ? libssh2_session_last_errno(login->session)
			     : 0;
	} while (ssh_connection_again(login->connection, result));
	if (list == NULL) {
		if (libssh2_userauth_authenticated(login->session))
			return SSH_LOGIN_IN;
		ssh_connection_fail_session(login->connection, "log-in");
		return SSH_LOGIN_OVER;
	}
	/* It belongs to the session and does not last. */
	free(login->methods);
	login->methods = strdup(list);
	if (login->methods != NULL)
		return SSH_LOGIN_REFUSED;
	ssh_connection_fail(login->connection, EXIT_FILE_IO, "out of memory");
	return SSH_LOGIN_OVER;
}

/*
 * A key that the server would take, and whose signature did not let us in: it
 * may be one of several things that it wants.  Then it takes others now.
 */
static enum ssh_login_outcome ask_for_more(struct ssh_login *login,
					   const char *what)
{
	char *before = strdup(login->methods);
	enum ssh_login_outcome outcome = list_methods(login);

	if (outcome == SSH_LOGIN_REFUSED && before != NULL &&
	    strcmp(before, login->methods) != 0) {
		ssh_connection_tell(login->connection, SSH_TELL_DETAIL,
				    "%s is right, and %s is wanted too", what,
				    login->methods);
		outcome = SSH_LOGIN_FURTHER;
	}
	free(before);
	return outcome;
}

enum ssh_login_outcome ssh_login_judge(struct ssh_login *login, int result,
				       const char *what)
{
	char *tried = NULL;

	if (result == 0) {
		ssh_connection_tell(login->connection, SSH_TELL_DETAIL,
				    "logged in: %s", what);
		return SSH_LOGIN_IN;
	}
	if (result == LIBSSH2_ERROR_EAGAIN &&
	    !ssh_connection_socket(login->connection)->ended)
		return SSH_LOGIN_OVER; /* time is up */
	ssh_connection_tell(login->connection, SSH_TELL_DETAIL,
			    "no log-in with %s (libssh2 error %d)", what,
			    result);
	login->refused++;
	if (asprintf(&tried, "%s%s%s", login->tried == NULL ? "" : login->tried,
		     login->tried == NULL ? "" : ", ", what) < 0)
		tried = NULL;
	free(login->tried);
	login->tried = tried;
	/* libssh2 hides a lost connection behind other errors here. */
	if (!ssh_connection_socket(login->connection)->ended)
		return result == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED
			   ? ask_for_more(login, what)
			   : SSH_LOGIN_REFUSED;
	if (login->refused == 1)
		ssh_connection_fail(login->connection, EXIT_LOST,
				    "the server closed the connection during "
				    "the log-in");
	ssh_connection_fail(
	    login->connection, EXIT_UNREACHABLE,
	    "the server ended the log-in after it refused %s; name the right "
	    "key with -i",
	    login->tried != NULL ? login->tried : what);
	return SSH_LOGIN_OVER;
}

char *ssh_login_ask(struct ssh_login *login, const char *text, int echo)
{
	const struct ssh_config *config =
	    ssh_connection_config(login->connection);
	char *question, *answer;

	if (config->ask == NULL || login->declined)
		return NULL;
	if (asprintf(&question, "(%s@%s) %s", config->user, config->host,
		     text) < 0)
		return NULL;
	answer = ssh_connection_ask(login->connection, question, echo);
	free(question);
	login->declined = answer == NULL;
	return answer;
}

static int fail_refused(struct ssh_login *login)
{
	const struct ssh_config *config =
	    ssh_connection_config(login->connection);
	const char *tried = login->tried != NULL ? login->tried : "nothing";

	if (login->unusable != NULL)
		return ssh_connection_fail(
		    login->connection, EXIT_UNREACHABLE,
		    "log-in as %s is refused (the server takes: %s; tried: "
		    "%s); libssh2 cannot use %s, ssh can: see that ssh gets "
		    "in, and use --transport=ssh",
		    config->user, login->methods, tried, login->unusable);
	if (login->rsa && LIBSSH2_VERSION_NUM < 0x010b00)
		return ssh_connection_fail(
		    login->connection, EXIT_UNREACHABLE,
		    "log-in as %s is refused (tried: %s); "
		    "libssh2 " LIBSSH2_VERSION
		    " signs with RSA keys in a way that servers take no more: "
		    "use an ed25519 key, or --transport=ssh",
		    config->user, tried);
	if (login->unasked && !config->batch)
		return ssh_connection_fail(
		    login->connection, EXIT_UNREACHABLE,
		    "log-in as %s is refused (the server takes: %s; tried: "
		    "%s), and there is no terminal to ask at; load a key into "
		    "the agent, or set SSH_ASKPASS and DISPLAY",
		    config->user, login->methods, tried);
	return ssh_connection_fail(
	    login->connection, EXIT_UNREACHABLE,
	    "log-in as %s is refused (the server takes: %s; tried: %s); name "
	    "a key with -i, or load it into the agent",
	    config->user, login->methods, tried);
}

int ssh_login_is_foreign(struct ssh_login *login, const char *type,
			 size_t length)
{
	const char *what = NULL;

	if (length > 3 && memcmp(type, "sk-", 3) == 0)
		what = "security keys";
	if (memmem(type, length, "-cert-v0", 8) != NULL)
		what = "certificates";
	if (what != NULL)
		login->unusable = what;
	return what != NULL;
}

/* A ticket for Kerberos. */
static int has_ticket(void)
{
	char path[64];

	if (getenv("KRB5CCNAME") != NULL)
		return 1;
	snprintf(path, sizeof(path), "/tmp/krb5cc_%lu",
		 (unsigned long)getuid());
	return access(path, R_OK) == 0;
}

/* No key of ours got in, but another program may have more luck: before
 * anybody is asked.  1 if it has. */
static int goes_elsewhere(struct ssh_login *login)
{
	const struct ssh_config *config =
	    ssh_connection_config(login->connection);

	if (strstr(login->methods, "gssapi-with-mic") != NULL && has_ticket())
		login->unusable = "GSSAPI";
	if (login->rsa && LIBSSH2_VERSION_NUM < 0x010b00 &&
	    login->unusable == NULL && config->elsewhere != NULL)
		login->unusable = "RSA keys, as servers take them";
	if (config->elsewhere == NULL || login->unusable == NULL ||
	    !config->elsewhere(config->cookie, login->unusable))
		return 0;
	ssh_connection_fail(login->connection, EXIT_UNREACHABLE,
			    "libssh2 cannot use %s", login->unusable);
	return 1;
}

int ssh_login(struct ssh_connection *connection)
{
	const struct ssh_config *config = ssh_connection_config(connection);
	struct ssh_login login = {
	    .connection = connection,
	    .session = ssh_connection_session(connection),
	    .user = config->user,
	    .unusable = config->unable,
	    .user_length = (unsigned)strlen(config->user),
	};
	enum ssh_login_outcome outcome = list_methods(&login);

	if (outcome == SSH_LOGIN_REFUSED &&
	    strstr(login.methods, "publickey") != NULL)
		outcome = ssh_login_keys(&login);
	if (outcome == SSH_LOGIN_REFUSED && goes_elsewhere(&login))
		outcome = SSH_LOGIN_OVER;
	if (outcome == SSH_LOGIN_FURTHER)
		outcome = SSH_LOGIN_REFUSED;
	if (outcome == SSH_LOGIN_REFUSED && config->password &&
	    config->ask != NULL)
		outcome = ssh_login_answers(&login);
	if (outcome == SSH_LOGIN_REFUSED && config->password &&
	    config->ask == NULL &&
	    (strstr(login.methods, "password") != NULL ||
	     strstr(login.methods, "keyboard-interactive") != NULL))
		login.unasked = 1;
	if (outcome == SSH_LOGIN_REFUSED)
		fail_refused(&login);
	free(login.methods);
	free(login.tried);
	return outcome == SSH_LOGIN_IN ? 0 : -1;
}
