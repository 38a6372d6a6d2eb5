/* SPDX-License-Identifier: MIT */
#pragma once
/* Raw LZMA (no container, no checks), as liblzma has it, for the streams of deltas. */

#include <glib.h>
#include <stdint.h>

enum { LZMAPACK_DICTIONARY_MAX = 8 << 20 };

/* The three numbers that tune the model: literal context bits, literal position bits, position
 * bits. One byte: (pb * 5 + lp) * 9 + lc. */
struct lzmapack_model {
	unsigned lc, lp, pb;
};

/* NULL if `ret_packed` would be larger than `size_max`. The caller frees. */
GByteArray *lzmapack_encode(const uint8_t *bytes, size_t size_bytes, struct lzmapack_model model,
			    size_t size_max);

struct lzmapack_reader;
/* Borrows the bytes. The dictionary is as large as `size_bytes`, at most 8 MiB. NULL if the model
 * byte is none. */
struct lzmapack_reader *lzmapack_reader_new(const uint8_t *packed, size_t packed_size,
					    uint8_t model, size_t size_bytes);
void lzmapack_reader_free(struct lzmapack_reader *reader);
/* Exactly that many bytes more; FALSE where the packed bytes are damaged or end early. */
gboolean lzmapack_reader_read(struct lzmapack_reader *reader, uint8_t *ret_bytes,
			      size_t size_bytes);
uint8_t lzmapack_model_encode(struct lzmapack_model model);
