/* SPDX-License-Identifier: MIT */
/* The bytes: "AZRECIP1", the commit (32), then varints: size of the bundle, number of objects;
 * their checksums (32 each); number of segments, and for each its size, the object's number plus
 * one (0: zeros), and for objects where in it, less where the last segment of objects ended
 * (folded). Nothing follows. */
#include "recipe.h"

#include <string.h>

#include "failure.h"
#include "varint.h"

enum { MAGIC_SIZE = 8, HEAD_SIZE = MAGIC_SIZE + RECIPE_HASH_SIZE };

static const char MAGIC[] = "AZRECIP1";

struct recipe *recipe_new(void)
{
	struct recipe *recipe = g_new0(struct recipe, 1);

	recipe->objects = g_byte_array_new();
	recipe->segments = g_array_new(FALSE, FALSE, sizeof(struct recipe_segment));
	return recipe;
}

void recipe_free(struct recipe *recipe)
{
	if (recipe == NULL)
		return;
	g_byte_array_unref(recipe->objects);
	g_array_unref(recipe->segments);
	g_free(recipe);
}

unsigned recipe_object_count(const struct recipe *recipe)
{
	return recipe->objects->len / RECIPE_HASH_SIZE;
}

const uint8_t *recipe_object(const struct recipe *recipe, uint32_t object)
{
	return recipe->objects->data + (size_t)object * RECIPE_HASH_SIZE;
}

static struct recipe_segment *segment_at(const struct recipe *recipe, guint index)
{
	return &g_array_index(recipe->segments, struct recipe_segment, index);
}

void recipe_add(struct recipe *recipe, uint32_t object, uint64_t offset, uint64_t size_bytes)
{
	const guint count = recipe->segments->len;
	const struct recipe_segment *last = count > 0 ? segment_at(recipe, count - 1) : NULL;
	const struct recipe_segment segment = { recipe->total_bytes, offset, object };
	const gboolean joins = last != NULL && last->object == object &&
			       (object == RECIPE_ZEROS ||
				last->offset + (recipe->total_bytes - last->start) == offset);

	if (!joins && size_bytes > 0)
		g_array_append_val(recipe->segments, segment);
	recipe->total_bytes += size_bytes;
}

uint64_t recipe_end(const struct recipe *recipe, guint segment)
{
	return segment + 1 < recipe->segments->len ? segment_at(recipe, segment + 1)->start
						   : recipe->total_bytes;
}

/* The number in `to` of an object of `from`. */
static uint32_t object_take(struct recipe *to, const struct recipe *from, uint32_t object,
			    GHashTable *numbers)
{
	const guint known = GPOINTER_TO_UINT(
		g_hash_table_lookup(numbers, GUINT_TO_POINTER(object + 1)));
	const uint32_t number = recipe_object_count(to);

	if (object == RECIPE_ZEROS)
		return RECIPE_ZEROS;
	if (known != 0)
		return known - 1;
	g_byte_array_append(to->objects, recipe_object(from, object), RECIPE_HASH_SIZE);
	g_hash_table_insert(numbers, GUINT_TO_POINTER(object + 1), GUINT_TO_POINTER(number + 1));
	return number;
}

struct recipe *recipe_prefix(const struct recipe *recipe, uint64_t end)
{
	struct recipe *prefix = recipe_new();
	GHashTable *numbers = g_hash_table_new(NULL, NULL);

	memcpy(prefix->commit, recipe->commit, sizeof prefix->commit);
	for (guint i = 0; i < recipe->segments->len && prefix->total_bytes < end; i++) {
		const struct recipe_segment *segment = segment_at(recipe, i);
		const uint64_t stop = MIN(recipe_end(recipe, i), end);

		recipe_add(prefix, object_take(prefix, recipe, segment->object, numbers),
			   segment->offset, stop - segment->start);
	}
	g_hash_table_unref(numbers);
	return prefix;
}

guint recipe_find(const struct recipe *recipe, uint64_t position)
{
	guint low = 0, high = recipe->segments->len;

	while (high - low > 1) {
		const guint middle = low + (high - low) / 2;

		if (segment_at(recipe, middle)->start <= position)
			low = middle;
		else
			high = middle;
	}
	return low;
}

