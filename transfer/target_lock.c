/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may write to a target?
 *
 *  1. .ferry is opened, or made; in it, the file "lock" is opened, locked
 *     without waiting, and looked at again: it may have been removed by its
 *     last holder between the two, and a lock on a removed file holds nobody
 *     off.  Then the same once more.
 *  2. The holder's line is written into it.
 *  3. If somebody else holds it, the line tells who.  An orphan of the same
 *     transfer is killed, and the lock tried again for two seconds.
 */
#include "transfer/target_lock.h"

#include <sys/file.h>
#include <sys/utsname.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal/digest.h"
#include "journal/uuid.h"
#include "transfer/fault.h"

#define LINE_MAX_SIZE 512
#define FENCE_TIME    ((uint64_t)2 * 1000 * 1000 * 1000)
#define POLL_TIME     20000000L /* nanoseconds */
#define TRIES         100       /* at a file that goes away each time */
#define NAMED_PREFIX  "lock-"

/* What a line says: "uuid client pid start boot host [uuid]". */
struct holder {
	char uuid[UUID_TEXT_SIZE];
	char client[UUID_TEXT_SIZE];
	long pid;
	unsigned long long start; /* in clock ticks after the boot */
	char boot[40];
	char host[65];
	char also[UUID_TEXT_SIZE]; /* "": none */
};

struct target_lock {
	struct io *io;
	int base;
	int ferry;
	int shared_or_alone; /* descriptor of "lock" */
	int named;           /* of "lock-...", or -1 */
	char name[40];       /* of that; "": none */
	int alone;           /* shared_or_alone is held alone */
	struct holder self;
};

/* ---- processes of this machine: not files of the target ---------------- */

static int read_proc(const char *path, char *text, size_t size)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (file == -1)
		return -1;
	length = read(file, text, size - 1);
	close(file);
	if (length <= 0)
		return -1;
	text[length] = '\0';
	return 0;
}

/* When a process was started; 0: there is none. */
static unsigned long long start_of(long pid)
{
	char path[64], text[1024];
	const char *at;
	unsigned long long start = 0;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	if (read_proc(path, text, sizeof(text)) == -1)
		return 0;
	/* The name, field 2, may hold anything; after it come spaces. */
	at = strrchr(text, ')');
	for (int field = 2; at != NULL && field < 22; field++) {
		at = strchr(at, ' ');
		if (at != NULL)
			at++;
	}
	if (at == NULL || sscanf(at, "%llu", &start) != 1)
		return 0;
	return start;
}

static void boot_and_host(struct holder *holder)
{
	struct utsname name;

	if (read_proc("/proc/sys/kernel/random/boot_id", holder->boot,
		      sizeof(holder->boot)) == 0)
		holder->boot[strcspn(holder->boot, "\n ")] = '\0';
	if (uname(&name) == 0)
		snprintf(holder->host, sizeof(holder->host), "%.*s",
			 (int)sizeof(holder->host) - 1, name.nodename);
}

/* Only the real disk is shared with other processes; a virtual one holds
 * nobody else, and must not depend on who runs it. */
static int has_processes(const struct io *io)
{
	return io->lock == io_system()->lock;
}

static void holder_self(struct holder *holder,
			const struct target_lock_request *request)
{
	memset(holder, 0, sizeof(*holder));
	uuid_format(request->uuid, holder->uuid);
	uuid_format(request->client, holder->client);
	if (has_processes(request->io)) {
		holder->pid = (long)getpid();
		holder->start = start_of(holder->pid);
		boot_and_host(holder);
	}
	if (holder->boot[0] == '\0')
		strcpy(holder->boot, "-");
	if (holder->host[0] == '\0')
		strcpy(holder->host, "-");
}

static int is_alive(const struct holder *holder)
{
	return holder->pid > 0 && holder->start != 0 &&
	       start_of(holder->pid) == holder->start;
}

