/* SPDX-License-Identifier: MIT */
#pragma once
/* Lazy matching: foretells the tokens that gzip or zlib makes of some content, one by one, and goes
 * on from the token that was really made (RFC 1951, chapter 4). Integers only, and the same on
 * every machine: what one foretells, the other does. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "deflate.h"

enum { LAZYMATCH_PROFILE_COUNT = 27 };

/* How an encoder is set up. A profile's number is part of the delta format. */
struct lazymatch_profile {
	unsigned good_length; /* a match this long: look less for a better one */
	unsigned lazy_length; /* ... do not look for a better one (fast: learn no more inside) */
	unsigned nice_length; /* ... stop searching */
	unsigned chain_max;   /* places to look at */
	gboolean is_lazy;     /* looks at the next place before it takes a match */
	gboolean is_gzip;     /* GNU gzip's ways at the end of the content, and for blocks */
	gboolean may_cut;     /* ends a block early where that seems to pay */
	unsigned hash_bits;
	unsigned tokens_max; /* of a block */
	uint8_t xfl;         /* what the gzip header says of it */
};

/* `index` is below LAZYMATCH_PROFILE_COUNT: level - 1, plus 9 for zlib, 18 for zlib with its
 * largest memory level. */
struct lazymatch_profile lazymatch_profile(unsigned index);

struct lazymatch;
typedef struct lazymatch Lazymatch; /* for g_autoptr() only */

/* The content is borrowed, and shorter than 1 << 31. */
struct lazymatch *lazymatch_new(const struct lazymatch_profile *profile, const uint8_t *raw,
				size_t raw_size);
/* The same in the memory of one that is not needed any more, or NULL; takes that over. */
struct lazymatch *lazymatch_renew(struct lazymatch *model, const struct lazymatch_profile *profile,
				  const uint8_t *raw, size_t raw_size);
/* Another one in the same state. */
struct lazymatch *lazymatch_copy(const struct lazymatch *model);
void lazymatch_free(struct lazymatch *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Lazymatch, lazymatch_free)

/* Where the next token starts; at the end of the content there is none. */
size_t lazymatch_position(const struct lazymatch *model);

/* Where the encoder's buffer starts now: what is before it cannot be stored any more. */
size_t lazymatch_window(const struct lazymatch *model);

/* The token that the encoder would make next. Needs at least one byte of content. */
uint32_t lazymatch_next(struct lazymatch *model);

/* The token that it made; it does not reach behind the content's end. */
void lazymatch_accept(struct lazymatch *model, uint32_t token);

/* It made tokens of `count` bytes, which are not known. */
void lazymatch_skip(struct lazymatch *model, size_t count);
