/* SPDX-License-Identifier: BSD-2-Clause */
/* Logging in with what a person types: keyboard-interactive and password. */
#include <stdlib.h>
#include <string.h>

#include "transfer/ssh_login_internal.h"

#define TRIES 3

/* The log-in under way, for the callback: abstract is the session's, and that
 * is the connection. */
static _Thread_local struct ssh_login *asking;

static LIBSSH2_USERAUTH_KBDINT_RESPONSE_FUNC(answer_prompts)
{
	(void)name;
	(void)name_len;
	(void)abstract;
	if (instruction_len > 0)
		ssh_connection_tell(asking->connection, SSH_TELL_NOTE, "%.*s",
				    instruction_len, instruction);
	for (int i = 0; i < num_prompts; i++) {
		char *text = strndup(prompts[i].text, prompts[i].length);
		char *answer =
		    text == NULL
			? NULL
			: ssh_login_ask(asking, text, prompts[i].echo != 0);

		free(text);
		/* libssh2 frees it. */
		responses[i].text = answer;
		responses[i].length =
		    answer == NULL ? 0 : (unsigned)strlen(answer);
	}
}

static int try_interactive(struct ssh_login *login)
{
	int result;

	asking = login;
	do
		result = libssh2_userauth_keyboard_interactive_ex(
		    login->session, login->user, login->user_length,
		    answer_prompts);
	while (ssh_connection_again(login->connection, result));
	asking = NULL;
	return result;
}

static int try_password(struct ssh_login *login)
{
	char *password = ssh_login_ask(login, "Password: ", 0);
	int result;

	if (password == NULL)
		return LIBSSH2_ERROR_AUTHENTICATION_FAILED;
	do
		result = libssh2_userauth_password_ex(
		    login->session, login->user, login->user_length, password,
		    (unsigned)strlen(password), NULL);
	while (ssh_connection_again(login->connection, result));
	explicit_bzero(password, strlen(password));
	free(password);
	return result;
}

static enum ssh_login_outcome try_often(struct ssh_login *login,
					int (*try)(struct ssh_login *),
					const char *what)
{
	enum ssh_login_outcome outcome = SSH_LOGIN_REFUSED;

	for (int i = 0;
	     i < TRIES && outcome == SSH_LOGIN_REFUSED && !login->declined; i++)
		outcome = ssh_login_judge(login, try(login), what);
	return outcome;
}

enum ssh_login_outcome ssh_login_answers(struct ssh_login *login)
{
	enum ssh_login_outcome outcome = SSH_LOGIN_REFUSED;

	if (strstr(login->methods, "keyboard-interactive") != NULL)
		outcome =
		    try_often(login, try_interactive, "keyboard-interactive");
	if (outcome == SSH_LOGIN_REFUSED &&
	    strstr(login->methods, "password") != NULL)
		outcome = try_often(login, try_password, "password");
	return outcome;
}
