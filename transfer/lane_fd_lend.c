/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a large frame goes into a pipe without being copied: the pipe is lent the
 * frame's own pages (vmsplice(2)), so the frame must stay as it is until its
 * reader has taken all of it.  How much that has is what was written less what
 * FIONREAD says is still there.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "transfer/lane_fd_internal.h"

/* From so many bytes on, pages are cheaper than a copy. */
#define LEND_MIN ((size_t)128 << 10)

/* Free what the reader has taken. */
static void collect(struct lane_fd *lane)
{
	struct lane_fd_loans *loans = &lane->loans;
	int unread = 0;

	if (loans->count == 0 || ioctl(lane->out, FIONREAD, &unread) == -1)
		return;
	while (loans->count > 0 &&
	       loans->ends[loans->first] + (uint64_t)unread <= loans->written) {
		frame_free(loans->frames[loans->first]);
		loans->first = (loans->first + 1) % LANE_FD_LOANS_MAX;
		loans->count--;
	}
}

int lane_fd_lends(struct lane_fd *lane, const struct frame *frame)
{
	if (!lane->out_pipe || lane->loans.refused ||
	    frame->body_length < LEND_MIN)
		return 0;
	collect(lane);
	return lane->loans.count < LANE_FD_LOANS_MAX;
}

ssize_t lane_fd_lend(struct lane_fd *lane, void *bytes, size_t size)
{
#ifdef HAVE_VMSPLICE
	const struct iovec part = {.iov_base = bytes, .iov_len = size};
	ssize_t lent = vmsplice(lane->out, &part, 1, SPLICE_F_NONBLOCK);

	if (lent >= 0 || errno == EAGAIN || errno == EINTR || errno == EPIPE)
		return lent;
#endif
	/* Some sandboxes forbid the call. */
	lane->loans.refused = 1;
	return write(lane->out, bytes, size);
}

void lane_fd_lent(struct lane_fd *lane, struct frame *frame)
{
	struct lane_fd_loans *loans = &lane->loans;
	unsigned last = (loans->first + loans->count) % LANE_FD_LOANS_MAX;

	loans->frames[last] = frame;
	loans->ends[last] = loans->written;
	loans->count++;
}

/* Nobody has the pipe's other end open. */
static int is_abandoned(const struct lane_fd *lane)
{
	struct pollfd slot = {.fd = lane->out, .events = POLLOUT};

	return poll(&slot, 1, 0) == 1 && (slot.revents & POLLERR) != 0;
}

void lane_fd_end_loans(struct lane_fd *lane, uint64_t until)
{
	struct lane_fd_loans *loans = &lane->loans;

	collect(lane);
	while (loans->count > 0 && !is_abandoned(lane) &&
	       lane_fd_clock() < until) {
		lane_fd_pause();
		collect(lane);
	}
	for (; loans->count > 0; loans->count--) {
		struct frame *frame = loans->frames[loans->first];

		if (is_abandoned(lane))
			frame_free(frame);
		else
			frame_forsake(frame);
		loans->first = (loans->first + 1) % LANE_FD_LOANS_MAX;
	}
}
