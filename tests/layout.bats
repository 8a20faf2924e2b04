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

# The files that are somebody's to find: a header goes with its .c.  In a
# checkout those of git, so that somebody's scratch file is no failure.
tree_files()
{
	local file

	if [ -e .git ] && command -v git >/dev/null; then
		git ls-files
	else
		find . -type f | sed 's|^\./||' |
		    grep -v -e '^build' -e '^autom4te.cache/'
	fi | grep -E '^(cli|journal|man|tests|transfer)/' |
	    grep -Ev '^tests/fuzz/corpus/|\.(o|log|trs)$|\.dirstamp$' |
	    while read -r file; do
		    [ -e "$file" ] || continue
		    [[ $file == *.h && -e ${file%.h}.c ]] || echo "$file"
	    done | LC_ALL=C sort
}

table_files()
{
	sed -n 's/^| `\([^`]*\)` |.*/\1/p' README.md
}

@test "README has one line for each file, in order" {
	run diff <(table_files | grep /) <(tree_files)
	assert_success
}

@test "README's lines all say something" {
	run grep -E '^\| `[^`]*` \| *\|$' README.md
	assert_failure
}

@test "Makefile.am lists each source once" {
	run diff <(grep -oE '[a-z_/]+\.[ch]\b' Makefile.am | LC_ALL=C sort) \
	    <(for file in cli/*.[ch] journal/*.[ch] transfer/*.[ch] \
		tests/sim/*.[ch]; do echo "$file"; done |
	    while read -r file; do
		    if [ -e .git ]; then git ls-files "$file"; else
			    echo "$file"
		    fi
	    done | LC_ALL=C sort)
	assert_success
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
