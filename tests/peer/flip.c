/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flip COUNT FOLDER TEXT ASIDE: FOLDER becomes a symbolic link to TEXT, and in
 * the next turn the folder again that it was, COUNT turns in all, with a moment
 * in between.  There is never nothing of that name.  Meanwhile the folder is
 * ASIDE; what others have put in the place of the link becomes ASIDE.1, ASIDE.2
 * and so on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int exchange(const char *one, const char *other)
{
	return renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}

static int to_link(const char *folder, const char *text, const char *aside)
{
	return symlink(text, aside) == 0 && exchange(folder, aside) == 0 ? 0
									 : -1;
}

static int to_folder(const char *folder, const char *aside)
{
	static int replaced;
	char name[4096];

	if (exchange(folder, aside) == -1)
		return -1;
	if (unlink(aside) == 0)
		return 0;
	snprintf(name, sizeof(name), "%s.%d", aside, ++replaced);
	return rename(aside, name);
}

int main(int argc, char **argv)
{
	const struct timespec moment = {0, 100000};
	long count = argc == 5 ? strtol(argv[1], NULL, 10) : 0;

	if (count <= 0) {
		fprintf(stderr, "usage: flip COUNT FOLDER TEXT ASIDE\n");
		return 1;
	}
	for (long turn = 0; turn < count || turn % 2 != 0; turn++) {
		if ((turn % 2 == 0 ? to_link(argv[2], argv[3], argv[4])
				   : to_folder(argv[2], argv[4])) == -1) {
			fprintf(stderr, "flip: turn %ld: %s\n", turn,
				strerror(errno));
			return 1;
		}
		nanosleep(&moment, NULL);
	}
	return 0;
}
