/* SPDX-License-Identifier: MIT */
#pragma once
/* Suffix arrays: find the longest run of bytes that two contents have in common. */

#include <glib.h>
#include <stdint.h>

enum { SUFFIX_SIZE_MAX = 1 << 30 };

struct suffix;
typedef struct suffix Suffix; /* for g_autoptr() only */

/* Borrows the bytes; takes four times their size in memory, and a little. */
struct suffix *suffix_new(const uint8_t *bytes, size_t size_bytes);
void suffix_free(struct suffix *suffix);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Suffix, suffix_free)

/* The longest start of `wanted` that stands somewhere in the content, and where; 0 if not even its
 * first two bytes do. */
size_t suffix_find(const struct suffix *suffix, const uint8_t *wanted, size_t size_bytes,
		   size_t *ret_at);
