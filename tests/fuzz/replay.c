/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over its seeds, over cuts and bit flips of them, over the files of its
 * corpus, and over random mutants of all, from a printed seed: replay CORPUS [SEED [COUNT]].
 * replay --seeds FOLDER writes the seeds, for libFuzzer to start from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { ROOM = 65536, WALK_BYTES = 256, MUTATIONS_MAX = 8, COUNT_DEFAULT = 30000 };

struct input {
	size_t size_bytes;
	uint8_t bytes[];
};

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

/* Every cut; every bit flip, or of longer seeds one in each byte. */
static void seed_walk(struct input *seed)
{
	const size_t step = seed->size_bytes <= WALK_BYTES ? 1 : 9;

	for (size_t cut = 0; cut <= seed->size_bytes; cut++)
		target_run(seed->bytes, cut);
	for (size_t bit = 0; bit < seed->size_bytes * 8; bit += step) {
		seed->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		target_run(seed->bytes, seed->size_bytes);
		seed->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void mutant_run(const struct input *input)
{
	static const uint8_t EDGES[] = { 0, 1, 0x7f, 0x80, 0xff, '"', '{', '[' };
	static uint8_t bytes[ROOM];
	const unsigned mutations = (unsigned)(1 + random_next() % MUTATIONS_MAX);
	const size_t size_bytes = input->size_bytes;

	memcpy(bytes, input->bytes, size_bytes);
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

static struct input *input_new(const void *bytes, size_t size_bytes)
{
	struct input *input = g_malloc(sizeof *input + size_bytes);

	input->size_bytes = size_bytes;
	memcpy(input->bytes, bytes, size_bytes);
	return input;
}

static GPtrArray *seeds_get(void)
{
	static uint8_t bytes[ROOM];
	GPtrArray *seeds = g_ptr_array_new_with_free_func(g_free);

	for (unsigned number = 0; number < FUZZ_SEEDS; number++) {
		const size_t size_bytes = fuzz_seed(number, bytes, sizeof bytes);

		if (size_bytes > 0)
			g_ptr_array_add(seeds, input_new(bytes, size_bytes));
	}
	return seeds;
}

/* Of tests/fuzz/fuzz.py: each input behind its size. */
static void pack_add(GPtrArray *corpus, const uint8_t *bytes, size_t size_bytes)
{
	enum { SIZE = 4 };

	while (size_bytes > 0) {
		size_t size = 0;

		promise(size_bytes >= SIZE);
		for (unsigned i = SIZE; i-- > 0;)
			size = size << 8 | bytes[i];
		promise(size <= ROOM && size <= size_bytes - SIZE);
		g_ptr_array_add(corpus, input_new(bytes + SIZE, size));
		bytes += SIZE + size;
		size_bytes -= SIZE + size;
	}
}

/* A target need not have a corpus; but a file of it that cannot be read is no success. */
static GPtrArray *corpus_read(const char *path)
{
	GPtrArray *corpus = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
	const char *name;

	while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
		g_autofree char *file = g_build_filename(path, name, NULL);
		g_autofree char *bytes = NULL;
		gsize size_bytes;

		promise(g_file_get_contents(file, &bytes, &size_bytes, NULL));
		promise(size_bytes <= ROOM);
		if (strcmp(name, "kept") == 0)
			pack_add(corpus, (const uint8_t *)bytes, size_bytes);
		else
			g_ptr_array_add(corpus, input_new(bytes, size_bytes));
	}
	return corpus;
}

static int seeds_write(const char *path)
{
	g_autoptr(GPtrArray) seeds = seeds_get();

	for (guint i = 0; i < seeds->len; i++) {
		const struct input *seed = seeds->pdata[i];
		g_autofree char *name = g_strdup_printf("%s/seed-%u", path, i);

		promise(g_file_set_contents(name, (const char *)seed->bytes,
					    (gssize)seed->size_bytes, NULL));
	}
	return 0;
}

static void run(GPtrArray *seeds, GPtrArray *corpus, unsigned long count)
{
	const unsigned long inputs = seeds->len + corpus->len;

	for (guint i = 0; i < seeds->len; i++)
		seed_walk(seeds->pdata[i]);
	for (guint i = 0; i < corpus->len; i++) {
		const struct input *input = corpus->pdata[i];

		target_run(input->bytes, input->size_bytes);
	}
	for (unsigned long i = 0; i < count && inputs > 0; i++) {
		const guint at = (guint)(i % inputs);

		mutant_run(at < seeds->len ? seeds->pdata[at] : corpus->pdata[at - seeds->len]);
	}
}

int main(int argc, char **argv)
{
	const unsigned long count = argc > 3 ? strtoul(argv[3], NULL, 0) : COUNT_DEFAULT;
	g_autoptr(GPtrArray) seeds = NULL;
	g_autoptr(GPtrArray) corpus = NULL;

	LLVMFuzzerInitialize(&argc, &argv);
	if (argc == 3 && strcmp(argv[1], "--seeds") == 0)
		return seeds_write(argv[2]);
	state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	seeds = seeds_get();
	corpus = argc > 1 ? corpus_read(argv[1]) : g_ptr_array_new();
	printf("1..2\n# %u seeds, %u files of the corpus, %lu mutants, random seed %llu\n",
	       seeds->len, corpus->len, count, (unsigned long long)state);
	printf("%s 1 there is something to start from\n",
	       seeds->len + corpus->len > 0 ? "ok" : "not ok");
	fflush(stdout);
	run(seeds, corpus, count);
	printf("ok 2 nothing read outside of its input, no promise broken\n");
	return seeds->len + corpus->len == 0;
}
