#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: a manifest says what is in a tree whatever the names are, other
# programs take its other formats, and --check finds every difference and no
# other.

load lib/rig

setup()
{
	work=$BATS_TEST_TMPDIR/work
	mkdir "$work"
	cd "$work" || return 1
	ferry_state_in "$BATS_TEST_TMPDIR/state"
}

teardown()
{
	cd /
	chmod -R u+rwx "$BATS_TEST_TMPDIR" 2>/dev/null || :
}

manifest()
{
	run "$FERRY" manifest "$@"
}

# count FOLDER TEST...: what find finds, whatever it is called.
count()
{
	find "$@" -printf . | wc -c
}

# manifest_field FILE PATH NAME
manifest_field()
{
	jq -er --arg path "$2" --arg name "$3" \
	    'select(.path == $path) | .[$name]' "$1"
}

@test "every line is a JSON object; header, entries in order, trailer" {
	make_tree tree
	"$FERRY" manifest tree >list
	run jq -es 'all(type == "object")' list
	assert_success
	run jq -r '.format, .version, .digest, .leaf_size' <(head -n 1 list)
	assert_output $'ferry-manifest\n1\nxxh128\n1048576'
	assert_equal "$(tail -n 1 list | jq .entries)" \
	    "$(count tree)"
	assert_equal "$(tail -n 1 list | jq .files)" \
	    "$(count tree -type f)"
	assert_equal "$(tail -n 1 list | jq .bytes)" \
	    "$(find tree -type f -printf '%s\n' | jq -s add)"
	assert_equal "$(tail -n 1 list | jq -r .digest)" \
	    "$(head -n -1 list | xxh128sum | cut -c 1-32)"
}

@test "an entry has size, time, mode and digest" {
	make_file small 1000
	chmod 640 small
	touch -d '2001-02-03 04:05:06.123456789 UTC' small
	"$FERRY" manifest small >list
	assert_equal "$(manifest_field list small type)" file
	assert_equal "$(manifest_field list small size)" 1000
	assert_equal "$(manifest_field list small mtime)" 981173106
	assert_equal "$(manifest_field list small mtime_ns)" 123456789
	assert_equal "$(manifest_field list small mode)" 0640
	assert_equal "$(manifest_field list small leaf_size)" 1048576
	assert_equal "$(manifest_field list small digest)" \
	    "$(xxh128sum small | cut -c 1-32)"
}

@test "a large file has the digests of its leaves" {
	make_file large $((3 * MIB + 5))
	"$FERRY" manifest large >list
	run jq -r 'select(.leaves) | .first, .leaves[]' list
	assert_output "$(echo 0
	    for leaf in 0 1 2 3; do
		dd if=large bs="$MIB" skip="$leaf" count=1 status=none |
		    xxh128sum | cut -c 1-32
	    done)"
}

@test "names of any bytes are kept" {
	mkdir tree
	for name in $'new\nline' 'c\d' $'\xff\xfe' 'q"' $'bell\a' 'ünï'; do
		echo "$name" >"tree/$name"
	done
	"$FERRY" manifest tree/ >list
	assert_equal "$(jq -r 'select(.path_hex) | .path_hex' list)" fffe
	run jq -r 'select(.path) | .path' list
	assert_line 'c\d'
	assert_line 'new'
	assert_line 'ünï'
	manifest --check list tree/
	assert_success
}

@test "the rule for a trailing slash is that of a copy" {
	mkdir -p tree/sub
	echo a >tree/sub/a
	run bash -c '"$FERRY" manifest tree | jq -r "select(.type) | .path"'
	assert_output $'tree\ntree/sub\ntree/sub/a'
	run bash -c '"$FERRY" manifest tree/ | jq -r "select(.type) | .path"'
	assert_output $'\nsub\nsub/a'
	run bash -c '"$FERRY" manifest tree/sub | jq -r "select(.type) | .path"'
	assert_output $'sub\nsub/a'
}

@test "several paths make one sorted manifest" {
	mkdir -p one/x two
	echo 1 >one/x/1
	echo 2 >two/y
	echo 3 >three
	run bash -c '"$FERRY" manifest two/ three one/ |
	    jq -r "select(.type) | .path"'
	assert_output $'\nthree\nx\nx/1\ny'
	mkdir one/two
	manifest two one/two
	assert_failure 23
	assert_output --partial 'another source has the same name'
}

@test "what is no file, folder or link, and .ferry, is left out" {
	mkdir -p tree/.ferry
	mkfifo tree/pipe
	echo a >tree/a
	run bash -c '"$FERRY" manifest tree/ | jq -r "select(.type) | .path"'
	assert_output $'\na'
}

@test "sha256sum and xxh128sum take their formats" {
	local format

	make_tree tree
	for format in sha256sum xxh128sum; do
		"$FERRY" manifest --format="$format" tree tree/size-1 >sums
		assert_equal "$(grep -c . sums)" \
		    "$(($(count tree -type f) + 1))"
		# xxhsum before 0.8.2 has no way to name a file with a newline.
		[ "$format" = sha256sum ] || sed -i '/^\\/d' sums
		run "$format" --strict --check sums
		assert_success
		refute_output --partial FAILED
	done
}

