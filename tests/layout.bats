#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: what README.md and Makefile.am say about the files in the tree is so.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

setup()
{
	cd "$BATS_TEST_DIRNAME/.." || return 1
}

@test "the files that README names are there" {
	local path

	# shellcheck disable=SC2016 # no expansion is meant
	while read -r path; do
		# shellcheck disable=SC2086 # some are patterns
		ls -d $path
	done < <(grep -oE '`(cli|journal|man|tests|transfer)/[^`]*`|\(man/[^)]*\)' \
	    README.md | tr -d '`()')
}

@test "README's table has each folder of sources" {
	# shellcheck disable=SC2016 # no expansion is meant
	run diff <(sed -n '/^| folder/,/^$/s/^| `\([a-z/]*\)`.*/\1/p' README.md |
	    LC_ALL=C sort) \
	    <(printf '%s\n' cli/ journal/ man/ transfer/ tests/ tests/*/ |
	    grep -vx tests/lib/ | LC_ALL=C sort)
	assert_success
}

@test "Makefile.am lists each source once" {
	run diff <(grep -oE '[a-z_/]+\.[ch]\b' Makefile.am | LC_ALL=C sort) \
	    <(for file in cli/*.[ch] journal/*.[ch] transfer/*.[ch] \
		tests/peer/*.c tests/sim/*.c tests/wan/*.c tests/*/*.h; do
		echo "$file"
	    done |
	    while read -r file; do
		    if [ -e .git ]; then git ls-files "$file"; else
			    echo "$file"
		    fi
	    done | LC_ALL=C sort)
	assert_success
}

@test "a release has each script and each seed of a fuzz target" {
	local file

	for file in tests/*/*.sh tests/*/*.bash tests/*/*.p[ly]; do
		grep -qF "	$file \\" Makefile.am || fail "$file"
	done
	while read -r file; do
		[ -n "$(ls -A "tests/fuzz/corpus/${file##*/fuzz_}")" ]
	done < <(grep -oE '\btests/fuzz/fuzz_[a-z]+' Makefile.am)
	for file in tests/*.bats; do
		grep -qF "	$file" Makefile.am || fail "$file"
	done
}

@test "no source is longer than 600 lines" {
	run awk 'FNR == 601 { print FILENAME }' \
	    cli/*.[ch] journal/*.[ch] transfer/*.[ch]
	assert_output ''
}

@test "includes point down only" {
	run grep -nE '#include "(cli|transfer)/' journal/*.[ch]
	assert_output ''
	run grep -nE '#include "cli/' transfer/*.[ch]
	assert_output ''
}

@test "only cli/ prints to the user or exits" {
	run grep -nE '\b(printf|puts|perror|err|errx|warn|warnx|exit|_exit)\(' \
	    journal/*.[ch] transfer/*.[ch]
	assert_output ''
}

@test "every file names its licence" {
	run grep -L 'SPDX-License-Identifier: BSD-2-Clause' Makefile.am \
	    configure.ac autogen.sh check demo \
	    cli/*.[ch] journal/*.[ch] transfer/*.[ch] tests/*/*.[ch] \
	    tests/*.bats tests/lib/* tests/*/*.sh man/*
	assert_output ''
}
