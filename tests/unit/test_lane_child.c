/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: a program that carries a lane is started, heard past its noise, told
 * with what it says, and ended; and if it gets nowhere, it is told why.
 */
#include <sys/wait.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/lane_rig.h"
#include "transfer/lane_child.h"

#define NONCE "nonce-of-a-test!"

struct fixture {
	unsigned tasks, descriptors; /* before */
	struct inbox *inbox;
	struct lane *lane;
	pthread_mutex_t lock; /* of what follows */
	char lines[2000];
};

static void tell(void *cookie, const char *line)
{
	struct fixture *fixture = cookie;

	pthread_mutex_lock(&fixture->lock);
	strcat(fixture->lines, line);
	strcat(fixture->lines, "\n");
	pthread_mutex_unlock(&fixture->lock);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->tasks = count_tasks();
	fixture->descriptors = count_entries("/proc/self/fd");
	pthread_mutex_init(&fixture->lock, NULL);
	fixture->inbox = inbox_create();
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	lane_close(fixture->lane);
	inbox_free(fixture->inbox);
	pthread_mutex_destroy(&fixture->lock);
	assert_entries("/proc/self/task", fixture->tasks);
	assert_entries("/proc/self/fd", fixture->descriptors);
	/* No child is left, not even a dead one. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	free(fixture);
	return 0;
}

static int start(struct fixture *fixture, char **argv,
		 struct lane_result *result)
{
	struct lane_child_config config = {.argv = argv,
					   .host = "host",
					   .program = "ferry",
					   .tell = tell,
					   .cookie = fixture};
	int code = lane_child_start(fixture->inbox, 3, &config,
				    (const uint8_t *)NONCE, result);

	fixture->lane = result->lane;
	return code;
}

/* A shell with a script; "hello" in it is a command that says HELLO. */
static void start_script(struct fixture *fixture, const char *script)
{
	struct message_hello message = {.version_lowest = 1,
					.version_highest = 2};
	struct lane_result result;
	char text[4000], *at = text;
	struct frame *frame;

	memcpy(message.nonce, NONCE, sizeof(message.nonce));
	frame = message_hello_encode(&message);
	frame_seal(frame);
	at += sprintf(at, "hello() { printf '");
	for (size_t i = 0; i < FRAME_HEADER_SIZE + frame->body_length; i++)
		at += sprintf(at, "\\%03o", frame->bytes[i]);
	frame_free(frame);
	sprintf(at, "'; }\n%s", script);
	assert_int_equal(
	    start(fixture, (char *[]){(char *)"sh", (char *)"-c", text, NULL},
		  &result),
	    0);
	assert_non_null(fixture->lane);
}

static void is_greeted(struct fixture *fixture)
{
	struct engine_event event = next_event(fixture->inbox);

	if (event.type == EVENT_LANE_DOWN)
		fail_msg("%s", fixture->lane->text);
	assert_int_equal(event.type, EVENT_FRAME);
	assert_int_equal(event.frame->type, FRAME_HELLO);
	frame_free(event.frame);
}

static void is_down(struct fixture *fixture, int code, const char *text)
{
	assert_int_equal(next_event(fixture->inbox).type, EVENT_LANE_DOWN);
	assert_int_equal(fixture->lane->code, code);
	if (text == NULL)
		assert_null(fixture->lane->text);
	else
		assert_non_null(strstr(fixture->lane->text, text));
}

static void tells_absence(const struct fixture *fixture,
			  enum lane_absence absence)
{
	assert_int_equal(fixture->lane->absent, absence);
}

/* ---- it gets nowhere ------------------------------------------------------
 */

static void a_program_that_is_missing(void **state)
{
	struct lane_result result;
	char *argv[] = {(char *)"no-such-program-at-all", NULL};

	assert_int_equal(start(*state, argv, &result), -1);
	assert_null(result.lane);
	assert_int_equal(result.code, EXIT_UNREACHABLE);
	assert_string_equal(result.text,
			    "host: no-such-program-at-all: No such "
			    "file or directory");
	free(result.text);
}

static void a_program_that_cannot_run(void **state)
{
	struct lane_result result;
	char *argv[] = {(char *)"/etc/passwd", NULL};

	assert_int_equal(start(*state, argv, &result), -1);
	assert_null(result.lane);
	assert_non_null(strstr(result.text, "Permission denied"));
	free(result.text);
}

static void no_ferry_there(void **state)
{
	start_script(*state, "echo 'sh: ferry: not found' >&2; exit 127");
	is_down(*state, EXIT_UNREACHABLE,
		"host: ferry is not found there (\"sh: ferry: not found\")");
	tells_absence(*state, LANE_ABSENT_PROGRAM);
}

static void no_connection(void **state)
{
	start_script(
	    *state,
	    "echo Hello >&2; echo 'ssh: connect: refused' >&2; exit 255");
	is_down(*state, EXIT_UNREACHABLE,
		"ssh does not get in (\"ssh: connect: refused\"); see what "
		"\"ssh host\" says");
	tells_absence(*state, LANE_ABSENT_NOTHING);
}

static void it_is_killed(void **state)
{
	start_script(*state, "kill -KILL $$");
	is_down(*state, EXIT_UNREACHABLE, "host: ferry gave no greeting");
	tells_absence(*state, LANE_ABSENT_AGENT);
}

/* It has ended its output, and goes on. */
static void it_says_no_more(void **state)
{
	start_script(*state, "echo why >&2; exec >&- 2>&-; exec sleep 1000");
	is_down(*state, EXIT_UNREACHABLE, "\"why\"");
}

static void too_much_noise(void **state)
{
	start_script(*state, "head -c 70000 /dev/zero | tr '\\0' n; exec cat");
	is_down(*state, EXIT_UNREACHABLE, "gave no greeting (\"nnn");
}

/* A greeting that is for another one is noise. */
static void another_nonce(void **state)
{
	start_script(*state, "hello | tr '!' '?'");
	is_down(*state, EXIT_UNREACHABLE, "exit status 0");
}

/* ---- it gets through ------------------------------------------------------
 */

static void noise_comes_before_the_greeting(void **state)
{
	struct fixture *fixture = *state;

	start_script(fixture, "echo Welcome; echo 'last login' >&2; "
			      "head -c 60000 /dev/zero; hello; exec cat");
	is_greeted(fixture);
	/* It is a lane like any other. */
	lane_send(fixture->lane, numbered(5, 300000), EPOCH);
	check_numbered(next_event(fixture->inbox).frame, 5, 300000);
}

static void its_lines_are_told(void **state)
{
	struct fixture *fixture = *state;

	start_script(fixture, "hello; read word; echo one >&2; "
			      "printf 'two\\r\\nthree' >&2");
	is_greeted(fixture);
	lane_send(fixture->lane, numbered(5, 10), EPOCH);
	is_down(fixture, 0, NULL);
	lane_close(fixture->lane);
	fixture->lane = NULL;
	assert_string_equal(fixture->lines, "one\ntwo\nthree\n");
}

/* More on stderr than a pipe holds stops nothing. */
static void many_lines_stop_nothing(void **state)
{
	struct fixture *fixture = *state;

	fixture->lines[0] = '\0';
	start_script(fixture, "hello; head -c 300000 /dev/zero >&2; exec cat");
	is_greeted(fixture);
	lane_send(fixture->lane, numbered(6, 1 << 20), EPOCH);
	check_numbered(next_event(fixture->inbox).frame, 6, 1 << 20);
}

/* ---- how it is ended ------------------------------------------------------
 */

static void one_on_its_way_is_ended_at_once(void **state)
{
	start_script(*state, "exec sleep 1000");
}

static void one_that_hears_nothing_is_killed(void **state)
{
	struct fixture *fixture = *state;

	start_script(fixture, "trap '' TERM; hello; exec sleep 1000");
	is_greeted(fixture);
}

/* It has a session of its own, and all signals as by default. */
static void a_terminal_is_not_its_own(void **state)
{
	struct fixture *fixture = *state;
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	signal(SIGPIPE, SIG_IGN);
	start_script(fixture,
		     "hello; exec 1>&2; ps -o sid= -p $$ | tr -d ' ' | "
		     "sed \"s/^$$\\$/own/\"; "
		     "grep -E '^Sig(Blk|Ign)' /proc/self/status | "
		     "sed 's/.*000$/none/'");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	signal(SIGPIPE, SIG_DFL);
	is_greeted(fixture);
	is_down(fixture, 0, NULL);
	lane_close(fixture->lane);
	fixture->lane = NULL;
	assert_string_equal(fixture->lines, "own\nnone\nnone\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_program_that_is_missing),
	    TEST(a_program_that_cannot_run),
	    TEST(no_ferry_there),
	    TEST(no_connection),
	    TEST(it_is_killed),
	    TEST(it_says_no_more),
	    TEST(too_much_noise),
	    TEST(another_nonce),
	    TEST(noise_comes_before_the_greeting),
	    TEST(its_lines_are_told),
	    TEST(many_lines_stop_nothing),
	    TEST(one_on_its_way_is_ended_at_once),
	    TEST(one_that_hears_nothing_is_killed),
	    TEST(a_terminal_is_not_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
