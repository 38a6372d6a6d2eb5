/* SPDX-License-Identifier: MIT */
/* Install: what is checked before the first write, and the order of the writes. A kill or a power
 * cut anywhere leaves the running release and its record as they were, and the slot empty until
 * its header is back and the record says that it is staged. */
#include <string.h>

#include "bundle.h"
#include "carried.h"
#include "crypto.h"
#include "failure.h"
#include "machine_payloads.h"
#include "network.h"
#include "ostreeref.h"
#include "recstore.h"
#include "source_ostree.h"
#include "staticuse.h"
#include "storesource.h"

struct install {
	struct machine *machine;
	const struct machine_install *options;
	struct source *source;
	struct bundle *bundle;
	const struct manifest *manifest;
	struct slotstore *running; /* the running slot's, or NULL */
	struct bootrec rec;
	unsigned target;
	struct payloads payloads;
};

static void install_done(struct install *install)
{
	payloads_done(&install->payloads);
	slotstore_free(install->running);
	bundle_free(install->bundle);
	source_close(install->source);
}

void machine_installed_clear(struct machine_installed *installed)
{
	g_clear_pointer(&installed->version, g_free);
}

void machine_plan_clear(struct machine_plan *plan)
{
	g_clear_pointer(&plan->version, g_free);
}

static const char *running_version(struct install *install)
{
	return install->running != NULL ? install->running->head.version : NULL;
}

/* Is this release for this machine? */
static gboolean release_check(struct install *install, GError **error)
{
	const struct config *config = install->machine->config;
	const struct manifest *manifest = install->manifest;
	const char *running = running_version(install);

	if (strcmp(manifest->product, config->product) != 0)
		return failure_set(error, FAULT_MANIFEST_PRODUCT,
				   "the release is for product \"%s\", this machine is \"%s\"",
				   manifest->product, config->product);
	if (strcmp(manifest->architecture, config->architecture) != 0)
		return failure_set(error, FAULT_MANIFEST_ARCHITECTURE,
				   "the release is for %s, this machine is %s",
				   manifest->architecture, config->architecture);
	if (manifest->update_from != NULL && running != NULL &&
	    version_compare(running, manifest->update_from) < 0)
		return failure_set(error, FAULT_MANIFEST_UPDATE_FROM,
				   "version %s runs, and at least %s is needed to update to %s",
				   running, manifest->update_from, manifest->version);
	/* Not even by force: azboot would not start it. */
	if (manifest->security_version < install->machine->boot->floor)
		return failure_set(error, FAULT_RELEASE_FLOOR,
				   "version %s has security version %" G_GUINT64_FORMAT
				   ", below this machine's floor of %" G_GUINT64_FORMAT,
				   manifest->version, manifest->security_version,
				   install->machine->boot->floor);
	return TRUE;
}

/* A repository's metadata say which release one should have; a mirror may serve another one of the
 * same maker. */
static gboolean manifest_check(struct install *install, GError **error)
{
	const uint8_t *wanted = install->options->manifest_hash;
	GBytes *bytes = install->bundle->manifest_bytes;
	uint8_t hash[CRYPTO_HASH_SIZE];
	gsize size_bytes;
	const void *data = g_bytes_get_data(bytes, &size_bytes);

	if (wanted == NULL)
		return TRUE;
	crypto_digest("SHA256", data, size_bytes, "", 0, hash);
	return memcmp(hash, wanted, sizeof hash) == 0 ||
	       failure_set(error, FAULT_MANIFEST_OTHER,
			   "the bundle's manifest, of version %s, is not the one that the "
			   "repository's metadata name",
			   install->manifest->version);
}

/* What came out of a repository or a bundle was judged when it came; so was the ref that the
 * machine follows. */
static gboolean metadata_check(struct install *install, GError **error)
{
	const struct carried_options options = {
		.config = install->machine->config,
		.accept_expired = install->options->accept_expired,
		.now_s = g_get_real_time() / G_USEC_PER_SEC,
		.cancellable = install->options->cancellable,
	};

	return install->options->manifest_hash != NULL || install->options->stored != NULL ||
	       ostreeref_is_followed(options.config, install->options->url) ||
	       carried_check(install->bundle, &options, error);
}

