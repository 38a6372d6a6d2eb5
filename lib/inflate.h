/* SPDX-License-Identifier: MIT */
#pragma once
/* Inflate: reads a deflate stream (RFC 1951), to its content and, if wanted, to the choices that
 * its writer made: tokens and blocks. The stream may be hostile. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "deflate.h"

enum { INFLATE_RAW_SIZE_MAX = 16 << 20, INFLATE_BLOCKS_MAX = 1 << 16 };

struct inflate_block {
	enum deflate_type type;
	gboolean is_final;
	size_t first_token; /* none belong to a stored block */
	size_t token_count;
	size_t size_bytes; /* of content */
	struct deflate_header header;
};

/* What a stream was made of; the arrays are the caller's, empty at the start. Without `tokens`,
 * only the content is read. */
struct inflate_parts {
	GByteArray *raw;
	GArray *tokens; /* uint32_t */
	GArray *blocks; /* struct inflate_block */
};

/* Reads to the end of the stream; NULL, or why it cannot. More content than INFLATE_RAW_SIZE_MAX,
 * more blocks than INFLATE_BLOCKS_MAX are reasons, and unused bits that are not zero: they would be
 * lost. */
const char *inflate_parse(const uint8_t *bytes, size_t size_bytes, struct inflate_parts *parts,
			  size_t *ret_used);

/* Into a buffer of exactly the content's size. */
const char *inflate_expand(const uint8_t *bytes, size_t size_bytes, uint8_t *ret_raw,
			   size_t raw_size);
