/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the state folder is, and which transfers it holds. */
#include "cli/state.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/notice.h"
#include "cli/state_private.h"
#include "cli/text_list.h"
#include "journal/transfer_journal.h"

#define RECORD_MAX ((off_t)16 << 20)
#define HOLDER_MAX 256

/* The path, malloc'd; NULL with errno. */
static char *folder_path(const char *override)
{
	const char *base = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	const struct passwd *user;
	char *path = NULL;
	int length;

	if (override != NULL)
		return strdup(override);
	/* The specification wants a relative one to be ignored. */
	if (base != NULL && base[0] == '/') {
		length = asprintf(&path, "%s/ferry", base);
		return length < 0 ? NULL : path;
	}
	if (home == NULL || home[0] != '/') {
		errno = 0;
		user = getpwuid(getuid());
		if (user == NULL) {
			errno = errno != 0 ? errno : ENOENT;
			return NULL;
		}
		home = user->pw_dir;
	}
	length = asprintf(&path, "%s/.local/state/ferry", home);
	return length < 0 ? NULL : path;
}

/* mkdir -p, mode 0700 for what is new.  0, or -1 with errno. */
static int make_folders(char *path)
{
	for (char *at = path + 1;; at++) {
		char end = *at;

		if (end != '/' && end != '\0')
			continue;
		*at = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST) {
			int error = errno;

			*at = end;
			errno = error;
			return -1;
		}
		*at = end;
		if (end == '\0')
			return 0;
	}
}

/* Somebody else's folder could be changed under us. */
static int open_own_folder(int dir, const char *path)
{
	int descriptor = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat status;

	if (descriptor < 0)
		return -1;
	if (fstat(descriptor, &status) == 0 && status.st_uid == geteuid())
		return descriptor;
	close(descriptor);
	errno = EPERM;
	return -1;
}

static int open_folders(struct state *state, char *path)
{
	if (*path == '\0') {
		errno = ENOENT;
		return -1;
	}
	if (make_folders(path) != 0)
		return -1;
	state->folder = open_own_folder(AT_FDCWD, path);
	if (state->folder < 0)
		return -1;
	if (mkdirat(state->folder, "transfers", 0700) != 0 && errno != EEXIST)
		return -1;
	state->transfers = open_own_folder(state->folder, "transfers");
	return state->transfers < 0 ? -1 : 0;
}

static void say_missing(const char *path, int error, const char *without)
{
	char *cause;

	if (path == NULL)
		path = "~/.local/state/ferry";
	if (asprintf(&cause, "state folder: %s", strerror(error)) < 0)
		cause = NULL;
	if (without != NULL)
		notice_note("%s: %s; %s", path,
			    cause != NULL ? cause : "out of memory", without);
	else
		notice_failure(path, cause != NULL ? cause : "out of memory",
			       "name another one with --state-dir");
	free(cause);
}

struct state *state_open(const char *override, const char *without)
{
	char *path = folder_path(override);
	struct state *state = calloc(1, sizeof(*state));

	if (state != NULL) {
		state->io = io_system();
		state->folder = -1;
		state->transfers = -1;
	}
	if (path == NULL || state == NULL || open_folders(state, path) != 0) {
		say_missing(path, errno, without);
		state_close(state);
		state = NULL;
	}
	free(path);
	return state;
}

int state_descriptor(const struct state *state)
{
	return state != NULL ? state->folder : -1;
}

void state_close(struct state *state)
{
	if (state == NULL)
		return;
	io_close(state->io, state->transfers);
	io_close(state->io, state->folder);
	free(state);
}

int state_read_record(struct state *state, const char *name,
		      struct state_record *record)
{
	char path[UUID_TEXT_SIZE + 16];
	struct stat status;
	char *bytes = NULL;
	ssize_t length = -1;
	int descriptor, result = -1;

	memset(record, 0, sizeof(*record));
	snprintf(path, sizeof(path), "%s/command", name);
	descriptor = io_open_beneath(state->io, state->transfers, path,
				     O_RDONLY | O_CLOEXEC, 0);
	if (descriptor < 0)
		return -1;
	if (fstat(descriptor, &status) == 0 && status.st_size > 0 &&
	    status.st_size <= RECORD_MAX)
		bytes = malloc((size_t)status.st_size);
	if (bytes != NULL)
		length = io_read(state->io, descriptor, bytes,
				 (size_t)status.st_size, 0);
	if (length > 0)
		result = state_record_decode(bytes, (size_t)length, record);
	free(bytes);
	io_close(state->io, descriptor);
	if (result != 0)
		errno = EBADMSG;
	return result;
}

