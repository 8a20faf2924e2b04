/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_JOURNAL_MANIFEST_FORMAT_H
#define FERRY_JOURNAL_MANIFEST_FORMAT_H

/*
 * The words of ferry-manifest(5), for manifest*.c only.  A name or text that
 * is no UTF-8 stands as hexadecimal digits under its word with "_hex".
 */
#define WORD_FORMAT    "format" /* header */
#define WORD_VERSION   "version"
#define WORD_LEAF_SIZE "leaf_size" /* also of a file */
#define WORD_DIGEST    "digest"    /* also of a file, and of the trailer */

#define WORD_PATH     "path" /* entry */
#define WORD_TYPE     "type"
#define WORD_SIZE     "size"
#define WORD_MTIME    "mtime"
#define WORD_MTIME_NS "mtime_ns"
#define WORD_MODE     "mode"
#define WORD_TARGET   "target"
#define WORD_ERROR    "error"

#define WORD_LEAVES "leaves" /* leaves */
#define WORD_FIRST  "first"

#define WORD_ENTRIES "entries" /* trailer */
#define WORD_FILES   "files"
#define WORD_BYTES   "bytes"
#define WORD_ERRORS  "errors"

#define HEX_SUFFIX "_hex"

#define FORMAT_NAME    "ferry-manifest"
#define FORMAT_VERSION 1
#define FORMAT_DIGEST  "xxh128"

/* In the order of enum manifest_type. */
#define TYPE_WORDS                                                             \
	{                                                                      \
		"file", "folder", "link", "unreadable"                         \
	}

#endif
