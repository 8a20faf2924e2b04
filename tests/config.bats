#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Goal: what "ssh HOST" reaches by its configuration, ferry reaches in the same
# way, and asks where ssh would ask.
#
# shellcheck disable=SC2030,SC2031,SC2154 # the rig sets these

load lib/rig

setup()
{
	rig_setup
	# Nothing of whoever runs this.
	export HOME=$BATS_TEST_TMPDIR/home
	unset DISPLAY WAYLAND_DISPLAY SSH_ASKPASS SSH_ASKPASS_REQUIRE
	mkdir -p "$HOME"
	config=$BATS_TEST_TMPDIR/config
	programs=
	there=alias:$work/there
	echo content >source
}

teardown()
{
	rig_teardown
	[ -z "${jump_pid-}" ] || kill "$jump_pid" 2>/dev/null || :
	[ -z "${agent_pid-}" ] || kill "$agent_pid" 2>/dev/null || :
}

# configure LINE...: ssh_config, and behind it what reaches the rig.
configure()
{
	{
		printf '%s\n' "$@" 'Host alias'
		printf '\t%s\n' "HostName $HOST" "Port $SSHD_PORT" \
		    "IdentityFile $SSHD_KEY" \
		    "UserKnownHostsFile $SSHD_KNOWN_HOSTS"
	} >"$config"
}

# bare ARGUMENT...: without a terminal.
bare()
{
	run --separate-stderr env "PATH=${programs:-$PATH}" setsid -w "$FERRY" \
	    -F "$config" "$@" </dev/null
}

# arrives ARGUMENT...
arrives()
{
	rm -f there
	bare "$@" source "$there"
	[ "$status" -eq 0 ] || fail "$stderr"
	cmp source there
}

