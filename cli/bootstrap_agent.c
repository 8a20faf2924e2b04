/* SPDX-License-Identifier: BSD-2-Clause */
/* Which file is the agent that --bootstrap copies, and what are its digests. */
#include "cli/bootstrap_agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "cli/notice.h"

#define INSTALLED    FERRY_LIBEXECDIR "/ferry-agent"
/* Of a file that is larger, something is wrong. */
#define SIZE_MAXIMUM ((off_t)256 << 20)

uint32_t bootstrap_agent_cksum(const uint8_t *bytes, size_t size)
{
	size_t left = size;
	uint32_t sum = 0;

	/* The bytes, then their number, lowest byte first. */
	for (size_t i = 0; i < size || left > 0; i++) {
		uint8_t byte = (uint8_t)left;

		if (i < size)
			byte = bytes[i];
		else
			left >>= 8;
		sum ^= (uint32_t)byte << 24;
		for (int bit = 0; bit < 8; bit++)
			sum = sum << 1 ^ (sum >> 31 ? 0x04c11db7U : 0);
	}
	return ~sum;
}

/* In the folder of this program, as after a build, or where it is installed. */
static int open_agent(void)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
	static const char name[] = "ferry-agent";
	char *slash;
	int descriptor = -1;

	if (length > 0 && (size_t)length + sizeof(name) < sizeof(path)) {
		path[length] = '\0';
		slash = strrchr(path, '/');
		if (slash != NULL) {
			strcpy(slash + 1, name);
			descriptor = open(path, O_RDONLY | O_CLOEXEC);
		}
	}
	return descriptor != -1 ? descriptor
				: open(INSTALLED, O_RDONLY | O_CLOEXEC);
}

/* 0, or an errno. */
static int read_all(struct bootstrap_agent *agent, int descriptor)
{
	struct stat about;
	size_t done = 0;

	if (fstat(descriptor, &about) == -1)
		return errno;
	if (!S_ISREG(about.st_mode) || about.st_size == 0 ||
	    about.st_size > SIZE_MAXIMUM)
		return EINVAL;
	agent->size = (size_t)about.st_size;
	agent->bytes = malloc(agent->size);
	if (agent->bytes == NULL)
		return ENOMEM;
	while (done < agent->size) {
		ssize_t got =
		    read(descriptor, agent->bytes + done, agent->size - done);

		if (got == 0)
			return EIO; /* it is being written */
		if (got == -1 && errno != EINTR)
			return errno;
		if (got > 0)
			done += (size_t)got;
	}
	return 0;
}

static int digest(struct bootstrap_agent *agent)
{
	uint8_t bytes[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	if (EVP_Digest(agent->bytes, agent->size, bytes, &length, EVP_sha256(),
		       NULL) != 1 ||
	    2 * length + 1 != sizeof(agent->sha256))
		return ENOMEM;
	for (unsigned i = 0; i < length; i++)
		snprintf(agent->sha256 + 2 * (size_t)i, 3, "%02x", bytes[i]);
	agent->cksum = bootstrap_agent_cksum(agent->bytes, agent->size);
	return 0;
}

int bootstrap_agent_load(struct bootstrap_agent *agent)
{
	int descriptor = open_agent(), error = errno;

	memset(agent, 0, sizeof(*agent));
	if (descriptor == -1 && error == ENOENT) {
		notice_error(
		    "--bootstrap: there is no %s; build ferry where "
		    "the static libraries of libc, jansson, xxHash and zstd "
		    "are (make ferry-agent)",
		    INSTALLED);
		return -1;
	}
	if (descriptor != -1) {
		error = read_all(agent, descriptor);
		close(descriptor);
		if (error == 0)
			error = digest(agent);
	}
	if (error == 0)
		return 0;
	notice_error("--bootstrap: %s: %s; install ferry here again", INSTALLED,
		     strerror(error));
	return -1;
}

void bootstrap_agent_free(struct bootstrap_agent *agent)
{
	free(agent->bytes);
	memset(agent, 0, sizeof(*agent));
}
