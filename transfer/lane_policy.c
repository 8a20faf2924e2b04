/* SPDX-License-Identifier: BSD-2-Clause */
/* When is another lane worth its making? */
#include "transfer/lane_policy.h"

#include <string.h>

#include "transfer/retry.h"

#define SECOND       ((uint64_t)1000 * 1000 * 1000)
/* How often a look is taken: a part of the second that one lane has. */
#define LOOK         (SECOND / 10)
/* From so long on, the rate of the first lane is believed: bytes are confirmed
 * once a second at the least, by the receiver's group commits. */
#define FIRST_LOOK   (2 * SECOND)
/* One lane of libssh2 moves 260 to 300 MB/s at best, so this much takes it a
 * second wherever it is; */
#define LONG_BYTES   ((uint64_t)256 << 20)
/* and on a long way it moves no more than what sshd grants a channel in each
 * round trip. */
#define WINDOW       ((uint64_t)2 << 20)
/* What is left must take so many seconds for another lane to be worth its
 * log-in: the first beside the first, and more of them.  Near by these seldom
 * help, for the processor is the limit, and a key exchange takes half a second
 * of it. */
#define WORTH_FIRST  1
#define WORTH_MORE   1
#define WORTH_NEAR   5
/* So long a number of lanes is looked at. */
#define STEP         (2 * SECOND)
/* A step must bring so much more, in percent. */
#define GROWTH       110
/* Refusals in a row before it is given up for this session. */
#define REFUSALS_MAX 4

void lane_policy_begin(struct lane_policy *policy, int wish, uint64_t now)
{
	memset(policy, 0, sizeof(*policy));
	policy->wish = wish;
	policy->wanted = wish == LANE_POLICY_AUTO ? 0 : (unsigned)wish;
	policy->began = now;
	policy->step = now;
}

void lane_policy_changed(struct lane_policy *policy,
			 const struct lane_policy_view *view)
{
	policy->step = view->now;
	policy->step_confirmed = view->confirmed;
	policy->refusals = 0;
}

void lane_policy_refused(struct lane_policy *policy, uint64_t now,
			 uint64_t random)
{
	/* Half of it at least: a refusal at once would be asked for again at
	 * once. */
	policy->wait = now + RETRY_BASE_NANOSECONDS / 2 +
		       retry_delay(policy->refusals, random);
	policy->refusals++;
}

/* Bytes a second since then. */
static uint64_t rate(uint64_t bytes, uint64_t nanoseconds)
{
	return bytes * 1000 / (nanoseconds / (SECOND / 1000) + 1);
}

static uint64_t left(const struct lane_policy_view *view)
{
	return view->total > view->confirmed ? view->total - view->confirmed
					     : 0;
}

/* 1 if the rest takes more than so many seconds at this rate. */
static int is_worth(const struct lane_policy_view *view, uint64_t per_second,
		    unsigned seconds)
{
	return left(view) / seconds > per_second;
}

/* What the first lane cannot do in a second, as far as that is known without
 * having seen it. */
static uint64_t long_bytes(const struct lane_policy_view *view)
{
	if (view->round_trip < LANE_POLICY_LONG_TRIP)
		return LONG_BYTES;
	return WINDOW * (SECOND / 1000) / (view->round_trip / 1000);
}

/* The first step: is one lane enough? */
static void look_first(struct lane_policy *policy,
		       const struct lane_policy_view *view)
{
	uint64_t age = view->now - policy->began;

	if (left(view) < long_bytes(view) &&
	    (age < FIRST_LOOK ||
	     !is_worth(view, rate(view->confirmed, age), WORTH_FIRST)))
		return;
	policy->wanted =
	    view->round_trip < LANE_POLICY_LONG_TRIP ? 1 : LANE_POLICY_FAR;
}

/* Did the last step bring anything? */
static void look_again(struct lane_policy *policy,
		       const struct lane_policy_view *view)
{
	uint64_t age = view->now - policy->step;
	uint64_t now_rate;

	if (age < STEP || view->up < policy->wanted)
		return;
	now_rate = rate(view->confirmed - policy->step_confirmed, age);
	if (!is_worth(view, now_rate,
		      view->round_trip < LANE_POLICY_LONG_TRIP ? WORTH_NEAR
							       : WORTH_MORE))
		return;
	if (now_rate < policy->best / 100 * GROWTH) {
		policy->settled = 1;
		return;
	}
	policy->best = now_rate;
	policy->wanted *= 2;
	if (policy->wanted >= LANE_POLICY_MAX) {
		policy->wanted = LANE_POLICY_MAX;
		policy->settled = 1;
	}
}

unsigned lane_policy_ask(struct lane_policy *policy,
			 const struct lane_policy_view *view)
{
	unsigned have = view->up + view->making, wanted, more;

	if (policy->refusals >= REFUSALS_MAX &&
	    policy->wish == LANE_POLICY_AUTO)
		return 0;
	if (policy->wish == LANE_POLICY_AUTO && !policy->settled) {
		if (policy->wanted == 0)
			look_first(policy, view);
		else
			look_again(policy, view);
	}
	wanted = policy->wanted;
	if (wanted > 0 && view->first_lost)
		wanted++;
	if (view->now < policy->wait || have >= wanted)
		return 0;
	more = wanted - have;
	if (more > LANE_POLICY_MAKING - view->making)
		more = LANE_POLICY_MAKING - view->making;
	return more;
}

uint64_t lane_policy_deadline(const struct lane_policy *policy, uint64_t now)
{
	if (policy->wait > now)
		return policy->wait;
	return policy->wish == LANE_POLICY_AUTO && !policy->settled
		   ? now + LOOK
		   : UINT64_MAX;
}
