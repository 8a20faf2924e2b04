#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What takes hours: 1,000,000 seeds of the simulator, then kill -9 of each side
# of a push and of a pull, 500 times a side.  "make soak" calls it; by hand:
#
#	FERRY=/path/to/ferry SIM=/path/to/sim tests/soak/soak.sh
#
# FERRY_SOAK_SEEDS and FERRY_SOAK_KILLS are the numbers.  The first failure
# ends it, with what is needed to see it again.
set -euo pipefail

tests=$(cd "$(dirname "$0")/.." && pwd)
seeds=${FERRY_SOAK_SEEDS:-1000000}
kills=${FERRY_SOAK_KILLS:-500}

echo "simulator: seeds 1 to $seeds"
"$SIM" --seeds "1..$seeds"

# kill.bats has six tests and shares its kills out among them: two tests for
# the client, two for the agent, two for both.
echo "kill -9: $kills times the client, the agent, and both"
FERRY_KILLS=$((3 * kills)) bats "$tests/kill.bats"
