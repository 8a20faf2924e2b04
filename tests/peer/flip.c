/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flip COUNT A B: two names trade places, COUNT times, with a moment in
 * between; after an even COUNT each is what it was.  There is never no A.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(int argc, char **argv)
{
	const struct timespec moment = {0, 20000};
	long count = argc == 4 ? strtol(argv[1], NULL, 10) : 0;

	if (count <= 0) {
		fprintf(stderr, "usage: flip COUNT A B\n");
		return 1;
	}
	while (count-- > 0) {
		if (renameat2(AT_FDCWD, argv[2], AT_FDCWD, argv[3],
			      RENAME_EXCHANGE) == -1) {
			fprintf(stderr, "flip: %s\n", strerror(errno));
			return 1;
		}
		nanosleep(&moment, NULL);
	}
	return 0;
}
