/* SPDX-License-Identifier: MIT */
/* Verify and repair: a slot against the release that it says it holds. That word is believed only
 * with the release's signature, or, for the running slot, with the root hash that the kernel
 * enforces. */
#include <string.h>

#include "bundle.h"
#include "crypto.h"
#include "failure.h"
#include "machine_payloads.h"

struct checkup {
	struct machine *machine;
	const struct machine_install *options;
	unsigned slot;
	struct bootrec rec;
	struct source *source;
	char *stored;          /* version: the source is the store; or NULL */
	struct bundle *bundle; /* NULL: none is given, and the store has none */
	struct slotstore *store;
	const struct manifest *manifest;
	struct payloads payloads;
};

void machine_checked_clear(struct machine_checked *checked)
{
	g_clear_pointer(&checked->version, g_free);
}

static void checkup_done(struct checkup *checkup)
{
	payloads_done(&checkup->payloads);
	slotstore_free(checkup->store);
	bundle_free(checkup->bundle);
	source_close(checkup->source);
	g_free(checkup->stored);
}

/* The release was accepted when it was installed; a certificate that expired since is no damage. */
static gboolean signature_check(const struct checkup *checkup, GError **error)
{
	const struct layout_part *part = &checkup->machine->layout->boot[checkup->slot];
	g_autoptr(GBytes) manifest = NULL;
	g_autoptr(GBytes) signature = NULL;
	GError *why = NULL;

	if (!slotstore_signed_read(part, &checkup->store->head, &manifest, &signature, error))
		return FALSE;
	if (crypto_cms_verify(g_bytes_get_data(manifest, NULL), g_bytes_get_size(manifest),
			      g_bytes_get_data(signature, NULL), g_bytes_get_size(signature),
			      checkup->machine->config->keyring, NULL, &why))
		return TRUE;
	if (failure_code(why) == FAULT_SIGNATURE_EXPIRED) {
		g_error_free(why);
		return TRUE;
	}
	g_propagate_error(error, why);
	return FALSE;
}

static gboolean store_check(struct checkup *checkup, GError **error)
{
	checkup->store = slotstore_read(&checkup->machine->layout->boot[checkup->slot], error);
	if (checkup->store == NULL)
		return FALSE;
	if (checkup->store->manifest == NULL)
		return failure_set(error, FAULT_MANIFEST_SYNTAX,
				   "the manifest in slot %s cannot be read",
				   machine_slot_name(checkup->slot));
	return signature_check(checkup, error);
}

static gboolean slot_is_filled(const struct checkup *checkup, GError **error)
{
	if (checkup->rec.table.slots[checkup->slot].state == SLOT_EMPTY)
		return failure_set(error, FAULT_SLOT_EMPTY, "slot %s holds no release",
				   machine_slot_name(checkup->slot));
	return TRUE;
}

static gboolean checkup_open(struct checkup *checkup, enum disk_mode mode, GError **error)
{
	const struct payloads_options options = {
		.machine = checkup->machine,
		.install = checkup->options,
		.manifest = checkup->manifest,
		.bundle = checkup->bundle,
		.target = checkup->slot,
		.mode = mode,
	};

	return payloads_init(&checkup->payloads, &options, error);
}

static void checkup_tell(const struct checkup *checkup, struct machine_checked *ret_checked)
{
	const struct converge_stats stats = payloads_stats(&checkup->payloads);

	ret_checked->slot = checkup->slot;
	ret_checked->version = checkup->manifest != NULL ? g_strdup(checkup->manifest->version)
							 : NULL;
	ret_checked->wrong_bytes = stats.wrong_blocks * VERITREE_BLOCK_SIZE;
	ret_checked->tree_bytes = stats.tree_blocks * VERITREE_BLOCK_SIZE;
	ret_checked->copied_bytes = (stats.copied_blocks + stats.zero_blocks) * VERITREE_BLOCK_SIZE;
	ret_checked->decoded_bytes = stats.fetched_blocks * VERITREE_BLOCK_SIZE;
	ret_checked->from_store = checkup->stored != NULL && checkup->bundle != NULL;
	ret_checked->fetched_bytes = checkup->source != NULL ? checkup->source->fetched_bytes : 0;
}

static gboolean record_load(struct checkup *checkup, GError **error)
{
	fault lost;

	return machine_record_load(checkup->machine, &checkup->rec, &lost, error) &&
	       slot_is_filled(checkup, error);
}

gboolean machine_verify(struct machine *machine, unsigned slot,
			const struct machine_install *options, struct machine_checked *ret_checked,
			GError **error)
{
	struct checkup checkup = { .machine = machine, .options = options, .slot = slot };
	gboolean done;

	memset(ret_checked, 0, sizeof *ret_checked);
	done = record_load(&checkup, error) && store_check(&checkup, error);
	if (done) {
		checkup.manifest = checkup.store->manifest;
		done = checkup_open(&checkup, DISK_READ_ONLY, error) &&
		       payloads_verify(&checkup.payloads, error);
	}
	checkup_tell(&checkup, ret_checked);
	checkup_done(&checkup);
	return done;
}

