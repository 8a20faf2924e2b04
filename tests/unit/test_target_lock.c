/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: one writer at a target.  A second one is told who the first is; one
 * that a dead connection left behind is removed, even a stopped one, and
 * nobody else ever is.
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/scratch.h"
#include "tests/unit/target_rig.h"

struct fixture {
	struct scratch scratch;
	struct rig rig;   /* who wants it */
	struct rig other; /* who has it */
	pid_t child;      /* 0: none */
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	scratch_make(&fixture->scratch);
	scratch_folder(&fixture->scratch, "d");
	rig_init(&fixture->rig, io_system(), fixture->scratch.dir, "d");
	rig_init(&fixture->other, io_system(), fixture->scratch.dir, "d");
	memset(fixture->other.uuid, 8, 16);
	fixture->other.offer.names = digest_of("other", 5);
	*state = fixture;
	return 0;
}

/* The child's end: the signal that killed it, or 0. */
static int child_ended(struct fixture *fixture)
{
	int status;

	assert_int_equal(waitpid(fixture->child, &status, 0), fixture->child);
	fixture->child = 0;
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->child > 0) {
		kill(fixture->child, SIGKILL);
		child_ended(fixture);
	}
	rig_end(&fixture->rig);
	rig_end(&fixture->other);
	scratch_remove(&fixture->scratch);
	free(fixture);
	return 0;
}

