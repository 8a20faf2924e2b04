# SPDX-License-Identifier: BSD-2-Clause
#
# relay.pl DIR PORT: listen on loopback and pass what comes on to PORT.  DIR/port
# gets the port that it listens on; DIR/all a line for each connection; DIR/up
# and DIR/down one for each that ended, with the bytes that went that way.
#
# While there is DIR/slow, each connection and way has 8 KiB in 20 ms.
# While there is DIR/mute, what comes down after the first 1000 bytes of a
# connection is held back: of SSH that is the answer in the key exchange.
# Where there is DIR/narrow at the beginning, little is taken at a time.
use strict;
use warnings;
use IO::Socket::INET;
use Socket qw(SO_RCVBUF);

my ($dir, $port) = @ARGV;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16)
    or die "listen: $!";
$listener->sockopt(SO_RCVBUF, 4096) if -e "$dir/narrow";

sub note {
	my ($name, $text) = @_;

	open(my $file, '>>', "$dir/$name") or die "$name: $!";
	syswrite($file, "$text\n");
}

# Copy one way until its end, and tell the other side of it.
sub pass {
	my ($from, $to, $name) = @_;
	my ($bytes, $total) = ('', 0);

	COPY: while (my $count =
	    sysread($from, $bytes, -e "$dir/slow" ? 1 << 13 : 1 << 18)) {
		select(undef, undef, undef, 0.02) if -e "$dir/slow";
		select(undef, undef, undef, 0.02)
		    while $name eq 'down' && $total >= 1000 && -e "$dir/mute";
		my $done = 0;
		while ($done < $count) {
			my $written =
			    syswrite($to, $bytes, $count - $done, $done);
			last COPY unless $written;
			$done += $written;
		}
		$total += $count;
	}
	shutdown($to, 1);
	shutdown($from, 0);
	note($name, $total);
}

$SIG{CHLD} = $SIG{PIPE} = 'IGNORE';
note('port.new', $listener->sockport);
rename("$dir/port.new", "$dir/port");
while (1) {
	my $near = $listener->accept or next;
	my $far = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or next;

	note('all', 1);
	for my $way ([$near, $far, 'up'], [$far, $near, 'down']) {
		next if fork;
		close($listener);
		pass(@$way);
		exit;
	}
}
