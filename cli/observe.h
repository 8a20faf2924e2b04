/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_CLI_OBSERVE_H
#define FERRY_CLI_OBSERVE_H

#include <stdint.h>

#include "cli/connect.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/state.h"
#include "transfer/transfer.h"

struct far_sums;

/* What a person, or a program with --json, learns while a transfer runs. */
struct observe {
	const struct options *options;
	struct json_output *json;  /* NULL: not wanted */
	struct progress *progress; /* may be NULL */
	struct state_claim *claim; /* NULL: no state */
	uint64_t begun;            /* monotonic nanoseconds */
	uint64_t deadline;         /* UINT64_MAX: none */
	uint64_t json_drawn;       /* when the last "progress" was put out */
	int relayed; /* no journal here says how far it has come, but the claim
		      */
	uint64_t noted; /* when it last did */
	int had_session;
	uint64_t errors; /* failures that the user was told of */
	uint64_t vanished;

	struct far_sums *sums; /* proves what goes over SFTP; NULL: nothing
				  does.  Set by the caller */
	const struct connection *connection; /* NULL before observe_lanes */
	unsigned up;                         /* further lanes, now, */
	unsigned bulk_up;                    /* and those for chunks alone */
	unsigned lanes;        /* that carried chunks, at most at a time */
	const char *transport; /* what carried most, as connect_kind; or
				  NULL: nothing was connected */
};

/* Begin; options, json and claim stay the caller's. */
void observe_begin(struct observe *, const struct options *,
		   struct json_output *, struct state_claim *);
/* The transfer that begins has its lanes from there. */
void observe_lanes(struct observe *, const struct connection *);
/* 1 if somebody sees how much there is in all. */
int observe_wants_count(const struct observe *);
/* For transfer_request; valid as long as the struct. */
struct transfer_observer observe_observer(struct observe *);
/* Take the bar away.  Nanoseconds since the beginning. */
uint64_t observe_end(struct observe *);

/* The exit code for which all must end in order, or 0. */
int observe_stop(const struct observe *);

#endif
