/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <string.h>

#include "blockhash.h"
#include "bytes.h"
#include "crypto.h"
#include "failure.h"
#include "storecut.h"
#include "veritybuild.h"
#include "version.h"

enum {
	BLOCK = VERITREE_BLOCK_SIZE,
	HASH = VERITREE_HASH_SIZE,
	WINDOW = 256, /* blocks that are read at once */
};

/* Names. A ref takes letters, digits, dots, dashes and underscores; a version ~ ^ + as well. What
 * begins as libostree's files for the time being do is no name. */

char *store_name(const char *version)
{
	GString *name = g_string_new(NULL);

	for (const char *at = version; *at != '\0'; at++)
		if ((g_ascii_isalnum(*at) || *at == '.' || *at == '-') &&
		    !(at == version && g_str_has_prefix(version, STOREREPO_LEFTOVER)))
			g_string_append_c(name, *at);
		else
			g_string_append_printf(name, "_%02x", (unsigned char)*at);
	return g_string_free(name, FALSE);
}

char *store_version(const char *name)
{
	g_autoptr(GString) version = g_string_new(NULL);
	g_autofree char *again = NULL;

	for (const char *at = name; *at != '\0'; at++) {
		if (*at == '_' && g_ascii_isxdigit(at[1]) && g_ascii_isxdigit(at[2])) {
			g_string_append_c(version, (char)(g_ascii_xdigit_value(at[1]) * 16 +
							  g_ascii_xdigit_value(at[2])));
			at += 2;
		} else {
			g_string_append_c(version, *at);
		}
	}
	if (!version_is_valid(version->str))
		return NULL;
	again = store_name(version->str);
	return strcmp(again, name) == 0 ? g_strdup(version->str) : NULL;
}

/* Adding. */

/* Pieces of one kind, as they grow. */
struct pile {
	const struct storecut_rule *rule;
	unsigned unit; /* bytes of a block in it */
	GArray *pieces;
	struct storeindex_piece open; /* count 0: none is begun */
	uint8_t *bytes;               /* of the open piece */
};

struct storing { /* one release */
	struct storerepo *repo;
	const struct store_options *options;
	uint64_t new_bytes; /* of data */
};

struct adding { /* one of its images */
	struct storing *storing;
	const struct converge_place *place;
	struct pile data;
	struct pile leaves;
	struct veritybuild build;
	uint8_t zero_hash[HASH];
	uint8_t hashes[WINDOW * HASH];
	uint8_t *blocks; /* a window, aligned for the medium */
};

static gboolean pile_close(struct adding *adding, struct pile *pile, GError **error)
{
	const size_t size_bytes = (size_t)pile->open.count * pile->unit;
	gboolean is_new;

	if (pile->open.count == 0)
		return TRUE;
	if (!storerepo_put(adding->storing->repo, pile->bytes, size_bytes, pile->open.object,
			   &is_new, error))
		return FALSE;
	g_array_append_val(pile->pieces, pile->open);
	pile->open.count = 0;
	if (is_new && pile == &adding->data)
		adding->storing->new_bytes += size_bytes;
	return TRUE;
}

static gboolean pile_add(struct adding *adding, struct pile *pile, uint64_t block,
			 const uint8_t *bytes, const uint8_t *hash, GError **error)
{
	if (pile->open.count == 0)
		pile->open.first = block;
	memcpy(pile->bytes + (size_t)pile->open.count * pile->unit, bytes, pile->unit);
	pile->open.count++;
	return !storecut_ends(pile->rule, pile->open.count, hash) ||
	       pile_close(adding, pile, error);
}

static gboolean block_add(struct adding *adding, uint64_t block, const uint8_t *bytes,
			  const uint8_t *hash, GError **error)
{
	if (!veritybuild_add(&adding->build, hash, error) ||
	    !pile_add(adding, &adding->leaves, block, hash, hash, error))
		return FALSE;
	if (adding->data.open.count == 0 && memcmp(hash, adding->zero_hash, HASH) == 0)
		return TRUE; /* what is in no piece is zeros */
	return pile_add(adding, &adding->data, block, bytes, hash, error);
}

