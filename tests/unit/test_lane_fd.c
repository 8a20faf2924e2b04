/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal: frames arrive whole, in order and once, over sockets and pipes of any
 * mood; and every end of a stream is told for what it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/lane_rig.h"

static uint32_t length_of(uint64_t number)
{
	static const uint32_t lengths[] = {
	    1, 40, 100000, 4096, 1 << 20, 65536, 65552, 3, 262144, 7000};

	return lengths[number * number % 10];
}

struct side {
	struct inbox *inbox;
	struct lane *lane;
	uint64_t sent;
	uint64_t came;
	size_t queued; /* bytes not reported as sent yet */
};

/* Send while there is room, take what came; all told until count. */
static void pump(struct side *side, uint64_t count)
{
	struct engine_event event;

	while (side->sent < count && side->queued < (size_t)3 << 20) {
		uint32_t length = length_of(side->sent);

		side->queued += FRAME_HEADER_SIZE + CHUNK_HEADER_SIZE + length;
		lane_send(side->lane, numbered(side->sent++, length), EPOCH);
	}
	if (!inbox_take(side->inbox, &event, clock_now() + SECOND / 1000))
		return;
	assert_int_equal(event.lane, 3);
	if (event.type == EVENT_LANE_SENT) {
		assert_true(event.bytes <= side->queued);
		side->queued -= event.bytes;
	} else {
		assert_int_equal(event.type, EVENT_FRAME);
		check_numbered(event.frame, side->came, length_of(side->came));
		side->came++;
	}
}

static void exchange(int near_in, int near_out, int far_in, int far_out)
{
	struct side near = {.inbox = inbox_create()};
	struct side far = {.inbox = inbox_create()};
	const uint64_t count = 300;

	near.lane = lane_fd_create(near.inbox, 3, near_in, near_out, 0);
	far.lane = lane_fd_create(far.inbox, 3, far_in, far_out, 0);
	assert_non_null(near.lane);
	assert_non_null(far.lane);
	while (near.came < count || far.came < count || near.queued > 0 ||
	       far.queued > 0) {
		pump(&near, count);
		pump(&far, count);
	}
	lane_close(near.lane);
	assert_int_equal(next_event(far.inbox).type, EVENT_LANE_DOWN);
	assert_int_equal(far.lane->code, 0);
	assert_null(far.lane->text);
	lane_close(far.lane);
	inbox_free(near.inbox);
	inbox_free(far.inbox);
}

static void frames_go_both_ways_over_sockets(void **state)
{
	int pair[2];

	(void)state;
	make_sockets(pair);
	exchange(pair[0], pair[0], pair[1], pair[1]);
}

static void frames_go_both_ways_over_pipes(void **state)
{
	int there[2], back[2];

	(void)state;
	assert_int_equal(pipe2(there, O_CLOEXEC), 0);
	assert_int_equal(pipe2(back, O_CLOEXEC | O_NONBLOCK), 0);
	exchange(back[0], there[1], there[0], back[1]);
}

/* As an agent has it: one socket as both standard input and output. */
static void one_socket_may_be_two_descriptors(void **state)
{
	int pair[2];

	(void)state;
	make_sockets(pair);
	exchange(dup(pair[0]), pair[0], pair[1], dup(pair[1]));
}

static void descriptors_are_left_as_they_were(void **state)
{
	struct inbox *inbox = inbox_create();
	int far, kept, pair[2];
	struct lane *lane;

	(void)state;
	make_sockets(pair);
	kept = dup(pair[0]);
	far = pair[1];
	lane = lane_fd_create(inbox, 3, pair[0], pair[0], 0);
	assert_true(fcntl(kept, F_GETFL) & O_NONBLOCK);
	close(far);
	lane_close(lane);
	assert_int_equal(fcntl(kept, F_GETFL) & O_NONBLOCK, 0);
	close(kept);
	inbox_free(inbox);

	errno = 0;
	assert_null(lane_fd_create(NULL, 0, -1, -1, 0));
	assert_int_equal(errno, EBADF);
}

/* ---- how a stream may end -------------------------------------------------
 */

