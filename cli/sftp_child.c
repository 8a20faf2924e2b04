/* SPDX-License-Identifier: BSD-2-Clause */
/* How is the SFTP server of a host started? */
#include "cli/sftp_child.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "transfer/child.h"
#include "transfer/far_errors.h"

#define PIPE_SIZE (1 << 20)

static int start(struct sftp_child *child, char **argv, int attended,
		 const int descriptors[3])
{
	pid_t pid = 0;
	int error = attended
			? child_start_attended(argv[0], argv, descriptors, &pid)
			: child_start(argv[0], argv, descriptors, &pid);

	atomic_store(&child->pid, error == 0 ? pid : 0);
	return error;
}

int sftp_child_start(struct sftp_child *child, char **argv, int attended,
		     int *in, int *out)
{
	int to[2], from[2], error;

	child->errors = -1;
	atomic_store(&child->pid, 0);
	if (pipe2(to, O_CLOEXEC) == -1)
		return errno;
	if (pipe2(from, O_CLOEXEC) == -1) {
		error = errno;
		close(to[0]);
		close(to[1]);
		return error;
	}
	/* Fewer turns between us and ssh; smaller ones do too. */
	fcntl(to[1], F_SETPIPE_SZ, PIPE_SIZE);
	fcntl(from[1], F_SETPIPE_SZ, PIPE_SIZE);
	child->errors = memfd_create("ssh", MFD_CLOEXEC);
	error = start(child, argv, attended,
		      (const int[]){to[0], from[1], child->errors});
	close(to[0]);
	close(from[1]);
	*in = from[0];
	*out = to[1];
	if (error != 0) {
		close(to[1]);
		close(from[0]);
		sftp_child_end(child);
	}
	return error;
}

void sftp_child_signal(struct sftp_child *child)
{
	pid_t pid = atomic_load(&child->pid);

	if (pid > 0)
		kill(pid, SIGTERM);
}

void sftp_child_end(struct sftp_child *child)
{
	pid_t pid = atomic_load(&child->pid);

	sftp_child_signal(child);
	/* Nobody is to signal another of its number. */
	atomic_store(&child->pid, 0);
	while (pid > 0 && waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	if (child->errors != -1)
		close(child->errors);
	child->errors = -1;
}

char *sftp_child_explain(const struct sftp_child *child, const char *host)
{
	struct far_errors errors;
	ssize_t length =
	    pread(child->errors, errors.bytes, sizeof(errors.bytes), 0);

	memset(&errors.tell, 0, sizeof(errors.tell));
	errors.length = length > 0 ? (size_t)length : 0;
	return errors.length == 0 ? NULL
				  : far_errors_explain_ssh(&errors, host);
}
