/* SPDX-License-Identifier: MIT */
/* Install: what is checked before the first write, and the order of the writes. A kill or a power
 * cut anywhere leaves the running release and its record as they were, and the slot empty until
 * its header is back and the record says that it is staged. */
#include <string.h>

#include "bundle.h"
#include "converge.h"
#include "crypto.h"
#include "failure.h"
#include "machine_private.h"
#include "recstore.h"

struct install {
	struct machine *machine;
	const struct machine_install *options;
	struct bundle *bundle;
	const struct manifest *manifest;
	struct bootrec rec;
	unsigned target;
	struct disk *boot;
	struct disk *root;
	struct slotstore *seed_store; /* the running slot's, or NULL */
	struct disk *seed_boot;
	struct disk *seed_root;
	struct converge_place seed_uki;
	struct converge_place seed_image;
	struct converge uki;
	struct converge image;
};

static void install_done(struct install *install)
{
	converge_done(&install->uki);
	converge_done(&install->image);
	disk_close(install->boot);
	disk_close(install->root);
	disk_close(install->seed_boot);
	disk_close(install->seed_root);
	slotstore_free(install->seed_store);
	bundle_free(install->bundle);
}

void machine_installed_clear(struct machine_installed *installed)
{
	g_clear_pointer(&installed->version, g_free);
}

static void progress_forward(const char *step, uint64_t done_bytes, uint64_t total_bytes,
			     gpointer user_data)
{
	const struct machine_install *options = user_data;
	const struct machine_progress progress = { step, done_bytes, total_bytes };

	if (options->progress != NULL)
		options->progress(&progress, options->user_data);
}

