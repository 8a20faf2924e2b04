/* SPDX-License-Identifier: BSD-2-Clause */
/* How a server is reached that only another program can reach. */
#include "transfer/ssh_proxy.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "transfer/child.h"

#define SAID_MAX          4096
#define STOP_TURNS        100
#define STOP_MILLISECONDS 10

struct ssh_proxy {
	pid_t pid;
	int attended;
	int errors; /* a file without a name: nobody has to read it in time */
};

/* 0 or an errno.  ^C at the terminal is for us, who then end it. */
static int start_shell(struct ssh_proxy *proxy, const char *command, int socket)
{
	const int descriptors[3] = {socket, socket, proxy->errors};
	char *argv[] = {(char *)"sh", (char *)"-c", NULL, NULL};
	int error;

	if (asprintf(&argv[2], "trap '' INT QUIT TSTP; exec %s", command) < 0)
		return ENOMEM;
	error = proxy->attended
		    ? child_start_attended("/bin/sh", argv, descriptors,
					   &proxy->pid)
		    : child_start("/bin/sh", argv, descriptors, &proxy->pid);
	free(argv[2]);
	return error;
}

struct ssh_proxy *ssh_proxy_start(const char *command, int attended,
				  int *descriptor)
{
	struct ssh_proxy *proxy = calloc(1, sizeof(*proxy));
	int pair[2], error;

	if (proxy == NULL)
		return NULL;
	proxy->attended = attended;
	proxy->errors = memfd_create("proxy", MFD_CLOEXEC);
	if (proxy->errors == -1)
		goto free_proxy;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		goto close_errors;
	/* Its end blocks, as programs are used to. */
	if (fcntl(pair[0], F_SETFL, O_NONBLOCK) == -1)
		goto close_pair;
	error = start_shell(proxy, command, pair[1]);
	errno = error;
	if (error != 0)
		goto close_pair;
	close(pair[1]);
	*descriptor = pair[0];
	return proxy;

close_pair:
	error = errno;
	close(pair[0]);
	close(pair[1]);
	errno = error;
close_errors:
	error = errno;
	close(proxy->errors);
	errno = error;
free_proxy:
	error = errno;
	free(proxy);
	errno = error;
	return NULL;
}

char *ssh_proxy_said(const struct ssh_proxy *proxy)
{
	char text[SAID_MAX + 1], *line;
	off_t size = lseek(proxy->errors, 0, SEEK_END);
	ssize_t count = pread(proxy->errors, text, SAID_MAX,
			      size > SAID_MAX ? size - SAID_MAX : 0);

	while (count > 0 && strchr("\r\n", text[count - 1]) != NULL)
		count--;
	if (count <= 0)
		return NULL;
	text[count] = '\0';
	line = strrchr(text, '\n');
	return strdup(line != NULL ? line + 1 : text);
}

/* 1 if it has ended, and is reaped. */
static int has_ended(const struct ssh_proxy *proxy)
{
	pid_t pid = waitpid(proxy->pid, NULL, WNOHANG);

	return pid == proxy->pid || (pid == -1 && errno == ECHILD);
}

void ssh_proxy_stop(struct ssh_proxy *proxy)
{
	const struct timespec turn = {0, STOP_MILLISECONDS * 1000000L};
	/* A detached one leads a group of its own. */
	pid_t target;
	int ended;

	if (proxy == NULL)
		return;
	target = proxy->attended ? proxy->pid : -proxy->pid;
	ended = has_ended(proxy);
	if (!ended)
		kill(target, SIGHUP);
	for (int i = 0; i < STOP_TURNS && !ended; i++) {
		nanosleep(&turn, NULL);
		ended = has_ended(proxy);
	}
	if (!ended) {
		kill(target, SIGKILL);
		while (waitpid(proxy->pid, NULL, 0) == -1 && errno == EINTR)
			continue;
	}
	close(proxy->errors);
	free(proxy);
}
