#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Make ./configure.
set -eu
cd "$(dirname "$0")"
exec autoreconf --force --install --warnings=all
