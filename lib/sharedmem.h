/* SPDX-License-Identifier: MIT */
#pragma once
/* Shared memory: what two processes that do not trust each other both have before them. Its size is
 * sealed, so that neither can take it away under the other. Whoever is to judge what the other one
 * writes must copy it out first: it may change at any time. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

struct sharedmem {
	int fd; /* -1: none */
	uint8_t *bytes;
	size_t size_bytes;
};

/* Zeros; takes memory only where something is written. FAULT_WORKER_START. */
gboolean sharedmem_init(struct sharedmem *memory, size_t size_bytes, GError **error);
/* What the other process has made, with a size of 1 to size_max; takes the descriptor over, on
 * failure too. FALSE: it is nothing of the kind. */
gboolean sharedmem_take(struct sharedmem *memory, int fd, size_t size_max);
/* Gives memory from that byte on, rounded up to a page, back; what was there is lost. */
void sharedmem_drop(struct sharedmem *memory, size_t from);
void sharedmem_done(struct sharedmem *memory);
