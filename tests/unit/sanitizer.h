/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_UNIT_SANITIZER_H
#define FERRY_TESTS_UNIT_SANITIZER_H

/* 1 in a build with that sanitizer, which is several times slower: the plain
 * build tries every case, this one some of them. */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZE_ADDRESS 1
#else
#define SANITIZE_ADDRESS 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define SANITIZE_THREAD 1
#else
#define SANITIZE_THREAD 0
#endif

#endif
