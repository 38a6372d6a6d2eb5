/* SPDX-License-Identifier: MIT */
/* The machine's side of the store: what of it may be stored, and what comes back. */
#include <string.h>

#include "crypto.h"
#include "etckeep.h"
#include "failure.h"
#include "machine_private.h"
#include "store.h"
#include "storerepo.h"
#include "version.h"

static const char *const PAYLOAD_NAMES[STOREINDEX_PAYLOADS] = { "uki", "root" };

/* One piece of work on the store. */
struct shelf {
	struct machine *machine;
	const struct machine_install *options;
	struct storerepo *repo;
	struct slotstore *release; /* what stands in the slot that is to be stored */
	GBytes *manifest_bytes;
	GBytes *signature;
	struct disk *disks[STOREINDEX_PAYLOADS];
	struct machine_stored *stored; /* the result */
};

void machine_stored_clear(struct machine_stored *stored)
{
	g_clear_pointer(&stored->version, g_free);
	g_clear_pointer(&stored->dropped, g_ptr_array_unref);
}

char *machine_store_path(const struct machine *machine)
{
	return g_build_filename(machine->config->state_dir, "store", NULL);
}

static gboolean shelf_open(struct shelf *shelf, gboolean create, GError **error)
{
	g_autofree char *path = machine_store_path(shelf->machine);

	memset(shelf->stored, 0, sizeof *shelf->stored);
	shelf->stored->dropped = g_ptr_array_new_with_free_func(g_free);
	shelf->repo = storerepo_open(path, create, shelf->options->cancellable, error);
	return shelf->repo != NULL;
}

static void release_close(struct shelf *shelf)
{
	g_clear_pointer(&shelf->release, slotstore_free);
	g_clear_pointer(&shelf->manifest_bytes, g_bytes_unref);
	g_clear_pointer(&shelf->signature, g_bytes_unref);
	for (unsigned i = 0; i < STOREINDEX_PAYLOADS; i++)
		g_clear_pointer(&shelf->disks[i], disk_close);
}

static void shelf_done(struct shelf *shelf, gboolean done)
{
	if (shelf->repo != NULL)
		shelf->stored->store_bytes = storerepo_size(shelf->repo);
	storerepo_free(shelf->repo);
	release_close(shelf);
	if (!done)
		machine_stored_clear(shelf->stored);
}

static gboolean is_on(const struct machine *machine, GError **error)
{
	return machine->config->store_history > 0 ||
	       failure_set(error, FAULT_STORE_OFF, "[store] history is 0 on this machine");
}

/* The root hashes of what stands in the slots. Where nothing is to be kept, no slot counts. */
static gboolean slots_read(struct machine *machine, uint8_t ret_slots[static STORE_SLOTS_SIZE],
			   GError **error)
{
	struct bootrec rec;
	fault lost;

	memset(ret_slots, 0, STORE_SLOTS_SIZE);
	if (machine->config->store_history == 0)
		return TRUE;
	if (!machine_record_load(machine, &rec, &lost, error))
		return FALSE;
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		if (rec.table.slots[i].state != SLOT_EMPTY)
			memcpy(ret_slots + i * VERITREE_HASH_SIZE, rec.table.slots[i].root_hash,
			       VERITREE_HASH_SIZE);
	return TRUE;
}

static gboolean prune(struct shelf *shelf, GError **error)
{
	const struct config *config = shelf->machine->config;
	const struct storechoice_limits limits = {
		.history = config->store_history,
		.bytes_max = (uint64_t)config->store_limit_mib << 20,
	};
	uint8_t slots[STORE_SLOTS_SIZE];

	return slots_read(shelf->machine, slots, error) &&
	       store_prune(shelf->repo, &limits, slots, shelf->stored->dropped, error);
}

/* Adding. */

static gboolean commitment_check(struct shelf *shelf, unsigned slot, GError **error)
{
	struct bootrec rec;
	fault lost;

	if (slot == MACHINE_RUNNING_UNKNOWN)
		return failure_set(error, FAULT_STORE_UNCOMMITTED,
				   "the machine was not booted from a slot");
	if (!machine_record_load(shelf->machine, &rec, &lost, error))
		return FALSE;
	return slot_is_committed(&rec.table, slot) ||
	       failure_set(error, FAULT_STORE_UNCOMMITTED, "the release in slot %s is on trial",
			   machine_slot_name(slot));
}

