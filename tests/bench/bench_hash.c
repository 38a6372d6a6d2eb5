/* SPDX-License-Identifier: MIT */
/* bench-hash: MB/s of each engine of lib/blockhash.h on 1 and 2 threads, without and with a salt,
 * what the race costs and takes, and what openssl speed says. An OpenSSL without SHA instructions:
 *   OPENSSL_ia32cap=:~0x20000000 bench-hash
 * (the engines of intel-ipsec-mb are one for each set of instructions anyway).
 * bench-hash BYTES: hashes so many bytes of memory on one thread, by the engine that won, and ends:
 * what an install hashes, without the rest of it. */
#include <stdio.h>
#include <string.h>

#include "blockhash.h"

enum {
	BLOCKS = 256, /* a window of converge: 1 MiB */
	SALT_SIZE = 32,
	MEASURE_US = 400 * 1000,
};

struct runner {
	const char *engine;
	size_t salt_size;
	double rate; /* MB/s */
};

static gpointer runner_run(gpointer data)
{
	static const uint8_t SALT[SALT_SIZE] = { 1, 2, 3 };
	struct runner *runner = data;
	g_autoptr(BlockHash) hash = blockhash_new_engine(runner->engine, SALT, runner->salt_size);
	uint8_t *blocks = g_aligned_alloc(BLOCKS, BLOCKHASH_BLOCK_SIZE, BLOCKHASH_BLOCK_SIZE);
	uint8_t hashes[BLOCKS * BLOCKHASH_SIZE];
	gint64 start_us;
	gint64 took_us = 0;
	unsigned rounds = 0;

	memset(blocks, 0x5a, BLOCKS * BLOCKHASH_BLOCK_SIZE);
	start_us = g_get_monotonic_time();
	for (; hash != NULL && took_us < MEASURE_US; rounds++) {
		blockhash_many(hash, blocks, BLOCKS, hashes);
		took_us = g_get_monotonic_time() - start_us;
	}
	if (took_us > 0)
		runner->rate = (double)rounds * BLOCKS * BLOCKHASH_BLOCK_SIZE / (double)took_us;
	g_aligned_free(blocks);
	return NULL;
}

/* Of all threads together; 0 if this machine lacks the engine. */
static double rate_measure(const char *engine, size_t salt_size, unsigned threads_count)
{
	struct runner runners[2];
	GThread *threads[2];
	double sum = 0;

	for (unsigned i = 0; i < threads_count; i++) {
		runners[i] = (struct runner){ engine, salt_size, 0 };
		threads[i] = g_thread_new("hash", runner_run, &runners[i]);
	}
	for (unsigned i = 0; i < threads_count; i++) {
		g_thread_join(threads[i]);
		sum += runners[i].rate;
	}
	return sum;
}

/* Rounded up to whole windows. */
static void bytes_hash(guint64 bytes)
{
	static const uint8_t SALT[SALT_SIZE] = { 1, 2, 3 };
	g_autoptr(BlockHash) hash = blockhash_new(SALT, SALT_SIZE);
	uint8_t *blocks = g_aligned_alloc(BLOCKS, BLOCKHASH_BLOCK_SIZE, BLOCKHASH_BLOCK_SIZE);
	uint8_t hashes[BLOCKS * BLOCKHASH_SIZE];

	memset(blocks, 0x5a, BLOCKS * BLOCKHASH_BLOCK_SIZE);
	for (guint64 done = 0; done < bytes; done += BLOCKS * BLOCKHASH_BLOCK_SIZE)
		blockhash_many(hash, blocks, BLOCKS, hashes);
	g_aligned_free(blocks);
}

static void engines_print(void)
{
	const char *names[BLOCKHASH_ENGINES_MAX];
	const size_t count = blockhash_engines(names);

	printf("%-20s %10s %10s %10s\n", "MB/s", "no salt", "salt", "2 threads");
	for (size_t i = 0; i < count; i++)
		printf("%-20s %10.0f %10.0f %10.0f\n", names[i], rate_measure(names[i], 0, 1),
		       rate_measure(names[i], SALT_SIZE, 1), rate_measure(names[i], SALT_SIZE, 2));
}

static void openssl_print(const char *processes)
{
	const char *argv[] = { "openssl", "speed",    "-mr", "-evp",   "sha256",  "-bytes",
			       "4096",    "-seconds", "1",   "-multi", processes, NULL };
	g_autofree char *out = NULL;
	const char *rate;

	if (!g_spawn_sync(NULL, (char **)argv, NULL,
			  G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &out, NULL,
			  NULL, NULL))
		return;
	/* The last line is +F:number:name:bytes per second. */
	rate = strrchr(g_strchomp(out), ':');
	printf("openssl speed, %s at once: %.0f MB/s\n", processes,
	       rate != NULL ? g_ascii_strtod(rate + 1, NULL) / 1e6 : 0.0);
}

static int hash_bytes(const char *text)
{
	guint64 bytes;

	if (!g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT64, &bytes, NULL)) {
		fprintf(stderr, "bench-hash: not a number of bytes: %s\n", text);
		return 2;
	}
	bytes_hash(bytes);
	return 0;
}

int main(int argc, char **argv)
{
	const gint64 start_us = g_get_monotonic_time();
	g_autoptr(BlockHash) hash = NULL;

	if (argc == 2)
		return hash_bytes(argv[1]);
	hash = blockhash_new(NULL, 0);
	printf("taken: %s, after %.1f ms\n", blockhash_engine(hash),
	       (double)(g_get_monotonic_time() - start_us) / 1000);
	engines_print();
	openssl_print("1");
	openssl_print("2");
	return 0;
}
