/* SPDX-License-Identifier: MIT */
#pragma once
/* Large buffers for a short time: in large pages where the kernel has them, since it takes longer
 * to be given the small pages of such a buffer one by one than to unpack a delta into it. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/* Zeros; never NULL, as g_malloc(). A small one is what g_malloc() gives. */
void *largemem_new(size_t size_bytes);
void largemem_free(void *memory); /* NULL is fine */

typedef uint8_t LargeBytes; /* for g_autoptr() only */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LargeBytes, largemem_free)