static gboolean release_read(struct shelf *shelf, unsigned slot, GError **error)
{
	const struct layout_part *part = &shelf->machine->layout->boot[slot];

	shelf->release = slotstore_read(part, error);
	if (shelf->release == NULL)
		return FALSE;
	if (shelf->release->manifest == NULL)
		return failure_set(error, FAULT_MANIFEST_SYNTAX,
				   "the manifest in slot %s cannot be read",
				   machine_slot_name(slot));
	/* What the restore will ask is asked now, when something can still be done about it. */
	return slotstore_signed_read(part, &shelf->release->head, &shelf->manifest_bytes,
				     &shelf->signature, error) &&
	       crypto_cms_verify_past(g_bytes_get_data(shelf->manifest_bytes, NULL),
				      g_bytes_get_size(shelf->manifest_bytes),
				      g_bytes_get_data(shelf->signature, NULL),
				      g_bytes_get_size(shelf->signature),
				      shelf->machine->config->keyring, NULL, error);
}

static gboolean places_open(struct shelf *shelf, unsigned slot, struct store_release *release,
			    GError **error)
{
	const struct layout *layout = shelf->machine->layout;
	const struct manifest *manifest = shelf->release->manifest;
	const struct layout_part *parts[] = { &layout->boot[slot], &layout->root[slot] };
	const struct manifest_image *images[] = { &manifest->uki, &manifest->root };
	static const uint64_t OFFSETS[] = { SLOTSTORE_UKI_OFFSET, 0 };

	for (unsigned i = 0; i < STOREINDEX_PAYLOADS; i++) {
		shelf->disks[i] = layout_open(parts[i], DISK_READ_ONLY, error);
		if (shelf->disks[i] == NULL ||
		    !converge_place_init(&release->places[i], shelf->disks[i], OFFSETS[i],
					 images[i], error))
			return FALSE;
		release->names[i] = PAYLOAD_NAMES[i];
	}
	release->manifest = manifest;
	release->manifest_bytes = shelf->manifest_bytes;
	release->signature = shelf->signature;
	return TRUE;
}

static void progress_report(const struct converge_progress *converge, gpointer user_data)
{
	const struct machine_install *options = user_data;
	const struct machine_progress progress = {
		.step = converge->step,
		.done_bytes = converge->done_bytes,
		.total_bytes = converge->total_bytes,
	};

	if (options->progress != NULL)
		options->progress(&progress, options->user_data);
}

/* What does not fit alone must be told: else it would be stored and dropped each time. */
static gboolean limit_check(const struct shelf *shelf, GError **error)
{
	const char *version = shelf->release->manifest->version;

	for (guint i = 0; i < shelf->stored->dropped->len; i++)
		if (strcmp(shelf->stored->dropped->pdata[i], version) == 0)
			return failure_set(error, FAULT_STORE_LIMIT,
					   "version %s does not fit the %u MiB that the store may "
					   "take",
					   version, shelf->machine->config->store_limit_mib);
	return TRUE;
}

static gboolean slot_add(struct shelf *shelf, unsigned slot, uint64_t *ret_new_bytes,
			 GError **error)
{
	const struct store_options options = {
		.report = progress_report,
		.user_data = (gpointer)shelf->options,
		.cancellable = shelf->options->cancellable,
	};
	struct store_release release = { NULL };

	return release_read(shelf, slot, error) && places_open(shelf, slot, &release, error) &&
	       store_add(shelf->repo, &release, &options, ret_new_bytes, error);
}

/* The fallback was stored when it was committed, unless that was cut short: this is the last time
 * to do it, since the next install overwrites it. Only a cancel fails; that it cannot be stored is
 * no reason to drop the running one. */
static gboolean fallback_add(struct shelf *shelf, GError **error)
{
	const unsigned slot = 1 - shelf->machine->boot->running;
	GError *why = NULL;
	uint64_t new_bytes;
	struct bootrec rec;
	fault lost;

	if (!machine_record_load(shelf->machine, &rec, &lost, error))
		return FALSE;
	if (rec.table.slots[slot].state != SLOT_GOOD)
		return TRUE;
	if (slot_add(shelf, slot, &new_bytes, &why)) {
		shelf->stored->new_bytes += new_bytes;
	} else if (g_error_matches(why, FAILURE, FAULT_JOB_CANCELLED)) {
		g_propagate_error(error, why);
		return FALSE;
	} else {
		g_message("the release in slot %s is not stored: %s", machine_slot_name(slot),
			  why->message);
		g_error_free(why);
	}
	release_close(shelf);
	return TRUE;
}

/* The running release last: so it is the newest of the store. */
static gboolean running_add(struct shelf *shelf, GError **error)
{
	const unsigned slot = shelf->machine->boot->running;
	uint64_t new_bytes;

	if (!commitment_check(shelf, slot, error) || !shelf_open(shelf, TRUE, error) ||
	    !fallback_add(shelf, error) || !slot_add(shelf, slot, &new_bytes, error))
		return FALSE;
	shelf->stored->new_bytes += new_bytes;
	shelf->stored->version = g_strdup(shelf->release->manifest->version);
	return prune(shelf, error) && limit_check(shelf, error);
}

