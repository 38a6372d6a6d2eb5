/* SPDX-License-Identifier: MIT */
#pragma once
/* gzip members, made again bit for bit: the writer's choices are foretold (lib/lazymatch.h,
 * lib/huffman.h), and the corrections say where it chose otherwise. For what gzip and zlib made,
 * that is next to nothing. See lib/recode.h for what the functions promise. */

#include "recode.h"

/* The member at the bytes' start; NULL, or why there is none that can be read. */
const char *recode_gzip_unpack(const uint8_t *bytes, size_t size_bytes, GByteArray *ret_raw,
			       size_t *ret_used);
gboolean recode_gzip_split(const uint8_t *bytes, size_t size_bytes, GByteArray *ret_raw,
			   GByteArray *ret_corrections);
const char *recode_gzip_expand(const uint8_t *bytes, size_t size_bytes, uint8_t *ret_raw,
			       size_t raw_size);
const char *recode_gzip_join(const struct recode_raw *raw, struct lazymatch **spare,
			     uint8_t *ret_bytes, size_t size_bytes);
