/* SPDX-License-Identifier: BSD-2-Clause */
/* What went wrong with a file, in words for the user. */
#include "transfer/fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fault_is_fatal(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
	case EIO:
	case EROFS:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return 1;
	default:
		return 0;
	}
}

static const char *reason(int error)
{
	switch (error) {
	case ELOOP:
		/* No link is ever followed, so this is no loop of them. */
		return "a symbolic link is in the way";
	case EXDEV:
		return "leads out of the folder that it must stay in";
	case EISDIR:
		return "is a folder there";
	case ENOTDIR:
		return "what should be a folder is none";
	case ENOTUNIQ:
		/* Only of an SFTP server without posix-rename. */
		return "its server replaces no file, so remove the one that "
		       "is there";
	default:
		return strerror(error);
	}
}

char *fault_text(const char *path, const char *what, int error)
{
	char *text;

	if (asprintf(&text, "%s%s%s%s%s", path != NULL ? path : "",
		     path != NULL ? ": " : "", what != NULL ? what : "",
		     what != NULL ? ": " : "", reason(error)) == -1)
		return NULL;
	return text;
}

const char *fault_advice(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return "free some space and run it again";
	default:
		return NULL;
	}
}

char *fault_last_text(const char *path, const char *what, int error)
{
	char *text = fault_text(path, what, error), *longer;
	const char *advice = fault_advice(error);

	if (text == NULL || advice == NULL)
		return text;
	if (asprintf(&longer, "%s; %s", text, advice) == -1)
		return text;
	free(text);
	return longer;
}

void fault_task(struct task *task, const char *path, const char *what,
		int error)
{
	if (task->error != 0)
		return;
	task->error = error;
	task->text =
	    fault_text(fault_is_fatal(error) ? path : NULL, what, error);
}
