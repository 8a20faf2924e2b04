/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_WAN_PLACE_H
#define FERRY_TESTS_WAN_PLACE_H

/*
 * A network namespace of its own with one TUN device in it, up, whose other
 * end is a descriptor.  It is gone when the descriptors and the processes in
 * it are: nothing is left to clean up, however this process ends.
 */
struct place {
	int space; /* of the namespace: /proc/PID/fd/N for nsenter --net= */
	int tun;   /* reads and writes one IP packet at a time, does not wait */
};

/*
 * Make one, and leave the calling process in it.  The addresses are dotted;
 * the peer's is what the link leads to.  Returns -1 with errno, and in *what
 * what it was that failed.
 */
int place_make(struct place *, const char *address, const char *peer,
	       const char **what);

#endif
