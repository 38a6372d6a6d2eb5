/* SPDX-License-Identifier: MIT */
#include "staticpart.h"

#include <string.h>
#include <sys/stat.h>

#include "failure.h"
#include "largemem.h"
#include "lzmapack.h"
#include "staticdelta.h"
#include "varint.h"

enum { PACKED_NOT = 0, PACKED_XZ = 'x', NOTHING = -1 };

static const char FORMAT[] = "(a(uuu)aa(ayay)ayay)";

/* An object as the operations have it. */
struct entry {
	size_t begin; /* its first operation */
	uint64_t owner;
	uint64_t attributes;
	uint64_t content_size;
	int64_t source; /* offset of the older one's checksum, or NOTHING */
	uint8_t type;
};

struct staticpart {
	uint8_t *raw; /* largemem */
	GVariant *owners;
	GVariant *attributes;
	GVariant *bytes_of; /* whom the two below belong to */
	GVariant *operations_of;
	struct bspatch_bytes bytes;
	struct bspatch_bytes operations;
	GArray *entries; /* struct entry */
};

void staticpart_free(struct staticpart *part)
{
	if (part == NULL)
		return;
	g_clear_pointer(&part->owners, g_variant_unref);
	g_clear_pointer(&part->attributes, g_variant_unref);
	g_clear_pointer(&part->bytes_of, g_variant_unref);
	g_clear_pointer(&part->operations_of, g_variant_unref);
	largemem_free(part->raw);
	g_clear_pointer(&part->entries, g_array_unref);
	g_free(part);
}

static gboolean part_bad(GError **error, const char *what)
{
	return failure_set(error, FAULT_STATICDELTA_FORMAT,
			   "a part of the static delta is not valid: %s", what);
}

/* --- unpacking --- */

static gboolean raw_unpack(struct staticpart *part, const struct bspatch_bytes *stored,
			   size_t *ret_size, GError **error)
{
	const struct lzmapack_bytes packed = { stored->bytes + 1, stored->size_bytes - 1 };

	if (stored->size_bytes < 1)
		return part_bad(error, "it is empty");
	part->raw = largemem_new(STATICPART_RAW_MAX);
	switch (stored->bytes[0]) {
	case PACKED_NOT:
		if (packed.size_bytes > STATICPART_RAW_MAX)
			return part_bad(error, "it is larger than it may be");
		memcpy(part->raw, packed.bytes, packed.size_bytes);
		*ret_size = packed.size_bytes;
		return TRUE;
	case PACKED_XZ:
		return lzmapack_xz_unpack(&packed, part->raw, STATICPART_RAW_MAX, ret_size) ||
		       part_bad(error, "it cannot be unpacked, or is larger than it may be");
	default:
		return part_bad(error, "it is packed in an unknown way");
	}
}

static struct bspatch_bytes bytes_of(GVariant *variant)
{
	return (struct bspatch_bytes){ g_variant_get_data(variant), g_variant_get_size(variant) };
}

static gboolean tables_take(struct staticpart *part, size_t raw_size, GError **error)
{
	g_autoptr(GVariant) variant = g_variant_ref_sink(g_variant_new_from_data(
		G_VARIANT_TYPE(FORMAT), part->raw, raw_size, FALSE, NULL, NULL));

	if (!g_variant_is_normal_form(variant))
		return part_bad(error, "it is malformed");
	part->owners = g_variant_get_child_value(variant, 0);
	part->attributes = g_variant_get_child_value(variant, 1);
	part->bytes_of = g_variant_get_child_value(variant, 2);
	part->operations_of = g_variant_get_child_value(variant, 3);
	part->bytes = bytes_of(part->bytes_of);
	part->operations = bytes_of(part->operations_of);
	return TRUE;
}

/* --- operations: once to look them through, then for each object that is made --- */

struct walk {
	const struct staticpart *part;
	struct varint_reader reader; /* of the operations */
	struct entry entry;          /* the object at hand */
	gboolean is_open;
	gboolean is_done; /* the object at hand */
	int64_t source;   /* the name that holds now, or NOTHING */
	uint64_t written;
	uint8_t *ret_content; /* NULL: nothing is made */
	const struct bspatch_bytes *old;
};

static gboolean is_within(const struct bspatch_bytes *bytes, uint64_t offset, uint64_t size_bytes)
{
	return offset <= bytes->size_bytes && size_bytes <= bytes->size_bytes - offset;
}

/* Marks what the object at hand is made of; libostree's own deltas need one older object for each.
 */
static gboolean source_use(struct walk *walk)
{
	const uint8_t *bytes = walk->part->bytes.bytes;

	if (walk->source == NOTHING)
		return FALSE;
	if (walk->entry.source == NOTHING)
		walk->entry.source = walk->source;
	return memcmp(bytes + walk->entry.source, bytes + walk->source, STATICPART_HASH_SIZE) == 0;
}

