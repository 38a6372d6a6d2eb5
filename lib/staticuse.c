/* SPDX-License-Identifier: MIT */
#include "staticuse.h"

#include <string.h>

#include "crypto.h"
#include "decoder.h"
#include "failure.h"
#include "objectfile.h"
#include "objectkeys.h"
#include "staticspool.h"

enum { HASH = STATICDELTA_HASH_SIZE };

struct staticuse {
	struct staticuse_options options;
	char *folder;
	struct staticdelta_pair pair;
	struct staticdelta *delta;
	struct staticbase *known;
	GHashTable *numbers;       /* checksum of an object -> its number plus one */
	uint8_t *needed;           /* of each object, as staticchoice.h has it */
	uint8_t *is_done;          /* of each part */
	struct staticspool *spool; /* NULL: nothing was made yet */
	gboolean is_dropped;
};

void staticuse_base_free(struct staticuse_base *base)
{
	if (base == NULL)
		return;
	disk_close(base->disk);
	g_free(base);
}

void staticuse_free(struct staticuse *use)
{
	if (use == NULL)
		return;
	staticspool_free(use->spool);
	g_clear_pointer(&use->numbers, g_hash_table_unref);
	staticdelta_free(use->delta);
	staticbase_free(use->known);
	g_free(use->needed);
	g_free(use->is_done);
	g_free(use->folder);
	g_free(use);
}

/* --- opening --- */

static GBytes *file_get(const struct staticuse *use, const char *file, size_t size_max,
			GError **error)
{
	g_autofree char *name = staticdelta_path(&use->pair, file);

	return use->options.get(use->options.user_data, name, size_max, error);
}

/* The superblock that is signed by a key. */
static GBytes *superblock_get(const struct staticuse *use, GError **error)
{
	g_autoptr(GBytes) bytes = file_get(use, "superblock", STATICDELTA_SUPERBLOCK_MAX, error);
	g_autoptr(Objectkeys) keys = NULL;
	g_autoptr(GBytes) superblock = NULL;
	g_autoptr(GPtrArray) signatures = NULL;

	if (bytes == NULL)
		return NULL;
	keys = objectkeys_load(use->options.keys, error);
	if (keys == NULL || !staticdelta_signed_decode(bytes, &superblock, &signatures, error))
		return NULL;
	if (!objectkeys_verify(keys, superblock, signatures)) {
		failure_set(error, FAULT_STATICDELTA_SIGNATURE,
			    "the static delta has no signature by a key of %s", use->options.keys);
		return NULL;
	}
	return g_steal_pointer(&superblock);
}

static struct staticdelta_object *object_at(const struct staticuse *use, guint index)
{
	return &g_array_index(use->delta->objects, struct staticdelta_object, index);
}

/* Borrows the checksums from the delta. Of one that is there twice the first is taken. */
static void numbers_fill(struct staticuse *use)
{
	use->numbers = g_hash_table_new(objectfile_hash, objectfile_equal);
	for (guint i = use->delta->objects->len; i-- > 0;)
		if (object_at(use, i)->type == STATICDELTA_FILE)
			g_hash_table_insert(use->numbers, object_at(use, i)->checksum,
					    GUINT_TO_POINTER(i + 1));
	use->needed = g_malloc0(use->delta->objects->len + 1u);
	use->is_done = g_malloc0(use->delta->parts->len + 1u);
}

static gboolean delta_get(struct staticuse *use, GError **error)
{
	g_autoptr(GBytes) superblock = NULL;

	use->known = staticbase_decode(use->options.known, use->pair.from, error);
	superblock = use->known != NULL ? superblock_get(use, error) : NULL;
	if (superblock == NULL)
		return FALSE;
	use->delta = staticdelta_decode(superblock, &use->pair, error);
	if (use->delta == NULL)
		return FALSE;
	if (use->delta->objects->len != use->known->stored->len)
		return failure_set(error, FAULT_STATICDELTA_OTHER,
				   "what is known of the static delta's base is of another delta");
	numbers_fill(use);
	return TRUE;
}

struct staticuse *staticuse_open(const struct staticuse_options *options, GError **error)
{
	g_autoptr(Staticuse) use = g_new0(struct staticuse, 1);

