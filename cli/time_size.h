/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_TIME_SIZE_H
#define FERRY_CLI_TIME_SIZE_H

#include <stddef.h>
#include <stdint.h>

/* Times and sizes as people write and read them. */

#define TIME_SECOND    ((uint64_t)1000000000) /* nanoseconds */
#define TIME_SIZE_TEXT 32                     /* room for any of these texts */

/*
 * "90", "30s", "1.5h", "2m", "1d", "500ms": a decimal number with at most
 * nine digits after the point; without a letter it is seconds.  0 and
 * *nanoseconds; or -1 for anything else and for more than 100 years.
 */
int time_parse(const char *text, uint64_t *nanoseconds);

/*
 * As rsync's --bwlimit: a decimal number with at most nine digits after the
 * point, of KiB, or of what follows: b, or k, m, g, t, p, alone or with "iB"
 * for powers of 1024, and with "B" of 1000; in either case.  0 and *rate, in
 * bytes a second, 0 for no limit; or -1 for anything else, for less than 512,
 * and for more than 1024p.
 */
int rate_parse(const char *text, uint64_t *rate);

/* "0:07", "12:05", "3:20:00", "4d 07h" of whole seconds. */
void time_format(uint64_t seconds, char text[TIME_SIZE_TEXT]);

/* "512 B", "1.5 KiB", "12.3 GiB": at most ten characters. */
void size_format(uint64_t bytes, char text[TIME_SIZE_TEXT]);

#endif
