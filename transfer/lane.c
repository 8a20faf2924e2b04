/* SPDX-License-Identifier: BSD-2-Clause */
/* What all lanes have in common, whatever carries them. */
#include "transfer/lane.h"

void lane_send(struct lane *lane, struct frame *frame, uint32_t epoch)
{
	frame->epoch = epoch;
	frame_seal(frame);
	lane->operations->send(lane, frame);
}

void lane_close(struct lane *lane)
{
	if (lane != NULL)
		lane->operations->close(lane);
}
