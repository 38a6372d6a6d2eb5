/* SPDX-License-Identifier: MIT */
#pragma once
/* Secrets: bytes that are wiped when they are freed, kept out of core dumps, and come and go by
 * file descriptor. */

#include <glib.h>
#include <stdint.h>

enum { SECRET_SIZE_MAX = 512, SECRET_WAIT_MS_MAX = 10000 };

struct secret {
	uint8_t *bytes; /* a zero follows them, which is not counted */
	size_t size_bytes;
};
typedef struct secret Secret; /* for g_autoptr() only */

/* Zeros; size_bytes up to SECRET_SIZE_MAX. */
struct secret *secret_new(size_t size_bytes);
struct secret *secret_copy(const void *bytes, size_t size_bytes);
void secret_free(struct secret *secret);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Secret, secret_free)

/* The secret as base64 text. */
struct secret *secret_base64(const struct secret *secret);

/* Everything to the end of the descriptor, which is not closed, without one line feed at the end.
 * FAULT_SECRET_READ: nothing, more than SECRET_SIZE_MAX bytes, or SECRET_WAIT_MS_MAX without a
 * byte of it. */
struct secret *secret_read(int fd, GError **error);
/* A pipe that holds the secret; -1 with FAULT_SECRET_READ. The caller closes the read end that it
 * gets; nobody can write to it any more. */
int secret_pipe(const struct secret *secret, GError **error);
