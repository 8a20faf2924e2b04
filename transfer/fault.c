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
	case EISDIR:
		return "is a folder there";
	case ENOTDIR:
		return "what should be a folder is none";
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

void fault_task(struct task *task, const char *path, const char *what,
		int error)
{
	if (task->error != 0)
		return;
	task->error = error;
	task->text =
	    fault_text(fault_is_fatal(error) ? path : NULL, what, error);
}
