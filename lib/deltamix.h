/* SPDX-License-Identifier: MIT */
#pragma once
/* Mixes: codes the raw stream of a delta frame byte by byte, each with the chances that several
 * small models give it, mixed. The reference is known to writer and reader, and so it is context:
 * that a pointer changed from this to that is told once. Smaller than any packer of differences.
 *
 * All in whole numbers, so that every machine computes the same. Writer and reader are one walk:
 * both call the same functions in the same order. Takes DELTAMIX_MEMORY. */

#include <glib.h>
#include <stdint.h>

#include "frame.h"

enum { DELTAMIX_MEMORY = 15 << 20 }; /* bytes, beside its arguments */

struct deltamix;
typedef struct deltamix Deltamix; /* for g_autoptr() only */

/* Borrows all; `raw` must be whole when writing, and is filled when reading. `packed` is NULL when
 * writing. Bytes that are missing in `packed` read as zeros: what comes out is then wrong, and
 * found by its hash. */
struct deltamix *deltamix_new(const struct frame_reference *reference, uint8_t *raw,
			      const uint8_t *packed, size_t packed_size);
void deltamix_free(struct deltamix *mix);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Deltamix, deltamix_free)

/* The next bytes of the raw stream, which are like those of the reference from there on; all must
 * be inside. */
void deltamix_add(struct deltamix *mix, uint64_t reference_at, uint64_t size_bytes);
/* The next bytes, which are like none. */
void deltamix_extra(struct deltamix *mix, uint64_t size_bytes);

/* What was written. The caller frees. */
GByteArray *deltamix_finish(struct deltamix *mix);
/* How many binary choices were coded so far: what unmixing takes a device its time for. */
uint64_t deltamix_choices(const struct deltamix *mix);
