#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What takes hours: 1,000,000 seeds of the simulator, then kill -9 of each side
# of a push and of a pull, 500 times a side, then 100 runs with new keys all the
# time, then 300 kills over SFTP, then 100,000 flips of a folder and a link
# under serve --root.  "make soak" calls it; by hand:
#
#	FERRY=/path/to/ferry SIM=/path/to/sim tests/soak/soak.sh
#
# FERRY_SOAK_SEEDS, FERRY_SOAK_KILLS, FERRY_SOAK_REKEYS, FERRY_SOAK_SFTP_KILLS
# and FERRY_SOAK_FLIPS are the numbers.  The first failure ends it, with what is
# needed to see it again.
set -euo pipefail

tests=$(cd "$(dirname "$0")/.." && pwd)
seeds=${FERRY_SOAK_SEEDS:-1000000}
kills=${FERRY_SOAK_KILLS:-500}
rekeys=${FERRY_SOAK_REKEYS:-100}
sftp_kills=${FERRY_SOAK_SFTP_KILLS:-300}
flips=${FERRY_SOAK_FLIPS:-100000}

echo "simulator: seeds 1 to $seeds"
"$SIM" --seeds "1..$seeds"

# kill.bats has six tests and shares its kills out among them: two tests for
# the client, two for the agent, two for both.
echo "kill -9: $kills times the client, the agent, and both"
FERRY_KILLS=$((3 * kills)) bats "$tests/kill.bats"

# Each run is a push and a pull with each transport.
echo "RekeyLimit 256K: $rekeys runs"
FERRY_REKEYS=$rekeys bats -f 'new keys' "$tests/lanes.bats"

echo "kill -9 over SFTP: $sftp_kills times"
FERRY_SFTP_KILLS=$sftp_kills bats -f 'kill -9' "$tests/servers.bats"

echo "serve --root: $flips flips of a folder and a link"
FERRY_FLIPS=$flips bats -f 'swapped' "$tests/root.bats"
