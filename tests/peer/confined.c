/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * confined ROOT STATE FILE: after confine(), files are made, renamed from
 * folder to folder and removed in ROOT, but FILE, which is outside, can be
 * neither read nor written nor replaced, and in a ROOT to be read nothing can
 * be made. 77: this kernel cannot do it.
 */
#include "transfer/confine.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif

static int failures;

static void expect(int holds, const char *what)
{
	if (holds)
		return;
	printf("confined: not so: %s\n", what);
	failures = 1;
}

static int denied(int result)
{
	return result == -1 && (errno == EACCES || errno == EXDEV);
}

static int make(int dir, const char *name)
{
	int file = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (file != -1)
		close(file);
	return file == -1 ? -1 : 0;
}

static void try_outside(const char *path, int root)
{
	struct sockaddr_in nobody = {.sin_family = AF_INET};

	expect(denied(open(path, O_RDONLY)), "FILE cannot be read");
	expect(denied(open(path, O_WRONLY)), "FILE cannot be written");
	expect(denied(truncate(path, 0)), "FILE cannot be emptied");
	expect(denied(unlink(path)), "FILE cannot be removed");
	expect(renameat(root, "new", AT_FDCWD, path) == -1,
	       "FILE cannot be replaced");
	expect(denied(open("/", O_RDONLY | O_DIRECTORY)), "no names outside");
	expect(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "no new rights");
	expect(connect(socket(AF_INET, SOCK_STREAM, 0),
		       (struct sockaddr *)&nobody, sizeof(nobody)) == -1,
	       "no TCP");
}

static void try_all(const char *path, int root, int state)
{
	expect(mkdirat(root, "d", 0700) == 0, "a folder is made");
	expect(make(root, "new") == 0, "a file is made");
	try_outside(path, root);
	expect(renameat(root, "new", root, "d/new") == 0, "it is renamed");
	expect(unlinkat(root, "d/new", 0) == 0, "it is removed");
	expect(unlinkat(root, "d", AT_REMOVEDIR) == 0, "so is the folder");
	expect(make(state, "kept") == 0, "state is kept");
	expect(open("/proc/self/stat", O_RDONLY) != -1, "/proc is read");
}

static void try_read_only(const char *path, int root, int state)
{
	expect(openat(root, ".", O_RDONLY | O_DIRECTORY) != -1, "it is read");
	expect(denied(make(root, "new")), "no file is made");
	expect(denied(mkdirat(root, "d", 0700)), "no folder is made");
	expect(make(state, "kept") == 0, "state is kept");
	try_outside(path, root);
}

/* In a process of its own.  Its exit code. */
static int try(char **argv, int read_only)
{
	struct confine_config config = {.read_only = read_only};
	int status;

	fflush(stdout);
	if (fork() != 0)
		return wait(&status) != -1 && WIFEXITED(status)
			   ? WEXITSTATUS(status)
			   : 1;
	config.root = open(argv[1], O_PATH | O_DIRECTORY);
	config.state_dir = open(argv[2], O_RDONLY | O_DIRECTORY);
	expect(confine(&config) == 0, "it is confined");
	(read_only ? try_read_only : try_all)(argv[3], config.root,
					      config.state_dir);
	fflush(stdout);
	_exit(failures);
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: confined ROOT STATE FILE\n");
		return 1;
	}
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 2) {
		printf("this kernel has no Landlock that will do\n");
		return 77;
	}
	return try(argv, 0) | try(argv, 1);
}
