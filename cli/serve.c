/* SPDX-License-Identifier: BSD-2-Clause */
/* How the far end is started. */
#include "cli/serve.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/notice.h"
#include "cli/state.h"
#include "journal/hexadecimal.h"
#include "transfer/transfer.h"

int serve_command(const struct options *options)
{
	uint8_t nonce[16];
	struct state *state;
	int code;

	if (options->nonce == NULL ||
	    hex_bytes(options->nonce, nonce, sizeof(nonce)) != 0 ||
	    options->operand_count > 0) {
		notice_error("ferry serve is started by ferry on the other "
			     "side, with --nonce and 32 digits");
		return help_hint(options);
	}
	/* A lost connection is an error of write, not the end. */
	signal(SIGPIPE, SIG_IGN);
	state = state_open(options->state_dir, STATE_WITHOUT_LEDGER);
	code = agent_run(io_system(), STDIN_FILENO, STDOUT_FILENO, nonce,
			 state_descriptor(state));
	state_close(state);
	return code;
}
