/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How does a process give up the files that it shall never touch?
 *
 * Landlock, see landlock(7).  A set of rules names what is forbidden unless a
 * rule allows it ("handled"), rules allow it beneath a folder, and then the
 * thread takes the set on.  What a kernel can forbid grows with its version of
 * the interface: asking for more than it knows is EINVAL, so it is asked first.
 */
#include "transfer/confine.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <sys/prctl.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#ifdef HAVE_LINUX_LANDLOCK_H
#include <linux/landlock.h>
#include <sys/syscall.h>
#endif

#if defined(HAVE_LINUX_LANDLOCK_H) && defined(SYS_landlock_restrict_self)

/* Before version 2 a set forbids every rename from one folder to another, and
 * that is how ferry puts a file into place. */
#define VERSION_LOWEST 2

/* Numbers of the kernel's interface that older headers do not have. */
#define ACCESS_REFER     (UINT64_C(1) << 13) /* version 2 */
#define ACCESS_TRUNCATE  (UINT64_C(1) << 14) /* version 3 */
#define ACCESS_IOCTL_DEV (UINT64_C(1) << 15) /* version 5 */
#define ACCESS_TCP       UINT64_C(3)         /* version 4: bind, connect */

/* The head of struct landlock_ruleset_attr; older kernels take less of it. */
struct rules {
	uint64_t files;
	uint64_t network; /* version 4 */
};

#define READING (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* What ferry makes is files, folders and symbolic links. */
#define WRITING                                                                \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |       \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |        \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM |           \
	 ACCESS_REFER | ACCESS_TRUNCATE)
#define NEVER                                                                  \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |           \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |         \
	 LANDLOCK_ACCESS_FS_MAKE_BLOCK | ACCESS_IOCTL_DEV)

/* What a kernel of this version can forbid. */
static struct rules rules_of(long version)
{
	struct rules rules = {READING | WRITING | NEVER, ACCESS_TCP};

	if (version < 5)
		rules.files &= ~ACCESS_IOCTL_DEV;
	if (version < 4)
		rules.network = 0;
	if (version < 3)
		rules.files &= ~ACCESS_TRUNCATE;
	return rules;
}

/* Allow this beneath folder.  0, or -1 with errno. */
static int allow(int set, int folder, uint64_t access)
{
	const struct landlock_path_beneath_attr rule = {
	    .allowed_access = access, .parent_fd = folder};

	return syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH,
		       &rule, 0) == 0
		   ? 0
		   : -1;
}

static int allow_processes(int set)
{
	int folder = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC), result;

	if (folder == -1)
		return 0; /* there is nothing to be read, then */
	result = allow(set, folder, READING);
	close(folder);
	return result;
}

static int confine_files(const struct confine_config *config)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);
	uint64_t writing;
	struct rules rules;
	int set, result = -1, error;

	if (version < VERSION_LOWEST)
		return 0;
	rules = rules_of(version);
	set = (int)syscall(
	    SYS_landlock_create_ruleset, &rules,
	    version < 4 ? offsetof(struct rules, network) : sizeof(rules), 0);
	if (set == -1)
		return -1;
	writing = (READING | WRITING) & rules.files;
	if (allow(set, config->root, config->read_only ? READING : writing) ==
		0 &&
	    (config->state_dir == -1 ||
	     allow(set, config->state_dir, writing) == 0) &&
	    allow_processes(set) == 0 &&
	    syscall(SYS_landlock_restrict_self, set, 0) == 0)
		result = 0;
	error = errno;
	close(set);
	errno = error;
	return result;
}
#else
static int confine_files(const struct confine_config *config)
{
	(void)config;
	return 0;
}
#endif

int confine(const struct confine_config *config)
{
	/* Landlock asks for it, too. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -1;
	return confine_files(config);
}
