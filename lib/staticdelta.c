/* SPDX-License-Identifier: MIT */
#include "staticdelta.h"

#include <string.h>

#include "failure.h"
#include "objectfile.h"

enum {
	HASH = STATICDELTA_HASH_SIZE,
	OBJECT_SIZE = 1 + HASH,
	NAME_SIZE = 43, /* characters of a checksum in base64, without padding */
	NAME_FOLDER = 2,
};

static const uint64_t MAGIC = G_GUINT64_CONSTANT(0x4f535453474e4454); /* "OSTSGNDT" */
static const char SIGNED[] = "(taya{sv})";
static const char SUPERBLOCK[] = "(a{sv}tayay(a{sv}aya(say)sstayay)aya(uayttay)a(yaytt))";
static const char SIGNATURES[] = "ostree.sign.ed25519";

enum { CHILD_METADATA = 0, CHILD_FROM = 2, CHILD_TO = 3, CHILD_PARTS = 6 };

void staticdelta_free(struct staticdelta *delta)
{
	if (delta == NULL)
		return;
	g_array_unref(delta->parts);
	g_array_unref(delta->objects);
	g_free(delta);
}

/* --- names --- */

static char *name_make(const uint8_t checksum[static HASH])
{
	char *text = g_base64_encode(checksum, HASH);

	g_strdelimit(text, "/", '_');
	text[NAME_SIZE] = 0; /* instead of the padding */
	return text;
}

char *staticdelta_path(const struct staticdelta_pair *pair, const char *file)
{
	g_autofree char *from = name_make(pair->from);
	g_autofree char *to = name_make(pair->to);

	return g_strdup_printf("deltas/%.*s/%s-%s/%s", NAME_FOLDER, from, from + NAME_FOLDER, to,
			       file);
}

/* --- the signed wrapper --- */

static gboolean unsigned_tell(GError **error)
{
	return failure_set(error, FAULT_STATICDELTA_SIGNATURE, "the static delta is not signed");
}

gboolean staticdelta_signed_decode(GBytes *bytes, GBytes **ret_superblock,
				   GPtrArray **ret_signatures, GError **error)
{
	g_autoptr(GVariant) wrapper = NULL;
	g_autoptr(GVariant) superblock = NULL;
	g_autoptr(GVariant) dictionary = NULL;
	g_autoptr(GBytes) metadata = NULL;
	uint64_t magic;

	if (g_bytes_get_size(bytes) > STATICDELTA_SUPERBLOCK_MAX)
		return failure_set(error, FAULT_STATICDELTA_FORMAT,
				   "the static delta's superblock is larger than it may be");
	wrapper = g_variant_ref_sink(
		g_variant_new_from_bytes(G_VARIANT_TYPE(SIGNED), bytes, FALSE));
	if (!g_variant_is_normal_form(wrapper))
		return unsigned_tell(error);
	g_variant_get_child(wrapper, 0, "t", &magic);
	if (GUINT64_FROM_BE(magic) != MAGIC)
		return unsigned_tell(error);
	superblock = g_variant_get_child_value(wrapper, 1);
	dictionary = g_variant_get_child_value(wrapper, 2);
	metadata = g_variant_get_data_as_bytes(dictionary);
	*ret_signatures = objectfile_signatures(metadata);
	*ret_superblock = g_variant_get_data_as_bytes(superblock);
	return TRUE;
}

GBytes *staticdelta_signed_encode(GBytes *superblock, GBytes *signature)
{
	g_autoptr(GVariant) wrapper = NULL;
	GVariantBuilder list, dictionary;

	g_variant_builder_init(&list, G_VARIANT_TYPE("aay"));
	g_variant_builder_add_value(
		&list, g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, signature, TRUE));
	g_variant_builder_init(&dictionary, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&dictionary, "{sv}", SIGNATURES, g_variant_builder_end(&list));
	wrapper = g_variant_ref_sink(
		g_variant_new("(t@ay@a{sv})", GUINT64_TO_BE(MAGIC),
			      g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, superblock, TRUE),
			      g_variant_builder_end(&dictionary)));
	return g_variant_get_data_as_bytes(wrapper);
}

/* --- the superblock --- */

static gboolean format_bad(GError **error, const char *what)
{
	return failure_set(error, FAULT_STATICDELTA_FORMAT, "the static delta is not valid: %s",
			   what);
}

static gboolean is_hash(GVariant *tuple, gsize index, const uint8_t hash[static HASH])
{
	g_autoptr(GVariant) bytes = g_variant_get_child_value(tuple, index);

	return g_variant_get_size(bytes) == HASH &&
	       memcmp(g_variant_get_data(bytes), hash, HASH) == 0;
}

