/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FERRY_TRANSFER_SFTP_CLIENT_H
#define FERRY_TRANSFER_SFTP_CLIENT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "transfer/sftp_codec.h"

/*
 * An SFTP version 3 client (draft-ietf-secsh-filexfer-02) over a pair of
 * descriptors.  Any number of threads send requests; one of its own matches
 * the replies, which may come in any order, by their ids.  The server is not
 * trusted: a packet that is too long, an id that nobody waits for or a type
 * that is no answer to the request end the connection, and no packet makes us
 * allocate more than SFTP_PACKET_MAX.
 */
#define SFTP_IN_FLIGHT 64 /* requests; further ones wait */
/*
 * A server that says nothing for so many milliseconds, though it was asked
 * for something, is given up; one more for so many bytes of what all that
 * costs, for a line may be slow, and a disk.
 */
#define SFTP_SILENCE   30000
#define SFTP_SLOWEST   512

/* error of a call: the end of a file or of a folder's names. */
#define SFTP_END (-1)

struct sftp_call {
	uint8_t expect; /* SFTP_STATUS, or what a success brings */
	void *room;     /* of SFTP_DATA: where it goes, */
	size_t size;    /* and how much at most */
	size_t
	    cost; /* of doing it, as a number of bytes; for sftp_client_load */
	/* Called by the reader's thread, or by who sends when the connection
	 * is dead; it must not send.  NULL: somebody is in sftp_wait. */
	void (*done)(struct sftp_call *);

	int error;     /* 0, SFTP_END, or an errno */
	uint8_t *body; /* of a success but STATUS and DATA; malloc'd: free it */
	size_t length; /* of it, or of the data */
	int finished;  /* for sftp_wait */
};

enum sftp_extension {
	SFTP_POSIX_RENAME = 1,
	SFTP_FSYNC = 2,
	SFTP_LSETSTAT = 4,
	SFTP_LIMITS = 8,
	SFTP_COPY_DATA = 16
};

struct sftp_client;

struct sftp_client_config {
	int in, out;      /* become the client's, even if it is not opened */
	int milliseconds; /* that the server may take to begin; 0: for ever */
	unsigned silence; /* of a server that is asked; 0: SFTP_SILENCE */
	const atomic_int *over; /* set: it need not begin; NULL: none */
	/* The connection is lost; once, before any call fails for it.  Any
	 * thread.  NULL: nobody wants to know. */
	void (*down)(void *cookie);
	void *cookie;
};

/* Agree on the version.  NULL with *text, malloc'd (NULL: no memory). */
struct sftp_client *sftp_client_open(const struct sftp_client_config *,
				     char **text);
/* No call is out any more.  NULL is fine. */
void sftp_client_close(struct sftp_client *);
/* End the connection; calls that are out fail.  Any thread. */
void sftp_client_cut(struct sftp_client *);

/* 1: the connection ended because the server broke the protocol. */
int sftp_client_is_broken(struct sftp_client *);
/* What the requests that are out cost, the bytes they send with it. */
size_t sftp_client_load(const struct sftp_client *);
unsigned sftp_client_extensions(const struct sftp_client *);
/* So much may one READ or WRITE ask for. */
size_t sftp_client_read_max(const struct sftp_client *);
size_t sftp_client_write_max(const struct sftp_client *);

/*
 * Send a request: body without type and id, and then data (NULL: none), which
 * is gone when this returns.  call must stay until it is finished.  It never
 * fails: what cannot be sent finishes the call with an error.
 */
void sftp_send(struct sftp_client *, struct sftp_call *, uint8_t type,
	       const struct sftp_writer *body, const void *data, size_t size);
/* Wait for a call without done.  0, or -1 with errno (0 at SFTP_END). */
int sftp_wait(struct sftp_client *, struct sftp_call *);
/* Send a request whose outcome is of no interest. */
void sftp_send_only(struct sftp_client *, uint8_t type,
		    const struct sftp_writer *body);
/* Both. */
int sftp_ask(struct sftp_client *, struct sftp_call *, uint8_t type,
	     const struct sftp_writer *body);

#endif