/* Three frames as bytes; ends[i] is where frame i is complete. */
static size_t small_stream(uint8_t bytes[512], size_t ends[3])
{
	struct frame *frames[3] = {
	    message_empty(FRAME_PING),
	    numbered(1, 100),
	    message_withdraw_encode(5),
	};
	size_t size = 0;

	for (int i = 0; i < 3; i++) {
		size_t length = FRAME_HEADER_SIZE + frames[i]->body_length;

		frames[i]->epoch = EPOCH;
		frame_seal(frames[i]);
		memcpy(bytes + size, frames[i]->bytes, length);
		size += length;
		ends[i] = size;
		frame_free(frames[i]);
	}
	return size;
}

static void a_cut_is_told_at_every_byte(void **state)
{
	uint8_t bytes[512];
	size_t ends[3], size = small_stream(bytes, ends);

	(void)state;
	for (size_t cut = 0; cut <= size; cut++) {
		struct inbox *inbox = inbox_create();
		struct engine_event event;
		struct lane *lane;
		int far, whole = 0, on_border = cut == 0;

		lane = lane_with_far(inbox, &far);
		write_all(far, bytes, cut);
		close(far);
		for (int i = 0; i < 3; i++) {
			whole += ends[i] <= cut;
			on_border |= ends[i] == cut;
		}
		while (whole-- > 0) {
			event = next_event(inbox);
			assert_int_equal(event.type, EVENT_FRAME);
			frame_free(event.frame);
		}
		assert_int_equal(next_event(inbox).type, EVENT_LANE_DOWN);
		if (on_border) {
			assert_int_equal(lane->code, 0);
			assert_null(lane->text);
		} else {
			assert_int_equal(lane->code, EXIT_LOST);
			assert_string_equal(lane->text,
					    "the connection ended in the "
					    "middle of a frame");
		}
		lane_close(lane);
		assert_int_equal(inbox_take(inbox, &event, 0), 0);
		inbox_free(inbox);
	}
}

static void bytes_may_come_one_by_one(void **state)
{
	static const enum frame_type types[] = {FRAME_PING, FRAME_CHUNK,
						FRAME_WITHDRAW};
	uint8_t bytes[512];
	size_t ends[3], size = small_stream(bytes, ends);
	struct inbox *inbox = inbox_create();
	int far;
	struct lane *lane = lane_with_far(inbox, &far);

	(void)state;
	for (size_t i = 0; i < size; i++) {
		write_all(far, bytes + i, 1);
		if (i % 16 == 0)
			sched_yield();
	}
	for (int i = 0; i < 3; i++) {
		struct engine_event event = next_event(inbox);

		assert_int_equal(event.type, EVENT_FRAME);
		assert_int_equal(event.frame->type, types[i]);
		frame_free(event.frame);
	}
	close(far);
	assert_int_equal(next_event(inbox).type, EVENT_LANE_DOWN);
	lane_close(lane);
	inbox_free(inbox);
}

static void a_bad_header_is_a_violation(void **state)
{
	static const char noise[] = "Welcome to this machine, friend!\n";
	struct inbox *inbox = inbox_create();
	int far;
	struct lane *lane = lane_with_far(inbox, &far);

	(void)state;
	write_all(far, noise, sizeof(noise));
	assert_int_equal(next_event(inbox).type, EVENT_LANE_DOWN);
	assert_int_equal(lane->code, EXIT_PROTOCOL);
	/* The bytes are shown as numbers, never as what they are. */
	assert_non_null(strstr(lane->text, "57 65 6c 63"));
	assert_null(strstr(lane->text, "Welcome"));
	close(far);
	lane_close(lane);
	inbox_free(inbox);
}