@test "the formats of others are the bytes that they print" {
	make_tree tree
	"$FERRY" manifest --format=sha256sum tree | LC_ALL=C sort >ours
	find tree -type f -print0 | xargs -0 sha256sum | LC_ALL=C sort >theirs
	run diff ours theirs
	assert_success
	rm tree/deep/$'new\nline'
	"$FERRY" manifest --format=xxh128sum tree/ | LC_ALL=C sort >ours
	find tree/ -type f -print0 | xargs -0 xxh128sum | LC_ALL=C sort >theirs
	run diff ours theirs
	assert_success
}

@test "--check of an unchanged tree" {
	make_tree tree
	"$FERRY" manifest tree >list
	manifest --check list tree
	assert_success
	assert_output --partial 'no difference'
	manifest -q --check list tree
	assert_success
	assert_output ''
	run bash -c '"$FERRY" manifest -q --check - tree <list'
	assert_success
}

@test "--check says what is missing, extra, or differs, and where" {
	make_tree tree
	"$FERRY" manifest tree >list
	flip_byte tree/size-3145735 $((2 * MIB))
	flip_byte tree/size-3145735 0
	flip_byte tree/deep/er/est/file $((MIB - 1))
	truncate -s 5 tree/deep/er/9
	rm tree/deep/er/8
	echo new >tree/deep/er/8a
	ln -sfn elsewhere tree/deep/link
	rm tree/dangling
	mkdir tree/dangling
	chmod 600 tree/size-1
	manifest -q --check list tree
	assert_failure 65
	assert_equal "${#lines[@]}" 7
	assert_line 'ferry: tree/size-3145735: differs at MiB 0, 2'
	assert_line 'ferry: tree/deep/er/est/file: differs at MiB 0'
	assert_line --partial 'tree/deep/er/9: differs in size (9 bytes in list, 5 in tree), at MiB 0'
	assert_line 'ferry: tree/deep/er/8: missing in tree'
	assert_line 'ferry: tree/deep/er/8a: only in tree'
	assert_line 'ferry: tree/deep/link: leads to ../size-1 in list, to elsewhere in tree'
	assert_line 'ferry: tree/dangling: is a symbolic link in list, a folder in tree'
}

@test "--check --json" {
	make_file file $((4 * MIB))
	"$FERRY" manifest file >list
	flip_byte file $((MIB + 1))
	flip_byte file $((2 * MIB + 1))
	run --separate-stderr "$FERRY" manifest --json --check list file
	assert_failure 65
	assert_equal "$(jq -c 'select(.event == "difference") | [.path, .kind, .mib]' \
	    <<<"$output")" '["file","content",[[1,2]]]'
	assert_equal "$(tail -n 1 <<<"$output" | jq -r '.event, .status')" \
	    $'done\ndiffers'
}

@test "a damaged, cut or foreign manifest is refused before anything is said" {
	mkdir tree
	echo a >tree/a
	"$FERRY" manifest tree >list
	sed 's/"size":2/"size":3/' list >damaged
	manifest --check damaged tree
	assert_failure 11
	assert_output 'ferry: damaged: line 4: the lines before are not what the digest says'
	head -n -1 list >shorter
	manifest --check shorter tree
	assert_failure 11
	assert_output --partial 'cut off'
	echo '0123  a' >foreign
	manifest --check foreign tree
	assert_failure 11
	assert_output --partial 'line 1: is no JSON object'
	manifest --check nothing tree
	assert_failure 11
	assert_output 'ferry: nothing: No such file or directory'
}

@test "what cannot be read is named, and the rest is there" {
	plain_is_possible || skip 'root cannot give its permissions up here'
	mkdir -p tree/shut
	echo a >tree/a
	echo b >tree/b
	echo c >tree/shut/c
	"$FERRY" manifest tree >before
	chmod 0 tree/a tree/shut
	run --separate-stderr "${PLAIN[@]}" "$FERRY" manifest tree
	assert_failure 23
	assert_equal "$(jq -r 'select(.error) | .path' <<<"$output")" \
	    $'tree/a\ntree/shut'
	assert_equal "$(tail -n 1 <<<"$output" | jq .errors)" 2
	# shellcheck disable=SC2154 # run sets it
	assert_regex "$stderr" 'tree/a: cannot open: Permission denied'
	# Nothing is said of what is in a folder that cannot be opened.
	run "${PLAIN[@]}" "$FERRY" manifest -q --check before tree
	assert_failure 23
	refute_output --partial tree/shut/c
	run "${PLAIN[@]}" "$FERRY" manifest --format=sha256sum tree
	assert_failure 23
	assert_output --partial '  tree/b'
}

@test "usage errors" {
	manifest
	assert_failure 1
	manifest --format=md5sum .
	assert_failure 1
	assert_output --partial 'ferry, xxh128sum, sha256sum'
	manifest host:path
	assert_failure 1
	assert_output --partial 'on another machine'
	manifest --format=sha256sum --check file .
	assert_failure 1
	manifest nothing
	assert_failure 23
	assert_output 'ferry: nothing: No such file or directory'
}

@test "a full standard output is an error" {
	echo a >a
	run bash -c '"$FERRY" manifest a >/dev/full'
	assert_failure 11
	run bash -c '"$FERRY" manifest --format=sha256sum a >/dev/full'
	assert_failure 11
}
