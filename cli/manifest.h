/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_MANIFEST_H
#define FERRY_CLI_MANIFEST_H

#include "cli/options.h"

/*
 * "ferry manifest PATH...": a manifest on standard output, in the format of
 * ferry-manifest(5) or of xxh128sum or sha256sum; with --check FILE compare
 * what is there with the manifest in FILE.  An exit code.
 */
int manifest_command(const struct options *);

#endif