	use->options = *options;
	use->folder = g_strdup(options->folder);
	memcpy(use->pair.from, options->base->commit, HASH);
	memcpy(use->pair.to, options->to, HASH);
	if (!delta_get(use, error))
		return NULL;
	use->options.known = NULL; /* not ours */
	use->options.folder = use->folder;
	use->options.keys = NULL;
	return g_steal_pointer(&use);
}

/* --- choosing --- */

static guint number_of(const struct staticuse *use, const uint8_t *object)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(use->numbers, object));
}

struct staticchoice staticuse_choose(struct staticuse *use, const uint8_t *objects, size_t count)
{
	const struct staticchoice none = { .parts = 0 };

	if (use->is_dropped)
		return none;
	for (size_t i = 0; i < count; i++) {
		const guint number = number_of(use, objects + i * HASH);

		if (number != 0 && use->needed[number - 1] == 0)
			use->needed[number - 1] = STATICCHOICE_NEEDED;
	}
	return staticchoice_make(use->delta, use->known, staticspool_room(use->folder),
				 use->needed);
}

static struct staticdelta_part *part_at(const struct staticuse *use, guint index)
{
	return &g_array_index(use->delta->parts, struct staticdelta_part, index);
}

/* The part that makes the object: the last that begins at or before it. */
static guint part_of(const struct staticuse *use, guint object)
{
	guint low = 0, high = use->delta->parts->len;

	while (high - low > 1) {
		const guint middle = low + (high - low) / 2;

		if (part_at(use, middle)->first_object <= object)
			low = middle;
		else
			high = middle;
	}
	return low;
}

gboolean staticuse_makes(const struct staticuse *use,
			 const uint8_t object[static STATICDELTA_HASH_SIZE])
{
	const guint number = number_of(use, object);

	return number != 0 && (staticspool_has(use->spool, number - 1) ||
			       (!use->is_dropped && use->needed[number - 1] == STATICCHOICE_MADE &&
				!use->is_done[part_of(use, number - 1)]));
}

/* --- making --- */

/* A part at work: of each object one after another. */
struct work {
	struct staticuse *use;
	struct decoder *decoder;
	guint first; /* number of the part's first object */
};

/* The stored bytes are gone afterwards: they are as large as what comes out of them may be. */
static gboolean part_open(struct work *work, const struct staticdelta_part *part, GBytes *stored,
			  GError **error)
{
	gsize size_bytes;
	const uint8_t *data = g_bytes_get_data(stored, &size_bytes);
	g_autoptr(DecoderRoom)
		room = decoder_room_new(work->decoder, 0, size_bytes + part->object_count, error);

	if (room != NULL)
		memcpy(room->stored, data, size_bytes);
	g_bytes_unref(stored);
	if (room == NULL)
		return FALSE;
	for (guint i = 0; i < part->object_count; i++)
		room->stored[size_bytes + i] = object_at(work->use, work->first + i)->type;
	return decoder_part_open(work->decoder, room, part->object_count, error);
}

/* Where the older object stands; its size is 0 if there is none. */
static gboolean source_find(const struct work *work, const struct staticpart_object *object,
			    struct staticbase_source *ret_source, GError **error)
{
	const struct staticuse_base *base = work->use->options.base;
	const struct staticbase_source *source;

	*ret_source = (struct staticbase_source){ .offset = 0 };
	if (!object->has_source)
		return TRUE;
	source = staticbase_find(work->use->known, object->source);
	if (source == NULL || source->offset > base->size_bytes ||
	    source->size_bytes > base->size_bytes - source->offset)
		return failure_set(error, FAULT_STATICDELTA_OTHER,
				   "the static delta needs an object that the running image does "
				   "not have");
	*ret_source = *source;
	return TRUE;
}

/* Header and content, in memory of our own: what the worker has before it may change. */
static uint8_t *object_make(const struct work *work, guint index,
			    const struct staticpart_object *object, GError **error)
{
	const size_t size_bytes = object->header_size + object->content_size;
	struct staticbase_source source;
	g_autoptr(DecoderRoom) room = NULL;
	uint8_t *made;

	if (!source_find(work, object, &source, error))
		return NULL;
	room = decoder_room_new(work->decoder, size_bytes, (size_t)source.size_bytes, error);
	if (room == NULL ||
	    !disk_read(work->use->options.base->disk, source.offset, room->stored,
		       (size_t)source.size_bytes, error) ||
	    !decoder_part_make(work->decoder, index, room, error))
		return NULL;
	made = g_malloc(size_bytes + 1);
	memcpy(made, room->blocks, size_bytes);
	return made;
}