static gboolean content_put(struct walk *walk, const struct bspatch_bytes *from, uint64_t offset,
			    uint64_t size_bytes)
{
	if (!is_within(from, offset, size_bytes) ||
	    size_bytes > walk->entry.content_size - walk->written)
		return FALSE;
	if (walk->ret_content != NULL && size_bytes > 0)
		memcpy(walk->ret_content + walk->written, from->bytes + offset, size_bytes);
	walk->written += size_bytes;
	return TRUE;
}

/* Owner and attributes of a file, which begins with it. */
static gboolean file_begin(struct walk *walk)
{
	const struct staticpart *part = walk->part;

	walk->entry.owner = varint_read(&walk->reader);
	walk->entry.attributes = varint_read(&walk->reader);
	walk->entry.content_size = varint_read(&walk->reader);
	walk->written = 0;
	return !walk->reader.failed && walk->entry.type == STATICDELTA_FILE &&
	       walk->entry.owner < g_variant_n_children(part->owners) &&
	       walk->entry.attributes < g_variant_n_children(part->attributes);
}

static gboolean whole_do(struct walk *walk)
{
	uint64_t offset;

	if (walk->is_open)
		return FALSE;
	if (walk->entry.type == STATICDELTA_FILE) {
		if (!file_begin(walk))
			return FALSE;
	} else {
		walk->entry.content_size = varint_read(&walk->reader);
		walk->written = 0;
	}
	offset = varint_read(&walk->reader);
	walk->source = NOTHING;
	walk->is_done = TRUE;
	return !walk->reader.failed &&
	       content_put(walk, &walk->part->bytes, offset, walk->entry.content_size);
}

static gboolean open_do(struct walk *walk)
{
	if (walk->is_open)
		return FALSE;
	walk->is_open = TRUE;
	return file_begin(walk);
}

static gboolean write_do(struct walk *walk)
{
	const uint64_t size_bytes = varint_read(&walk->reader);
	const uint64_t offset = varint_read(&walk->reader);

	if (walk->reader.failed || !walk->is_open)
		return FALSE;
	if (walk->source == NOTHING)
		return content_put(walk, &walk->part->bytes, offset, size_bytes);
	if (!source_use(walk))
		return FALSE;
	if (walk->ret_content != NULL)
		return content_put(walk, walk->old, offset, size_bytes);
	if (size_bytes > walk->entry.content_size - walk->written)
		return FALSE;
	walk->written += size_bytes;
	return TRUE;
}

static gboolean name_do(struct walk *walk)
{
	const uint64_t offset = varint_read(&walk->reader);

	if (walk->reader.failed || !is_within(&walk->part->bytes, offset, STATICPART_HASH_SIZE))
		return FALSE;
	walk->source = (int64_t)offset;
	return TRUE;
}

static gboolean unname_do(struct walk *walk)
{
	walk->source = NOTHING;
	return TRUE;
}

static gboolean patch_do(struct walk *walk)
{
	const uint64_t offset = varint_read(&walk->reader);
	const uint64_t size_bytes = varint_read(&walk->reader);
	const struct bspatch_bytes *bytes = &walk->part->bytes;
	struct bspatch_bytes patch;

	if (walk->reader.failed || !walk->is_open || walk->written > 0 || !source_use(walk) ||
	    !is_within(bytes, offset, size_bytes))
		return FALSE;
	walk->written = walk->entry.content_size;
	if (walk->ret_content == NULL)
		return TRUE;
	patch = (struct bspatch_bytes){ bytes->bytes + offset, size_bytes };
	return bspatch_apply(&patch, walk->old, walk->ret_content, walk->entry.content_size);
}

static gboolean close_do(struct walk *walk)
{
	if (!walk->is_open || walk->written != walk->entry.content_size)
		return FALSE;
	walk->is_open = FALSE;
	walk->is_done = TRUE;
	walk->source = NOTHING;
	return TRUE;
}

static const struct {
	char letter;
	gboolean (*run)(struct walk *walk);
} OPERATIONS[] = {
	{ 'S', whole_do },  { 'o', open_do },  { 'w', write_do }, { 'r', name_do },
	{ 'R', unname_do }, { 'B', patch_do }, { 'c', close_do },
};

static gboolean operation_run(struct walk *walk)
{
	const uint8_t letter = walk->reader.bytes[walk->reader.position++];

	for (size_t i = 0; i < G_N_ELEMENTS(OPERATIONS); i++)
		if ((uint8_t)OPERATIONS[i].letter == letter)
			return OPERATIONS[i].run(walk);
	return FALSE;
}

