/* SPDX-License-Identifier: MIT */
/* Encoding is division by the generator polynomial: the registers hold the remainder so far. What
 * a symbol adds to each register is a constant times one byte, the feedback. No table is looked
 * up: the feedback is doubled seven times, and each constant is a choice out of these eight. That
 * is the same for all columns, so 64 of them are done in one go, with what registers the
 * processor has. */
#include "reedsolomon.h"

#include <string.h>

enum {
	LANES = REEDSOLOMON_COLUMNS,
	POLYNOMIAL = 0x1d,
	BITS = 8,
	VECTOR_SIZE = 16, /* of every processor; compilers take larger ones apart badly */
	VECTORS = LANES / VECTOR_SIZE,
};

typedef uint8_t vector __attribute__((vector_size(VECTOR_SIZE)));
typedef int8_t signed_vector __attribute__((vector_size(VECTOR_SIZE)));

struct lanes {
	vector vectors[VECTORS];
};

struct tap {
	unsigned count;
	uint8_t bits[BITS]; /* which doublings of the feedback make the constant */
};

struct reedsolomon {
	unsigned roots;
	unsigned head; /* where the register of the highest power is: they turn, none is moved */
	size_t columns;
	struct tap taps[REEDSOLOMON_ROOTS_MAX]; /* highest power first */
	struct lanes *registers;                /* `roots` of each LANES columns, side by side */
};

static uint8_t twice(uint8_t value)
{
	return (uint8_t)(value << 1 ^ ((value & 0x80) != 0 ? POLYNOMIAL : 0));
}

static uint8_t product(uint8_t a, uint8_t b)
{
	uint8_t sum = 0;

	for (; b != 0; b >>= 1, a = twice(a))
		if ((b & 1) != 0)
			sum ^= a;
	return sum;
}

static struct tap tap_of(uint8_t constant)
{
	struct tap tap = { 0 };

	for (uint8_t bit = 0; bit < BITS; bit++)
		if ((constant >> bit & 1) != 0)
			tap.bits[tap.count++] = bit;
	return tap;
}

/* The generator, (x - 1)(x - 2)(x - 4)..., without its highest power, whose factor is 1. */
static void taps_make(struct reedsolomon *code)
{
	uint8_t generator[REEDSOLOMON_ROOTS_MAX + 1] = { 1 }; /* [n]: factor of power n */
	uint8_t root = 1;

	for (unsigned degree = 0; degree < code->roots; degree++, root = twice(root)) {
		for (unsigned power = degree + 1; power > 0; power--)
			generator[power] = generator[power - 1] ^ product(generator[power], root);
		generator[0] = product(generator[0], root);
	}
	for (unsigned i = 0; i < code->roots; i++)
		code->taps[i] = tap_of(generator[code->roots - 1 - i]);
}

struct reedsolomon *reedsolomon_new(unsigned roots, size_t columns_max)
{
	struct reedsolomon *code = g_new0(struct reedsolomon, 1);

	g_assert(roots > 0 && roots <= REEDSOLOMON_ROOTS_MAX && columns_max % LANES == 0);
	code->roots = roots;
	code->registers = g_aligned_alloc(roots, columns_max, LANES);
	taps_make(code);
	return code;
}

void reedsolomon_free(struct reedsolomon *code)
{
	if (code == NULL)
		return;
	g_aligned_free(code->registers);
	g_free(code);
}

void reedsolomon_begin(struct reedsolomon *code, size_t columns)
{
	g_assert(columns % LANES == 0);
	code->columns = columns;
	code->head = 0;
	memset(code->registers, 0, columns * code->roots);
}

static inline void lanes_xor(struct lanes *lanes, const struct lanes *other)
{
#pragma GCC unroll 4
	for (unsigned i = 0; i < VECTORS; i++)
		lanes->vectors[i] ^= other->vectors[i];
}

static inline void lanes_twice(const struct lanes *lanes, struct lanes *ret_twice)
{
#pragma GCC unroll 4
	for (unsigned i = 0; i < VECTORS; i++) {
		const vector value = lanes->vectors[i];
		const vector carry = (vector)((signed_vector)value < 0);

		ret_twice->vectors[i] = (value + value) ^ (carry & POLYNOMIAL);
	}
}

/* One symbol of LANES codewords. The register of the highest power becomes that of power 0. */
static void lanes_add(const struct reedsolomon *code, struct lanes *registers,
		      const struct lanes *row)
{
	struct lanes doublings[BITS];
	unsigned at = code->head;

	doublings[0] = registers[at];
	lanes_xor(&doublings[0], row);
	for (unsigned i = 1; i < BITS; i++)
		lanes_twice(&doublings[i - 1], &doublings[i]);
	registers[at] = (struct lanes){ 0 };
	for (unsigned i = 0; i < code->roots; i++) {
		const struct tap *tap = &code->taps[i];
		struct lanes sum;

		at = at + 1 < code->roots ? at + 1 : 0;
		sum = registers[at];
		for (unsigned n = 0; n < tap->count; n++)
			lanes_xor(&sum, &doublings[tap->bits[n]]);
		registers[at] = sum;
	}
}

void reedsolomon_add(struct reedsolomon *code, const uint8_t *row)
{
	for (size_t i = 0; i < code->columns / LANES; i++) {
		struct lanes symbols;

		memcpy(&symbols, row + i * LANES, LANES);
		lanes_add(code, code->registers + i * code->roots, &symbols);
	}
	code->head = code->head + 1 < code->roots ? code->head + 1 : 0;
}

void reedsolomon_parity(const struct reedsolomon *code, uint8_t *ret_parity)
{
	const uint8_t *registers = (const uint8_t *)code->registers;

	for (size_t column = 0; column < code->columns; column++) {
		const uint8_t *first = registers + column / LANES * LANES * code->roots +
				       column % LANES;

		for (unsigned i = code->head; i < code->roots; i++)
			*ret_parity++ = first[i * LANES];
		for (unsigned i = 0; i < code->head; i++)
			*ret_parity++ = first[i * LANES];
	}
}
