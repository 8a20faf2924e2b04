/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: whoever knows the token gets in with both descriptors, all others are
 * sent away, and no descriptor is left of any of them.
 */
#include <sys/resource.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/lane_rig.h"
#include "transfer/lane_door.h"

struct fixture {
	unsigned tasks, descriptors; /* before */
	struct inbox *inbox;
	struct lane_door *door;
	uint8_t token[LANES_TOKEN_SIZE];
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->tasks = count_tasks();
	fixture->descriptors = count_entries("/proc/self/fd");
	fixture->inbox = inbox_create();
	fixture->door =
	    lane_door_open(io_system(), fixture->inbox, fixture->token);
	assert_non_null(fixture->door);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	lane_door_close(fixture->door);
	inbox_free(fixture->inbox);
	assert_entries("/proc/self/task", fixture->tasks);
	assert_entries("/proc/self/fd", fixture->descriptors);
	free(fixture);
	return 0;
}

/* A further agent in a thread of its own. */
struct agent {
	pthread_t thread;
	uint8_t token[LANES_TOKEN_SIZE];
	uint8_t flags;
	int in, out;
	int far_in, far_out; /* the other ends of its pipes */
	int result;
};

static void *run_agent(void *cookie)
{
	struct agent *agent = cookie;

	agent->result =
	    lane_door_enter(agent->token, agent->flags, agent->in, agent->out);
	return NULL;
}

static void knock(struct agent *agent, const uint8_t *token, uint8_t flags)
{
	int there[2], back[2];

	assert_int_equal(pipe2(there, O_CLOEXEC), 0);
	assert_int_equal(pipe2(back, O_CLOEXEC), 0);
	*agent = (struct agent){.flags = flags,
				.in = there[0],
				.out = back[1],
				.far_in = there[1],
				.far_out = back[0]};
	memcpy(agent->token, token, sizeof(agent->token));
	assert_int_equal(pthread_create(&agent->thread, NULL, run_agent, agent),
			 0);
}

/* 0; -1: it was sent away, and its descriptors are still open. */
static int leave(struct agent *agent)
{
	pthread_join(agent->thread, NULL);
	if (agent->result == -1) {
		assert_int_equal(close(agent->in), 0);
		assert_int_equal(close(agent->out), 0);
	}
	close(agent->far_in);
	close(agent->far_out);
	return agent->result;
}

static struct lane_visitor take(struct fixture *fixture)
{
	struct lane_visitor visitor;

	assert_int_equal(next_event(fixture->inbox).type, EVENT_LANE_MADE);
	assert_int_equal(lane_door_take(fixture->door, &visitor), 1);
	return visitor;
}

static void a_visitor_gets_in(void **state)
{
	struct fixture *fixture = *state;
	struct lane_visitor visitor;
	struct agent agent;
	char byte;

	assert_int_equal(lane_door_take(fixture->door, &visitor), 0);
	knock(&agent, fixture->token, JOIN_BULK);
	visitor = take(fixture);
	assert_int_equal(visitor.flags, JOIN_BULK);
	lane_door_answer(&visitor, 1);
	write_all(agent.far_in, "i", 1);
	assert_int_equal(read(visitor.in, &byte, 1), 1);
	assert_int_equal(byte, 'i');
	write_all(visitor.out, "o", 1);
	assert_int_equal(read(agent.far_out, &byte, 1), 1);
	assert_int_equal(byte, 'o');
	/* They are no program's that we start. */
	assert_true(fcntl(visitor.in, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(visitor.out, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(visitor.companion, F_GETFD) & FD_CLOEXEC);
	close(visitor.in);
	close(visitor.out);
	/* Its agent has closed them too: both streams end. */
	assert_int_equal(read(agent.far_out, &byte, 1), 0);
	close(visitor.companion);
	assert_int_equal(leave(&agent), 0);
}

static void a_visitor_is_sent_away(void **state)
{
	struct fixture *fixture = *state;
	struct lane_visitor visitor;
	struct agent agent;

	knock(&agent, fixture->token, 0);
	visitor = take(fixture);
	assert_int_equal(visitor.flags, 0);
	close(visitor.in);
	close(visitor.out);
	lane_door_answer(&visitor, 0);
	assert_int_equal(leave(&agent), -1);
}

static void many_come_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct lane_visitor visitors[40];
	struct agent agents[40];

	for (size_t i = 0; i < 40; i++)
		knock(&agents[i], fixture->token, i % 2);
	for (size_t i = 0; i < 40; i++) {
		visitors[i] = take(fixture);
		lane_door_answer(&visitors[i], 1);
	}
	for (size_t i = 0; i < 40; i++) {
		close(visitors[i].in);
		close(visitors[i].out);
		close(visitors[i].companion);
	}
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(leave(&agents[i]), 0);
}

static void a_wrong_token_leads_nowhere(void **state)
{
	struct fixture *fixture = *state;
	struct agent agent;

	fixture->token[LANES_TOKEN_SIZE - 1] ^= 1;
	knock(&agent, fixture->token, 0);
	assert_int_equal(leave(&agent), -1);
}

static void two_doors_are_two(void **state)
{
	struct fixture *fixture = *state;
	struct inbox *inbox = inbox_create();
	uint8_t token[LANES_TOKEN_SIZE];
	struct lane_door *other = lane_door_open(io_system(), inbox, token);
	struct lane_visitor visitor;
	struct agent agent;

	assert_non_null(other);
	assert_memory_not_equal(token, fixture->token, sizeof(token));
	knock(&agent, fixture->token, 0);
	visitor = take(fixture);
	assert_int_equal(lane_door_take(other, &visitor), 0);
	close(visitor.in);
	close(visitor.out);
	lane_door_answer(&visitor, 0);
	leave(&agent);
	lane_door_close(other);
	inbox_free(inbox);
}

/* ---- the door closes ------------------------------------------------------
 */

static void who_waits_at_the_end_is_sent_away(void **state)
{
	struct fixture *fixture = *state;
	struct agent agents[3];

	for (size_t i = 0; i < 3; i++)
		knock(&agents[i], fixture->token, 0);
	/* One of them has been let into the hall; the others, who knows. */
	assert_int_equal(next_event(fixture->inbox).type, EVENT_LANE_MADE);
	lane_door_close(fixture->door);
	fixture->door = NULL;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(leave(&agents[i]), -1);
	knock(&agents[0], fixture->token, 0);
	assert_int_equal(leave(&agents[0]), -1);
}

/* ---- who is no agent ------------------------------------------------------
 */

static int make_visitor(void)
{
	int visitor = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_int_not_equal(visitor, -1);
	return visitor;
}

static void go_to_with(const struct fixture *fixture, int visitor)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	char *at = name.sun_path + 1;

	at += sprintf(at, "ferry-");
	for (size_t i = 0; i < LANES_TOKEN_SIZE; i++)
		at += sprintf(at, "%02x", fixture->token[i]);
	assert_int_equal(connect(visitor, (struct sockaddr *)&name,
				 (socklen_t)(at - (char *)&name)),
			 0);
}