/* Whether sizes have another byte order than this machine. Deltas without a word of it are of
 * libostree's first years. */
static gboolean order_take(GVariant *superblock, gboolean *ret_is_foreign, GError **error)
{
	g_autoptr(GVariant) metadata = g_variant_get_child_value(superblock, CHILD_METADATA);
	guchar order = 0;

	if (!g_variant_lookup(metadata, "ostree.endianness", "y", &order) ||
	    (order != 'l' && order != 'B'))
		return format_bad(error, "it does not name its byte order");
	*ret_is_foreign = (order == 'B') != (G_BYTE_ORDER == G_BIG_ENDIAN);
	return TRUE;
}

static gboolean objects_take(struct staticdelta *delta, struct staticdelta_part *part,
			     GVariant *list, GError **error)
{
	const gsize size_bytes = g_variant_get_size(list);
	const uint8_t *data = g_variant_get_data(list);

	part->first_object = delta->objects->len;
	part->object_count = (guint)(size_bytes / OBJECT_SIZE);
	if (size_bytes % OBJECT_SIZE != 0 ||
	    size_bytes / OBJECT_SIZE > STATICDELTA_OBJECTS_MAX - delta->objects->len)
		return format_bad(error, "a part's list of objects is cut off, or too long");
	for (guint i = 0; i < part->object_count; i++, data += OBJECT_SIZE) {
		struct staticdelta_object object = { .type = data[0] };

		memcpy(object.checksum, data + 1, HASH);
		g_array_append_val(delta->objects, object);
	}
	return TRUE;
}

static gboolean part_take(struct staticdelta *delta, GVariant *entry, gboolean is_foreign,
			  GError **error)
{
	struct staticdelta_part part = { .stored_bytes = 0 };
	g_autoptr(GVariant) checksum = NULL;
	g_autoptr(GVariant) list = NULL;

	g_variant_get(entry, "(u@aytt@ay)", NULL, &checksum, &part.stored_bytes,
		      &part.content_bytes, &list);
	if (g_variant_get_size(checksum) != HASH)
		return format_bad(error, "a part has no checksum");
	memcpy(part.checksum, g_variant_get_data(checksum), HASH);
	if (is_foreign) {
		part.stored_bytes = GUINT64_SWAP_LE_BE(part.stored_bytes);
		part.content_bytes = GUINT64_SWAP_LE_BE(part.content_bytes);
	}
	if (!objects_take(delta, &part, list, error))
		return FALSE;
	g_array_append_val(delta->parts, part);
	return TRUE;
}

static gboolean parts_take(struct staticdelta *delta, GVariant *superblock, GError **error)
{
	g_autoptr(GVariant) list = g_variant_get_child_value(superblock, CHILD_PARTS);
	gboolean is_foreign;

	if (!order_take(superblock, &is_foreign, error))
		return FALSE;
	if (g_variant_n_children(list) > STATICDELTA_PARTS_MAX)
		return format_bad(error, "it has too many parts");
	for (gsize i = 0; i < g_variant_n_children(list); i++) {
		g_autoptr(GVariant) entry = g_variant_get_child_value(list, i);

		if (!part_take(delta, entry, is_foreign, error))
			return FALSE;
	}
	return TRUE;
}

struct staticdelta *staticdelta_decode(GBytes *superblock, const struct staticdelta_pair *pair,
				       GError **error)
{
	/* A copy: a GVariant wants its bytes aligned. */
	g_autoptr(GBytes) copy = g_bytes_new(g_bytes_get_data(superblock, NULL),
					     g_bytes_get_size(superblock));
	g_autoptr(GVariant) variant = g_variant_ref_sink(
		g_variant_new_from_bytes(G_VARIANT_TYPE(SUPERBLOCK), copy, FALSE));
	g_autoptr(Staticdelta) delta = g_new0(struct staticdelta, 1);

	delta->parts = g_array_new(FALSE, FALSE, sizeof(struct staticdelta_part));
	delta->objects = g_array_new(FALSE, FALSE, sizeof(struct staticdelta_object));
	if (!g_variant_is_normal_form(variant)) {
		format_bad(error, "its superblock is malformed");
		return NULL;
	}
	if (!is_hash(variant, CHILD_FROM, pair->from) || !is_hash(variant, CHILD_TO, pair->to)) {
		failure_set(error, FAULT_STATICDELTA_OTHER,
			    "the static delta is of other commits than it was asked for");
		return NULL;
	}
	return parts_take(delta, variant, error) ? g_steal_pointer(&delta) : NULL;
}
