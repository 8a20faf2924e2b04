/* SPDX-License-Identifier: BSD-2-Clause */
/* Names on an SFTP server: looked at, listed, made, renamed, removed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "journal/digest.h"
#include "transfer/io_sftp_internal.h"

#define PERMISSIONS 07777

/* Whoever lists a folder keeps its names: so much of them, with what each costs
 * besides its bytes, which no server goes beyond. */
#define NAMES_ROOM      ((size_t)256 << 20)
#define NAME_COST       16
#define NAME_LENGTH_MAX 4096

char *io_sftp_join(const char *dir, const char *name)
{
	size_t length = strlen(dir), name_length = strlen(name);
	char *path;

	while (length > 0 && dir[length - 1] == '/')
		length--;
	path = malloc(length + name_length + 2);
	if (path == NULL)
		return NULL;
	memcpy(path, dir, length);
	path[length] = '/';
	memcpy(path + length + 1, name, name_length + 1);
	return path;
}

int io_sftp_is_name(const char *name)
{
	if (name[0] != '\0' && strchr(name, '/') == NULL &&
	    strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		return 1;
	errno = EINVAL;
	return 0;
}

char *io_sftp_path_at(struct io_sftp *store, int dir, const char *name)
{
	struct sftp_file *folder = io_sftp_file(store, dir);

	return folder == NULL || !io_sftp_is_name(name)
		   ? NULL
		   : io_sftp_join(folder->path, name);
}

void io_sftp_identify(const char *path, struct stat *status)
{
	struct digest digest = digest_of(path, strlen(path));
	ino_t inode;

	memcpy(&inode, digest.bytes, sizeof(inode));
	status->st_ino = inode;
	status->st_dev = 1;
}

int io_sftp_look(struct io_sftp *store, uint8_t type, const char *path,
		 struct stat *status)
{
	struct sftp_call call = {.expect = SFTP_ATTRS};
	struct sftp_writer body;
	struct sftp_reader reader;
	int result;

	sftp_begin(&body);
	sftp_put_text(&body, path);
	result = sftp_ask(io_sftp_client(store), &call, type, &body);
	if (result == 0) {
		reader = (struct sftp_reader){call.body, call.length, 0};
		sftp_get_attributes(&reader, status);
		io_sftp_identify(path, status);
		if (reader.bad) {
			errno = EPROTO;
			result = -1;
		}
	}
	free(call.body);
	return result;
}

int io_sftp_ask_path(struct io_sftp *store, uint8_t type, const char *path)
{
	struct sftp_call call = {.expect = SFTP_STATUS};
	struct sftp_writer body;

	sftp_begin(&body);
	sftp_put_text(&body, path);
	return sftp_ask(io_sftp_client(store), &call, type, &body);
}

/* The one name that a reply holds, malloc'd; NULL with errno. */
static char *only_name(const struct sftp_call *call)
{
	struct sftp_reader reader = {call->body, call->length, 0};
	uint32_t count = sftp_get_u32(&reader);
	size_t length;
	const uint8_t *name = sftp_get_bytes(&reader, &length);

	if (reader.bad || count != 1 || memchr(name, '\0', length) != NULL) {
		errno = EPROTO;
		return NULL;
	}
	return strndup((const char *)name, length);
}

static char *ask_name(struct io_sftp *store, uint8_t type, const char *path)
{
	struct sftp_call call = {.expect = SFTP_NAME};
	struct sftp_writer body;
	char *name = NULL;

	sftp_begin(&body);
	sftp_put_text(&body, path);
	if (sftp_ask(io_sftp_client(store), &call, type, &body) == 0)
		name = only_name(&call);
	free(call.body);
	return name;
}

char *io_sftp_read_link(struct io_sftp *store, const char *path)
{
	return ask_name(store, SFTP_READLINK, path);
}

char *io_sftp_real_path(struct io_sftp *store, const char *path)
{
	char *real = ask_name(store, SFTP_REALPATH, path);

	if (real == NULL || real[0] == '/')
		return real;
	free(real);
	errno = EPROTO;
	return NULL;
}

/* ---- the calls ---------------------------------------------------------- */

static int stat_at(void *context, int dir, const char *name,
		   struct stat *status)
{
	struct io_sftp *store = context;
	char *path;
	int result, error;

	if (dir < IO_SFTP_FIRST)
		return io_system()->stat_at(NULL, dir, name, status);
	path = io_sftp_path_at(store, dir, name);
	if (path == NULL)
		return -1;
	switch (io_sftp_cache_look(store, path, status)) {
	case SFTP_PRESENT:
		result = 0;
		break;
	case SFTP_ABSENT:
		errno = ENOENT;
		result = -1;
		break;
	default:
		result = io_sftp_look(store, SFTP_LSTAT, path, status);
		error = errno;
		io_sftp_cache_looked(store, path);
		errno = error;
	}
	free(path);
	return result;
}

/* What is done with each name. */
struct listing {
	int (*each)(void *, const char *name, const struct stat *,
		    uint32_t told);
	void *cookie;
};

/* A name, malloc'd; NULL with errno.  "." and ".." are none, and fine. */
static char *take_name(const uint8_t *bytes, size_t length)
{
	char *name;

	errno = EPROTO;
	if (length == 0 || length > NAME_LENGTH_MAX ||
	    memchr(bytes, '\0', length) != NULL ||
	    memchr(bytes, '/', length) != NULL)
		return NULL;
	name = strndup((const char *)bytes, length);
	return name;
}

/* The names of one reply.  As io_sftp_list; *room is what more names may
 * take. */
static int give_names(const struct sftp_call *call,
		      const struct listing *listing, size_t *room)
{
	struct sftp_reader reader = {call->body, call->length, 0};
	uint32_t count = sftp_get_u32(&reader), told;
	int result = 0;

	/* None at all would be asked for more for ever. */
	if (count == 0) {
		errno = EPROTO;
		return -1;
	}
	for (uint32_t i = 0; i < count && result == 0; i++) {
		struct stat status;
		size_t length, ignored;
		const uint8_t *bytes = sftp_get_bytes(&reader, &length);
		char *name;

		sftp_get_bytes(&reader, &ignored);
		told = sftp_get_attributes(&reader, &status);
		if (length + NAME_COST > *room) {
			errno = EFBIG;
			return -1;
		}
		*room -= length + NAME_COST;
		name = take_name(bytes, reader.bad ? 0 : length);
		if (name == NULL)
			return -1;
		if (io_sftp_is_name(name))
			result =
			    listing->each(listing->cookie, name, &status, told);
		free(name);
	}
	return result;
}

/* So many are asked for at once: what follows the names is the end, which takes
 * a trip too. */
#define LISTING_AHEAD 2

/* All names of the folder that was opened.  As io_sftp_list. */
static int read_names(struct sftp_client *client,
		      const struct sftp_call *opened,
		      const struct listing *listing)
{
	struct sftp_call calls[LISTING_AHEAD];
	struct sftp_writer body;
	size_t room = NAMES_ROOM;
	int result = 0, error = 0, end = 0;

	sftp_begin(&body);
	/* A string as we got it. */
	memcpy(body.bytes, opened->body, opened->length);
	body.length = opened->length;
	memset(calls, 0, sizeof(calls));
	for (size_t i = 0; i < LISTING_AHEAD; i++) {
		calls[i].expect = SFTP_NAME;
		sftp_send(client, &calls[i], SFTP_READDIR, &body, NULL, 0);
	}
	for (size_t i = 0, out = LISTING_AHEAD; out > 0;
	     i = (i + 1) % LISTING_AHEAD, out--) {
		int waited = sftp_wait(client, &calls[i]);

		if (waited == -1 && calls[i].error == SFTP_END) {
			end = 1;
		} else if (result == 0) {
			result = waited == -1
				     ? -1
				     : give_names(&calls[i], listing, &room);
			error = errno;
		}
		free(calls[i].body);
		if (end || result != 0)
			continue;
		sftp_send(client, &calls[i], SFTP_READDIR, &body, NULL, 0);
		out++;
	}
	sftp_send_only(client, SFTP_CLOSE, &body);
	errno = error;
	return result;
}

int io_sftp_list(struct io_sftp *store, const char *path,
		 int (*each)(void *, const char *name, const struct stat *,
			     uint32_t told),
		 void *cookie)
{
	const struct listing listing = {each, cookie};
	struct sftp_client *client = io_sftp_client(store);
	struct sftp_call call = {.expect = SFTP_HANDLE};
	struct sftp_writer body;
	int result;

	sftp_begin(&body);
	sftp_put_text(&body, path);
	result = sftp_ask(client, &call, SFTP_OPENDIR, &body);
	if (result == 0 && call.length > 4 + SFTP_HANDLE_MAX) {
		errno = EPROTO;
		result = -1;
	}
	if (result == 0)
		result = read_names(client, &call, &listing);
	free(call.body);
	return result;
}

/* A caller of io->list. */
struct plain_listing {
	int (*each)(void *, const char *);
	void *cookie;
};

static int give_plain(void *cookie, const char *name, const struct stat *status,
		      uint32_t told)
{
	const struct plain_listing *plain = cookie;

	(void)status;
	(void)told;
	return plain->each(plain->cookie, name);
}

static int list(void *context, int dir, int (*each)(void *, const char *),
		void *cookie)
{
	struct plain_listing plain = {each, cookie};
	struct sftp_file *folder;

	if (dir < IO_SFTP_FIRST)
		return io_system()->list(NULL, dir, each, cookie);
	folder = io_sftp_file(context, dir);
	if (folder == NULL)
		return -1;
	return io_sftp_list(context, folder->path, give_plain, &plain);
}

static ssize_t read_link_at(void *context, int dir, const char *name,
			    char *target, size_t size)
{
	char *path, *link;
	size_t length;

	if (dir < IO_SFTP_FIRST)
		return io_system()->read_link_at(NULL, dir, name, target, size);
	path = io_sftp_path_at(context, dir, name);
	if (path == NULL)
		return -1;
	link = io_sftp_read_link(context, path);
	free(path);
	if (link == NULL)
		return -1;
	length = strlen(link);
	if (length > size)
		length = size;
	memcpy(target, link, length);
	free(link);
	return (ssize_t)length;
}

/* SFTP says "failure" to so much: was it that something is there? */
static int tell_existing(struct io_sftp *store, const char *path)
{
	struct stat status;
	int error = errno;

	if (error == EIO && io_sftp_look(store, SFTP_LSTAT, path, &status) == 0)
		error = EEXIST;
	errno = error;
	return -1;
}

static int make_dir_at(void *context, int dir, const char *name, mode_t mode)
{
	struct io_sftp *store = context;
	struct sftp_call call = {.expect = SFTP_STATUS};
	struct sftp_writer body;
	char *path;
	int result;

	if (dir < IO_SFTP_FIRST)
		return io_system()->make_dir_at(NULL, dir, name, mode);
	path = io_sftp_path_at(store, dir, name);
	if (path == NULL)
		return -1;
	sftp_begin(&body);
	sftp_put_text(&body, path);
	sftp_put_u32(&body, SFTP_ATTR_PERMISSIONS);
	sftp_put_u32(&body, mode & PERMISSIONS);
	result = sftp_ask(io_sftp_client(store), &call, SFTP_MKDIR, &body);
	if (result == -1) {
		tell_existing(store, path);
	} else {
		io_sftp_note_folder(store, path);
		io_sftp_cache_made(store, path);
	}
	free(path);
	return result;
}

int io_sftp_make_link(struct io_sftp *store, const char *path,
		      const char *target)
{
	struct sftp_call call = {.expect = SFTP_STATUS};
	struct sftp_writer body;

	/* In OpenSSH's order, which is not the draft's. */
	sftp_begin(&body);
	sftp_put_text(&body, target);
	sftp_put_text(&body, path);
	if (sftp_ask(io_sftp_client(store), &call, SFTP_SYMLINK, &body) == -1)
		return tell_existing(store, path);
	io_sftp_note_folder(store, path);
	return 0;
}

static int make_link_at(void *context, int dir, const char *name,
			const char *target)
{
	struct io_sftp *store = context;
	char *path;
	int result;

	if (dir < IO_SFTP_FIRST)
		return io_system()->make_link_at(NULL, dir, name, target);
	path = io_sftp_path_at(store, dir, name);
	if (path == NULL)
		return -1;
	result = io_sftp_make_link(store, path, target);
	free(path);
	return result;
}

static int unlink_at(void *context, int dir, const char *name, int flags)
{
	struct io_sftp *store = context;
	struct stat status;
	int folder = (flags & AT_REMOVEDIR) != 0, result;
	char *path;

	if (dir < IO_SFTP_FIRST)
		return io_system()->unlink_at(NULL, dir, name, flags);
	path = io_sftp_path_at(store, dir, name);
	if (path == NULL)
		return -1;
	if (io_sftp_cache_look(store, path, &status) == SFTP_ABSENT) {
		free(path);
		errno = ENOENT;
		return -1;
	}
	io_sftp_unlock_path(store, path);
	result =
	    io_sftp_ask_path(store, folder ? SFTP_RMDIR : SFTP_REMOVE, path);
	if (result == -1 && errno == EIO) {
		if (folder)
			errno = ENOTEMPTY;
		else if (io_sftp_look(store, SFTP_LSTAT, path, &status) == 0)
			errno = S_ISDIR(status.st_mode) ? EISDIR : EIO;
	}
	if (result == 0)
		io_sftp_note_folder(store, path);
	free(path);
	return result;
}

static int set_times_at(void *context, int dir, const char *name,
			const struct timespec times[2])
{
	struct io_sftp *store = context;
	struct sftp_call call = {.expect = SFTP_STATUS};
	struct sftp_writer body;
	uint32_t seconds = io_sftp_time(times[1].tv_sec);
	char *path;
	int result;

	if (dir < IO_SFTP_FIRST)
		return io_system()->set_times_at(NULL, dir, name, times);
	if (!(store->extensions & SFTP_LSETSTAT))
		return 0; /* there is no way to do it */
	path = io_sftp_path_at(store, dir, name);
	if (path == NULL)
		return -1;
	sftp_begin(&body);
	sftp_put_text(&body, "lsetstat@openssh.com");
	sftp_put_text(&body, path);
	sftp_put_u32(&body, SFTP_ATTR_TIMES);
	sftp_put_u32(&body, seconds);
	sftp_put_u32(&body, seconds);
	result = sftp_ask(io_sftp_client(store), &call, SFTP_EXTENDED, &body);
	free(path);
	return result;
}

void io_sftp_fill_names(struct io *io)
{
	io->stat_at = stat_at;
	io->list = list;
	io->read_link_at = read_link_at;
	io->make_dir_at = make_dir_at;
	io->make_link_at = make_link_at;
	io->unlink_at = unlink_at;
	io->set_times_at = set_times_at;
}
