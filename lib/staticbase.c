/* SPDX-License-Identifier: MIT */
/* The bytes: "AZSTBAS1", the older commit (32), then varints: number of sources; for each its
 * checksum (32), the block it begins at, its size; number of objects; the stored size of each.
 * Nothing follows. */
#include "staticbase.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "varint.h"

enum { MAGIC_SIZE = 8, HASH = STATICBASE_HASH_SIZE, HEAD_SIZE = MAGIC_SIZE + HASH };

static const char MAGIC[] = "AZSTBAS1";
static const uint64_t BLOCK_MAX = UINT64_C(1) << 40; /* so that an offset does not overflow */

struct staticbase *staticbase_new(void)
{
	struct staticbase *base = g_new0(struct staticbase, 1);

	base->sources = g_array_new(FALSE, FALSE, sizeof(struct staticbase_source));
	base->stored = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	return base;
}

void staticbase_free(struct staticbase *base)
{
	if (base == NULL)
		return;
	g_array_unref(base->sources);
	g_array_unref(base->stored);
	g_free(base);
}

char *staticbase_name(const uint8_t commit[static STATICBASE_HASH_SIZE])
{
	g_autofree char *hex = crypto_hex(commit, HASH);

	return g_strconcat("base-", hex, NULL);
}

static struct staticbase_source *source_at(const struct staticbase *base, guint index)
{
	return &g_array_index(base->sources, struct staticbase_source, index);
}

static int source_compare(gconstpointer a, gconstpointer b)
{
	return memcmp(((const struct staticbase_source *)a)->object,
		      ((const struct staticbase_source *)b)->object, HASH);
}

void staticbase_sort(struct staticbase *base)
{
	guint kept = 0;

	g_array_sort(base->sources, source_compare);
	for (guint i = 0; i < base->sources->len; i++)
		if (kept == 0 || source_compare(source_at(base, kept - 1), source_at(base, i)) != 0)
			*source_at(base, kept++) = *source_at(base, i);
	g_array_set_size(base->sources, kept);
}

const struct staticbase_source *staticbase_find(const struct staticbase *base,
						const uint8_t object[static STATICBASE_HASH_SIZE])
{
	struct staticbase_source key;
	guint index;

	memcpy(key.object, object, HASH);
	return g_array_binary_search(base->sources, &key, source_compare, &index)
		       ? source_at(base, index)
		       : NULL;
}

GBytes *staticbase_encode(const struct staticbase *base)
{
	GByteArray *bytes = g_byte_array_new();

	g_byte_array_append(bytes, (const guint8 *)MAGIC, MAGIC_SIZE);
	g_byte_array_append(bytes, base->commit, HASH);
	varint_append(bytes, base->sources->len);
	for (guint i = 0; i < base->sources->len; i++) {
		const struct staticbase_source *source = source_at(base, i);

		g_assert(source->offset % STATICBASE_BLOCK == 0);
		g_byte_array_append(bytes, source->object, HASH);
		varint_append(bytes, source->offset / STATICBASE_BLOCK);
		varint_append(bytes, source->size_bytes);
	}
	varint_append(bytes, base->stored->len);
	for (guint i = 0; i < base->stored->len; i++)
		varint_append(bytes, g_array_index(base->stored, uint64_t, i));
	return g_byte_array_free_to_bytes(bytes);
}

static gboolean format_bad(GError **error, const char *what)
{
	return failure_set(error, FAULT_STATICDELTA_FORMAT,
			   "what is known of the static delta's base is not valid: %s", what);
}

static gboolean source_decode(struct varint_reader *reader, struct staticbase *base)
{
	struct staticbase_source source;

	if (reader->failed || reader->size_bytes - reader->position < HASH)
		return FALSE;
	memcpy(source.object, reader->bytes + reader->position, HASH);
	reader->position += HASH;
	source.offset = varint_read_limited(reader, BLOCK_MAX) * STATICBASE_BLOCK;
	source.size_bytes = varint_read_limited(reader, STATICBASE_CONTENT_MAX);
	if (reader->failed ||
	    (base->sources->len > 0 &&
	     source_compare(source_at(base, base->sources->len - 1), &source) >= 0))
		return FALSE;
	g_array_append_val(base->sources, source);
	return TRUE;
}

static gboolean lists_decode(struct varint_reader *reader, struct staticbase *base, GError **error)
{
	const uint64_t sources = varint_read_limited(reader, STATICBASE_SOURCES_MAX);
	uint64_t objects;

	for (uint64_t i = 0; i < sources; i++)
		if (!source_decode(reader, base))
			return format_bad(error, "its sources are cut off, or in no order");
	objects = varint_read_limited(reader, STATICBASE_OBJECTS_MAX);
	for (uint64_t i = 0; i < objects && !reader->failed; i++) {
		const uint64_t stored = varint_read_limited(reader, INT64_MAX);

		g_array_append_val(base->stored, stored);
	}
	return (!reader->failed && reader->position == reader->size_bytes) ||
	       format_bad(error, "it ends early, or bytes follow");
}

struct staticbase *
staticbase_decode(GBytes *bytes, const uint8_t commit[static STATICBASE_HASH_SIZE], GError **error)
{
	g_autoptr(Staticbase) base = staticbase_new();
	struct varint_reader reader = { .position = HEAD_SIZE };

	reader.bytes = g_bytes_get_data(bytes, &reader.size_bytes);
	if (reader.size_bytes < HEAD_SIZE || reader.size_bytes > STATICBASE_SIZE_MAX ||
	    memcmp(reader.bytes, MAGIC, MAGIC_SIZE) != 0) {
		format_bad(error, "its size or its first bytes are wrong");
		return NULL;
	}
	memcpy(base->commit, reader.bytes + MAGIC_SIZE, HASH);
	if (memcmp(base->commit, commit, HASH) != 0) {
		failure_set(error, FAULT_STATICDELTA_OTHER,
			    "what is known of the static delta's base is of another commit");
		return NULL;
	}
	return lists_decode(&reader, base, error) ? g_steal_pointer(&base) : NULL;
}
