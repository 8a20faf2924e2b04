/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: one lane for what takes one a second; else as many as bring something,
 * and none where they are not wanted.  Time is what the test says it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transfer/lane_policy.h"

#define SECOND ((uint64_t)1000 * 1000 * 1000)
#define MIB    ((uint64_t)1 << 20)
#define BEGIN  (1000 * SECOND)

/* A transfer: what each number of lanes moves in a second. */
struct story {
	struct lane_policy policy;
	struct lane_policy_view view;
	uint64_t rate; /* bytes a second */
	unsigned asked;
};

static void begin(struct story *story, int wish, uint64_t total, uint64_t rate)
{
	*story = (struct story){.rate = rate};
	story->view.total = total;
	story->view.now = BEGIN;
	lane_policy_begin(&story->policy, wish, BEGIN);
}

static unsigned ask(struct story *story)
{
	return lane_policy_ask(&story->policy, &story->view);
}

/* So many nanoseconds later. */
static void pass(struct story *story, uint64_t time)
{
	story->view.now += time;
	story->view.confirmed +=
	    (uint64_t)((double)story->rate * (double)time / (double)SECOND);
	if (story->view.confirmed > story->view.total)
		story->view.confirmed = story->view.total;
}

/* So many more are up. */
static void come_up(struct story *story, unsigned lanes)
{
	while (lanes-- > 0) {
		story->view.up++;
		lane_policy_changed(&story->policy, &story->view);
	}
}

/* Look as often as it wants to, until it asks for lanes (how many), or until
 * the transfer is done or a minute is over: 0. */
static unsigned run(struct story *story)
{
	uint64_t until = story->view.now + 60 * SECOND;

	while (story->view.now < until &&
	       story->view.confirmed < story->view.total) {
		unsigned more = ask(story);
		uint64_t next;

		if (more > 0)
			return more;
		next = lane_policy_deadline(&story->policy, story->view.now);
		if (next > until)
			next = until;
		assert_true(next > story->view.now);
		pass(story, next - story->view.now);
	}
	return 0;
}

/* ---- the first further lane -----------------------------------------------
 */

static void a_small_transfer_has_one_lane(void **state)
{
	struct story story;

	(void)state;
	begin(&story, LANE_POLICY_AUTO, 0, 0);
	assert_int_equal(ask(&story), 0);
	begin(&story, LANE_POLICY_AUTO, 100 * MIB, 200 * MIB);
	assert_int_equal(run(&story), 0);
	begin(&story, LANE_POLICY_AUTO, 255 * MIB, 250 * MIB);
	assert_int_equal(run(&story), 0);
	begin(&story, LANE_POLICY_AUTO, 9000, 10000);
	assert_int_equal(run(&story), 0);
	/* Nothing is confirmed before a round trip and a sync. */
	begin(&story, LANE_POLICY_AUTO, 9000, 0);
	for (int i = 0; i < 19; i++) {
		pass(&story, SECOND / 10);
		assert_int_equal(ask(&story), 0);
	}
	pass(&story, SECOND / 10);
	assert_int_equal(ask(&story), 1);
}

/* Each lane has a window of 2 MiB for each round trip. */
static void a_long_way_has_several_at_once(void **state)
{
	const uint64_t trips[] = {LANE_POLICY_LONG_TRIP, SECOND / 10, SECOND};
	struct story story;

	(void)state;
	for (int i = 0; i < 3; i++) {
		uint64_t second = 2 * MIB * SECOND / trips[i];

		begin(&story, LANE_POLICY_AUTO, second - MIB / 4, 0);
		story.view.round_trip = trips[i];
		assert_int_equal(ask(&story), 0);
		begin(&story, LANE_POLICY_AUTO, second + MIB / 4, 0);
		assert_int_equal(ask(&story), 0);
		story.view.round_trip = trips[i];
		assert_int_equal(ask(&story), LANE_POLICY_FAR);
	}
}

static void a_large_one_has_another_at_once(void **state)
{
	struct story story;

	(void)state;
	begin(&story, LANE_POLICY_AUTO, 256 * MIB, 1000 * MIB);
	assert_int_equal(ask(&story), 1);
	/* Once. */
	story.view.making = 1;
	assert_int_equal(ask(&story), 0);
	/* What is confirmed already is not large. */
	begin(&story, LANE_POLICY_AUTO, 1000 * MIB, 1000 * MIB);
	story.view.confirmed = 999 * MIB;
	assert_int_equal(ask(&story), 0);
}

