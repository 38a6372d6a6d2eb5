/* SPDX-License-Identifier: MIT */
#include "deltacontent.h"

#include <string.h>

#include "bytes.h"
#include "failure.h"

enum { BLOCK = DELTAINDEX_BLOCK_SIZE, REST_SIZE_MAX = 16 << 20 };

static void object_free(gpointer data)
{
	struct deltacontent_object *object = data;

	g_array_unref(object->extents);
	for (guint i = 0; object->parts != NULL && i < object->parts->len; i++)
		g_clear_pointer(
			&g_array_index(object->parts, struct deltacontent_part, i).corrections,
			g_byte_array_unref);
	g_clear_pointer(&object->parts, g_array_unref);
	g_clear_pointer(&object->raw, g_byte_array_unref);
	g_free(object);
}

static void numbers_free(gpointer numbers)
{
	g_array_unref(numbers);
}

struct deltacontent *deltacontent_open(const char *path, GError **error)
{
	g_autoptr(Deltacontent) content = g_new0(struct deltacontent, 1);
	g_autoptr(GError) why = NULL;

	content->file = g_mapped_file_new(path, FALSE, &why);
	if (content->file == NULL) {
		failure_set(error, FAULT_BUILD_INPUT, "cannot open %s: %s", path, why->message);
		return NULL;
	}
	content->image.bytes = (const uint8_t *)g_mapped_file_get_contents(content->file);
	content->image.size_bytes = g_mapped_file_get_length(content->file);
	if (deltascan_blocks(&content->image) > DELTAINDEX_BLOCKS_MAX) {
		failure_set(error, FAULT_VERITREE_RANGE, "%s has %" G_GUINT64_FORMAT " bytes", path,
			    content->image.size_bytes);
		return NULL;
	}
	content->map = filemap_open(path, error);
	if (content->map == NULL)
		return NULL;
	content->objects = g_ptr_array_new_with_free_func(object_free);
	content->segments = g_array_new(FALSE, FALSE, sizeof(struct deltacontent_segment));
	content->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, numbers_free);
	return g_steal_pointer(&content);
}

void deltacontent_free(struct deltacontent *content)
{
	if (content == NULL)
		return;
	g_clear_pointer(&content->file, g_mapped_file_unref);
	g_clear_pointer(&content->map, filemap_free);
	g_clear_pointer(&content->objects, g_ptr_array_unref);
	g_clear_pointer(&content->segments, g_array_unref);
	g_clear_pointer(&content->names, g_hash_table_unref);
	g_clear_pointer(&content->companion, deltacontent_free);
	g_free(content);
}

struct deltacontent_object *deltacontent_object(const struct deltacontent *content, uint32_t object)
{
	return g_ptr_array_index(content->objects, object);
}

struct deltacontent_object *deltacontent_object_add(struct deltacontent *content, const char *path)
{
	struct deltacontent_object *object = g_new0(struct deltacontent_object, 1);

	object->path = path;
	object->extents = g_array_new(FALSE, FALSE, sizeof(struct deltacontent_extent));
	g_ptr_array_add(content->objects, object);
	return object;
}

/* The three spellings under which a file is known, most telling first. The caller frees each. */
enum { SPELLINGS = 3 };

static void path_spell(const char *path, char *ret_spellings[SPELLINGS])
{
	const char *name = strrchr(path, '/');
	char *plain = g_strconcat("#", path, NULL);
	char *to = plain + 1;

	for (const char *from = path; *from != '\0'; from++)
		if (!g_ascii_isdigit(*from))
			*to++ = *from;
	*to = '\0';
	ret_spellings[0] = g_strconcat("=", path, NULL);
	ret_spellings[1] = plain;
	ret_spellings[2] = g_strconcat("/", name != NULL ? name + 1 : path, NULL);
}

static void name_add(struct deltacontent *content, char *name, uint32_t object)
{
	GArray *numbers = g_hash_table_lookup(content->names, name);

	if (numbers == NULL) {
		numbers = g_array_new(FALSE, FALSE, sizeof(uint32_t));
		g_hash_table_insert(content->names, name, numbers);
	} else {
		g_free(name);
	}
	g_array_append_val(numbers, object);
}

