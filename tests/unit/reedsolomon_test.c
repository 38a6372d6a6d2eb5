/* SPDX-License-Identifier: MIT */
/* Oracle: what makes a codeword is that, as a polynomial, it is zero at each root. Arithmetic is
 * done here with logarithms, there by doublings. fec_test compares with cryptsetup's encoder. */
#include "reedsolomon.h"

#include <string.h>

#include "tap.h"

enum { COLUMNS = 3 * REEDSOLOMON_COLUMNS };

static uint8_t power_of[512]; /* of 2 */
static unsigned logarithm_of[256];

static void tables_make(void)
{
	unsigned value = 1;

	for (unsigned i = 0; i < 255; i++) {
		power_of[i] = power_of[i + 255] = (uint8_t)value;
		logarithm_of[value] = i;
		value = value << 1;
		if (value > 255)
			value ^= 0x11d;
	}
}

static uint8_t times(uint8_t a, uint8_t b)
{
	return a == 0 || b == 0 ? 0 : power_of[logarithm_of[a] + logarithm_of[b]];
}

static uint8_t value_at(const uint8_t *word, unsigned size, uint8_t x)
{
	uint8_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value = times(value, x) ^ word[i];
	return value;
}

static uint8_t rows[255][COLUMNS];

static bool column_is_codeword(unsigned column, unsigned rows_count, const uint8_t *parity,
			       unsigned roots)
{
	uint8_t word[255];

	for (unsigned i = 0; i < rows_count; i++)
		word[i] = rows[i][column];
	memcpy(word + rows_count, parity + column * roots, roots);
	for (unsigned i = 0; i < roots; i++)
		if (value_at(word, rows_count + roots, power_of[i]) != 0)
			return false;
	return true;
}

static void encode(struct reedsolomon *code, unsigned rows_count, size_t columns, uint8_t *parity)
{
	reedsolomon_begin(code, columns);
	for (unsigned i = 0; i < rows_count; i++)
		reedsolomon_add(code, rows[i]);
	reedsolomon_parity(code, parity);
}

/* All numbers of roots; the encoder is used again for other rows, fewer and more. */
static void test_codewords(void)
{
	static uint8_t parity[COLUMNS * REEDSOLOMON_ROOTS_MAX + 1];

	for (unsigned roots = 1; roots <= REEDSOLOMON_ROOTS_MAX; roots++) {
		const unsigned counts[] = { 255 - roots, 1, 2, 100, 255 - roots };
		g_autoptr(ReedSolomon) code = reedsolomon_new(roots, COLUMNS);

		for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
			const size_t columns = i == 3 ? REEDSOLOMON_COLUMNS : COLUMNS;
			unsigned wrong = 0;

			memset(parity, 0xaa, sizeof parity);
			encode(code, counts[i], columns, parity);
			for (unsigned column = 0; column < columns; column++)
				wrong += !column_is_codeword(column, counts[i], parity, roots);
			expect(wrong == 0);
			expect(parity[columns * roots] == 0xaa);
		}
	}
}

static void test_zeros(void)
{
	static const uint8_t ZEROS[COLUMNS * 2];
	g_autoptr(ReedSolomon) code = reedsolomon_new(2, COLUMNS);
	uint8_t parity[COLUMNS * 2];

	reedsolomon_begin(code, COLUMNS);
	for (unsigned i = 0; i < 253; i++)
		reedsolomon_add(code, ZEROS);
	reedsolomon_parity(code, parity);
	expect(memcmp(parity, ZEROS, sizeof parity) == 0);
	reedsolomon_free(NULL);
}

static const struct tap_case CASES[] = {
	{ "codewords are zero at each root", test_codewords },
	{ "zeros have a parity of zeros", test_zeros },
};

int main(void)
{
	uint32_t state = 1;

	tables_make();
	for (size_t i = 0; i < sizeof rows; i++) {
		state = state * 1664525 + 1013904223;
		rows[i / COLUMNS][i % COLUMNS] = (uint8_t)(state >> 24);
	}
	return tap_run(CASES, G_N_ELEMENTS(CASES));
}