/* Nobody reads: an error, not a signal. */
static void check_broken(int in, int out)
{
	struct inbox *inbox = inbox_create();
	struct lane *lane = lane_fd_create(inbox, 3, in, out, 0);
	uint64_t start = clock_now();

	assert_non_null(lane);
	lane_send(lane, numbered(0, 100000), EPOCH);
	assert_int_equal(next_event(inbox).type, EVENT_LANE_DOWN);
	assert_true(clock_now() < start + 5 * SECOND);
	assert_int_equal(lane->code, EXIT_LOST);
	assert_string_equal(lane->text, "the connection was lost: Broken pipe");
	lane_send(lane, numbered(0, 10), EPOCH); /* into the void */
	lane_close(lane);
	inbox_free(inbox);
}

static void a_broken_pipe_kills_nobody(void **state)
{
	int there[2], back[2], pair[2];

	(void)state;
	assert_int_equal(pipe2(there, O_CLOEXEC), 0);
	assert_int_equal(pipe2(back, O_CLOEXEC), 0);
	close(there[0]);
	check_broken(back[0], there[1]);
	close(back[1]);

	make_sockets(pair);
	shutdown(pair[1], SHUT_RD);
	check_broken(pair[0], pair[0]);
	close(pair[1]);
}

/* What the far end said before it went is heard, broken pipe or not. */
static void last_words_are_heard(void **state)
{
	static const struct message_error held = {
	    .code = 75, .text = "held", .text_length = 4};
	struct inbox *inbox = inbox_create();
	struct frame *words = message_error_encode(&held);
	int there[2], back[2];
	struct engine_event event;
	struct lane *lane;

	(void)state;
	assert_int_equal(pipe2(there, O_CLOEXEC), 0);
	assert_int_equal(pipe2(back, O_CLOEXEC), 0);
	close(there[0]);
	lane = lane_fd_create(inbox, 3, back[0], there[1], 0);
	lane_send(lane, numbered(0, 10), EPOCH);
	frame_seal(words);
	write_all(back[1], words->bytes, FRAME_HEADER_SIZE + 7);
	frame_free(words);
	close(back[1]);
	event = next_event(inbox);
	assert_int_equal(event.type, EVENT_FRAME);
	assert_int_equal(event.frame->type, FRAME_ERROR);
	frame_free(event.frame);
	assert_int_equal(next_event(inbox).type, EVENT_LANE_DOWN);
	lane_close(lane);
	inbox_free(inbox);
}

/* A chunk that takes longer than a second is heard of meanwhile. */
static void slow_bytes_are_heard(void **state)
{
	const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};
	struct inbox *inbox = inbox_create();
	struct engine_event event = {.type = EVENT_TIME};
	struct frame *chunk = numbered(1, 1000);
	int far;
	struct lane *lane = lane_with_far(inbox, &far);

	(void)state;
	chunk->epoch = EPOCH;
	frame_seal(chunk);
	for (size_t i = 0; i < 20; i++) {
		write_all(far, chunk->bytes + i, 1);
		nanosleep(&pause, NULL);
	}
	assert_int_equal(inbox_take(inbox, &event, 0), 1);
	assert_int_equal(event.type, EVENT_LANE_HEARD);
	assert_in_range(event.bytes, 5, 20);
	write_all(far, chunk->bytes + 20,
		  FRAME_HEADER_SIZE + chunk->body_length - 20);
	event = next_event(inbox);
	assert_int_equal(event.type, EVENT_FRAME);
	check_numbered(event.frame, 1, 1000);
	frame_free(chunk);
	close(far);
	lane_close(lane);
	inbox_free(inbox);
}

/* A peer that sends what nobody takes out cannot fill our memory with it, be
 * each frame ever so small. */