static gboolean object_check(const struct staticpart_object *object, const uint8_t *made,
			     const uint8_t *checksum, GError **error)
{
	const struct objectfile_parts parts = { made, object->header_size,
						made + object->header_size, object->content_size };
	g_autofree char *hex = NULL;
	uint8_t hash[OBJECTFILE_HASH_SIZE];

	objectfile_checksum(&parts, hash);
	if (memcmp(hash, checksum, sizeof hash) == 0)
		return TRUE;
	hex = crypto_hex(checksum, HASH);
	return failure_set(error, FAULT_STATICDELTA_OBJECT,
			   "the static delta makes bytes of another checksum for the object %s",
			   hex);
}

static gboolean object_spool(const struct work *work, guint index, GError **error)
{
	struct staticuse *use = work->use;
	const guint number = work->first + index;
	struct staticpart_object object;
	g_autofree uint8_t *made = NULL;

	if (use->needed[number] != STATICCHOICE_MADE)
		return TRUE;
	if (g_cancellable_is_cancelled(use->options.cancellable))
		return failure_set(error, FAULT_CONVERGE_CANCELLED, "the job was cancelled");
	if (!decoder_part_look(work->decoder, index, &object, error))
		return FALSE;
	if (!object.is_file)
		return failure_set(error, FAULT_STATICDELTA_OTHER,
				   "an object of the static delta is no file of use");
	made = object_make(work, index, &object, error);
	return made != NULL &&
	       object_check(&object, made, object_at(use, number)->checksum, error) &&
	       staticspool_put(use->spool, number, made + object.header_size, object.content_size,
			       error);
}

static gboolean part_work(struct work *work, const struct staticdelta_part *part, GBytes *stored,
			  GError **error)
{
	gboolean done = part_open(work, part, stored, error);

	for (guint i = 0; done && i < part->object_count; i++)
		done = object_spool(work, i, error);
	return done;
}

static gboolean part_check(const struct staticdelta_part *part, GBytes *stored, GError **error)
{
	uint8_t hash[CRYPTO_HASH_SIZE];

	crypto_digest("SHA256", g_bytes_get_data(stored, NULL), g_bytes_get_size(stored), NULL, 0,
		      hash);
	return memcmp(hash, part->checksum, sizeof hash) == 0 ||
	       failure_set(error, FAULT_STATICDELTA_FORMAT,
			   "a part of the static delta is damaged: it has another checksum");
}

/* A decoder for each part: a worker lives no longer than the thread that began it. */
static gboolean part_apply(struct staticuse *use, guint index, GError **error)
{
	const struct staticdelta_part *part = part_at(use, index);
	g_autofree char *file = g_strdup_printf("%u", index);
	g_autoptr(GBytes) stored = file_get(use, file, (size_t)part->stored_bytes, error);
	g_autoptr(Decoder) decoder = NULL;
	struct work work = { .use = use, .first = part->first_object };

	if (stored == NULL || !part_check(part, stored, error))
		return FALSE;
	if (use->spool == NULL)
		use->spool = staticspool_new(use->folder, use->delta->objects->len,
					     staticspool_room(use->folder), error);
	if (use->spool == NULL)
		return FALSE;
	work.decoder = decoder = decoder_new(use->options.workers, NULL, use->options.cancellable,
					     error);
	return decoder != NULL && part_work(&work, part, g_steal_pointer(&stored), error);
}

GBytes *staticuse_take(struct staticuse *use, const uint8_t object[static STATICDELTA_HASH_SIZE],
		       GError **error)
{
	const guint number = number_of(use, object);
	guint part;

	if (!staticuse_makes(use, object))
		return NULL;
	part = part_of(use, number - 1);
	if (!staticspool_has(use->spool, number - 1)) {
		use->is_done[part] = TRUE; /* or will never be */
		if (!part_apply(use, part, error)) {
			use->is_dropped = TRUE;
			return NULL;
		}
	}
	return staticspool_get(use->spool, number - 1, error);
}
