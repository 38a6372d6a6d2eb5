/* SPDX-License-Identifier: MIT */
/* There and back; cut at each byte; each bit flipped; and names that would lead elsewhere. */
#include "metapack.h"

#include <stdint.h>
#include <string.h>

#include "failure.h"
#include "tap.h"

static GBytes *text_of(const char *text)
{
	return g_bytes_new(text, strlen(text));
}

static GPtrArray *sample(void)
{
	static const char *const NAMES[] = { "target", "metadata/1.root.json",
					     "targets/channels/p/x86_64/ab.stable.json" };
	static const char *const TEXTS[] = { "bundles/p/full.azb", "{}", "" };
	GPtrArray *pack = metapack_new();

	for (unsigned i = 0; i < G_N_ELEMENTS(NAMES); i++) {
		g_autoptr(GBytes) bytes = text_of(TEXTS[i]);

		metapack_add(pack, NAMES[i], bytes);
	}
	return pack;
}

static gboolean is_sample(const GPtrArray *pack)
{
	g_autoptr(GPtrArray) wanted = sample();

	if (pack == NULL || pack->len != wanted->len)
		return FALSE;
	for (guint i = 0; i < wanted->len; i++) {
		const struct metapack_file *file = wanted->pdata[i];
		GBytes *found = metapack_find(pack, file->name);

		if (found == NULL || !g_bytes_equal(found, file->bytes))
			return FALSE;
	}
	return TRUE;
}

static void test_round(void)
{
	g_autoptr(GPtrArray) pack = sample();
	g_autoptr(GBytes) bytes = metapack_encode(pack, NULL);
	g_autoptr(GPtrArray) again = metapack_decode(bytes, NULL);
	g_autoptr(GPtrArray) empty = metapack_new();
	g_autoptr(GBytes) nothing = metapack_encode(empty, NULL);
	g_autoptr(GPtrArray) none = metapack_decode(nothing, NULL);

	expect(is_sample(again) && metapack_find(again, "metadata") == NULL);
	expect(none != NULL && none->len == 0);
}

static void test_damaged(void)
{
	g_autoptr(GPtrArray) pack = sample();
	g_autoptr(GBytes) bytes = metapack_encode(pack, NULL);
	const gsize size_bytes = g_bytes_get_size(bytes);

	for (gsize end = 0; end < size_bytes; end++) {
		g_autoptr(GBytes) cut = g_bytes_new_from_bytes(bytes, 0, end);
		g_autoptr(GError) error = NULL;
		g_autoptr(GPtrArray) read = metapack_decode(cut, &error);

		expect(read == NULL && failure_code(error) == FAULT_METAPACK_FORMAT);
	}
	for (gsize bit = 0; bit < size_bytes * 8; bit++) {
		uint8_t *copy = g_memdup2(g_bytes_get_data(bytes, NULL), size_bytes);

		copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
		g_autoptr(GBytes) flipped = g_bytes_new_take(copy, size_bytes);
		g_autoptr(GPtrArray) read = metapack_decode(flipped, NULL);

		expect(!is_sample(read));
	}
}

static void test_names(void)
{
	static const char *const BAD[] = { "",   "/etc/passwd", "a/../b", "..", "a//b",
					   "a/", "a b",         "a\n",    "./a" };

	for (unsigned i = 0; i < G_N_ELEMENTS(BAD); i++) {
		g_autoptr(GPtrArray) pack = metapack_new();
		g_autoptr(GBytes) bytes = text_of("x");
		g_autoptr(GError) error = NULL;
		g_autoptr(GBytes) encoded = NULL;

		metapack_add(pack, BAD[i], bytes);
		encoded = metapack_encode(pack, &error);
		expect(encoded == NULL && failure_code(error) == FAULT_METAPACK_LIMIT);
	}
}

/* Twice the same name: which one would count? */
static void test_twice(void)
{
	g_autoptr(GPtrArray) pack = metapack_new();
	g_autoptr(GBytes) bytes = text_of("x");
	g_autoptr(GBytes) encoded = NULL;
	g_autoptr(GPtrArray) read = NULL;

	metapack_add(pack, "a", bytes);
	metapack_add(pack, "a", bytes);
	encoded = metapack_encode(pack, NULL);
	read = metapack_decode(encoded, NULL);
	expect(read == NULL);
}

static void test_limits(void)
{
	g_autoptr(GPtrArray) many = metapack_new();
	g_autoptr(GPtrArray) large = metapack_new();
	g_autoptr(GBytes) nothing = text_of("");
	g_autoptr(GBytes) much = g_bytes_new_take(g_malloc0(METAPACK_SIZE_MAX), METAPACK_SIZE_MAX);
	g_autoptr(GBytes) encoded = NULL;

	for (unsigned i = 0; i <= METAPACK_FILES_MAX; i++) {
		g_autofree char *name = g_strdup_printf("%u", i);

		metapack_add(many, name, nothing);
	}
	metapack_add(large, "a", much);
	encoded = metapack_encode(many, NULL);
	expect(encoded == NULL);
	encoded = metapack_encode(large, NULL);
	expect(encoded == NULL);
}

static const struct tap_case CASES[] = {
	{ "there and back", test_round }, { "what is damaged", test_damaged },
	{ "names", test_names },          { "a name twice", test_twice },
	{ "limits", test_limits },
};
TAP_MAIN(CASES)
