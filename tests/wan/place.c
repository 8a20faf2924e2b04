/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a network namespace and its TUN device are made. */
#include "tests/wan/place.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define DEVICE "wan"

/* Packets between the kernel and us: more than ever come before we read, so
 * that a queue's limit is ours alone. */
#define DEVICE_QUEUE 20000

static struct ifreq request_for(const char *device)
{
	struct ifreq request;

	memset(&request, 0, sizeof(request));
	strncpy(request.ifr_name, device, sizeof(request.ifr_name) - 1);
	return request;
}

static int open_tun(void)
{
	struct ifreq request = request_for(DEVICE);
	int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (tun == -1)
		return -1;
	request.ifr_flags = IFF_TUN | IFF_NO_PI;
	if (ioctl(tun, TUNSETIFF, &request) == -1) {
		close(tun);
		return -1;
	}
	return tun;
}

static int set_address(int socket, unsigned long command, const char *address)
{
	struct ifreq request = request_for(DEVICE);
	struct sockaddr_in in = {.sin_family = AF_INET};

	if (inet_pton(AF_INET, address, &in.sin_addr) != 1)
		return -1;
	memcpy(&request.ifr_addr, &in, sizeof(in));
	return ioctl(socket, command, &request);
}

static int set_up(int socket, const char *device)
{
	struct ifreq request = request_for(device);

	if (ioctl(socket, SIOCGIFFLAGS, &request) == -1)
		return -1;
	request.ifr_flags |= IFF_UP;
	return ioctl(socket, SIOCSIFFLAGS, &request);
}

static int configure(int socket, const char *address, const char *peer)
{
	struct ifreq request = request_for(DEVICE);

	request.ifr_qlen = DEVICE_QUEUE;
	if (ioctl(socket, SIOCSIFTXQLEN, &request) == -1 ||
	    set_address(socket, SIOCSIFADDR, address) == -1 ||
	    set_address(socket, SIOCSIFDSTADDR, peer) == -1)
		return -1;
	return set_up(socket, "lo") == -1 ? -1 : set_up(socket, DEVICE);
}

int place_make(struct place *place, const char *address, const char *peer,
	       const char **what)
{
	int control, result;

	*what = "a network namespace";
	if (unshare(CLONE_NEWNET) == -1)
		return -1;
	place->space = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (place->space == -1)
		return -1;
	*what = "/dev/net/tun";
	place->tun = open_tun();
	if (place->tun == -1)
		return -1;
	*what = "its addresses";
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (control == -1)
		return -1;
	result = configure(control, address, peer);
	close(control);
	return result;
}
