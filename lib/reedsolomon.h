/* SPDX-License-Identifier: MIT */
#pragma once
/* Reed-Solomon encoder of many codewords side by side.
 *
 * The code is the one of dm-verity's FEC: bytes of GF(2^8) by the polynomial 0x11d, the
 * generator's roots being 1, 2, 4, 8, ... Each column is a codeword of its own; a row is its next
 * symbol. Needs `roots` bytes of memory per column. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

enum { REEDSOLOMON_ROOTS_MAX = 24, REEDSOLOMON_COLUMNS = 64 };

struct reedsolomon;
typedef struct reedsolomon ReedSolomon; /* for g_autoptr() only */

/* `roots`, 1 to REEDSOLOMON_ROOTS_MAX: bytes of parity. `columns_max` is a multiple of
 * REEDSOLOMON_COLUMNS. */
struct reedsolomon *reedsolomon_new(unsigned roots, size_t columns_max);
void reedsolomon_free(struct reedsolomon *code);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReedSolomon, reedsolomon_free)

/* Begins `columns` new codewords, a multiple of REEDSOLOMON_COLUMNS. */
void reedsolomon_begin(struct reedsolomon *code, size_t columns);
/* One more symbol of each. */
void reedsolomon_add(struct reedsolomon *code, const uint8_t *row);
/* The parity of the codewords so far: that of the first column, then that of the second, ... */
void reedsolomon_parity(const struct reedsolomon *code, uint8_t *ret_parity);