int state_try_lock(struct state *state, const char *name, int create,
		   char **holder)
{
	char path[UUID_TEXT_SIZE + 16];
	char text[HOLDER_MAX];
	int descriptor, error;
	ssize_t length;

	*holder = NULL;
	snprintf(path, sizeof(path), "%s/lock", name);
	descriptor =
	    io_open_beneath(state->io, state->transfers, path,
			    O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
	if (descriptor < 0)
		return -1;
	if (flock(descriptor, LOCK_EX | LOCK_NB) == 0)
		return descriptor;
	error = errno;
	length = io_read(state->io, descriptor, text, sizeof(text), 0);
	if (error == EWOULDBLOCK && length > 0)
		*holder = strndup(text, (size_t)length);
	io_close(state->io, descriptor);
	errno = error;
	return -1;
}

static int add_name(void *cookie, const char *name)
{
	return text_list_add(cookie, name);
}

static int compare_names(const void *one, const void *other)
{
	return strcmp(*(char *const *)one, *(char *const *)other);
}

int state_each(struct state *state,
	       int (*each)(void *cookie, const char *name,
			   const uint8_t uuid[16]),
	       void *cookie)
{
	struct text_list names = {NULL, 0};
	uint8_t uuid[16];
	int result;

	result = state->io->list(state->io->context, state->transfers, add_name,
				 &names);
	/* UUIDv7 begins with its time: oldest first. */
	if (result == 0 && names.count > 0)
		qsort(names.items, names.count, sizeof(*names.items),
		      compare_names);
	for (size_t i = 0; i < names.count && result == 0; i++) {
		if (uuid_parse(names.items[i], uuid) == 0)
			result = each(cookie, names.items[i], uuid);
	}
	text_list_clear(&names);
	return result;
}

/* The journal in dir, a folder's descriptor that is closed here; -1 is fine. */
static int read_journal(struct state *state, int dir, struct state_entry *entry)
{
	struct journal_summary summary;
	void *note = NULL;
	size_t length = 0;
	int result;

	if (dir < 0)
		return -1;
	result = journal_read(state->io, dir, &summary, &note, &length);
	io_close(state->io, dir);
	if (result != 0)
		return -1;
	free(note);
	entry->confirmed = summary.bytes;
	entry->total = summary.total_bytes;
	entry->has_amount = 1;
	return 0;
}

/* The length of path without its last name; "/" stays. */
static size_t parent_length(const char *path)
{
	size_t length = strlen(path);

	while (length > 1 && path[length - 1] == '/')
		length--;
	while (length > 1 && path[length - 1] != '/')
		length--;
	return length;
}

/* Where this end writes, the journal is with what is staged: in the target, or
 * beside it when the target is a file's name. */
static void read_staged_journal(struct state *state, struct state_entry *entry)
{
	const struct text_list *places = &entry->record->places;
	const char *target = places->items[places->count - 1];
	size_t lengths[] = {strlen(target), parent_length(target)};

	for (size_t i = 0; i < 2 && !entry->has_amount; i++) {
		char *path = NULL;

		if (asprintf(&path, "%.*s/.ferry/%s", (int)lengths[i], target,
			     entry->id) < 0)
			return;
		read_journal(state,
			     open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			     entry);
		free(path);
	}
}

/* What a run between two other hosts noted. */
static void read_note(struct state *state, struct state_entry *entry)
{
	char path[UUID_TEXT_SIZE + 16], text[STATE_NOTE_SIZE + 1];
	unsigned long long confirmed, total;
	ssize_t length = -1;
	int descriptor;

	snprintf(path, sizeof(path), "%s/progress", entry->id);
	descriptor = io_open_beneath(state->io, state->transfers, path,
				     O_RDONLY | O_CLOEXEC, 0);
	if (descriptor >= 0)
		length =
		    io_read(state->io, descriptor, text, STATE_NOTE_SIZE, 0);
	io_close(state->io, descriptor);
	if (length != STATE_NOTE_SIZE)
		return;
	text[length] = '\0';
	if (sscanf(text, "%llu %llu", &confirmed, &total) != 2)
		return;
	entry->confirmed = confirmed;
	entry->total = total;
	entry->has_amount = 1;
}

struct list_cookie {
	struct state *state;
	int (*each)(void *, const struct state_entry *);
	void *cookie;
};

static int list_one(void *cookie, const char *name, const uint8_t uuid[16])
{
	const struct list_cookie *list = cookie;
	struct state_record record;
	struct state_entry entry;
	char *holder = NULL;
	int lock, result = 0;

	memset(&entry, 0, sizeof(entry));
	memcpy(entry.uuid, uuid, sizeof(entry.uuid));
	uuid_format(uuid, entry.id);
	entry.record = &record;
	if (state_read_record(list->state, name, &record) == 0) {
		lock = state_try_lock(list->state, name, 0, &holder);
		entry.holder = holder;
		if (lock < 0 && errno == EWOULDBLOCK && holder == NULL)
			entry.holder = "another process";
		io_close(list->state->io, lock);
		read_journal(list->state,
			     io_open_beneath(
				 list->state->io, list->state->transfers, name,
				 O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0),
			     &entry);
		if (!entry.has_amount && record.pull)
			read_staged_journal(list->state, &entry);
		if (!entry.has_amount)
			read_note(list->state, &entry);
		result = list->each(list->cookie, &entry);
	} else if (errno != ENOENT) {
		notice_note("%s: its record is damaged; the command line that "
			    "began it still resumes it",
			    name);
	}
	free(holder);
	state_record_clear(&record);
	return result;
}

int state_list(struct state *state,
	       int (*each)(void *cookie, const struct state_entry *),
	       void *cookie)
{
	struct list_cookie list = {state, each, cookie};
	int result = state_each(state, list_one, &list);

	if (result == -1)
		notice_failure("state folder", strerror(errno), NULL);
	return result;
}
