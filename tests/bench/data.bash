# shellcheck shell=bash disable=SC2034,SC2154 # of the others
# SPDX-License-Identifier: BSD-2-Clause
#
# What is copied.  $shrink divides sizes and counts.

# size_of MIB: in bytes.
size_of()
{
	echo $(($1 * MIB / shrink))
}

# size_name BYTES
size_name()
{
	if [ $(($1 % (1024 * MIB))) -eq 0 ]; then
		echo "$(($1 / (1024 * MIB))) GiB"
	else
		echo "$(($1 / MIB)) MiB"
	fi
}

# count_name COUNT: with commas.
count_name()
{
	sed -e ':again' -e 's/^\([0-9][0-9]*\)\([0-9]\{3\}\)/\1,\2/;t again' <<<"$1"
}

# make_small DIR COUNT [MEDIAN]: sizes log-normal around MEDIAN (4 KiB, which
# makes 10,000 bytes on average), 100 files to a folder, from one seed.
make_small()
{
	perl -e '
	use strict;
	my ($dir, $count, $median) = @ARGV;
	open(my $random, "<", "/dev/urandom") or die;
	srand(1);
	for my $i (0 .. $count - 1) {
		my $folder = sprintf("%s/%03d", $dir, int($i / 100));
		mkdir($dir);
		mkdir($folder) if $i % 100 == 0;
		my $normal = sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand());
		my $size = int($median * exp(1.336 * $normal));
		read($random, my $bytes, $size);
		open(my $file, ">", sprintf("%s/%05d", $folder, $i)) or die;
		print $file $bytes;
		close($file) or die;
	}' "$1" "$2" "${3:-4096}"
}

# make_log PATH BYTES: lines as a web server writes them: a clock that goes on,
# some addresses and paths that come often and many that come seldom, sizes,
# times and numbers that never come again.
make_log()
{
	perl -e '
	use strict;
	my ($path, $size) = @ARGV;
	srand(1);
	open(my $log, ">", $path) or die;
	my @agents = map { "Mozilla/5.0 (X11; Linux x86_64; rv:$_.0) " .
	    "Gecko/20100101 Firefox/$_.0" } 90 .. 130;
	my @words = map { join("", map { chr(97 + int(rand(26))) }
	    1 .. 3 + int(rand(8))) } 1 .. 400;
	my ($time, $sum, $lines) = (1700000000, 0, "");
	while ($sum < $size) {
		$time += rand() < 0.02 ? 1 : 0;
		my @at = gmtime($time);
		my $word = $words[400 * rand() ** 3];
		$lines .= sprintf("10.%d.%d.%d - - [%02d/%02d/%d:%02d:%02d:%02d " .
		    "+0000] \"%s /%s/%s/%d HTTP/1.1\" %d %d %.3f %08x \"%s\"\n",
		    8 * rand() ** 3, 256 * rand() ** 2, 256 * rand() ** 2,
		    $at[3], $at[4] + 1, $at[5] + 1900, @at[2, 1, 0],
		    rand() < 0.8 ? "GET" : "POST", $word,
		    $words[400 * rand() ** 3], 5000 * rand() ** 4,
		    rand() < 0.9 ? 200 : 404, 20000 * rand() ** 3,
		    rand() ** 5, int(rand(2 ** 32)), $agents[41 * rand() ** 3]);
		next if length($lines) < 65536;
		$lines = substr($lines, 0, $size - $sum);
		$sum += length($lines);
		print $log $lines;
		$lines = "";
	}
	close($log) or die;' "$1" "$2"
}