static gboolean step_tell(const struct adding *adding, uint64_t done, GError **error)
{
	const struct converge_progress progress = {
		.step = "store",
		.done_bytes = done * BLOCK,
		.total_bytes = adding->place->tree.data_blocks * BLOCK,
	};

	if (adding->storing->options->report != NULL)
		adding->storing->options->report(&progress, adding->storing->options->user_data);
	if (g_cancellable_is_cancelled(adding->storing->options->cancellable))
		return failure_set(error, FAULT_JOB_CANCELLED, "the job was cancelled");
	return TRUE;
}

static gboolean window_add(struct adding *adding, struct blockhash *hasher, uint64_t first,
			   uint64_t count, GError **error)
{
	const struct converge_place *place = adding->place;

	if (!disk_read_medium(place->disk, place->offset + first * BLOCK, adding->blocks,
			      count * BLOCK, error))
		return FALSE;
	blockhash_many(hasher, adding->blocks, count, adding->hashes);
	for (uint64_t i = 0; i < count; i++)
		if (!block_add(adding, first + i, adding->blocks + i * BLOCK,
			       adding->hashes + i * HASH, error))
			return FALSE;
	return TRUE;
}

static gboolean windows_add(struct adding *adding, GError **error)
{
	const struct veritree_superblock *superblock = &adding->place->image->superblock;
	const uint64_t blocks = adding->place->tree.data_blocks;
	g_autoptr(BlockHash) hasher = blockhash_new(superblock->salt, superblock->salt_size);

	for (uint64_t first = 0; first < blocks; first += WINDOW)
		if (!step_tell(adding, first, error) ||
		    !window_add(adding, hasher, first, MIN(WINDOW, blocks - first), error))
			return FALSE;
	if (!pile_close(adding, &adding->data, error) ||
	    !pile_close(adding, &adding->leaves, error))
		return FALSE;
	return memcmp(adding->build.root, adding->place->image->root_hash, HASH) == 0 ||
	       failure_set(error, FAULT_STORE_SLOT,
			   "what stands on %s does not hash to its signed root",
			   adding->place->disk->name);
}

/* Only a whole image is known to be right: its root shows it, at the end. */
static gboolean payload_add(struct storing *storing, const struct converge_place *place,
			    struct storeindex_payload *payload, GError **error)
{
	static const uint8_t ZERO[BLOCK];
	const struct veritree_superblock *superblock = &place->image->superblock;
	g_autoptr(CryptoHasher) hasher = crypto_hasher_new(superblock->salt, superblock->salt_size);
	g_autofree struct adding *adding = g_new0(struct adding, 1);
	g_autofree uint8_t *data = g_malloc((size_t)STORECUT_DATA_MOST * BLOCK);
	g_autofree uint8_t *leaves = g_malloc((size_t)STORECUT_LEAVES_MOST * HASH);
	gboolean done;

	payload->data_blocks = place->tree.data_blocks;
	adding->storing = storing;
	adding->place = place;
	adding->data = (struct pile){ &STORECUT_DATA, BLOCK, payload->data, { 0 }, data };
	adding->leaves = (struct pile){ &STORECUT_LEAVES, HASH, payload->leaves, { 0 }, leaves };
	adding->blocks = g_aligned_alloc(WINDOW, BLOCK, BLOCK);
	crypto_hash(hasher, ZERO, BLOCK, adding->zero_hash);
	veritybuild_init(&adding->build, &place->tree, hasher, NULL, NULL);
	done = windows_add(adding, error);
	g_aligned_free(adding->blocks);
	return done;
}

