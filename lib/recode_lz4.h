/* SPDX-License-Identifier: MIT */
#pragma once
/* LZ4 blocks, made again by liblz4. Whether the device's liblz4 makes the same bytes shows in the
 * end by their hash; the legacy frames of Linux kernels have been the same for many years. See
 * lib/recode.h for what the functions promise. */

#include "recode.h"

enum {
	RECODE_LZ4_MAGIC = 0x184c2102,   /* of a legacy frame, little-endian */
	RECODE_LZ4_BLOCK_SIZE = 8 << 20, /* content of each of its blocks but the last */
};

/* The content of one block; FALSE: it is damaged. */
gboolean recode_lz4_unpack(const uint8_t *bytes, size_t size_bytes, GByteArray *ret_raw);
gboolean recode_lz4_split(const uint8_t *bytes, size_t size_bytes, GByteArray *ret_raw,
			  GByteArray *ret_corrections);
const char *recode_lz4_expand(const uint8_t *bytes, size_t size_bytes, uint8_t *ret_raw,
			      size_t raw_size);
const char *recode_lz4_join(const struct recode_raw *raw, uint8_t *ret_bytes, size_t size_bytes);