static const char *running_version(struct install *install)
{
	return install->seed_store != NULL ? install->seed_store->head.version : NULL;
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
	return TRUE;
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
static unsigned target_choose(const struct slot_table *table, unsigned running)
{
	if (running != MACHINE_RUNNING_UNKNOWN)
		return 1 - running;
	return slot_choose(table, SLOT_NONE).index == SLOT_A ? SLOT_B : SLOT_A;
}

static gboolean target_open(struct install *install, GError **error)
{
	struct machine *machine = install->machine;
	fault lost;
	fault why;

	if (!machine_record_load(machine, &install->rec, &lost, error))
		return FALSE;
	install->target = target_choose(&install->rec.table, machine->boot->running);
	why = slot_check_stage(&install->rec.table, machine->boot->running, install->target,
			       install->options->force);
	if (why != FAULT_OK)
		return failure_set(error, why, "slot %s cannot be overwritten now",
				   machine_slot_name(install->target));
	install->boot = layout_open(&machine->layout->boot[install->target], DISK_READ_WRITE,
				    error);
	if (install->boot == NULL)
		return FALSE;
	install->root = layout_open(&machine->layout->root[install->target], DISK_READ_WRITE,
				    error);
	return install->root != NULL;
}

/* The running slot as a seed. It only saves work: what is wrong with it is no failure. */
static void seeds_open(struct install *install)
{
	const struct layout *layout = install->machine->layout;
	const unsigned running = install->machine->boot->running;
	const struct manifest *manifest = install->seed_store != NULL
						  ? install->seed_store->manifest
						  : NULL;

	if (manifest == NULL)
		return;
	install->seed_boot = layout_open(&layout->boot[running], DISK_READ_ONLY, NULL);
	install->seed_root = layout_open(&layout->root[running], DISK_READ_ONLY, NULL);
	if (install->seed_boot != NULL &&
	    converge_place_init(&install->seed_uki, install->seed_boot, SLOTSTORE_UKI_OFFSET,
				&manifest->uki, NULL))
		install->uki.seed = &install->seed_uki;
	if (install->seed_root != NULL &&
	    converge_place_init(&install->seed_image, install->seed_root, 0, &manifest->root, NULL))
		install->image.seed = &install->seed_image;
}

static gboolean places_init(struct install *install, GError **error)
{
	const struct manifest *manifest = install->manifest;
	struct converge *const both[] = { &install->uki, &install->image };
	uint64_t needed;

	if (!converge_place_init(&install->uki.target, install->boot, SLOTSTORE_UKI_OFFSET,
				 &manifest->uki, error) ||
	    !converge_place_init(&install->image.target, install->root, 0, &manifest->root, error))
		return FALSE;
	needed = slotstore_size(install->uki.target.tree.total_blocks,
				g_bytes_get_size(install->bundle->manifest_bytes),
				g_bytes_get_size(install->bundle->signature));
	if (needed > install->boot->size_bytes || manifest->uki.size_bytes > BOOTHEAD_UKI_MAX)
		return failure_set(error, FAULT_PART_SMALL,
				   "%s has %" G_GUINT64_FORMAT
				   " bytes, the UKI needs %" G_GUINT64_FORMAT,
				   install->boot->name, install->boot->size_bytes, needed);
	install->uki.payload = "uki";
	install->image.payload = "root";
	for (unsigned i = 0; i < G_N_ELEMENTS(both); i++) {
		both[i]->bundle = install->bundle;
		both[i]->progress = progress_forward;
		both[i]->user_data = (gpointer)install->options;
		both[i]->cancellable = install->options->cancellable;
	}
	seeds_open(install);
	return TRUE;
}

static gboolean install_check(struct install *install, struct source *source, GError **error)
{
	struct machine *machine = install->machine;

	install->bundle = bundle_open(source, machine->config->keyring, error);
	if (install->bundle == NULL)
		return FALSE;
	install->manifest = install->bundle->manifest;
	if (machine->boot->running != MACHINE_RUNNING_UNKNOWN)
		install->seed_store = slotstore_read(&machine->layout->boot[machine->boot->running],
						     NULL);
	return release_check(install, error) && past_check(install, error) &&
	       target_open(install, error) && places_init(install, error);
}

/* In the order in which a stream has the parts. */
static gboolean install_converge(struct install *install, GError **error)
{
	return converge_leaves(&install->uki, error) && converge_leaves(&install->image, error) &&
	       converge_index(&install->uki, error) && converge_index(&install->image, error) &&
	       converge_local(&install->uki, error) && converge_local(&install->image, error) &&
	       converge_frames(&install->uki, error) && converge_frames(&install->image, error) &&
	       converge_readback(&install->uki, error) && converge_readback(&install->image, error);
}

static gboolean install_write(struct install *install, GError **error)
{
	struct machine *machine = install->machine;
	const struct manifest *manifest = install->manifest;
	fault why;

	(void)slot_stage_begin(&install->rec.table, install->target); /* it cannot fail */
	if (!machine_record_save(machine, &install->rec, error) ||
	    !slotstore_wipe(install->boot, error) || !install_converge(install, error) ||
	    !slotstore_finish(install->boot, manifest, install->bundle->manifest_bytes,
			      install->bundle->signature, install->uki.target.tree.total_blocks,
			      install->rec.sequence, error))
		return FALSE;
	why = slot_stage_end(&install->rec.table, install->target, manifest->root.root_hash,
			     manifest->security_version);
	if (why != FAULT_OK)
		return failure_set(error, why, "slot %s was changed meanwhile",
				   machine_slot_name(install->target));
	return machine_record_save(machine, &install->rec, error);
}

static void install_tell(const struct install *install, const struct source *source,
			 struct machine_installed *ret_installed)
{
	const struct converge_stats *uki = &install->uki.stats;
	const struct converge_stats *image = &install->image.stats;

	ret_installed->slot = install->target;
	ret_installed->version = g_strdup(install->manifest->version);
	ret_installed->fetched_bytes = source->fetched_bytes;
	ret_installed->copied_bytes = (uki->copied_blocks + image->copied_blocks) * 4096;
	ret_installed->kept_bytes = (uki->kept_blocks + image->kept_blocks) * 4096;
	ret_installed->written_bytes = uki->written_bytes + image->written_bytes;
}

static struct source_options network_options(const struct config *config)
{
	struct source_options options = source_options_default();

	options.parallel = config->parallel;
	options.rate_bytes_s = config->rate_bytes_s;
	options.retry_time_s = config->retry_time_s;
	options.slow_bytes_s = config->slow_bytes_s;
	options.slow_time_s = config->slow_time_s;
	options.proxy = g_strcmp0(config->proxy, "none") == 0 ? "" : config->proxy;
	options.ca_file = config->ca_file;
	options.certificate = config->certificate;
	options.key = config->key;
	return options;
}

static struct source *bundle_source(const struct machine *machine,
				    const struct machine_install *options, GError **error)
{
	const struct source_options network = network_options(machine->config);

	return options->url != NULL
		       ? source_open_http(options->url, &network, options->cancellable, error)
		       : source_open_fd(options->fd, options->cancellable, error);
}

gboolean machine_install(struct machine *machine, const struct machine_install *options,
			 struct machine_installed *ret_installed, GError **error)
{
	g_autoptr(Source) source = bundle_source(machine, options, error);
	struct install install = { .machine = machine, .options = options };
	gboolean done;

	memset(ret_installed, 0, sizeof *ret_installed);
	if (source == NULL)
		return FALSE;
	progress_forward("check", 0, 0, (gpointer)options);
	done = install_check(&install, source, error) && install_write(&install, error);
	if (done)
		install_tell(&install, source, ret_installed);
	install_done(&install);
	if (done && options->activate)
		done = machine_activate(machine, ret_installed->slot, error);
	if (!done)
		machine_installed_clear(ret_installed);
	return done;
}