/* One object. FALSE: its operations cannot be; ->is_done FALSE: there are no more. */
static gboolean object_walk(struct walk *walk)
{
	walk->is_done = walk->is_open = FALSE;
	walk->source = walk->entry.source = NOTHING;
	walk->entry.begin = walk->reader.position;
	while (!walk->is_done && walk->reader.position < walk->reader.size_bytes)
		if (!operation_run(walk))
			return FALSE;
	return !walk->is_open;
}

static struct walk walk_begin(const struct staticpart *part, size_t position)
{
	return (struct walk){ .part = part,
			      .reader = { .bytes = part->operations.bytes,
					  .size_bytes = part->operations.size_bytes,
					  .position = position } };
}

static gboolean entries_take(struct staticpart *part, const uint8_t *types, guint count,
			     GError **error)
{
	struct walk walk = walk_begin(part, 0);

	for (guint i = 0; i < count; i++) {
		walk.entry = (struct entry){ .type = types[i] };
		if (!object_walk(&walk) || !walk.is_done)
			return part_bad(error, "its operations do not make its objects");
		g_array_append_val(part->entries, walk.entry);
	}
	/* What takes the last name back may follow. */
	return (object_walk(&walk) && !walk.is_done) ||
	       part_bad(error, "it has more operations than objects");
}

struct staticpart *staticpart_open(const struct bspatch_bytes *stored, const uint8_t *types,
				   guint count, GError **error)
{
	g_autoptr(Staticpart) part = g_new0(struct staticpart, 1);
	size_t raw_size = 0;

	part->entries = g_array_new(FALSE, FALSE, sizeof(struct entry));
	if (count > STATICPART_OBJECTS_MAX) {
		part_bad(error, "it has too many objects");
		return NULL;
	}
	if (!raw_unpack(part, stored, &raw_size, error) || !tables_take(part, raw_size, error) ||
	    !entries_take(part, types, count, error))
		return NULL;
	return g_steal_pointer(&part);
}

/* --- objects --- */

/* NULL: it is no regular file. */
static GVariant *header_make(const struct staticpart *part, const struct entry *entry)
{
	g_autoptr(GVariant) attributes = NULL;
	uint32_t uid, gid, mode;

	if (entry->type != STATICDELTA_FILE)
		return NULL;
	g_variant_get_child(part->owners, entry->owner, "(uuu)", &uid, &gid, &mode);
	if (!S_ISREG(GUINT32_FROM_BE(mode)))
		return NULL;
	attributes = g_variant_get_child_value(part->attributes, entry->attributes);
	return g_variant_ref_sink(
		g_variant_new("(uuuus@a(ayay))", uid, gid, mode, 0, "", attributes));
}

static const struct entry *entry_of(const struct staticpart *part, guint index, GError **error)
{
	if (index < part->entries->len)
		return &g_array_index(part->entries, struct entry, index);
	part_bad(error, "it has no such object");
	return NULL;
}

gboolean staticpart_look(const struct staticpart *part, guint index,
			 struct staticpart_object *ret_object, GError **error)
{
	const struct entry *entry = entry_of(part, index, error);
	struct staticpart_object object = { .is_file = FALSE };
	g_autoptr(GVariant) header = NULL;

	if (entry == NULL)
		return FALSE;
	header = header_make(part, entry);
	if (header != NULL && entry->content_size <= STATICPART_CONTENT_MAX &&
	    g_variant_get_size(header) <= STATICPART_HEADER_MAX) {
		object.is_file = TRUE;
		object.header_size = g_variant_get_size(header);
		object.content_size = (size_t)entry->content_size;
		object.has_source = entry->source != NOTHING;
	}
	if (object.has_source)
		memcpy(object.source, part->bytes.bytes + entry->source, sizeof object.source);
	*ret_object = object;
	return TRUE;
}

gboolean staticpart_make(const struct staticpart *part, guint index,
			 const struct bspatch_bytes *source, uint8_t *ret_bytes, GError **error)
{
	static const struct bspatch_bytes NONE = { (const uint8_t *)"", 0 };
	const struct entry *entry = entry_of(part, index, error);
	g_autoptr(GVariant) header = NULL;
	struct staticpart_object object;
	struct walk walk;

	if (entry == NULL || !staticpart_look(part, index, &object, error))
		return FALSE;
	if (!object.is_file)
		return part_bad(error, "the object is none that can be made");
	header = header_make(part, entry);
	memcpy(ret_bytes, g_variant_get_data(header), object.header_size);
	walk = walk_begin(part, entry->begin);
	walk.entry.type = entry->type;
	walk.ret_content = ret_bytes + object.header_size;
	walk.old = source != NULL ? source : &NONE;
	return object_walk(&walk) || part_bad(error, "an object cannot be made of the older one");
}