static gboolean past_check(struct install *install, GError **error)
{
	const struct manifest *manifest = install->manifest;
	g_autofree char *root_hash = crypto_hex(manifest->root.root_hash, VERITREE_HASH_SIZE);
	g_autoptr(GPtrArray) list = NULL;
	const struct failed *failed;

	if (install->options->force)
		return TRUE;
	if (g_strcmp0(install->machine->boot->root_hash, root_hash) == 0)
		return failure_set(error, FAULT_RELEASE_RUNNING, "version %s is running already",
				   manifest->version);
	list = failed_load(install->machine->config->state_dir);
	failed = failed_find(list, root_hash);
	if (failed != NULL)
		return failure_set(error, FAULT_RELEASE_FAILED_HERE,
				   "version %s failed on this machine before: %s",
				   manifest->version, failed->reason);
	return TRUE;
}

/* The slot to fill: not the running one; without one, the less useful one. */
static unsigned target_pick(const struct slot_table *table, unsigned running)
{
	if (running != MACHINE_RUNNING_UNKNOWN)
		return 1 - running;
	return slot_choose(table, SLOT_NONE).index == SLOT_A ? SLOT_B : SLOT_A;
}

static gboolean target_choose(struct install *install, GError **error)
{
	struct machine *machine = install->machine;
	fault lost;
	fault why;

	if (!machine_record_load(machine, &install->rec, &lost, error))
		return FALSE;
	install->target = target_pick(&install->rec.table, machine->boot->running);
	why = slot_check_stage(&install->rec.table, machine->boot->running, install->target,
			       install->options->force);
	if (why != FAULT_OK)
		return failure_set(error, why, "slot %s cannot be overwritten now",
				   machine_slot_name(install->target));
	return TRUE;
}

static gboolean install_check(struct install *install, GError **error)
{
	struct machine *machine = install->machine;

	install->bundle = install->options->stored != NULL
				  ? bundle_open_past(install->source, machine->config->keyring,
						     error)
				  : bundle_open(install->source, machine->config->keyring, error);
	if (install->bundle == NULL)
		return FALSE;
	install->manifest = install->bundle->manifest;
	if (machine->boot->running != MACHINE_RUNNING_UNKNOWN)
		install->running = slotstore_read(&machine->layout->boot[machine->boot->running],
						  NULL);
	return ostreeref_origin_check(install->source, install->manifest, error) &&
	       metadata_check(install, error) && manifest_check(install, error) &&
	       release_check(install, error) && past_check(install, error) &&
	       target_choose(install, error);
}

static gboolean payloads_open(struct install *install, enum disk_mode mode, GError **error)
{
	const struct manifest *manifest = install->manifest;
	const struct payloads_options options = {
		.machine = install->machine,
		.install = install->options,
		.manifest = manifest,
		.bundle = install->bundle,
		.target = install->target,
		.mode = mode,
	};
	struct payloads *payloads = &install->payloads;
	uint64_t needed;

	if (!payloads_init(payloads, &options, error))
		return FALSE;
	needed = slotstore_size(payloads->converges[PAYLOAD_UKI].target.tree.total_blocks,
				g_bytes_get_size(install->bundle->manifest_bytes),
				g_bytes_get_size(install->bundle->signature));
	if (needed > payloads->disks[PAYLOAD_UKI]->size_bytes ||
	    manifest->uki.size_bytes > BOOTHEAD_UKI_MAX)
		return failure_set(error, FAULT_PART_SMALL,
				   "%s has %" G_GUINT64_FORMAT
				   " bytes, the UKI needs %" G_GUINT64_FORMAT,
				   payloads->disks[PAYLOAD_UKI]->name,
				   payloads->disks[PAYLOAD_UKI]->size_bytes, needed);
	return TRUE;
}

/* What is behind image, tree and parity in the root slot is of no use to anybody. */
static void rest_discard(const struct payloads *payloads)
{
	const struct converge_place *root = &payloads->converges[PAYLOAD_ROOT].target;
	const uint64_t end = payloads_root_end(payloads);
	const uint64_t size = root->disk->size_bytes / VERITREE_BLOCK_SIZE * VERITREE_BLOCK_SIZE;

	if (end < size)
		disk_discard(root->disk, end, size - end);
}

