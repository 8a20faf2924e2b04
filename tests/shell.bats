#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
