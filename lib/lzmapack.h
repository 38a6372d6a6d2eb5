/* SPDX-License-Identifier: MIT */
#pragma once
/* Raw LZMA (no container, no checks), as liblzma has it, for the streams of deltas; and files of
 * xz, for those of others. */

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

struct lzmapack_bytes {
	const uint8_t *bytes;
	size_t size_bytes;
};

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

enum { LZMAPACK_XZ_DICTIONARY_MAX = 32 << 20 };

/* A whole file of xz. *ret_size: at most size_max, for which there is room; of a dictionary no more
 * memory is touched than bytes come out. FALSE: it is damaged, has more in it, or wants a larger
 * dictionary. */
gboolean lzmapack_xz_unpack(const struct lzmapack_bytes *packed, uint8_t *ret_bytes,
			    size_t size_max, size_t *ret_size);