static void a_slow_line_has_another_soon(void **state)
{
	struct story story;

	(void)state;
	begin(&story, LANE_POLICY_AUTO, 100 * MIB, 10 * MIB);
	assert_int_equal(run(&story), 1);
	assert_in_range(story.view.now - BEGIN, SECOND, 3 * SECOND);
	/* Not though for the last second of it. */
	begin(&story, LANE_POLICY_AUTO, 10 * MIB, 10 * MIB);
	assert_int_equal(run(&story), 0);
}

/* The walk finds more and more. */
static void a_transfer_may_turn_out_large(void **state)
{
	struct story story;

	(void)state;
	begin(&story, LANE_POLICY_AUTO, 10 * MIB, 0);
	assert_int_equal(ask(&story), 0);
	story.view.total = 300 * MIB;
	assert_int_equal(ask(&story), 1);
}

/* ---- more and more --------------------------------------------------------
 */

/* rates[i] is the rate with 1 << i further lanes.  How many there are in the
 * end. */
static unsigned grow(struct story *story, const uint64_t rates[4])
{
	unsigned more;

	begin(story, LANE_POLICY_AUTO, (uint64_t)1 << 50, rates[0] / 2);
	while ((more = run(story)) > 0) {
		unsigned step = 0;

		come_up(story, more);
		assert_true(story->view.up <= LANE_POLICY_MAX);
		while (1U << step < story->view.up)
			step++;
		assert_int_equal(story->view.up, 1U << step);
		story->rate = rates[step];
	}
	return story->view.up;
}

static void lanes_double_while_the_rate_grows(void **state)
{
	const uint64_t doubling[] = {MIB, 2 * MIB, 4 * MIB, 8 * MIB};
	const uint64_t barely[] = {100 * MIB, 111 * MIB, 123 * MIB, 136 * MIB};
	struct story story;

	(void)state;
	assert_int_equal(grow(&story, doubling), 8);
	assert_int_equal(grow(&story, barely), 8);
	assert_int_equal(lane_policy_deadline(&story.policy, story.view.now),
			 UINT64_MAX);
}

static void they_stop_when_a_step_brings_nothing(void **state)
{
	const uint64_t at_once[] = {100 * MIB, 109 * MIB, 900 * MIB, 900 * MIB};
	const uint64_t later[] = {100 * MIB, 200 * MIB, 200 * MIB, 900 * MIB};
	const uint64_t slow[] = {90000, 95000, 900000, 900000};
	const uint64_t worse[] = {100 * MIB, 20 * MIB, 900 * MIB, 900 * MIB};
	struct story story;

	(void)state;
	assert_int_equal(grow(&story, at_once), 2);
	assert_int_equal(grow(&story, later), 4);
	assert_int_equal(grow(&story, slow), 2);
	assert_int_equal(grow(&story, worse), 2);
	/* For good. */
	story.rate = 900 * MIB;
	assert_int_equal(run(&story), 0);
	/* One that dies is replaced, though. */
	story.view.up--;
	lane_policy_refused(&story.policy, story.view.now, 0);
	assert_int_equal(run(&story), 1);
}

/* Where the rest is done in a second, nobody logs in again. */
static void the_last_second_is_not_worth_a_lane(void **state)
{
	struct story story;

	(void)state;
	begin(&story, LANE_POLICY_AUTO, 300 * MIB, 110 * MIB);
	assert_int_equal(run(&story), 1);
	come_up(&story, 1);
	assert_int_equal(run(&story), 0);
	assert_int_equal(story.view.confirmed, story.view.total);
}

/* A step is not judged before its lanes are there. */
static void a_step_is_judged_when_it_is_complete(void **state)
{
	struct story story;

	(void)state;
	begin(&story, LANE_POLICY_AUTO, (uint64_t)1 << 50, MIB);
	assert_int_equal(run(&story), 1);
	story.view.making = 1;
	assert_int_equal(run(&story), 0);
	story.view.making = 0;
	come_up(&story, 1);
	assert_int_equal(run(&story), 1);
}

/* ---- refusals -------------------------------------------------------------
 */