static int go_to(const struct fixture *fixture)
{
	int visitor = make_visitor();

	go_to_with(fixture, visitor);
	return visitor;
}

/* Of size bytes, with so many descriptors. */
static void say(int visitor, const char *bytes, size_t size, size_t count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec part = {(void *)(uintptr_t)bytes, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	int descriptors[4] = {0, 0, 0, 0};

	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(&control.header), descriptors, count * sizeof(int));
	if (count > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	assert_int_equal(sendmsg(visitor, &message, MSG_NOSIGNAL), size);
}

static void is_sent_away(int visitor)
{
	char byte;

	assert_true(recv(visitor, &byte, 1, 0) <= 0);
	close(visitor);
}

static void nonsense_is_sent_away(void **state)
{
	static const char words[1000] = "\001nonsense";
	struct fixture *fixture = *state;
	struct engine_event event;
	int visitor;

	for (size_t count = 0; count < 4; count++) {
		visitor = go_to(fixture);
		say(visitor, "", 0, count); /* no byte at all */
		is_sent_away(visitor);
		visitor = go_to(fixture);
		say(visitor, "\377", 1, count); /* no such flags */
		is_sent_away(visitor);
		if (count >= 2)
			continue;
		visitor = go_to(fixture);
		say(visitor, words, 1, count);
		is_sent_away(visitor);
		visitor = go_to(fixture);
		say(visitor, words, sizeof(words), count);
		is_sent_away(visitor);
	}
	visitor = go_to(fixture);
	close(visitor);
	visitor = go_to(fixture);
	is_sent_away(visitor); /* it says nothing */
	assert_int_equal(inbox_take(fixture->inbox, &event, 0), 0);
	/* What they brought is not kept. */
	assert_entries("/proc/self/fd", fixture->descriptors + 2);
}

/* Of three the first two count; what was one too many is not kept. */
static void more_than_two_are_not_kept(void **state)
{
	struct fixture *fixture = *state;
	int visitor = go_to(fixture);
	struct lane_visitor taken;

	say(visitor, "", 1, 3);
	taken = take(fixture);
	close(taken.in);
	close(taken.out);
	lane_door_answer(&taken, 0);
	is_sent_away(visitor);
	assert_entries("/proc/self/fd", fixture->descriptors + 2);
}

/* Where no descriptor is to be had, nobody is kept waiting. */
static void a_door_that_cannot_open(void **state)
{
	struct fixture *fixture = *state;
	int visitor = make_visitor(), next = dup(visitor);
	struct rlimit before, none;

	assert_int_not_equal(next, -1);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	go_to_with(fixture, visitor);
	is_sent_away(visitor);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_visitor_gets_in),
	    TEST(a_visitor_is_sent_away),
	    TEST(many_come_at_once),
	    TEST(a_wrong_token_leads_nowhere),
	    TEST(two_doors_are_two),
	    TEST(who_waits_at_the_end_is_sent_away),
	    TEST(nonsense_is_sent_away),
	    TEST(more_than_two_are_not_kept),
	    TEST(a_door_that_cannot_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
