/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over its seeds, over every cut and bit flip of them, and over random
 * mutants from a printed seed: replay [SEED [COUNT]]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { ROOM = 16384, SEEDS = 4, MUTATIONS_MAX = 8, COUNT_DEFAULT = 30000 };

static uint64_t state;

/* splitmix64, https://prng.di.unimi.it/splitmix64.c (public domain); any generator would do. */
static uint64_t random_next(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* A copy of exactly that size, so that ASan sees the first byte read behind it. */
static void target_run(const uint8_t *bytes, size_t size_bytes)
{
	uint8_t *exact = malloc(size_bytes > 0 ? size_bytes : 1);

	memcpy(exact, bytes, size_bytes);
	LLVMFuzzerTestOneInput(exact, size_bytes);
	free(exact);
}

static void seed_walk(uint8_t *bytes, size_t size_bytes)
{
	for (size_t cut = 0; cut <= size_bytes; cut++)
		target_run(bytes, cut);
	for (size_t bit = 0; bit < size_bytes * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		target_run(bytes, size_bytes);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void mutant_run(const uint8_t *seed, size_t size_bytes)
{
	static const uint8_t EDGES[] = { 0, 1, 0x7f, 0x80, 0xff, '"', '{', '[' };
	uint8_t bytes[ROOM];
	const unsigned mutations = (unsigned)(1 + random_next() % MUTATIONS_MAX);

	memcpy(bytes, seed, size_bytes);
	for (unsigned i = 0; i < mutations && size_bytes > 0; i++) {
		const size_t at = random_next() % size_bytes;
		const size_t from = random_next() % size_bytes;

		if (random_next() % 4 == 0)
			memmove(bytes + at, bytes + from, size_bytes - (at > from ? at : from));
		else
			bytes[at] = random_next() % 2 == 0 ? (uint8_t)random_next()
							   : EDGES[random_next() % sizeof EDGES];
	}
	target_run(bytes, size_bytes);
}

int main(int argc, char **argv)
{
	uint8_t seed[ROOM];
	const unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 0) : COUNT_DEFAULT;

	state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	printf("1..1\n# seed %llu, %lu mutants\n", (unsigned long long)state, count);
	for (unsigned number = 0; number < SEEDS; number++) {
		const size_t size_bytes = fuzz_seed(number, seed, sizeof seed);

		if (size_bytes == 0)
			continue;
		seed_walk(seed, size_bytes);
		for (unsigned long i = 0; i < count / SEEDS; i++)
			mutant_run(seed, size_bytes);
	}
	printf("ok 1 nothing read outside of its input\n");
	return 0;
}