GBytes *recipe_encode(const struct recipe *recipe)
{
	GByteArray *bytes = g_byte_array_new();
	uint64_t expected = 0;

	g_byte_array_append(bytes, (const guint8 *)MAGIC, MAGIC_SIZE);
	g_byte_array_append(bytes, recipe->commit, RECIPE_HASH_SIZE);
	varint_append(bytes, recipe->total_bytes);
	varint_append(bytes, recipe_object_count(recipe));
	g_byte_array_append(bytes, recipe->objects->data, recipe->objects->len);
	varint_append(bytes, recipe->segments->len);
	for (guint i = 0; i < recipe->segments->len; i++) {
		const struct recipe_segment *segment = segment_at(recipe, i);
		const uint64_t size_bytes = recipe_end(recipe, i) - segment->start;

		varint_append(bytes, size_bytes);
		varint_append(bytes,
			      segment->object == RECIPE_ZEROS ? 0 : (uint64_t)segment->object + 1);
		if (segment->object == RECIPE_ZEROS)
			continue;
		varint_append_signed(bytes, (int64_t)(segment->offset - expected));
		expected = segment->offset + size_bytes;
	}
	return g_byte_array_free_to_bytes(bytes);
}

static gboolean format_bad(GError **error, const char *what)
{
	return failure_set(error, FAULT_RECIPE_FORMAT, "the recipe is not valid: %s", what);
}

/* `expected`: where the last segment of an object ended. */
static gboolean segment_decode(struct varint_reader *reader, struct recipe *recipe,
			       uint64_t total_bytes, uint64_t *expected)
{
	const uint64_t rest = total_bytes - recipe->total_bytes;
	const uint64_t size_bytes = varint_read_limited(reader, rest);
	const uint64_t object = varint_read_limited(reader, recipe_object_count(recipe));
	uint64_t offset;

	if (reader->failed || size_bytes == 0)
		return FALSE;
	if (object == 0) {
		recipe_add(recipe, RECIPE_ZEROS, 0, size_bytes);
		return TRUE;
	}
	/* Unsigned: what overflows is too large, and refused. */
	offset = *expected + (uint64_t)varint_read_signed(reader);
	if (reader->failed || offset > RECIPE_CONTENT_MAX ||
	    size_bytes > RECIPE_CONTENT_MAX - offset)
		return FALSE;
	recipe_add(recipe, (uint32_t)object - 1, offset, size_bytes);
	*expected = offset + size_bytes;
	return TRUE;
}

static gboolean segments_decode(struct varint_reader *reader, struct recipe *recipe,
				uint64_t total_bytes, GError **error)
{
	const uint64_t count = varint_read_limited(reader, RECIPE_SEGMENTS_MAX);
	uint64_t expected = 0;

	for (uint64_t i = 0; i < count; i++)
		if (!segment_decode(reader, recipe, total_bytes, &expected))
			return format_bad(error,
					  "a segment is outside of its object or the bundle");
	if (reader->failed || recipe->total_bytes != total_bytes)
		return format_bad(error, "the segments do not make the bundle");
	if (reader->position != reader->size_bytes)
		return format_bad(error, "bytes follow behind its end");
	return TRUE;
}

struct recipe *recipe_decode(const uint8_t *bytes, size_t size_bytes, GError **error)
{
	struct varint_reader reader = { .bytes = bytes, .size_bytes = size_bytes };
	g_autoptr(Recipe) recipe = recipe_new();
	uint64_t total_bytes, objects;

	if (size_bytes > RECIPE_SIZE_MAX || size_bytes < HEAD_SIZE ||
	    memcmp(bytes, MAGIC, MAGIC_SIZE) != 0) {
		format_bad(error, "its size or its first bytes are wrong");
		return NULL;
	}
	memcpy(recipe->commit, bytes + MAGIC_SIZE, RECIPE_HASH_SIZE);
	reader.position = HEAD_SIZE;
	total_bytes = varint_read_limited(&reader, RECIPE_BUNDLE_MAX);
	objects = varint_read_limited(&reader, RECIPE_OBJECTS_MAX);
	if (reader.failed || total_bytes == 0 ||
	    objects * RECIPE_HASH_SIZE > size_bytes - reader.position) {
		format_bad(error, "its head has impossible numbers");
		return NULL;
	}
	g_byte_array_append(recipe->objects, bytes + reader.position,
			    (guint)(objects * RECIPE_HASH_SIZE));
	reader.position += objects * RECIPE_HASH_SIZE;
	if (!segments_decode(&reader, recipe, total_bytes, error))
		return NULL;
	return g_steal_pointer(&recipe);
}