gboolean machine_store_add(struct machine *machine, const struct machine_install *options,
			   struct machine_stored *ret_stored, GError **error)
{
	struct shelf shelf = { .machine = machine, .options = options, .stored = ret_stored };
	gboolean done;

	memset(ret_stored, 0, sizeof *ret_stored);
	done = is_on(machine, error) && running_add(&shelf, error);
	shelf_done(&shelf, done);
	return done;
}

gboolean machine_store_prune(struct machine *machine, const struct machine_install *options,
			     struct machine_stored *ret_stored, GError **error)
{
	struct shelf shelf = { .machine = machine, .options = options, .stored = ret_stored };
	const gboolean done = shelf_open(&shelf, FALSE, error) && prune(&shelf, error);

	shelf_done(&shelf, done);
	return done;
}

/* States of /etc are there also where no past releases are kept. */
static gboolean shelf_find(struct shelf *shelf, GError **error)
{
	GError *why = NULL;

	if (shelf_open(shelf, FALSE, &why))
		return TRUE;
	if (failure_code(why) == FAULT_STORE_EMPTY && !is_on(shelf->machine, error))
		g_error_free(why);
	else
		g_propagate_error(error, why);
	return FALSE;
}

/* The releases last: what only a dropped state had goes with their sweep. */
gboolean machine_store_check(struct machine *machine, const struct machine_install *options,
			     struct machine_stored *ret_stored, GError **error)
{
	struct shelf shelf = { .machine = machine, .options = options, .stored = ret_stored };
	gboolean done;

	memset(ret_stored, 0, sizeof *ret_stored);
	done = shelf_find(&shelf, error) &&
	       etckeep_check(machine->config, shelf.repo, ret_stored->dropped, error) &&
	       store_check(shelf.repo, ret_stored->dropped, error);
	shelf_done(&shelf, done);
	return done;
}

/* Restoring, repairing. */

char *machine_store_find(const struct machine *machine,
			 const uint8_t root_hash[static VERITREE_HASH_SIZE])
{
	g_autofree char *path = machine_store_path(machine);
	g_autoptr(Storerepo) repo = NULL;
	g_autoptr(GPtrArray) entries = NULL;

	if (machine->config->store_history == 0)
		return NULL;
	repo = storerepo_open(path, FALSE, NULL, NULL);
	entries = repo != NULL ? store_list(repo, NULL) : NULL;
	for (guint i = 0; entries != NULL && i < entries->len; i++) {
		const struct store_entry *entry = entries->pdata[i];

		if (entry->is_complete &&
		    memcmp(entry->root_hash, root_hash, VERITREE_HASH_SIZE) == 0)
			return g_strdup(entry->version);
	}
	return NULL;
}

/* The last two: what an index names is right by itself, but not what the release is made of. */
static gboolean is_damage(fault why)
{
	return why == FAULT_STORE_OBJECT || why == FAULT_STORE_INDEX || why == FAULT_BUNDLE_BLOCK ||
	       why == FAULT_BUNDLE_LEAVES;
}

gboolean machine_store_drop(const struct machine *machine, const char *version,
			    const GError *failure)
{
	g_autofree char *path = machine_store_path(machine);
	g_autofree char *name = store_name(version);
	g_autoptr(GHashTable) good = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(Storerepo) repo = NULL;
	g_autoptr(GError) why = NULL;

	if (!is_damage(failure_code(failure)))
		return FALSE;
	g_message("release %s is dropped from the store: %s", version, failure->message);
	repo = storerepo_open(path, FALSE, NULL, &why);
	if (repo != NULL) {
		(void)storerepo_verify(repo, name, good, NULL); /* for what it removes */
		if (!storerepo_remove(repo, name, &why) || !storerepo_sweep(repo, &why))
			g_message("the store: %s", why->message);
	}
	return TRUE;
}

gboolean machine_restore(struct machine *machine, const char *version,
			 const struct machine_install *options,
			 struct machine_installed *ret_installed, GError **error)
{
	struct machine_install stored = *options;
	GError *why = NULL;

	memset(ret_installed, 0, sizeof *ret_installed);
	if (!is_on(machine, error))
		return FALSE;
	if (!version_is_valid(version))
		return failure_set(error, FAULT_ARGUMENT, "\"%.64s\" is not a version", version);
	stored.fd = -1;
	stored.url = NULL;
	stored.manifest_hash = NULL;
	stored.stored = version;
	if (machine_install(machine, &stored, ret_installed, &why))
		return TRUE;
	(void)machine_store_drop(machine, version, why); /* the failure says enough */
	g_propagate_error(error, why);
	return FALSE;
}