/* Is that a ferry, going by its name?  The file may say the truth about any
 * other process of this user. */
static int has_our_name(const struct holder *holder)
{
	char path[64], name[64], ours[64];

	snprintf(path, sizeof(path), "/proc/%ld/comm", holder->pid);
	return read_proc(path, name, sizeof(name)) == 0 &&
	       read_proc("/proc/self/comm", ours, sizeof(ours)) == 0 &&
	       strcmp(name, ours) == 0;
}

/* Is it certain that this process is what the line says, and that it works
 * for our transfer? */
static int is_orphan(const struct holder *holder, const struct holder *self)
{
	return holder->pid != self->pid && strcmp(self->boot, "-") != 0 &&
	       (strcmp(holder->uuid, self->uuid) == 0 ||
		strcmp(holder->also, self->uuid) == 0) &&
	       strcmp(holder->boot, self->boot) == 0 &&
	       strcmp(holder->host, self->host) == 0 && is_alive(holder) &&
	       has_our_name(holder);
}

static void wait_a_little(void)
{
	struct timespec time = {0, POLL_TIME};

	nanosleep(&time, NULL);
}

/* ---- the line ----------------------------------------------------------- */

static int line_write(struct target_lock *lock, int file)
{
	const struct holder *self = &lock->self;
	char line[LINE_MAX_SIZE];
	int length = snprintf(line, sizeof(line), "%s %s %ld %llu %s %s%s%s\n",
			      self->uuid, self->client, self->pid, self->start,
			      self->boot, self->host, self->also[0] ? " " : "",
			      self->also);

	while (lock->io->truncate(lock->io->context, file, 0) == -1) {
		if (errno != EINTR)
			return -1;
	}
	return io_write(lock->io, file, line, (size_t)length, 0);
}

/*
 * May we act on what the file says?  Whoever owns the folder can put any file
 * there and hold it, and have us kill whom he likes.
 */
static int is_ours(struct io *io, int file)
{
	struct stat status;

	return io->stat(io->context, file, &status) == 0 &&
	       S_ISREG(status.st_mode) && status.st_nlink == 1 &&
	       status.st_uid == geteuid() && (status.st_mode & 022) == 0;
}

/* 0, or -1: the file says nothing that makes sense. */
static int line_read(struct io *io, int file, struct holder *holder)
{
	char line[LINE_MAX_SIZE];
	ssize_t length = io_read(io, file, line, sizeof(line) - 1, 0);

	memset(holder, 0, sizeof(*holder));
	if (length <= 0)
		return -1;
	line[length] = '\0';
	return sscanf(line, "%36s %36s %ld %llu %39s %64s %36s", holder->uuid,
		      holder->client, &holder->pid, &holder->start,
		      holder->boot, holder->host, holder->also) >= 6
		   ? 0
		   : -1;
}

/* ---- taking ------------------------------------------------------------- */

/* Open .ferry, or make it, durably.  0, or -1 with errno. */
static int open_ferry(struct target_lock *lock)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	struct io *io = lock->io;

	io_close(io, lock->ferry);
	lock->ferry = io_open_beneath(io, lock->base, ".ferry", flags, 0);
	if (lock->ferry == -1 && errno == ENOENT) {
		if (io->make_dir_at(io->context, lock->base, ".ferry", 0700) ==
			-1 &&
		    errno != EEXIST)
			return -1;
		lock->ferry =
		    io_open_beneath(io, lock->base, ".ferry", flags, 0);
	}
	/* A run that made it may have died, or failed, before this. */
	return lock->ferry == -1 ? -1 : io_sync(io, lock->base);
}

