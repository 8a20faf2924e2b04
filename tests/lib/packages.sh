# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Install what is missing, by Debian package names.  Nothing is asked of the
# network when nothing is missing.

# shellcheck disable=SC2034 # for those who source this file
packages_build=(
	autoconf
	automake
	gcc
	libc6-dev
	libjansson-dev
	libssh2-1-dev
	libssl-dev
	libxxhash-dev
	libzstd-dev
	make
	openssh-client
	openssh-server
	openssh-sftp-server
	pkg-config
)

# shellcheck disable=SC2034
packages_check=(
	bats
	bats-assert
	bats-file
	bats-support
	busybox
	clang
	csh
	dropbear-bin
	fish
	git
	jq
	libclang-rt-dev
	libcmocka-dev
	libpam-oath
	llvm
	mandoc
	oathtool
	procps
	python3-asyncssh
	python3-paramiko
	rsync
	shellcheck
	tcsh
	time
	util-linux
	xxhash
	xz-utils
	zsh
)

# What "make bench" measures with, and what it needs for its lines.
# shellcheck disable=SC2034
packages_bench=(
	jq
	openssh-client
	openssh-server
	perl
	procps
	rsync
	time
)

# shellcheck disable=SC2034
packages_wan=(
	iperf3
	util-linux
)

packages_as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo -- "$@"
	fi
}

packages_is_installed()
{
	dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null |
	    grep -qx installed
}

# Some packages start a service when they are installed (sshd does, on port
# 22).  The tests want the program alone: nothing is started, and sshd's
# service is left disabled if it was not there before.
packages_without_services()
{
	local policy=/usr/sbin/policy-rc.d made=0 result=0 had_sshd=0

	packages_is_installed openssh-server && had_sshd=1
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' |
		    packages_as_root tee "$policy" >/dev/null
		packages_as_root chmod 755 "$policy"
		made=1
	fi
	packages_as_root env DEBIAN_FRONTEND=noninteractive "$@" || result=$?
	[ "$made" -eq 0 ] || packages_as_root rm -f "$policy"
	if [ "$had_sshd" -eq 0 ] && packages_is_installed openssh-server &&
	    command -v systemctl >/dev/null; then
		packages_as_root systemctl disable ssh.service \
		    >/dev/null 2>&1 || :
	fi
	return "$result"
}

# packages_install NAME...: messages go to stderr.
packages_install()
{
	local name missing=()

	if ! command -v dpkg-query >/dev/null; then
		echo "not a Debian system: install these by hand: $*" >&2
		return 0
	fi
	for name in "$@"; do
		packages_is_installed "$name" || missing+=("$name")
	done
	[ "${#missing[@]}" -gt 0 ] || return 0
	if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
		echo "missing, and there is no sudo: ${missing[*]}" >&2
		return 1
	fi
	echo "installing ${missing[*]}" >&2
	if ! packages_without_services apt-get -qq install -y \
	    --no-install-recommends "${missing[@]}" >&2; then
		packages_as_root apt-get -qq update >&2 &&
		    packages_without_services apt-get -qq install -y \
			--no-install-recommends "${missing[@]}" >&2
	fi
}
