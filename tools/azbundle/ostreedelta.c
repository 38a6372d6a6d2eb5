/* SPDX-License-Identifier: MIT */
#include "ostreedelta.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto.h"
#include "failure.h"
#include "image.h"
#include "ostreestatic.h"
#include "staticbase.h"
#include "staticpart.h"

enum { HASH = STATICDELTA_HASH_SIZE };

struct making {
	const struct ostreedelta *publish;
	struct ostreestatic *deltas;
	struct staticdelta_pair pair;
	GBytes *superblock;
	struct staticdelta *delta;
	struct staticbase *base;
	uint64_t delta_bytes;  /* what a machine would fetch of it */
	uint64_t object_bytes; /* and without it */
};

static void making_clear(struct making *making)
{
	ostreestatic_free(making->deltas);
	g_clear_pointer(&making->superblock, g_bytes_unref);
	staticdelta_free(making->delta);
	staticbase_free(making->base);
}

/* --- what the delta refers to --- */

/* An older object, whose place comes later. What is too large for machines stays out. */
static void source_note(struct making *making, const struct staticpart_object *object)
{
	struct staticbase_source source = { .offset = 0 };

	if (!object->has_source)
		return;
	memcpy(source.object, object->source, HASH);
	g_array_append_val(making->base->sources, source);
}

static gboolean object_note(struct making *making, const struct staticpart *part, guint index,
			    const uint8_t *checksum, GError **error)
{
	struct staticpart_object object;
	uint64_t stored = 0;

	if (!staticpart_look(part, index, &object, error))
		return FALSE;
	if (object.is_file && !ostreestatic_stored_size(making->deltas, checksum, &stored, error))
		return FALSE;
	if (object.is_file)
		source_note(making, &object);
	g_array_append_val(making->base->stored, stored);
	making->object_bytes += stored;
	return TRUE;
}

static struct staticdelta_object *object_at(const struct making *making, guint index)
{
	return &g_array_index(making->delta->objects, struct staticdelta_object, index);
}

/* A part that machines would not take makes nothing. */
static gboolean part_look(struct making *making, guint number, GError **error)
{
	const struct staticdelta_part *known = &g_array_index(making->delta->parts,
							      struct staticdelta_part, number);
	g_autofree char *name = g_strdup_printf("%u", number);
	g_autofree uint8_t *types = g_malloc0(known->object_count + 1u);
	g_autoptr(GBytes) stored = ostreestatic_read(making->deltas, name, error);
	g_autoptr(Staticpart) part = NULL;
	struct bspatch_bytes bytes;

	if (stored == NULL)
		return FALSE;
	bytes.bytes = g_bytes_get_data(stored, &bytes.size_bytes);
	for (guint i = 0; i < known->object_count; i++)
		types[i] = object_at(making, known->first_object + i)->type;
	if (bytes.size_bytes <= STATICDELTA_PART_MAX)
		part = staticpart_open(&bytes, types, known->object_count, NULL);
	if (part == NULL) {
		static const uint64_t NONE = 0;

		for (guint i = 0; i < known->object_count; i++)
			g_array_append_val(making->base->stored, NONE);
		return TRUE;
	}
	making->delta_bytes += bytes.size_bytes;
	for (guint i = 0; i < known->object_count; i++)
		if (!object_note(making, part, i,
				 object_at(making, known->first_object + i)->checksum, error))
			return FALSE;
	return TRUE;
}

/* --- where that stands --- */

static gboolean place_note(gpointer user_data, const struct imagetree_node *file, int fd,
			   uint64_t offset, GError **error)
{
	struct making *making = user_data;
	uint8_t object[HASH];
	struct staticbase_source *source;

	(void)fd, (void)error; /* nothing is written */
	/* The tree's reader made it of 32 bytes. */
	if (!crypto_unhex(file->content, object, sizeof object))
		g_assert_not_reached();
	/* The array is ours. */
	source = (struct staticbase_source *)(uintptr_t)staticbase_find(making->base, object);
	if (source != NULL) {
		source->offset = offset;
		source->size_bytes = file->size_bytes;
	}
	return TRUE;
}

/* What no place was found for, or is too large. */
static void placeless_drop(struct staticbase *base)
{
	for (guint i = base->sources->len; i-- > 0;) {
		const struct staticbase_source *source = &g_array_index(
			base->sources, struct staticbase_source, i);

		if (source->size_bytes == 0 || source->size_bytes > STATICBASE_CONTENT_MAX)
			g_array_remove_index(base->sources, i);
	}
}