/* Another process that has the target, until it is killed. */
static void held_by_child(struct fixture *fixture)
{
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	fixture->child = fork();
	if (fixture->child == 0) {
		byte = rig_try(&fixture->other) == TARGET_OPEN ? 'y' : 'n';
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_not_equal(fixture->child, -1);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	close(ready[0]);
	close(ready[1]);
}

static void another_job_is_told_who_holds_it(void **state)
{
	struct fixture *fixture = *state;
	char expected[100];

	held_by_child(fixture);
	snprintf(expected, sizeof(expected),
		 "d is held by ferry process %ld "
		 "on ",
		 (long)fixture->child);
	assert_int_equal(rig_try(&fixture->rig), TARGET_HELD);
	assert_memory_equal(fixture->rig.text, expected, strlen(expected));
	assert_non_null(strstr(fixture->rig.text, " since 20"));
	kill(fixture->child, SIGKILL);
	assert_int_equal(child_ended(fixture), SIGKILL);
	rig_open(&fixture->rig);
}

static void an_orphan_is_fenced(void **state)
{
	struct fixture *fixture = *state;
	struct timespec begun, ended;

	memcpy(fixture->other.uuid, fixture->rig.uuid, 16);
	for (int stopped = 0; stopped < 2; stopped++) {
		held_by_child(fixture);
		if (stopped)
			kill(fixture->child, SIGSTOP);
		clock_gettime(CLOCK_MONOTONIC, &begun);
		rig_open(&fixture->rig);
		clock_gettime(CLOCK_MONOTONIC, &ended);
		assert_true(ended.tv_sec - begun.tv_sec <= 2);
		assert_int_equal(child_ended(fixture), SIGKILL);
		rig_close(&fixture->rig, NULL);
	}
}

/* It took over the data of an older run, and so has two uuids. */
static void an_orphan_is_known_by_either_uuid(void **state)
{
	struct fixture *fixture = *state;
	struct rig *rig = &fixture->rig;
	struct rig_entry *file;

	rig_open(rig);
	file = rig_file(rig, "f", "1", 1);
	rig_stage(rig, file);
	rig_forget(rig, file);
	rig_end(rig);
	fixture->other.offer = rig->offer; /* the same job, another uuid */
	held_by_child(fixture);
	rig_open(rig);
	assert_int_equal(child_ended(fixture), SIGKILL);
}

static void a_line_from_before_kills_nobody(void **state)
{
	struct fixture *fixture = *state;
	char line[300] = "";
	int file, other[2];
	char byte;
	pid_t innocent;

	/* A process that has the pid, but was not started then. */
	assert_int_equal(pipe(other), 0);
	innocent = fork();
	if (innocent == 0) {
		for (;;)
			pause();
	}
	rig_open(&fixture->rig);
	file = openat(fixture->scratch.dir, "d/.ferry/lock", O_RDWR);
	assert_true(read(file, line, sizeof(line) - 1) > 0);
	close(file);
	rig_end(&fixture->rig);
	fixture->child = fork();
	if (fixture->child == 0) {
		/* Holds the lock with a line that is nearly right. */
		char uuid[37], client[37], boot[40], host[65];
		unsigned long long start;
		long pid;

		rig_try(&fixture->rig);
		if (sscanf(line, "%36s %36s %ld %llu %39s %64s", uuid, client,
			   &pid, &start, boot, host) != 6)
			_exit(1);
		snprintf(line, sizeof(line), "%s %s %ld %llu %s %s\n", uuid,
			 client, (long)innocent, start + 1000000, boot, host);
		file = openat(fixture->scratch.dir, "d/.ferry/lock",
			      O_RDWR | O_TRUNC);
		if (write(file, line, strlen(line)) == -1 ||
		    write(other[1], "y", 1) == -1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(other[0], &byte, 1), 1);
	close(other[0]);
	close(other[1]);
	assert_int_equal(rig_try(&fixture->rig), TARGET_HELD);
	assert_int_equal(kill(innocent, 0), 0);
	assert_int_equal(waitpid(innocent, NULL, WNOHANG), 0);
	kill(innocent, SIGKILL);
	waitpid(innocent, NULL, 0);
}

/* The line is right, but who could have written it may not know what kind of
 * process that is. */
static void a_process_of_another_name_is_left_alone(void **state)
{
	struct fixture *fixture = *state;
	char name[16];

	memcpy(fixture->other.uuid, fixture->rig.uuid, 16);
	held_by_child(fixture);
	assert_int_equal(prctl(PR_GET_NAME, name), 0);
	assert_int_equal(prctl(PR_SET_NAME, "another"), 0);
	assert_int_equal(rig_try(&fixture->rig), TARGET_HELD);
	assert_int_equal(waitpid(fixture->child, NULL, WNOHANG), 0);
	assert_int_equal(prctl(PR_SET_NAME, name), 0);
	rig_open(&fixture->rig);
	assert_int_equal(child_ended(fixture), SIGKILL);
}

static void one_process_holds_itself_off(void **state)
{
	struct fixture *fixture = *state;

	memcpy(fixture->other.uuid, fixture->rig.uuid, 16);
	rig_open(&fixture->other);
	assert_int_equal(rig_try(&fixture->rig), TARGET_HELD);
	rig_end(&fixture->other);
	rig_open(&fixture->rig);
}

static void jobs_for_one_file_hold_that_file(void **state)
{
	struct fixture *fixture = *state;

	rig_single(&fixture->other, "f");
	rig_open(&fixture->other);
	rig_single(&fixture->rig, "f");
	assert_int_equal(rig_try(&fixture->rig), TARGET_HELD);
	rig_single(&fixture->rig, "g");
	rig_open(&fixture->rig);
	/* The first that ends leaves the folder to the other. */
	rig_close(&fixture->rig, NULL);
	assert_true(scratch_exists(&fixture->scratch, "d/.ferry"));
	/* And a job for the folder has to wait for it. */
	fixture->rig.offer.flags = 0;
	assert_int_equal(rig_try(&fixture->rig), TARGET_HELD);
	rig_close(&fixture->other, NULL);
	assert_false(scratch_exists(&fixture->scratch, "d/.ferry"));
	rig_open(&fixture->rig);
	rig_single(&fixture->other, "f");
	assert_int_equal(rig_try(&fixture->other), TARGET_HELD);
	rig_close(&fixture->rig, NULL);
	assert_false(scratch_exists(&fixture->scratch, "d/.ferry"));
}

/* The line is worth nothing if somebody else could have written it. */
static void a_planted_line_kills_nobody(void **state)
{
	struct fixture *fixture = *state;
	struct scratch *scratch = &fixture->scratch;

	memcpy(fixture->other.uuid, fixture->rig.uuid, 16);
	for (int i = 0; i < 3; i++) {
		held_by_child(fixture);
		if (i == 0)
			assert_int_equal(
			    fchmodat(scratch->dir, "d/.ferry/lock", 0622, 0),
			    0);
		else if (i == 1)
			assert_int_equal(linkat(scratch->dir, "d/.ferry/lock",
						scratch->dir, "mine", 0),
					 0);
		else if (geteuid() == 0)
			assert_int_equal(fchownat(scratch->dir, "d/.ferry/lock",
						  12345, 12345, 0),
					 0);
		else
			skip();
		assert_int_equal(rig_try(&fixture->rig), TARGET_HELD);
		assert_int_equal(waitpid(fixture->child, NULL, WNOHANG), 0);
		kill(fixture->child, SIGKILL);
		child_ended(fixture);
		unlinkat(scratch->dir, "d/.ferry/lock", 0);
		unlinkat(scratch->dir, "mine", 0);
	}
}

/* What runs leave that die before they have a journal. */
static void the_last_one_removes_what_others_began(void **state)
{
	static const char folder[] =
	    "d/.ferry/01234567-0123-7123-8123-0123456789ab";
	struct fixture *fixture = *state;
	struct scratch *scratch = &fixture->scratch;

	scratch_folder(scratch, "d/.ferry");
	scratch_folder(scratch, folder);
	scratch_text(scratch, "d/.ferry/lock-0123", "");
	rig_single(&fixture->other, "f");
	rig_single(&fixture->rig, "g");
	rig_open(&fixture->other);
	rig_open(&fixture->rig);
	/* For all that this one knows the other is about to write there. */
	rig_close(&fixture->rig, NULL);
	assert_true(scratch_exists(scratch, folder));
	assert_true(scratch_exists(scratch, "d/.ferry/lock-0123"));
	rig_close(&fixture->other, NULL);
	assert_false(scratch_exists(scratch, "d/.ferry"));
}

static void a_planted_lock_is_not_written_to(void **state)
{
	struct fixture *fixture = *state;

	scratch_text(&fixture->scratch, "outside", "mine");
	scratch_folder(&fixture->scratch, "d/.ferry");
	assert_int_equal(linkat(fixture->scratch.dir, "outside",
				fixture->scratch.dir, "d/.ferry/lock", 0),
			 0);
	assert_int_equal(rig_try(&fixture->rig), TARGET_FAILED);
	scratch_holds(&fixture->scratch, "outside", "mine", 4);
	unlinkat(fixture->scratch.dir, "d/.ferry/lock", 0);
	assert_int_equal(
	    symlinkat("../../outside", fixture->scratch.dir, "d/.ferry/lock"),
	    0);
	assert_int_equal(rig_try(&fixture->rig), TARGET_FAILED);
	scratch_holds(&fixture->scratch, "outside", "mine", 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(another_job_is_told_who_holds_it),
	    TEST(an_orphan_is_fenced),
	    TEST(an_orphan_is_known_by_either_uuid),
	    TEST(a_line_from_before_kills_nobody),
	    TEST(a_planted_line_kills_nobody),
	    TEST(a_process_of_another_name_is_left_alone),
	    TEST(one_process_holds_itself_off),
	    TEST(jobs_for_one_file_hold_that_file),
	    TEST(the_last_one_removes_what_others_began),
	    TEST(a_planted_lock_is_not_written_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