static void refusals_are_waited_for_and_end(void **state)
{
	struct story story;

	(void)state;
	begin(&story, LANE_POLICY_AUTO, (uint64_t)1 << 50, MIB);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(run(&story), 1);
		lane_policy_refused(&story.policy, story.view.now, UINT64_MAX);
		assert_int_equal(ask(&story), 0);
		assert_true(
		    lane_policy_deadline(&story.policy, story.view.now) >
		    story.view.now);
	}
	assert_int_equal(run(&story), 0);
}

/* Chance may say none, but at once would be too early. */
static void there_is_always_some_wait(void **state)
{
	struct story story;

	(void)state;
	begin(&story, 3, MIB, MIB);
	lane_policy_refused(&story.policy, BEGIN, 0);
	story.view.now += SECOND / 10;
	assert_int_equal(ask(&story), 0);
}

static void one_that_comes_up_makes_refusals_forgotten(void **state)
{
	struct story story;

	(void)state;
	begin(&story, LANE_POLICY_AUTO, (uint64_t)1 << 50, MIB);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(run(&story), 1);
		if (i % 3 == 2) {
			come_up(&story, 1);
			story.view.up--;
		}
		lane_policy_refused(&story.policy, story.view.now, 77);
	}
}

/* ---- a wish ---------------------------------------------------------------
 */

static void a_wish_is_kept(void **state)
{
	struct story story;

	(void)state;
	begin(&story, 0, (uint64_t)1 << 50, MIB);
	assert_int_equal(run(&story), 0);
	begin(&story, 3, 1, 0);
	assert_int_equal(ask(&story), 3);
	come_up(&story, 3);
	assert_int_equal(run(&story), 0);
	assert_int_equal(lane_policy_deadline(&story.policy, story.view.now),
			 UINT64_MAX);
	/* However often it is refused. */
	story.view.up = 1;
	for (int i = 0; i < 100; i++) {
		lane_policy_refused(&story.policy, story.view.now, UINT64_MAX);
		story.view.now =
		    lane_policy_deadline(&story.policy, story.view.now);
		assert_int_equal(ask(&story), 2);
	}
}

static void the_first_is_replaced_too(void **state)
{
	struct story story;

	(void)state;
	begin(&story, 3, 1000 * MIB, 10 * MIB);
	assert_int_equal(ask(&story), 3);
	come_up(&story, 3);
	assert_int_equal(ask(&story), 0);
	story.view.first_lost = 1;
	assert_int_equal(ask(&story), 1);
	come_up(&story, 1);
	assert_int_equal(ask(&story), 0);

	/* One that was alone took the session with it. */
	begin(&story, 0, 1000 * MIB, 10 * MIB);
	story.view.first_lost = 1;
	assert_int_equal(ask(&story), 0);
}

static void few_are_in_the_making_at_a_time(void **state)
{
	struct story story;

	(void)state;
	begin(&story, 50, MIB, 0);
	while (story.view.up < 50) {
		unsigned more = ask(&story);

		story.view.making += more;
		assert_true(story.view.making <= LANE_POLICY_MAKING);
		assert_int_equal(ask(&story), 0);
		assert_true(story.view.making > 0);
		story.view.making--;
		come_up(&story, 1);
	}
	assert_int_equal(story.view.making, 0);
	assert_int_equal(ask(&story), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_small_transfer_has_one_lane),
	    cmocka_unit_test(a_large_one_has_another_at_once),
	    cmocka_unit_test(a_long_way_has_several_at_once),
	    cmocka_unit_test(a_slow_line_has_another_soon),
	    cmocka_unit_test(a_transfer_may_turn_out_large),
	    cmocka_unit_test(lanes_double_while_the_rate_grows),
	    cmocka_unit_test(they_stop_when_a_step_brings_nothing),
	    cmocka_unit_test(the_last_second_is_not_worth_a_lane),
	    cmocka_unit_test(a_step_is_judged_when_it_is_complete),
	    cmocka_unit_test(refusals_are_waited_for_and_end),
	    cmocka_unit_test(there_is_always_some_wait),
	    cmocka_unit_test(one_that_comes_up_makes_refusals_forgotten),
	    cmocka_unit_test(a_wish_is_kept),
	    cmocka_unit_test(the_first_is_replaced_too),
	    cmocka_unit_test(few_are_in_the_making_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