/* The older image, as a plan: it is made without the contents of its files. */
static gboolean places_find(struct making *making, GError **error)
{
	const struct ostreedelta *publish = making->publish;
	g_autofree char *path = g_build_filename(publish->place, "older", NULL);
	g_autofree char *from = crypto_hex(making->pair.from, HASH);
	g_autofree char *name = g_strdup_printf("%s:%s", publish->repo, from);
	g_autoptr(Ostreetree) tree = ostreetree_open(name, error);
	gboolean done;
	int fd;

	if (tree == NULL)
		return FALSE;
	fd = g_open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot create %s: %s", path,
				   g_strerror(errno));
	(void)g_unlink(path); /* nobody reads it */
	staticbase_sort(making->base);
	done = image_write_with(tree, place_note, making, fd, error);
	(void)close(fd); /* likewise */
	placeless_drop(making->base);
	return done;
}

/* --- publishing --- */

static gboolean delta_look(struct making *making, GError **error)
{
	making->superblock = ostreestatic_read(making->deltas, "superblock", error);
	if (making->superblock == NULL)
		return FALSE;
	making->delta = staticdelta_decode(making->superblock, &making->pair, error);
	if (making->delta == NULL)
		return FALSE;
	making->base = staticbase_new();
	memcpy(making->base->commit, making->pair.from, HASH);
	making->delta_bytes = g_bytes_get_size(making->superblock);
	for (guint i = 0; i < making->delta->parts->len; i++)
		if (!part_look(making, i, error))
			return FALSE;
	return places_find(making, error);
}

static void saving_tell(const struct making *making, gboolean is_published)
{
	g_autofree char *from = crypto_hex(making->pair.from, HASH);

	printf("delta from %s: %" G_GUINT64_FORMAT " bytes for %" G_GUINT64_FORMAT
	       " of objects%s\n",
	       from, making->delta_bytes, making->object_bytes,
	       is_published ? "" : "; not published");
}

static gboolean delta_publish(struct making *making, GError **error)
{
	const struct ostreedelta *publish = making->publish;
	g_autoptr(GBytes) base = staticbase_encode(making->base);
	g_autofree char *name = staticbase_name(making->pair.from);
	g_autoptr(GBytes) signature = NULL;
	g_autoptr(GBytes) superblock = NULL;
	uint8_t object[OSTREEWRITE_HASH_SIZE];

	making->delta_bytes += g_bytes_get_size(base);
	if (making->delta_bytes >= making->object_bytes ||
	    g_bytes_get_size(base) > STATICBASE_SIZE_MAX) {
		saving_tell(making, FALSE);
		return TRUE;
	}
	signature = ostreewrite_sign(publish->key, making->superblock, error);
	if (signature == NULL)
		return FALSE;
	superblock = staticdelta_signed_encode(making->superblock, signature);
	if (!ostreestatic_place(making->deltas, &making->pair, superblock, error) ||
	    !ostreewrite_file(publish->write, NULL, name, base, object, error))
		return FALSE;
	saving_tell(making, TRUE);
	return TRUE;
}

/* *ret_is_wanted FALSE: there is nothing to be done. */
static gboolean pair_take(struct making *making, const char *from, gboolean *ret_is_wanted,
			  GError **error)
{
	const struct ostreedelta *publish = making->publish;
	const gboolean is_auto = strcmp(from, "auto") == 0;
	g_autoptr(GError) why = NULL;
	g_autofree char *commit = ostreestatic_system(making->deltas, is_auto ? publish->ref : from,
						      &why);

	*ret_is_wanted = FALSE;
	if (commit == NULL)
		return is_auto || failure_set(error, failure_code(why), "%s", why->message);
	if (strcmp(commit, publish->to) == 0)
		return TRUE;
	*ret_is_wanted = TRUE;
	return (crypto_unhex(commit, making->pair.from, HASH) &&
		crypto_unhex(publish->to, making->pair.to, HASH)) ||
	       failure_set(error, FAULT_OSTREE_REF, "%s leads to no commit", from);
}

gboolean ostreedelta_publish(const struct ostreedelta *publish, const char *from, GError **error)
{
	struct making making = { .publish = publish };
	gboolean is_wanted = FALSE;
	gboolean done;

	making.deltas = ostreestatic_open(publish->repo, error);
	done = making.deltas != NULL && pair_take(&making, from, &is_wanted, error) &&
	       (!is_wanted || (ostreestatic_generate(making.deltas, &making.pair, error) &&
			       delta_look(&making, error) && delta_publish(&making, error)));
	making_clear(&making);
	return done;
}
