/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SSH_CONNECTION_H
#define FERRY_TRANSFER_SSH_CONNECTION_H

#include <libssh2.h>

#include "transfer/ssh_config.h"
#include "transfer/ssh_socket.h"

/*
 * One SSH connection, from TCP to the channels on which commands run.  Its
 * functions are called in this order, by one thread at a time:
 *
 *     create, handshake, (host key and log-in: ssh_host_key.h, ssh_login.h),
 *     open, free
 *
 * Those that return an int return 0, or -1 when the try has failed; then
 * ssh_connection_failure says how.
 */
struct ssh_connection;

/* NULL: no memory. */
struct ssh_connection *ssh_connection_create(const struct ssh_config *);
/* Any time; tells the server, but does not wait.  NULL is fine. */
void ssh_connection_free(struct ssh_connection *);

/* Connect and agree on keys.  host_key_types: names with commas, best first. */
int ssh_connection_handshake(struct ssh_connection *,
			     const char *host_key_types);

/*
 * What the server may send on a new channel before we say that we read it: what
 * one round trip holds at 20 MB/s and 100 ms.  lane_ssh_window.c widens it
 * where that is not enough.
 */
#define SSH_RECEIVE_WINDOW ((uint32_t)2 << 20)

/* After log-in: a new channel for a command, which is the caller's and is to
 * be freed before the connection.  NULL: libssh2's last error says why, or that
 * it is to be called again (LIBSSH2_ERROR_EAGAIN). */
LIBSSH2_CHANNEL *ssh_connection_open(struct ssh_connection *);

/* What the parts need of each other. */
const struct ssh_config *
ssh_connection_config(const struct ssh_connection *connection);
/* Made with the connection, and non-blocking; for the thread that owns it. */
LIBSSH2_SESSION *ssh_connection_session(const struct ssh_connection *);
/* Where what libssh2 wrote may still wait to be sent. */
struct ssh_socket *ssh_connection_socket(struct ssh_connection *);

/*
 * After a call that may return LIBSSH2_ERROR_EAGAIN: 1 if it is to be made
 * again, after waiting as long as that makes sense; 0 if result is something
 * else, or if the try has failed meanwhile.
 *
 *     do
 *             result = libssh2_...;
 *     while (ssh_connection_again(connection, result));
 */
int ssh_connection_again(struct ssh_connection *, long result);

/* Something came or went: what is left of the try gets the whole time anew. */
void ssh_connection_moved(struct ssh_connection *);
/* 1 once the try has failed. */
int ssh_connection_has_failed(const struct ssh_connection *);

/* Ask the person; the time it takes does not count.  NULL: no answer; if that
 * is because all has to end, the try has failed with it. */
char *ssh_connection_ask(struct ssh_connection *, const char *question,
			 int echo);
/* Tell, at one of the levels of ssh_config.h. */
void ssh_connection_tell(struct ssh_connection *, enum ssh_tell,
			 const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Record why the try failed, once: -1.  _session adds what libssh2 says. */
int ssh_connection_fail(struct ssh_connection *, int code, const char *format,
			...) __attribute__((format(printf, 3, 4)));
int ssh_connection_fail_session(struct ssh_connection *, const char *what);
/* The exit code and text (malloc'd, or NULL), which becomes the caller's; 0
 * if nothing failed. */
int ssh_connection_failure(struct ssh_connection *, char **text);

#endif
