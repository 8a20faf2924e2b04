/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TESTS_UNIT_CAPTURE_H
#define FERRY_TESTS_UNIT_CAPTURE_H

#include <stdio.h>
#include <unistd.h>

/*
 * What is written to stderr from begin to end, for tests of what the user is
 * told; after cmocka.h.
 */
struct capture {
	FILE *file;
	int before;
	char text[2000]; /* after end, NUL-terminated */
};

static inline void capture_begin(struct capture *capture)
{
	fflush(stderr);
	capture->file = tmpfile();
	assert_non_null(capture->file);
	capture->before = dup(STDERR_FILENO);
	dup2(fileno(capture->file), STDERR_FILENO);
}

static inline void capture_end(struct capture *capture)
{
	size_t size;

	fflush(stderr);
	dup2(capture->before, STDERR_FILENO);
	close(capture->before);
	rewind(capture->file);
	size =
	    fread(capture->text, 1, sizeof(capture->text) - 1, capture->file);
	capture->text[size] = '\0';
	fclose(capture->file);
}

#endif
