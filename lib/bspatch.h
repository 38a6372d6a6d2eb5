/* SPDX-License-Identifier: MIT */
#pragma once
/* Patches of bsdiff without its container, as static deltas of libostree have them: a run of three
 * numbers (8 bytes each, lowest first, the highest bit is the sign), then bytes to be added to the
 * old ones, then new bytes: how many there are of each the first two numbers say; the third one
 * says how far to go on in the old bytes. Until the new bytes are whole. All of it may be hostile.
 */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

struct bspatch_bytes {
	const uint8_t *bytes;
	size_t size_bytes;
};

/* Makes exactly `new_size` bytes. Old bytes that are not there count as zeros. FALSE: the patch
 * ends early, or makes more. */
gboolean bspatch_apply(const struct bspatch_bytes *patch, const struct bspatch_bytes *old,
		       uint8_t *ret_new, size_t new_size);
