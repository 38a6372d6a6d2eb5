/* SPDX-License-Identifier: MIT */
#include "staticbase.h"

#include <string.h>

#include "failure.h"
#include "tap.h"

static const uint8_t COMMIT[STATICBASE_HASH_SIZE] = { 1, 2, 3 };

static struct staticbase *base_make(void)
{
	static const uint8_t FIRST[] = { 9, 3, 200, 3 };
	static const uint64_t STORED[] = { 100, 0, 70000 };
	struct staticbase *base = staticbase_new();

	memcpy(base->commit, COMMIT, sizeof base->commit);
	for (unsigned i = 0; i < sizeof FIRST; i++) {
		struct staticbase_source source = { .object = { FIRST[i] },
						    .offset = FIRST[i] * 4096u,
						    .size_bytes = FIRST[i] };

		g_array_append_val(base->sources, source);
	}
	g_array_append_vals(base->stored, STORED, G_N_ELEMENTS(STORED));
	staticbase_sort(base);
	return base;
}

static void finds(void)
{
	g_autoptr(Staticbase) made = base_make();
	g_autoptr(GBytes) bytes = staticbase_encode(made);
	g_autoptr(GError) error = NULL;
	g_autoptr(Staticbase) base = staticbase_decode(bytes, COMMIT, &error);

	expect(base != NULL && base->sources->len == 3 && base->stored->len == 3);
	expect(base != NULL && g_array_index(base->stored, uint64_t, 2) == 70000);
	for (unsigned i = 0; base != NULL && i < 256; i++) {
		const uint8_t object[STATICBASE_HASH_SIZE] = { (uint8_t)i };
		const struct staticbase_source *source = staticbase_find(base, object);
		const gboolean is_there = i == 3 || i == 9 || i == 200;

		expect((source != NULL) == is_there);
		expect(source == NULL || (source->offset == i * 4096u && source->size_bytes == i));
	}
}

static fault refused(GBytes *bytes)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Staticbase) base = staticbase_decode(bytes, COMMIT, &error);

	return base == NULL ? failure_code(error) : FAULT_OK;
}

static void damaged(void)
{
	g_autoptr(Staticbase) made = base_make();
	g_autoptr(GBytes) bytes = staticbase_encode(made);
	g_autoptr(GByteArray) longer = g_byte_array_new();
	g_autoptr(GBytes) with_more = NULL;

	for (gsize size = 0; size < g_bytes_get_size(bytes); size++) {
		g_autoptr(GBytes) cut = g_bytes_new_from_bytes(bytes, 0, size);

		expect(refused(cut) == FAULT_STATICDELTA_FORMAT);
	}
	g_byte_array_append(longer, g_bytes_get_data(bytes, NULL), (guint)g_bytes_get_size(bytes));
	g_byte_array_append(longer, (const uint8_t *)"", 1);
	with_more = g_bytes_new(longer->data, longer->len);
	expect(refused(with_more) == FAULT_STATICDELTA_FORMAT);
}

static void disorder(void)
{
	g_autoptr(Staticbase) made = base_make();
	g_autoptr(GBytes) bytes = NULL;
	struct staticbase_source *first = &g_array_index(made->sources, struct staticbase_source,
							 0);

	first->object[0] = 9; /* twice */
	bytes = staticbase_encode(made);
	expect(refused(bytes) == FAULT_STATICDELTA_FORMAT);
	first->object[0] = 3;
	first->size_bytes = STATICBASE_CONTENT_MAX + 1;
	g_bytes_unref(bytes);
	bytes = staticbase_encode(made);
	expect(refused(bytes) == FAULT_STATICDELTA_FORMAT);
	first->size_bytes = STATICBASE_CONTENT_MAX;
	made->commit[0] ^= 1;
	g_bytes_unref(bytes);
	bytes = staticbase_encode(made);
	expect(refused(bytes) == FAULT_STATICDELTA_OTHER);
}

static const struct tap_case CASES[] = {
	{ "what was written is read, and found", finds },
	{ "cut off, or with more behind it, it is refused", damaged },
	{ "so it is in disorder, too large, or of another commit", disorder },
};

TAP_MAIN(CASES)