# in_one_line CODE PATTERN: ferry failed so, with one line that is like it.
in_one_line()
{
	assert_failure "$1"
	# shellcheck disable=SC2053 # it is a pattern
	[[ $stderr == $2 && ${#stderr_lines[@]} -eq 1 ]] || fail "$stderr"
}

# without_ssh: a PATH that has all that is needed, but no ssh.
without_ssh()
{
	local program

	mkdir "$BATS_TEST_TMPDIR/path"
	for program in sh setsid; do
		ln -s "$(command -v "$program")" "$BATS_TEST_TMPDIR/path/"
	done
	programs=$BATS_TEST_TMPDIR/path
}

# ---- what ssh -G says -------------------------------------------------------

@test "an alias, over each transport, and what -o, -l and -4 say first" {
	configure
	for transport in auto ssh; do
		arrives --transport "$transport"
	done
	arrives -4 -l "$(id -un)" -o Compression=yes
	arrives --transport libssh2 -vv -o Ciphers=aes256-ctr
	[[ $stderr == *', aes256-ctr, '* ]] || fail "$stderr"
	bare -l nobody-of-that-name source "$there"
	in_one_line 255 "ferry: alias: log-in as nobody-of-that-name is refused*"
	bare -o Port=1 source "$there"
	in_one_line 255 "ferry: alias: port 1: Connection refused;*"
	bare -6 source "$there"
	in_one_line 255 "ferry: alias: no address of that name: *"
}

@test "Include and Match exec" {
	configure
	mv "$config" included
	printf '%s\n' "Include $PWD/included" 'Match exec "test %n = other"' \
	    "HostName $HOST" "Port $SSHD_PORT" "IdentityFile $SSHD_KEY" \
	    "UserKnownHostsFile $SSHD_KNOWN_HOSTS" >"$config"
	arrives
	there=other:$work/there
	arrives
	there=third:$work/there
	bare -o HostName=nowhere.invalid source "$there"
	in_one_line 255 "ferry: third: no address of that name: *"
}

@test "a configuration that ssh refuses is told in its own words" {
	echo Nonsense yes >"$config"
	bare source "$there"
	in_one_line 255 "ferry: alias: ssh -G: *Bad configuration option:\
 nonsense*"
	rm "$config"
	bare source "$there"
	in_one_line 1 "ferry: alias: ssh -G: Can't open user config file\
 $config*"
	configure 'Match exec "sleep 30"'
	bare --contimeout 500ms source "$there"
	in_one_line 35 'ferry: alias: ssh -G does not end; look for a Match*'
	assert_not_exists there
}

@test "HostKeyAlias, and names of known_hosts files" {
	configure
	sed "s/^[^ ]*/the-machine/" "$SSHD_KNOWN_HOSTS" >named
	arrives -o HostKeyAlias=the-machine -o "UserKnownHostsFile=$PWD/named"
	bare -o HostKeyAlias=another -o "UserKnownHostsFile=$PWD/named" \
	    source "$there"
	in_one_line 255 'ferry: alias: the host key is not known *'
	# One with a space.
	cp "$SSHD_KNOWN_HOSTS" 'known hosts'
	arrives -o "UserKnownHostsFile=/none \"$PWD/known hosts\""
}

# ---- proxies ----------------------------------------------------------------

# another_sshd: besides the rig's; "jump" is its folder, "gate" its port.
another_sshd()
{
	jump=$BATS_TEST_TMPDIR/jump
	(
		sshd_make "$jump"
		cp "$1" "$jump/authorized_keys"
		sshd_start
		echo "$SSHD_PORT $SSHD_PID" >"$jump/started"
	)
	read -r gate jump_pid <"$jump/started"
}

logins()
{
	grep -c 'Accepted publickey' "$1/log" || :
}

@test "a jump host, over each transport" {
	local logins=0

	another_sshd "$SSHD_KEY.pub"
	configure 'Host jump' "	HostName $HOST" "	Port $gate" \
	    "	IdentityFile $SSHD_KEY" \
	    "	UserKnownHostsFile $jump/known_hosts" 'Host alias' \
	    '	ProxyJump jump'
	for transport in libssh2 ssh; do
		arrives --transport "$transport"
		logins=$((logins + 1))
		assert_equal "$(logins "$jump")" "$logins"
		assert_equal "$(logins "$SSHD_DIR")" "$logins"
	done
	arrives -J "jump,$(id -un)@jump:$gate"
	assert_equal "$(logins "$jump")" $((logins + 2))
	assert_equal "$(pgrep -af -- "-W .*$SSHD_PORT" || :)" ''
	# And one that is not reached.
	rm there
	bare -J nowhere.invalid source "$there"
	in_one_line 255 'ferry: alias: SSH key exchange: the proxy ended (*nowhere.invalid*): *'
	assert_not_exists there
}

@test "ProxyCommand, over each transport, and what it says" {
	configure
	cat >proxy <<-'END'
		use IO::Socket::INET;
		my $to = IO::Socket::INET->new("$ARGV[0]:$ARGV[1]") or die;
		if (fork) {
			while (sysread(STDIN, my $b, 65536)) { syswrite($to, $b) }
			shutdown($to, 1);
		} else {
			while (sysread($to, my $b, 65536)) { syswrite(STDOUT, $b) }
		}
	END
	for transport in libssh2 ssh; do
		arrives --transport "$transport" \
		    -o "ProxyCommand=perl $PWD/proxy %h %p"
	done
	bare -o 'ProxyCommand=echo no such way >&2; exit 3' source "$there"
	in_one_line 255 '*the proxy ended (no such way): *'
}

# ---- no ssh -----------------------------------------------------------------

@test "without an ssh program, a plain reading" {
	configure 'Host *.else !a.else' '	Port 1' 'Host alias' \
	    '	Compression yes' 'Match user somebody' '	Port 2'
	without_ssh
	arrives -v
	[[ $stderr == *"$config line 4: Compression is not read"* &&
	    $stderr == *"$config line 5: Match is not read"* ]] ||
	    fail "$stderr"
	arrives -o User="$(id -un)"
	bare -o Compression=yes source "$there"
	in_one_line 1 'ferry: -o Compression=yes: ferry does not know this *'
	# shellcheck disable=SC2016 # nor must another shell see it
	bare -o ProxyCommand='true %n' source '$(>evil):there'
	in_one_line 255 '*characters that a shell would act on*'
	assert_not_exists evil
	bare -J jump source "$there"
	in_one_line 255 'ferry: alias: ProxyJump jump needs an ssh program*'
}

# ---- keys -------------------------------------------------------------------

start_agent()
{
	eval "$(ssh-agent -s -a "$BATS_TEST_TMPDIR/agent" 3>&-)" >/dev/null
	agent_pid=$SSH_AGENT_PID
}

@test "an agent with many keys, and MaxAuthTries 2" {
	local number

	sshd_remove
	rm -rf "$BATS_TEST_TMPDIR/sshd"
	sshd_make "$BATS_TEST_TMPDIR/sshd" 'MaxAuthTries 2'
	sshd_start
	configure
	start_agent
	for number in 1 2 3; do
		ssh-keygen -q -t ed25519 -N '' -f "key$number"
		ssh-add -q "key$number" 2>/dev/null
	done
	ssh-add -q "$SSHD_KEY" 2>/dev/null
	# The right one is known by its public half alone.
	mkdir public
	cp "$SSHD_KEY.pub" public/key.pub
	sed -i "s,IdentityFile.*,IdentityFile $PWD/public/key," "$config"
	arrives
	arrives -o IdentitiesOnly=yes
	sed -i "/IdentityFile/d" "$config"
	bare source "$there"
	in_one_line 255 '*ended the log-in after it refused agent key*-i'
	number=$SSH_AUTH_SOCK
	SSH_AUTH_SOCK=/none
	arrives -i public/key -o "IdentityAgent=$number"
}

@test "a certificate goes over ssh, and libssh2 says that it cannot" {
	configure
	ssh-keygen -q -t ed25519 -N '' -f authority
	ssh-keygen -q -t ed25519 -N '' -f certified
	ssh-keygen -q -s authority -I me -n "$(id -un)" certified.pub
	sed 's/^/cert-authority /' authority.pub >"$SSHD_DIR/authorized_keys"
	sed -i "s,IdentityFile.*,IdentityFile $PWD/certified," "$config"
	arrives -v
	[[ $stderr == *'libssh2 cannot use certificates; over ssh'* ]] ||
	    fail "$stderr"
	bare --transport=libssh2 source "$there"
	in_one_line 255 '*log-in*refused*libssh2 cannot use certificates*'
	arrives -v -o "CertificateFile=$PWD/certified-cert.pub"
	[[ $stderr == *'alias: libssh2 cannot use certificatefile; over ssh'* ]] ||
	    fail "$stderr"
}

@test "a host that an authority vouches for goes over ssh" {
	configure
	ssh-keygen -q -t ed25519 -N '' -f authority
	ssh-keygen -q -s authority -I host -h -n "$HOST" "$SSHD_DIR/host_key.pub"
	echo "HostCertificate $SSHD_DIR/host_key-cert.pub" \
	    >>"$SSHD_DIR/sshd_config"
	sshd_restart
	printf '@cert-authority * %s\n' "$(cat authority.pub)" \
	    >"$SSHD_KNOWN_HOSTS"
	arrives -v
	[[ $stderr == *'libssh2 cannot use @cert-authority; over ssh'* ]] ||
	    fail "$stderr"
	bare --transport=libssh2 source "$there"
	in_one_line 255 "*$SSHD_KNOWN_HOSTS line 1 has a certificate authority*"
}

@test "an RSA key gets in" {
	configure
	ssh-keygen -q -t rsa -b 2048 -N '' -f rsa
	cp rsa.pub "$SSHD_DIR/authorized_keys"
	sed -i "s,IdentityFile.*,IdentityFile $PWD/rsa," "$config"
	arrives
}

# ---- asking -----------------------------------------------------------------

@test "SSH_ASKPASS asks where there is no terminal, as ssh has it" {
	configure
	ssh-keygen -q -p -a 1 -N 'open sesame' -f "$SSHD_KEY" >/dev/null
	# shellcheck disable=SC2016 # for that shell
	printf '#!/bin/sh\necho "$1" >>"%s/asked"\necho "open sesame"\n' \
	    "$PWD" >askpass
	chmod 755 askpass
	export SSH_ASKPASS=$PWD/askpass
	bare source "$there"
	in_one_line 255 '*log-in*refused*SSH_ASKPASS*'
	assert_not_exists asked
	DISPLAY=:9 SSH_ASKPASS_REQUIRE=never bare source "$there"
	assert_failure 255
	DISPLAY=:9 arrives
	WAYLAND_DISPLAY=w arrives
	SSH_ASKPASS_REQUIRE=force arrives
	assert_equal "$(wc -l <asked)" 3
	assert_equal "$(head -n 1 asked)" \
	    "($(id -un)@alias) Passphrase of $SSHD_KEY: "
	printf '#!/bin/sh\necho yes\n' >askpass
	rm there
	SSH_ASKPASS_REQUIRE=force bare -o UserKnownHostsFile=/dev/null \
	    -o BatchMode=yes source "$there"
	in_one_line 255 '*the host key is not known*'
}

# A code that counts once, by HMAC and a counter.
@test "a second factor is asked for once, and more lanes are channels" {
	local module

	[ "$(id -u)" -eq 0 ] || skip 'not root'
	unshare -m true 2>/dev/null || skip 'no mount namespaces'
	module=$(find /lib /usr/lib -name pam_oath.so -print -quit)
	[ -n "$module" ] || skip 'libpam-oath is missing'
	command -v oathtool >/dev/null || skip 'oathtool is missing'
	sshd_remove
	rm -rf "$BATS_TEST_TMPDIR/sshd"
	sshd_make "$BATS_TEST_TMPDIR/sshd" 'UsePAM yes' \
	    'KbdInteractiveAuthentication yes' \
	    'AuthenticationMethods publickey,keyboard-interactive'
	printf 'HOTP %s - 00112233\n' "$(id -un)" >users
	chmod 600 users
	printf '%s\n' "auth required $module usersfile=$PWD/users window=5" \
	    'account required pam_permit.so' \
	    'session required pam_permit.so' >pam
	# shellcheck disable=SC2016,SC2034 # for that shell; for sshd_start
	SSHD_PREFIX=(unshare -m sh -c
	    'mount --bind "$0" /etc/pam.d/sshd && exec "$@"' "$PWD/pam")
	[ -e /etc/pam.d/sshd ] || skip 'sshd without PAM'
	sshd_start
	configure
	# shellcheck disable=SC2016 # for that shell
	printf '#!/bin/sh\necho "$1" >>"%s/asked"\necho %s\n' "$PWD" \
	    "$(oathtool 00112233)" >askpass
	chmod 755 askpass
	make_file source $((12 * MIB))
	SSH_ASKPASS=$PWD/askpass SSH_ASKPASS_REQUIRE=force \
	    arrives --json --lanes 3
	printf '%s\n' "$output" >events
	assert_done events lanes 3
	assert_done events transport libssh2
	assert_equal "$(wc -l <asked)" 1
	assert_equal "$(grep -c 'Accepted keyboard' "$SSHD_DIR/log")" 1
}
