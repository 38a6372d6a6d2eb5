/* SPDX-License-Identifier: MIT */
/* Metadata packs: what is taken is the very bytes that it is written as again. */
#include "metapack.h"

#include <string.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(GBytes) given = g_bytes_new_static(bytes, size_bytes);
	g_autoptr(GPtrArray) pack = metapack_decode(given, NULL);
	g_autoptr(GBytes) again = pack != NULL ? metapack_encode(pack, NULL) : NULL;

	if (pack != NULL && (again == NULL || !g_bytes_equal(given, again)))
		__builtin_trap();
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	g_autoptr(GPtrArray) pack = metapack_new();
	g_autoptr(GBytes) content = g_bytes_new_static("content", 7);
	g_autoptr(GBytes) bytes = NULL;

	if (number > 2)
		return 0;
	for (unsigned i = 0; i < number; i++)
		metapack_add(pack, i == 0 ? "metadata/1.root.json" : "target", content);
	bytes = metapack_encode(pack, NULL);
	if (g_bytes_get_size(bytes) > room)
		return 0;
	memcpy(ret_bytes, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	return g_bytes_get_size(bytes);
}