static gboolean install_write(struct install *install, GError **error)
{
	struct machine *machine = install->machine;
	struct payloads *payloads = &install->payloads;
	struct disk *boot = payloads->disks[PAYLOAD_UKI];
	const struct manifest *manifest = install->manifest;
	fault why;

	(void)slot_stage_begin(&install->rec.table, install->target); /* it cannot fail */
	if (!machine_record_save(machine, &install->rec, error) || !slotstore_wipe(boot, error) ||
	    !payloads_apply(payloads, error) ||
	    !slotstore_finish(boot, manifest, install->bundle->manifest_bytes,
			      install->bundle->signature,
			      payloads->converges[PAYLOAD_UKI].target.tree.total_blocks,
			      install->rec.sequence, error))
		return FALSE;
	why = slot_stage_end(&install->rec.table, install->target, manifest->root.root_hash,
			     manifest->security_version);
	if (why != FAULT_OK)
		return failure_set(error, why, "slot %s was changed meanwhile",
				   machine_slot_name(install->target));
	if (!machine_record_save(machine, &install->rec, error))
		return FALSE;
	rest_discard(payloads);
	return TRUE;
}

static gboolean is_same_release(const struct manifest *a, const struct manifest *b)
{
	return a != NULL && strcmp(a->version, b->version) == 0 &&
	       memcmp(a->root.root_hash, b->root.root_hash, VERITREE_HASH_SIZE) == 0 &&
	       memcmp(a->uki.root_hash, b->uki.root_hash, VERITREE_HASH_SIZE) == 0;
}

/* The same release stands in the target, staged or good, and every block of it is right: one read
 * of the slot shows it, and nothing is written, not even the record. */
static gboolean is_there_already(struct install *install)
{
	const struct slotstore *old = install->payloads.old_store;
	const enum slot_state state = install->rec.table.slots[install->target].state;

	return state != SLOT_EMPTY && state != SLOT_BAD && old != NULL &&
	       is_same_release(old->manifest, install->manifest) &&
	       payloads_verify(&install->payloads, NULL);
}

static void stats_reset(struct payloads *payloads)
{
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++)
		memset(&payloads->converges[i].stats, 0, sizeof payloads->converges[i].stats);
}

static void install_tell(const struct install *install, struct machine_installed *ret_installed)
{
	const struct converge_stats stats = payloads_stats(&install->payloads);

	ret_installed->slot = install->target;
	ret_installed->version = g_strdup(install->manifest->version);
	ret_installed->fetched_bytes = install->source->fetched_bytes;
	ret_installed->copied_bytes = stats.copied_blocks * VERITREE_BLOCK_SIZE;
	ret_installed->made_bytes = stats.made_blocks * VERITREE_BLOCK_SIZE;
	ret_installed->kept_bytes = stats.kept_blocks * VERITREE_BLOCK_SIZE;
	ret_installed->written_bytes = stats.written_bytes;
}

/* What runs, for static deltas from it: NULL if it was made of no commit. It only saves work: what
 * is wrong with it is no failure. */
static struct staticuse_base *base_open(const struct machine *machine)
{
	const unsigned running = machine->boot->running;
	g_autoptr(StaticuseBase) base = g_new0(struct staticuse_base, 1);
	g_autoptr(Slotstore) store = NULL;

	if (running == MACHINE_RUNNING_UNKNOWN)
		return NULL;
	store = slotstore_read(&machine->layout->boot[running], NULL);
	if (store == NULL || store->manifest == NULL || store->manifest->ostree_commit == NULL ||
	    !crypto_unhex(store->manifest->ostree_commit, base->commit, sizeof base->commit))
		return NULL;
	base->disk = layout_open(&machine->layout->root[running], DISK_READ_ONLY, NULL);
	base->size_bytes = store->manifest->root.size_bytes;
	return base->disk != NULL ? g_steal_pointer(&base) : NULL;
}

struct source *machine_source_open(const struct machine *machine,
				   const struct machine_install *options, GError **error)
{
	const struct source_options network = network_options(machine->config);
	g_autofree char *store = machine_store_path(machine);

	if (options->stored != NULL)
		return storesource_open(store, options->stored, options->cancellable, error);
	if (options->url != NULL && source_ostree_is_url(options->url))
		return ostreeref_open(machine->config, options->url, base_open(machine),
				      options->cancellable, error);
	return options->url != NULL
		       ? source_open_http(options->url, &network, options->cancellable, error)
		       : source_open_fd(options->fd, options->cancellable, error);
}