static gboolean release_write(struct storing *storing, const struct store_release *release,
			      GError **error)
{
	g_autoptr(Storeindex) index = storeindex_new();
	g_autofree char *name = store_name(release->manifest->version);
	struct storerepo_entry entry = {
		.time_s = (uint64_t)(g_get_real_time() / G_USEC_PER_SEC),
		.manifest = release->manifest_bytes,
		.signature = release->signature,
	};
	gboolean done;

	for (unsigned i = 0; i < STOREINDEX_PAYLOADS; i++) {
		g_strlcpy(index->payloads[i].name, release->names[i], STOREINDEX_NAME_SIZE);
		if (!payload_add(storing, &release->places[i], &index->payloads[i], error))
			return FALSE;
	}
	entry.index = storeindex_encode(index);
	done = storerepo_commit(storing->repo, name, &entry, error);
	g_bytes_unref(entry.index);
	return done;
}

/* The pieces of an image are all there. */
static gboolean pieces_exist(struct storerepo *repo, const GArray *pieces)
{
	for (guint i = 0; i < pieces->len; i++)
		if (!storerepo_has(repo, g_array_index(pieces, struct storeindex_piece, i).object))
			return FALSE;
	return TRUE;
}

static struct storeindex *index_load(const struct storerepo_entry *entry)
{
	gsize size_bytes;
	const uint8_t *bytes = g_bytes_get_data(entry->index, &size_bytes);

	return storeindex_decode(bytes, size_bytes, NULL);
}

static gboolean entry_is_complete(struct storerepo *repo, const struct storerepo_entry *entry)
{
	g_autoptr(Storeindex) index = index_load(entry);

	for (unsigned i = 0; index != NULL && i < STOREINDEX_PAYLOADS; i++)
		if (!pieces_exist(repo, index->payloads[i].leaves) ||
		    !pieces_exist(repo, index->payloads[i].data))
			return FALSE;
	return index != NULL;
}

static gboolean is_stored(struct storerepo *repo, const struct store_release *release)
{
	g_autofree char *name = store_name(release->manifest->version);
	g_autoptr(StorerepoEntry) entry = storerepo_read(repo, name, NULL);

	return entry != NULL && g_bytes_equal(entry->manifest, release->manifest_bytes) &&
	       g_bytes_equal(entry->signature, release->signature) &&
	       entry_is_complete(repo, entry);
}

gboolean store_add(struct storerepo *repo, const struct store_release *release,
		   const struct store_options *options, uint64_t *ret_new_bytes, GError **error)
{
	struct storing storing = { .repo = repo, .options = options };

	*ret_new_bytes = 0;
	if (is_stored(repo, release))
		return TRUE;
	if (!storerepo_begin(repo, error))
		return FALSE;
	if (!release_write(&storing, release, error)) {
		storerepo_abort(repo);
		return FALSE;
	}
	*ret_new_bytes = storing.new_bytes;
	return TRUE;
}

/* Listing. */

static void entry_free(gpointer data)
{
	struct store_entry *entry = data;

	g_free(entry->name);
	g_free(entry->version);
	g_free(entry);
}

/* What cannot be read of it stays unknown. */
static struct store_entry *entry_load(struct storerepo *repo, const char *name, char *version)
{
	struct store_entry *entry = g_new0(struct store_entry, 1);
	g_autoptr(StorerepoEntry) found = storerepo_read(repo, name, NULL);
	g_autoptr(Manifest) manifest = NULL;
	gsize size_bytes;
	const uint8_t *bytes;

	entry->name = g_strdup(name);
	entry->version = version;
	if (found == NULL)
		return entry;
	entry->time_s = found->time_s;
	bytes = g_bytes_get_data(found->manifest, &size_bytes);
	manifest = manifest_decode(bytes, size_bytes, NULL);
	if (manifest == NULL || strcmp(manifest->version, version) != 0)
		return entry;
	entry->size_bytes = manifest->root.size_bytes + manifest->uki.size_bytes;
	memcpy(entry->root_hash, manifest->root.root_hash, VERITREE_HASH_SIZE);
	entry->is_complete = entry_is_complete(repo, found);
	return entry;
}

