/* SPDX-License-Identifier: BSD-2-Clause */
/* What is the plain sum of a file of this machine? */
#include "cli/far_sums_local.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "journal/io.h"
#include "transfer/entry.h"

struct far_local {
	enum far_program program;
	int from_disk;
	const atomic_int *over;
	struct io *io;
	uint8_t *buffer; /* of one leaf */
	/* Of the file being read, one of them. */
	XXH3_state_t *xxh;
	const EVP_MD *type;
	EVP_MD_CTX *context;
};

struct far_local *far_local_create(enum far_program program, int from_disk,
				   const atomic_int *over)
{
	struct far_local *local = calloc(1, sizeof(*local));

	if (local == NULL)
		return NULL;
	local->program = program;
	local->from_disk = from_disk;
	local->over = over;
	local->io = io_system();
	local->buffer = leaf_buffer_create();
	if (program == FAR_XXH128SUM) {
		local->xxh = XXH3_createState();
	} else {
		local->type =
		    program == FAR_B2SUM ? EVP_blake2b512() : EVP_sha256();
		local->context = EVP_MD_CTX_new();
	}
	if (local->buffer != NULL &&
	    (local->xxh != NULL ||
	     (local->type != NULL && local->context != NULL)))
		return local;
	far_local_free(local);
	return NULL;
}

void far_local_free(struct far_local *local)
{
	if (local == NULL)
		return;
	XXH3_freeState(local->xxh);
	EVP_MD_CTX_free(local->context);
	free(local->buffer);
	free(local);
}

/* ---- the sum ------------------------------------------------------------- */

static int begin(struct far_local *local)
{
	if (local->xxh != NULL)
		return XXH3_128bits_reset(local->xxh) == XXH_OK ? 0 : -1;
	return EVP_DigestInit_ex(local->context, local->type, NULL) == 1 ? 0
									 : -1;
}

static int add(struct far_local *local, const void *bytes, size_t size)
{
	if (local->xxh != NULL)
		return XXH3_128bits_update(local->xxh, bytes, size) == XXH_OK
			   ? 0
			   : -1;
	return EVP_DigestUpdate(local->context, bytes, size) == 1 ? 0 : -1;
}

static int end(struct far_local *local, uint8_t sum[FAR_SUMS_SIZE])
{
	XXH128_canonical_t canonical;
	uint8_t bytes[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	if (local->xxh != NULL) {
		/* Big-endian, as xxh128sum prints it. */
		XXH128_canonicalFromHash(&canonical,
					 XXH3_128bits_digest(local->xxh));
		memcpy(sum, canonical.digest, sizeof(canonical.digest));
		return 0;
	}
	if (EVP_DigestFinal_ex(local->context, bytes, &length) != 1 ||
	    length != far_program_size(local->program))
		return -1;
	memcpy(sum, bytes, length);
	return 0;
}

int far_local_sum_bytes(struct far_local *local, const void *bytes, size_t size,
			uint8_t sum[FAR_SUMS_SIZE])
{
	return begin(local) == 0 && add(local, bytes, size) == 0 &&
		       end(local, sum) == 0
		   ? 0
		   : -1;
}

int far_local_sum_known(const struct far_local *local,
			const struct far_file *file, uint8_t sum[FAR_SUMS_SIZE])
{
	if (local->program != FAR_XXH128SUM || local->from_disk ||
	    !file->known || file->size > LEAF_SIZE)
		return 0;
	memcpy(sum, file->digest.bytes, sizeof(file->digest.bytes));
	return 1;
}

/* ---- the file ------------------------------------------------------------ */

/* Leaf by leaf, for the sum and for the digest.  1, 0 or -1 as far_local_sum.
 * tree is NULL for a file of one leaf. */
static int read_leaves(struct far_local *local, int descriptor,
		       const struct far_file *file, struct tree_digest *tree,
		       struct digest *digest)
{
	const uint64_t count = leaf_count(file->size);

	*digest = digest_of("", 0);
	for (uint64_t i = 0; i < count; i++) {
		const size_t length = leaf_length(file->size, i);
		ssize_t got = io_read(local->io, descriptor, local->buffer,
				      length, (off_t)(i * LEAF_SIZE));

		if (got == -1)
			return -1;
		if ((size_t)got != length || atomic_load(local->over))
			return 0;
		*digest = digest_of(local->buffer, length);
		if (tree != NULL)
			tree_digest_add(tree, digest);
		if (add(local, local->buffer, length) == -1)
			return -1;
	}
	if (tree != NULL)
		*digest = tree_digest_get(tree);
	return 1;
}

static int same_version(struct far_local *local, int descriptor,
			const struct stat *before)
{
	struct digest old = entry_version(before), new;
	struct stat after;

	if (local->io->stat(local->io->context, descriptor, &after) == -1)
		return 0;
	new = entry_version(&after);
	return digest_equal(&old, &new);
}

static int read_file(struct far_local *local, int descriptor,
		     const struct far_file *file, uint8_t sum[FAR_SUMS_SIZE])
{
	struct tree_digest *tree = NULL;
	struct digest digest;
	struct stat status;
	int result;

	if (local->io->stat(local->io->context, descriptor, &status) == -1)
		return -1;
	if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size != file->size)
		return 0;
	if (local->from_disk) {
		/* Only what is on the disk can be dropped. */
		io_sync_data(local->io, descriptor);
		local->io->advise(local->io->context, descriptor, 0, 0,
				  IO_DROP_CACHE);
	}
	if (file->size > LEAF_SIZE) {
		tree = tree_digest_create(file->size);
		if (tree == NULL)
			return -1;
	}
	result = begin(local);
	if (result == 0)
		result = read_leaves(local, descriptor, file, tree, &digest);
	tree_digest_free(tree);
	if (result != 1)
		return result;
	/* With the digest nothing else needs to be known of it. */
	if (file->known ? !digest_equal(&digest, &file->digest)
			: !same_version(local, descriptor, &status))
		return 0;
	return end(local, sum) == 0 ? 1 : -1;
}

int far_local_sum(struct far_local *local, const char *path,
		  const struct far_file *file, uint8_t sum[FAR_SUMS_SIZE])
{
	const int flags =
	    O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC;
	int descriptor = open(path, flags), result, error;

	if (descriptor == -1)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ||
			       errno == EISDIR || errno == ENXIO
			   ? 0
			   : -1;
	errno = EIO;
	result = read_file(local, descriptor, file, sum);
	error = errno;
	close(descriptor);
	errno = error;
	return result;
}
