/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: whichever call to the system fails, in whatever way, once or from then
 * on, at either end of a push or a pull: the exit code says so, what was
 * reported as done is there, nothing else is touched, nothing leaks, and the
 * same command completes the job.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/story.h"
#include "tests/unit/sanitizer.h"

#if SANITIZE_THREAD
#define STRIDE 17
#elif SANITIZE_ADDRESS
#define STRIDE 11
#else
#define STRIDE 1
#endif

static void both_engines_bear_it(void **state)
{
	(void)state;
	assert_int_equal(faults_run(FAULTS_ENGINES, STRIDE, 0), 0);
}

static void a_whole_push_bears_it(void **state)
{
	(void)state;
	assert_int_equal(faults_run(FAULTS_PUSH, STRIDE, 0), 0);
}

static void a_whole_pull_bears_it(void **state)
{
	(void)state;
	assert_int_equal(faults_run(FAULTS_PULL, STRIDE, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_engines_bear_it),
	    cmocka_unit_test(a_whole_push_bears_it),
	    cmocka_unit_test(a_whole_pull_bears_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
