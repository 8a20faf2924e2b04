/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SSH_PROXY_H
#define FERRY_TRANSFER_SSH_PROXY_H

/* A command whose standard input and output are the way to an SSH server:
 * ProxyCommand, or ssh -W through a jump host. */
struct ssh_proxy;

/*
 * Run it in a shell.  attended: it may ask on our terminal.  NULL with errno;
 * else *descriptor, a non-blocking socket, is the caller's.
 */
struct ssh_proxy *ssh_proxy_start(const char *command, int attended,
				  int *descriptor);

/* The last line that it wrote to its stderr; malloc'd, or NULL: none. */
char *ssh_proxy_said(const struct ssh_proxy *);

/* After the socket was closed: end it, if it does not by itself.  NULL is
 * fine. */
void ssh_proxy_stop(struct ssh_proxy *);

#endif