/* Is the file still what name leads to?  1, 0, or -1 with errno. */
static int is_current(struct target_lock *lock, int file, const char *name)
{
	struct io *io = lock->io;
	struct stat opened, named;

	if (io->stat(io->context, file, &opened) == -1)
		return -1;
	if (!S_ISREG(opened.st_mode) || opened.st_nlink > 1) {
		/* Planted: what we write into it would be elsewhere too. */
		errno = EPERM;
		return -1;
	}
	if (io->stat_at(io->context, lock->ferry, name, &named) == -1)
		return errno == ENOENT ? 0 : -1;
	return opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

/*
 * Open and lock one file, without waiting.  The descriptor; -1 with errno:
 * EWOULDBLOCK and *held, its descriptor, if somebody else has it.
 */
static int take_file(struct target_lock *lock, const char *name, int operation,
		     int *held)
{
	struct io *io = lock->io;

	for (int try = 0; try < TRIES; try++) {
		int current,
		    file = io_open_beneath(io, lock->ferry, name,
					   O_RDWR | O_CREAT | O_CLOEXEC, 0600);

		if (file == -1 && errno == ENOENT) {
			/* .ferry itself was removed; again. */
			if (open_ferry(lock) == -1)
				return -1;
			continue;
		}
		if (file == -1)
			return -1;
		if (io->lock(io->context, file, operation | LOCK_NB) == -1) {
			if (errno == EWOULDBLOCK)
				*held = file;
			else
				io_close(io, file);
			return -1;
		}
		current = is_current(lock, file, name);
		if (current == 1)
			return file;
		io_close(io, file);
		if (current == -1)
			return -1;
	}
	errno = EAGAIN;
	return -1;
}

static char *held_text(const struct target_lock_request *request, int file,
		       const struct holder *holder)
{
	struct stat status;
	struct tm local;
	char since[40] = "";
	char *text;

	if (holder->pid == 0) {
		if (asprintf(&text, "%s is held by another ferry process",
			     request->shown) == -1)
			return NULL;
		return text;
	}
	if (request->io->stat(request->io->context, file, &status) == 0 &&
	    localtime_r(&status.st_mtim.tv_sec, &local) != NULL)
		strftime(since, sizeof(since), " since %Y-%m-%d %H:%M:%S",
			 &local);
	if (asprintf(&text, "%s is held by ferry process %ld on %s%s",
		     request->shown, holder->pid, holder->host, since) == -1)
		return NULL;
	return text;
}

/*
 * As take_file, but an orphan that holds it is killed first.  On TARGET_HELD
 * *text says who has it.
 */
static enum target_result take(struct target_lock *lock,
			       const struct target_lock_request *request,
			       const char *name, int operation, int *taken,
			       char **text)
{
	struct io *io = lock->io;
	uint64_t begun = io->clock(io->context);
	struct holder holder;
	int held = -1, wait = has_processes(io) ? 5 : 0, killed = 0;

	while ((*taken = take_file(lock, name, operation, &held)) == -1) {
		if (errno != EWOULDBLOCK)
			return TARGET_FAILED;
		if (line_read(io, held, &holder) == 0 && has_processes(io) &&
		    is_ours(io, held) && is_orphan(&holder, &lock->self)) {
			/* Stopped or not, it cannot ignore this one. */
			kill((pid_t)holder.pid, SIGKILL);
			killed = 1;
		}
		/* One that is about to end, or has not said yet who it is,
		 * gets a moment. */
		if (wait == 0 &&
		    (!killed || io->clock(io->context) - begun > FENCE_TIME)) {
			*text = held_text(request, held, &holder);
			io_close(io, held);
			return TARGET_HELD;
		}
		if (wait > 0)
			wait--;
		io_close(io, held);
		held = -1;
		wait_a_little();
	}
	return TARGET_OPEN;
}

static enum target_result take_both(struct target_lock *lock,
				    const struct target_lock_request *request,
				    char **text)
{
	enum target_result result;
	struct digest digest;

	if (request->single == NULL) {
		result = take(lock, request, "lock", LOCK_EX,
			      &lock->shared_or_alone, text);
		lock->alone = result == TARGET_OPEN;
		if (result == TARGET_OPEN &&
		    line_write(lock, lock->shared_or_alone) == -1)
			return TARGET_FAILED;
		return result;
	}
	result =
	    take(lock, request, "lock", LOCK_SH, &lock->shared_or_alone, text);
	if (result != TARGET_OPEN)
		return result;
	digest = digest_of(request->single, strlen(request->single));
	strcpy(lock->name, NAMED_PREFIX);
	digest_format(&digest, lock->name + strlen(NAMED_PREFIX));
	result = take(lock, request, lock->name, LOCK_EX, &lock->named, text);
	if (result != TARGET_OPEN)
		return result;
	/* Who shares it writes over who shared it: one that is alive is named
	 * to a job that wants it alone. */
	if (line_write(lock, lock->named) == -1 ||
	    line_write(lock, lock->shared_or_alone) == -1)
		return TARGET_FAILED;
	return TARGET_OPEN;
}

enum target_result target_lock_take(const struct target_lock_request *request,
				    struct target_lock **result, char **text)
{
	struct target_lock *lock = calloc(1, sizeof(*lock));
	enum target_result taken = TARGET_FAILED;
	int error;

	if (lock == NULL)
		return TARGET_FAILED;
	lock->io = request->io;
	lock->base = request->base;
	lock->ferry = lock->shared_or_alone = lock->named = -1;
	holder_self(&lock->self, request);
	if (open_ferry(lock) == 0)
		taken = take_both(lock, request, text);
	if (taken == TARGET_OPEN) {
		*result = lock;
		return TARGET_OPEN;
	}
	error = errno;
	if (taken == TARGET_FAILED && *text == NULL)
		*text = fault_last_text(
		    request->shown, "cannot make and lock .ferry there", error);
	target_lock_release(lock, 0);
	errno = error;
	return taken;
}

int target_lock_folder(const struct target_lock *lock)
{
	return lock->ferry;
}

void target_lock_also(struct target_lock *lock, const uint8_t uuid[16])
{
	char text[UUID_TEXT_SIZE];

	uuid_format(uuid, text);
	if (strcmp(text, lock->self.uuid) == 0)
		return;
	memcpy(lock->self.also, text, sizeof(text));
	/* Only a better chance for the next run: a failure is no harm. */
	line_write(lock, lock->shared_or_alone);
	if (lock->named != -1)
		line_write(lock, lock->named);
}

int target_lock_alone(struct target_lock *lock)
{
	/* If others share it, this gives up our share: it is of no use any
	 * more. */
	if (!lock->alone)
		lock->alone =
		    lock->io->lock(lock->io->context, lock->shared_or_alone,
				   LOCK_EX | LOCK_NB) == 0;
	return lock->alone;
}

/* Locks on one file that nobody holds. */
static int remove_named(void *cookie, const char *name)
{
	struct target_lock *lock = cookie;

	if (strncmp(name, NAMED_PREFIX, strlen(NAMED_PREFIX)) == 0)
		lock->io->unlink_at(lock->io->context, lock->ferry, name, 0);
	return 0;
}

static void remove_files(struct target_lock *lock)
{
	struct io *io = lock->io;

	if (lock->named != -1)
		io->unlink_at(io->context, lock->ferry, lock->name, 0);
	/* Others may share the other one: only the last removes it. */
	if (!target_lock_alone(lock))
		return;
	io->list(io->context, lock->ferry, remove_named, lock);
	io->unlink_at(io->context, lock->ferry, "lock", 0);
	io->unlink_at(io->context, lock->base, ".ferry", AT_REMOVEDIR);
}

void target_lock_release(struct target_lock *lock, int clean)
{
	if (lock == NULL)
		return;
	if (clean && lock->shared_or_alone != -1)
		remove_files(lock);
	io_close(lock->io, lock->named);
	io_close(lock->io, lock->shared_or_alone);
	io_close(lock->io, lock->ferry);
	free(lock);
}
