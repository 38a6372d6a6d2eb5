/* SPDX-License-Identifier: MIT */
/* Canonical JSON: where the result is JSON again, it is its own canonical form; and a document
 * that is refused is refused for one of the two reasons. */
#include "canonjson.h"

#include <string.h>

#include "failure.h"
#include "fuzz.h"

static gboolean has_control(const uint8_t *bytes, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++)
		if (bytes[i] < 0x20)
			return TRUE;
	return FALSE;
}

static void again(GBytes *bytes)
{
	gsize size_bytes;
	const char *text = g_bytes_get_data(bytes, &size_bytes);
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) value = json_object_parse(text, size_bytes, &why);
	g_autoptr(GBytes) twice = value != NULL ? canonjson(value, NULL) : NULL;

	/* Control characters stand as they are, which JSON does not allow. */
	if (value == NULL && !has_control((const uint8_t *)text, size_bytes))
		__builtin_trap();
	if (value != NULL && (twice == NULL || !g_bytes_equal(bytes, twice)))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) value = json_object_parse((const char *)bytes, size_bytes, &why);
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) canonical = value != NULL ? canonjson(value, &error) : NULL;

	if (value != NULL && canonical == NULL && failure_code(error) != FAULT_CANON_NUMBER &&
	    failure_code(error) != FAULT_CANON_DEPTH)
		__builtin_trap();
	if (canonical != NULL)
		again(canonical);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char *const SEEDS[] = {
		"{\"b\":[1,-2,{\"c\":null,\"a\":true}],\"a\":\"q\\\"\\\\\\u00e9\"}",
		"{\"z\":{\"y\":{\"x\":[[[0]]]}},\"\\ud83d\\ude00\":1,\"\\ufffd\":false}",
		"{ \"k\" : \"line1\\nline2\\t\\/\" , \"n\" : 9223372036854775807 }",
		"{\"a\":0.5,\"b\":1e3}",
	};

	if (number >= G_N_ELEMENTS(SEEDS) || strlen(SEEDS[number]) > room)
		return 0;
	memcpy(ret_bytes, SEEDS[number], strlen(SEEDS[number]));
	return strlen(SEEDS[number]);
}