/* No bundle is named: what the store has of the release does as well, as far as it goes. */
static void stored_load(struct checkup *checkup)
{
	const struct machine *machine = checkup->machine;
	struct machine_install options = { .cancellable = checkup->options->cancellable };
	g_autoptr(GError) why = NULL;

	checkup->stored = machine_store_find(machine,
					     checkup->rec.table.slots[checkup->slot].root_hash);
	if (checkup->stored == NULL)
		return;
	options.stored = checkup->stored;
	checkup->source = machine_source_open(machine, &options, &why);
	if (checkup->source != NULL)
		checkup->bundle = bundle_open_past(checkup->source, machine->config->keyring, &why);
	if (checkup->bundle == NULL)
		g_message("the store is of no use for version %s: %s", checkup->stored,
			  why->message);
}

static gboolean bundle_load(struct checkup *checkup, GError **error)
{
	const struct slot *slot = &checkup->rec.table.slots[checkup->slot];

	if (checkup->options->url == NULL && checkup->options->fd < 0) {
		stored_load(checkup);
		return TRUE;
	}
	checkup->source = machine_source_open(checkup->machine, checkup->options, error);
	if (checkup->source == NULL)
		return FALSE;
	checkup->bundle = bundle_open(checkup->source, checkup->machine->config->keyring, error);
	if (checkup->bundle == NULL)
		return FALSE;
	if (memcmp(slot->root_hash, checkup->bundle->manifest->root.root_hash,
		   VERITREE_HASH_SIZE) != 0)
		return failure_set(error, FAULT_RELEASE_OTHER,
				   "the bundle is of version %s, slot %s holds another release",
				   checkup->bundle->manifest->version,
				   machine_slot_name(checkup->slot));
	return TRUE;
}

/* What the boot partition says of its release, or, where that is damaged, what the bundle says. */
static gboolean manifest_choose(struct checkup *checkup, GError **error)
{
	GError *why = NULL;

	if (store_check(checkup, &why)) {
		checkup->manifest = checkup->store->manifest;
		return TRUE;
	}
	if (checkup->bundle == NULL) {
		g_propagate_error(error, why);
		return FALSE;
	}
	g_error_free(why);
	g_clear_pointer(&checkup->store, slotstore_free);
	checkup->manifest = checkup->bundle->manifest;
	return TRUE;
}

static gboolean header_mend(struct checkup *checkup, gboolean *ret_mended, GError **error)
{
	const struct converge *uki = &checkup->payloads.converges[PAYLOAD_UKI];

	*ret_mended = checkup->store == NULL;
	return checkup->store != NULL ||
	       slotstore_finish(checkup->payloads.disks[PAYLOAD_UKI], checkup->manifest,
				checkup->bundle->manifest_bytes, checkup->bundle->signature,
				uki->target.tree.total_blocks, checkup->rec.sequence, error);
}

/* The running slot lies under dm-verity, which has it alone. Its partition can be written past
 * that; what is written is what should have been there, so the kernel reads a right block again. */
static enum disk_mode repair_mode(const struct checkup *checkup)
{
	return checkup->slot == checkup->machine->boot->running ? DISK_SHARED_WRITE
								: DISK_READ_WRITE;
}

static gboolean repair_run(struct checkup *checkup, struct machine_checked *ret_checked,
			   GError **error)
{
	gboolean mended = FALSE;
	const gboolean done = manifest_choose(checkup, error) &&
			      checkup_open(checkup, repair_mode(checkup), error) &&
			      payloads_repair(&checkup->payloads, error) &&
			      header_mend(checkup, &mended, error);

	checkup_tell(checkup, ret_checked);
	ret_checked->header_mended = mended;
	return done;
}

/* A stored release that turned out to be damaged: what is left to do, without it. */
static gboolean repair_again(struct checkup *checkup, struct machine_checked *ret_checked,
			     GError **error)
{
	struct checkup again = {
		.machine = checkup->machine,
		.options = checkup->options,
		.slot = checkup->slot,
		.rec = checkup->rec,
	};
	const guint64 copied_bytes = ret_checked->copied_bytes;
	const guint64 decoded_bytes = ret_checked->decoded_bytes;
	gboolean done;

	machine_checked_clear(ret_checked);
	done = repair_run(&again, ret_checked, error);
	checkup_done(&again);
	ret_checked->wrong_bytes += copied_bytes + decoded_bytes;
	ret_checked->copied_bytes += copied_bytes;
	ret_checked->decoded_bytes += decoded_bytes;
	return done;
}

gboolean machine_repair(struct machine *machine, unsigned slot,
			const struct machine_install *options, struct machine_checked *ret_checked,
			GError **error)
{
	struct checkup checkup = { .machine = machine, .options = options, .slot = slot };
	GError *why = NULL;
	gboolean done;

	memset(ret_checked, 0, sizeof *ret_checked);
	if (!record_load(&checkup, error) || !bundle_load(&checkup, error)) {
		checkup_tell(&checkup, ret_checked);
		checkup_done(&checkup);
		return FALSE;
	}
	done = repair_run(&checkup, ret_checked, &why);
	payloads_done(&checkup.payloads); /* so that the slot can be opened again */
	memset(&checkup.payloads, 0, sizeof checkup.payloads);
	if (!done && checkup.stored != NULL && machine_store_drop(machine, checkup.stored, why)) {
		g_clear_error(&why);
		done = repair_again(&checkup, ret_checked, &why);
	}
	checkup_done(&checkup);
	if (!done)
		g_propagate_error(error, why);
	return done;
}
