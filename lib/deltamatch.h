/* SPDX-License-Identifier: MIT */
#pragma once
/* Matching: describes a new content as runs that resemble runs of an old one, with differences of
 * single bytes inside, and bytes that resemble nothing. */

#include <glib.h>
#include <stdint.h>

/* `add` bytes like the old ones from `old_at` on, then `extra` bytes like none. */
struct deltamatch {
	uint64_t old_at;
	uint64_t add;
	uint64_t extra;
};

struct deltamatch_content {
	const uint8_t *bytes;
	size_t size_bytes;
};

/* Appends struct deltamatch that together make up all of `new_content`. */
void deltamatch_find(const struct deltamatch_content *old_content,
		     const struct deltamatch_content *new_content, GArray *matches);
