/* SPDX-License-Identifier: MIT */
/* Buffers of sizes around that of a large page: zeros, apart from each other, given back. */
#include "largemem.h"

#include <string.h>
#include <unistd.h>

#include "tap.h"

enum { LARGE = 2 << 20, SIZES = 7, ROUNDS = 200 };

static const size_t SIZE[SIZES] = { 0, 1, 4096, LARGE - 1, LARGE, LARGE + 1, 4 * LARGE };

static gboolean is_filled(const uint8_t *bytes, size_t size_bytes, uint8_t value)
{
	for (size_t i = 0; i < size_bytes; i++)
		if (bytes[i] != value)
			return FALSE;
	return TRUE;
}

static void test_apart(void)
{
	uint8_t *buffers[SIZES];

	for (unsigned i = 0; i < SIZES; i++) {
		buffers[i] = largemem_new(SIZE[i]);
		expect((uintptr_t)buffers[i] % 16 == 0 && is_filled(buffers[i], SIZE[i], 0));
		memset(buffers[i], (int)i + 1, SIZE[i]);
	}
	for (unsigned i = 0; i < SIZES; i++)
		expect(is_filled(buffers[i], SIZE[i], (uint8_t)(i + 1)));
	for (unsigned i = 0; i < SIZES; i++)
		largemem_free(buffers[i]);
	largemem_free(NULL);
}

/* Pages that the process has, of its address space and in memory. */
static void pages_count(long *ret_space, long *ret_resident)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) words = NULL;

	expect(g_file_get_contents("/proc/self/statm", &text, NULL, NULL));
	words = g_strsplit(text, " ", 3);
	*ret_space = strtol(words[0], NULL, 10);
	*ret_resident = strtol(words[1], NULL, 10);
}

static void test_given_back(void)
{
	const long page = sysconf(_SC_PAGESIZE);
	long space_before, space_after, resident_before, resident_after;

	pages_count(&space_before, &resident_before);
	for (unsigned i = 0; i < ROUNDS; i++)
		largemem_free(memset(largemem_new(4 * LARGE), 1, 4 * LARGE));
	pages_count(&space_after, &resident_after);
	expect((space_after - space_before) * page < 8 * LARGE);
	expect((resident_after - resident_before) * page < 8 * LARGE);
}

/* What is only asked for takes next to nothing. */
static void test_untouched(void)
{
	const long page = sysconf(_SC_PAGESIZE);
	long space, resident_before, resident_after;
	uint8_t *buffer;

	pages_count(&space, &resident_before);
	buffer = largemem_new(16 * LARGE);
	pages_count(&space, &resident_after);
	expect((resident_after - resident_before) * page < LARGE);
	largemem_free(buffer);
}

static const struct tap_case CASES[] = {
	{ "buffers of all sizes are zeros and apart", test_apart },
	{ "what is freed is given back", test_given_back },
	{ "what nobody has written to takes no memory", test_untouched },
};
TAP_MAIN(CASES)
