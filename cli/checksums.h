/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_CHECKSUMS_H
#define FERRY_CLI_CHECKSUMS_H

#include <stddef.h>

/*
 * Digests of whole files, for programs that know nothing of ferry: one line
 * per regular file that "xxh128sum -c" or "sha256sum -c" takes in the same
 * folder.
 */
enum checksums_format { CHECKSUMS_XXH128, CHECKSUMS_SHA256 };

/* Print those of all files under the paths, read again from the disk.  An exit
 * code, after telling the user. */
int checksums_print(enum checksums_format, char **paths, size_t count);

#endif