static void a_flood_is_held_back(void **state)
{
	enum { BLOCK = 64 << 10, ENOUGH = 16 << 20 };
	struct inbox *inbox = inbox_create();
	struct frame *ping = message_empty(FRAME_PING);
	static uint8_t block[BLOCK];
	size_t sent = 0;
	ssize_t written;
	int far;
	struct lane *lane = lane_with_far(inbox, &far);

	(void)state;
	frame_seal(ping);
	for (size_t i = 0; i < BLOCK; i += FRAME_HEADER_SIZE)
		memcpy(block + i, ping->bytes, FRAME_HEADER_SIZE);
	do {
		struct pollfd slot = {.fd = far, .events = POLLOUT};

		if (poll(&slot, 1, 300) == 0)
			break; /* nobody reads any more */
		written = send(far, block, BLOCK, MSG_DONTWAIT | MSG_NOSIGNAL);
		assert_true(written > 0);
		sent += (size_t)written;
		/* The next header begins where this block was cut. */
		written %= FRAME_HEADER_SIZE;
		if (written > 0) {
			write_all(far, ping->bytes + written,
				  FRAME_HEADER_SIZE - (size_t)written);
			sent += FRAME_HEADER_SIZE - (size_t)written;
		}
	} while (sent < ENOUGH);
	assert_true(sent < ENOUGH);
	frame_free(ping);
	close(far);
	lane_close(lane);
	inbox_free(inbox);
}

/* The pages of a large frame are lent to a pipe, so they must not be used for
 * the next before they are read. */
static void read_late(int close_first)
{
	enum { COUNT = 8 };
	const size_t size =
	    FRAME_HEADER_SIZE + CHUNK_HEADER_SIZE + (1 << 20);
	struct inbox *inbox = inbox_create();
	uint8_t *bytes = malloc(COUNT * size);
	int there[2], back[2];
	size_t got = 0, whole = 0;
	struct lane *lane;
	ssize_t count;

	assert_int_equal(pipe2(there, O_CLOEXEC), 0);
	assert_int_equal(pipe2(back, O_CLOEXEC), 0);
	lane = lane_fd_create(inbox, 3, back[0], there[1], 0);
	assert_non_null(lane);
	for (uint64_t i = 0; i < COUNT; i++)
		lane_send(lane, numbered(i, 1 << 20), EPOCH);
	close(back[1]);
	if (close_first)
		lane_close(lane);
	else
		sched_yield();
	/* What is made meanwhile may get the memory of what was sent. */
	while ((count = read(there[0], bytes + got, 4096)) > 0) {
		struct frame *other = frame_create(
		    FRAME_CHUNK, CHUNK_HEADER_SIZE + (1 << 20));

		memset(other->bytes, 0xee, size);
		frame_free(other);
		got += (size_t)count;
		if (got == COUNT * size)
			break;
	}
	for (; (whole + 1) * size <= got; whole++) {
		struct frame *frame;

		assert_int_equal(
		    frame_parse_header(bytes + whole * size, &frame), 1);
		memcpy(frame_body(frame),
		       bytes + whole * size + FRAME_HEADER_SIZE,
		       frame->body_length);
		check_numbered(frame, whole, 1 << 20);
	}
	if (close_first) {
		/* Some of the first, whose bytes are 0, was in the pipe. */
		assert_true(got >= (1 << 19) && got < size);
		for (size_t i = FRAME_HEADER_SIZE + CHUNK_HEADER_SIZE; i < got;
		     i++)
			assert_int_equal(bytes[i], 0);
	} else {
		assert_int_equal(whole, COUNT);
		lane_close(lane);
	}
	close(there[0]);
	free(bytes);
	inbox_free(inbox);
}

static void what_is_lent_stays_as_it_is(void **state)
{
	(void)state;
	read_late(0);
}

static void what_is_lent_outlives_its_lane(void **state)
{
	(void)state;
	read_late(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frames_go_both_ways_over_sockets),
	    cmocka_unit_test(frames_go_both_ways_over_pipes),
	    cmocka_unit_test(one_socket_may_be_two_descriptors),
	    cmocka_unit_test(descriptors_are_left_as_they_were),
	    cmocka_unit_test(a_cut_is_told_at_every_byte),
	    cmocka_unit_test(bytes_may_come_one_by_one),
	    cmocka_unit_test(a_bad_header_is_a_violation),
	    cmocka_unit_test(a_broken_pipe_kills_nobody),
	    cmocka_unit_test(last_words_are_heard),
	    cmocka_unit_test(slow_bytes_are_heard),
	    cmocka_unit_test(a_flood_is_held_back),
	    cmocka_unit_test(what_is_lent_stays_as_it_is),
	    cmocka_unit_test(what_is_lent_outlives_its_lane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
