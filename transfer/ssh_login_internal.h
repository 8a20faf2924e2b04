/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SSH_LOGIN_INTERNAL_H
#define FERRY_TRANSFER_SSH_LOGIN_INTERNAL_H

#include "transfer/ssh_connection.h"

/* One log-in; shared by ssh_login*.c and by nobody else. */
struct ssh_login {
	struct ssh_connection *connection;
	LIBSSH2_SESSION *session;
	const char *user;
	unsigned user_length;
	char *methods; /* that the server takes, names with commas */
	char *tried;   /* for the message when all has failed */
	unsigned refused;
	int rsa; /* an RSA key was among what was refused */
	/* What is there to log in with, but not for libssh2; or NULL. */
	const char *unusable;
	int unasked;  /* a question could not be asked */
	int declined; /* the person gave no answer: stop asking */
};

/* What each way of logging in returns. */
enum ssh_login_outcome {
	SSH_LOGIN_IN,
	SSH_LOGIN_REFUSED, /* try something else */
	SSH_LOGIN_FURTHER, /* the key is right, and an answer is wanted too */
	SSH_LOGIN_OVER     /* the try has failed as a whole */
};

/* A key by the name of its type: 1 if it is one for others only, which is
 * noted; else 0. */
int ssh_login_is_foreign(struct ssh_login *, const char *type, size_t length);

/* All keys; all that needs an answer. */
enum ssh_login_outcome ssh_login_keys(struct ssh_login *);
enum ssh_login_outcome ssh_login_answers(struct ssh_login *);

/* What a result of libssh2's functions for log-in means; what is named in the
 * message if all fails. */
enum ssh_login_outcome ssh_login_judge(struct ssh_login *, int result,
				       const char *what);

/* A question for this log-in, "(user@host) TEXT". */
char *ssh_login_ask(struct ssh_login *, const char *text, int echo);

#endif