static uint64_t difference(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

gboolean deltacontent_find(const struct deltacontent *base,
			   const struct deltacontent_object *object, uint32_t *ret_object)
{
	const GArray *numbers = NULL;
	char *spellings[SPELLINGS];
	uint64_t best = UINT64_MAX;

	path_spell(object->path, spellings);
	for (unsigned i = 0; i < SPELLINGS; i++) {
		if (numbers == NULL)
			numbers = g_hash_table_lookup(base->names, spellings[i]);
		g_free(spellings[i]);
	}
	for (guint i = 0; numbers != NULL && i < numbers->len; i++) {
		const uint32_t number = g_array_index(numbers, uint32_t, i);
		const uint64_t far = difference(deltacontent_object(base, number)->size_bytes,
						object->size_bytes);

		if (far < best) {
			best = far;
			*ret_object = number;
		}
	}
	return best != UINT64_MAX;
}

static void files_add(struct deltacontent *content)
{
	const GArray *files = content->map->files;

	for (guint i = 0; i < files->len; i++) {
		const struct filemap_file *file = &g_array_index(files, struct filemap_file, i);
		char *spellings[SPELLINGS];

		if ((file->flags & FILEMAP_CONTAINER) != 0 || file->extent_count == 0)
			continue;
		for (unsigned j = 0; j < file->extent_count; j++) {
			const struct filemap_extent *extent = &g_array_index(
				content->map->extents, struct filemap_extent,
				file->first_extent + j);
			const struct deltacontent_segment segment = {
				.image_offset = extent->image_offset,
				.size_bytes = extent->size_bytes,
				.object = content->objects->len,
				.at = extent->file_offset,
			};

			g_array_append_val(content->segments, segment);
		}
		path_spell(file->path, spellings);
		for (unsigned j = 0; j < SPELLINGS; j++)
			name_add(content, spellings[j], content->objects->len);
		deltacontent_object_add(content, file->path);
	}
}

static int segment_compare(gconstpointer a, gconstpointer b)
{
	const struct deltacontent_segment *one = a, *other = b;

	if (one->image_offset != other->image_offset)
		return one->image_offset < other->image_offset ? -1 : 1;
	return one->object < other->object ? -1 : one->object > other->object;
}

/* Goes through the image, filling the gaps between the segments of files. */
struct splitting {
	struct deltacontent *content;
	const uint8_t *made; /* a bit for each block; NULL: all that are not zeros */
	GArray *segments;    /* the new list */
	struct deltacontent_object *rest;
	uint32_t rest_number;
};

static void rest_add(struct splitting *splitting, uint64_t offset, uint64_t size_bytes)
{
	struct deltacontent_segment segment = { .image_offset = offset, .size_bytes = size_bytes };
	struct deltacontent_segment *last = NULL;

	if (splitting->rest == NULL || splitting->rest->size_bytes > REST_SIZE_MAX) {
		splitting->rest_number = splitting->content->objects->len;
		splitting->rest = deltacontent_object_add(splitting->content, "");
	}
	segment.object = splitting->rest_number;
	segment.at = splitting->rest->size_bytes;
	splitting->rest->size_bytes += size_bytes;
	if (splitting->segments->len > 0)
		last = &g_array_index(splitting->segments, struct deltacontent_segment,
				      splitting->segments->len - 1);
	if (last != NULL && last->object == segment.object &&
	    last->image_offset + last->size_bytes == offset)
		last->size_bytes += size_bytes;
	else
		g_array_append_val(splitting->segments, segment);
}

static gboolean is_wanted(const struct splitting *splitting, uint64_t offset, uint64_t size_bytes)
{
	const uint64_t block = offset / BLOCK;

	if (splitting->made != NULL)
		return (splitting->made[block / 8] & 1 << block % 8) != 0;
	return !bytes_are_zero(splitting->content->image.bytes + offset, size_bytes);
}

/* Bytes of no file. Zeros behind a file's end, up to the end of its block, are its own. */
static void gap_fill(struct splitting *splitting, uint64_t offset, uint64_t end)
{
	const uint64_t block_end = MIN((offset + BLOCK - 1) / BLOCK * BLOCK,
				       splitting->content->image.size_bytes);

	if (splitting->segments->len > 0 && offset < block_end && block_end <= end &&
	    bytes_are_zero(splitting->content->image.bytes + offset, block_end - offset)) {
		struct deltacontent_segment *last = &g_array_index(splitting->segments,
								   struct deltacontent_segment,
								   splitting->segments->len - 1);

		if (last->image_offset + last->size_bytes == offset) {
			last->size_bytes += block_end - offset;
			offset = block_end;
		}
	}
	while (offset < end) {
		const uint64_t size = MIN((offset / BLOCK + 1) * BLOCK, end) - offset;

		if (is_wanted(splitting, offset, size))
			rest_add(splitting, offset, size);
		offset += size;
	}
}

static uint8_t *made_bits(const struct deltacontent *content, const GArray *runs)
{
	uint8_t *bits = g_malloc0(deltascan_blocks(&content->image) / 8 + 1);

	for (guint i = 0; i < runs->len; i++) {
		const struct deltaindex_run *run = &g_array_index(runs, struct deltaindex_run, i);

		for (uint32_t j = 0; run->kind == DELTAINDEX_MADE && j < run->block_count; j++)
			bits[(run->first_block + j) / 8] |= (uint8_t)(1 << (run->first_block + j) %
										   8);
	}
	return bits;
}

static int extent_compare(gconstpointer a, gconstpointer b)
{
	const struct deltacontent_extent *one = a, *other = b;

	return one->at < other->at ? -1 : one->at > other->at;
}

static void extents_fill(struct deltacontent *content)
{
	for (guint i = 0; i < content->segments->len; i++) {
		const struct deltacontent_segment *segment = &g_array_index(
			content->segments, struct deltacontent_segment, i);
		struct deltacontent_object *object = deltacontent_object(content, segment->object);
		const struct deltacontent_extent extent = { segment->at, segment->image_offset,
							    segment->size_bytes };

		g_array_append_val(object->extents, extent);
		object->size_bytes = MAX(object->size_bytes, segment->at + segment->size_bytes);
	}
	for (guint i = 0; i < content->objects->len; i++)
		g_array_sort(deltacontent_object(content, i)->extents, extent_compare);
}

void deltacontent_split(struct deltacontent *content, const GArray *runs)
{
	g_autofree uint8_t *made = runs != NULL ? made_bits(content, runs) : NULL;
	struct splitting splitting = {
		.content = content,
		.made = made,
		.segments = g_array_new(FALSE, FALSE, sizeof(struct deltacontent_segment)),
	};
	uint64_t offset = 0;

	files_add(content);
	g_array_sort(content->segments, segment_compare);
	for (guint i = 0; i < content->segments->len; i++) {
		struct deltacontent_segment segment = g_array_index(content->segments,
								    struct deltacontent_segment, i);
		const uint64_t end = segment.image_offset + segment.size_bytes;

		if (end <= offset)
			continue; /* another file's bytes as well */
		if (segment.image_offset > offset)
			gap_fill(&splitting, offset, segment.image_offset);
		if (segment.image_offset < offset) {
			segment.at += offset - segment.image_offset;
			segment.size_bytes = end - offset;
			segment.image_offset = offset;
		}
		g_array_append_val(splitting.segments, segment);
		offset = end;
	}
	gap_fill(&splitting, offset, content->image.size_bytes);
	g_array_unref(content->segments);
	content->segments = splitting.segments;
	extents_fill(content);
}

GByteArray *deltacontent_object_read(const struct deltacontent *content, uint32_t number)
{
	const struct deltacontent_object *object = deltacontent_object(content, number);
	GByteArray *bytes = g_byte_array_new();

	g_byte_array_set_size(bytes, (guint)object->size_bytes);
	memset(bytes->data, 0, bytes->len);
	for (guint i = 0; i < object->extents->len; i++) {
		const struct deltacontent_extent *extent = &g_array_index(
			object->extents, struct deltacontent_extent, i);

		memcpy(bytes->data + extent->at, deltacontent_bytes(content, extent->image_offset),
		       extent->size_bytes);
	}
	return bytes;
}

static void part_add(struct deltacontent_object *object, struct deltacontent_part part,
		     const uint8_t *raw)
{
	part.raw_at = object->raw->len;
	g_byte_array_append(object->raw, raw, (guint)part.raw_size);
	g_array_append_val(object->parts, part);
}

static void plain_add(struct deltacontent_object *object, const GByteArray *bytes, uint64_t from,
		      uint64_t to)
{
	const struct deltacontent_part part = {
		.kind = RECODE_NONE,
		.at = from,
		.size_bytes = to - from,
		.raw_size = to - from,
	};

	if (from < to)
		part_add(object, part, bytes->data + from);
}

/* FALSE: the stream is better left as it is. */
static gboolean stream_add(struct deltacontent_object *object, const GByteArray *bytes,
			   const struct recode_span *span, gboolean for_new)
{
	g_autoptr(GByteArray) raw = g_byte_array_new();
	g_autoptr(GByteArray) corrections = g_byte_array_new();
	const uint8_t *from = bytes->data + span->offset;
	const gboolean done =
		for_new ? recode_split(span->kind, from, (size_t)span->size_bytes, raw, corrections)
			: recode_unpack(span->kind, from, (size_t)span->size_bytes, raw);
	struct deltacontent_part part = {
		.kind = span->kind,
		.at = span->offset,
		.size_bytes = span->size_bytes,
		.raw_size = raw->len,
	};

	if (!done)
		return FALSE;
	part.corrections = for_new ? g_steal_pointer(&corrections) : NULL;
	part_add(object, part, raw->data);
	return TRUE;
}

void deltacontent_object_open(struct deltacontent *content, uint32_t number, gboolean for_new)
{
	struct deltacontent_object *object = deltacontent_object(content, number);
	g_autoptr(GByteArray) bytes = deltacontent_object_read(content, number);
	g_autoptr(GArray) spans = recode_find(bytes->data, bytes->len);
	uint64_t at = 0;

	object->parts = g_array_new(FALSE, TRUE, sizeof(struct deltacontent_part));
	object->raw = g_byte_array_new();
	for (guint i = 0; i < spans->len; i++) {
		const struct recode_span *span = &g_array_index(spans, struct recode_span, i);

		if (span->size_bytes > DELTAFRAME_RECODED_MAX)
			continue;
		plain_add(object, bytes, at, span->offset);
		at = span->offset;
		if (stream_add(object, bytes, span, for_new))
			at += span->size_bytes;
	}
	plain_add(object, bytes, at, bytes->len);
}

struct deltacontent_part *deltacontent_part_find(const struct deltacontent_object *object,
						 uint64_t at)
{
	guint low = 0, high = object->parts->len;

	while (low + 1 < high) {
		const guint middle = low + (high - low) / 2;

		if (g_array_index(object->parts, struct deltacontent_part, middle).at <= at)
			low = middle;
		else
			high = middle;
	}
	return &g_array_index(object->parts, struct deltacontent_part, low);
}

guint deltacontent_segment_find(const struct deltacontent *content, uint64_t image_offset)
{
	guint low = 0, high = content->segments->len;

	while (low + 1 < high) {
		const guint middle = low + (high - low) / 2;

		if (g_array_index(content->segments, struct deltacontent_segment, middle)
			    .image_offset <= image_offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

gboolean deltacontent_extent_clip(struct deltacontent_extent *extent,
				  const struct deltacontent_part *part)
{
	const uint64_t from = MAX(extent->at, part->at);
	const uint64_t to = MIN(extent->at + extent->size_bytes, part->at + part->size_bytes);

	if (from >= to)
		return FALSE;
	extent->image_offset += from - extent->at;
	extent->at = from;
	extent->size_bytes = to - from;
	return TRUE;
}

gboolean deltacontent_segment_clip(struct deltacontent_segment *segment, uint64_t offset,
				   uint64_t end)
{
	const uint64_t from = MAX(segment->image_offset, offset);
	const uint64_t to = MIN(segment->image_offset + segment->size_bytes, end);

	if (from >= to)
		return FALSE;
	segment->at += from - segment->image_offset;
	segment->image_offset = from;
	segment->size_bytes = to - from;
	return TRUE;
}