static gboolean install_allowed(const struct install *install, GError **error)
{
	const struct machine_install *options = install->options;
	g_autofree char *root_hash = crypto_hex(install->manifest->root.root_hash,
						VERITREE_HASH_SIZE);
	const struct machine_release release = {
		.version = install->manifest->version,
		.root_hash = root_hash,
		.slot = install->target,
	};

	return options->allow == NULL || options->allow(&release, options->allow_data, error);
}

static gboolean install_run(struct install *install, GError **error)
{
	if (!install_check(install, error) || !payloads_open(install, DISK_READ_WRITE, error))
		return FALSE;
	if (is_there_already(install))
		return TRUE;
	stats_reset(&install->payloads);
	return install_allowed(install, error) && install_write(install, error);
}

static void progress_start(const struct machine_install *options)
{
	static const struct machine_progress CHECK = { .step = "check" };

	if (options->progress != NULL)
		options->progress(&CHECK, options->user_data);
}

gboolean machine_install(struct machine *machine, const struct machine_install *options,
			 struct machine_installed *ret_installed, GError **error)
{
	struct install install = { .machine = machine, .options = options };
	gboolean done;

	memset(ret_installed, 0, sizeof *ret_installed);
	install.source = machine_source_open(machine, options, error);
	if (install.source == NULL)
		return FALSE;
	progress_start(options);
	done = install_run(&install, error);
	if (done)
		install_tell(&install, ret_installed);
	install_done(&install);
	if (done && options->activate)
		done = machine_activate(machine, ret_installed->slot, error);
	if (!done)
		machine_installed_clear(ret_installed);
	return done;
}

/* What a static delta of an ostree repository would spare. */
static void static_tell(const struct install *install, struct machine_plan *ret_plan)
{
	g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE, sizeof(struct source_range));
	struct staticchoice choice;

	for (unsigned i = 0; i < PAYLOAD_COUNT; i++) {
		const GArray *more = install->payloads.converges[i].plan->ranges;

		g_array_append_vals(ranges, more->data, more->len);
	}
	choice = source_ostree_choose(install->source, (const struct source_range *)ranges->data,
				      ranges->len);
	ret_plan->static_parts = choice.parts;
	ret_plan->static_bytes = choice.part_bytes;
	ret_plan->static_object_bytes = choice.object_bytes;
}

static void plan_tell(const struct install *install, struct machine_plan *ret_plan)
{
	const struct payloads *payloads = &install->payloads;

	ret_plan->slot = install->target;
	ret_plan->version = g_strdup(install->manifest->version);
	ret_plan->head_bytes = install->source->fetched_bytes;
	ret_plan->fetch_bytes = payloads->fetch_bytes;
	static_tell(install, ret_plan);
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++) {
		const struct converge *converge = &payloads->converges[i];
		const uint64_t *counts = converge->plan->counts;
		struct machine_payload_plan *payload = &ret_plan->payloads[i];

		payload->name = converge->payload;
		payload->is_delta = converge->delta != NULL;
		payload->keep_bytes = counts[PLAN_KEEP] * VERITREE_BLOCK_SIZE;
		payload->zero_bytes = counts[PLAN_ZERO] * VERITREE_BLOCK_SIZE;
		payload->copy_bytes = counts[PLAN_COPY] * VERITREE_BLOCK_SIZE;
		payload->make_bytes = counts[PLAN_MAKE] * VERITREE_BLOCK_SIZE;
		payload->decode_bytes = counts[PLAN_FETCH] * VERITREE_BLOCK_SIZE;
		payload->frame_bytes = converge->plan->frame_bytes;
		payload->requests = converge->plan->requests->len;
	}
}

gboolean machine_plan(struct machine *machine, const struct machine_install *options,
		      struct machine_plan *ret_plan, GError **error)
{
	struct install install = { .machine = machine, .options = options };
	gboolean done;

	memset(ret_plan, 0, sizeof *ret_plan);
	install.source = machine_source_open(machine, options, error);
	if (install.source == NULL)
		return FALSE;
	progress_start(options);
	done = install_check(&install, error) && payloads_open(&install, DISK_READ_ONLY, error) &&
	       payloads_plan(&install.payloads, error);
	if (done)
		plan_tell(&install, ret_plan);
	install_done(&install);
	return done;
}