static gint entries_compare(gconstpointer a, gconstpointer b)
{
	const struct store_entry *first = *(const struct store_entry *const *)a;
	const struct store_entry *second = *(const struct store_entry *const *)b;

	if (first->time_s != second->time_s)
		return first->time_s < second->time_s ? -1 : 1;
	return version_compare(first->version, second->version);
}

GPtrArray *store_list(struct storerepo *repo, GError **error)
{
	g_autoptr(GPtrArray) names = storerepo_names(repo, error);
	g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(entry_free);

	if (names == NULL)
		return NULL;
	for (guint i = 0; i < names->len; i++) {
		char *version = store_version(names->pdata[i]);

		if (version != NULL)
			g_ptr_array_add(entries, entry_load(repo, names->pdata[i], version));
	}
	g_ptr_array_sort(entries, entries_compare);
	return g_steal_pointer(&entries);
}

/* Dropping. */

static gboolean entry_drop(struct storerepo *repo, const struct store_entry *entry,
			   GPtrArray *dropped, GError **error)
{
	if (!storerepo_remove(repo, entry->name, error))
		return FALSE;
	g_ptr_array_add(dropped, g_strdup(entry->version));
	return TRUE;
}

static int next_choose(struct storerepo *repo, const GPtrArray *entries,
		       const struct storechoice_limits *limits,
		       const uint8_t slots[static STORE_SLOTS_SIZE])
{
	g_autofree struct storechoice_entry *choices = g_new0(struct storechoice_entry,
							      entries->len + 1);

	for (guint i = 0; i < entries->len; i++) {
		const struct store_entry *entry = entries->pdata[i];

		choices[i].time_s = entry->time_s;
		choices[i].in_slot = entry->is_complete &&
				     (memcmp(entry->root_hash, slots, HASH) == 0 ||
				      memcmp(entry->root_hash, slots + HASH, HASH) == 0);
	}
	return storechoice_next(choices, entries->len, storerepo_size(repo), limits);
}

/* The entry goes first, and then what only it had: a cut in between leaves objects that the next
 * sweep removes, and no entry that lacks some. */
gboolean store_prune(struct storerepo *repo, const struct storechoice_limits *limits,
		     const uint8_t slots[static STORE_SLOTS_SIZE], GPtrArray *dropped,
		     GError **error)
{
	g_autoptr(GPtrArray) entries = store_list(repo, error);

	if (entries == NULL || !storerepo_sweep(repo, error))
		return FALSE;
	for (;;) {
		const int next = next_choose(repo, entries, limits, slots);

		if (next == STORECHOICE_NONE)
			return TRUE;
		if (!entry_drop(repo, entries->pdata[next], dropped, error))
			return FALSE;
		g_ptr_array_remove_index(entries, (guint)next);
		if (!storerepo_sweep(repo, error))
			return FALSE;
	}
}

gboolean store_check(struct storerepo *repo, GPtrArray *dropped, GError **error)
{
	g_autoptr(GHashTable) good = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GPtrArray) entries = store_list(repo, error);

	if (entries == NULL)
		return FALSE;
	for (guint i = 0; i < entries->len; i++) {
		const struct store_entry *entry = entries->pdata[i];
		g_autoptr(GError) why = NULL;

		if (storerepo_verify(repo, entry->name, good, &why) && entry->is_complete)
			continue;
		if (why != NULL && failure_code(why) == FAULT_JOB_CANCELLED) {
			g_propagate_error(error, g_steal_pointer(&why));
			return FALSE;
		}
		g_message("release %s is dropped from the store: %s", entry->version,
			  why != NULL ? why->message : "its index or manifest is damaged");
		if (!entry_drop(repo, entry, dropped, error))
			return FALSE;
	}
	return storerepo_sweep(repo, error);
}
