/* SPDX-License-Identifier: MIT */
#include "machine_payloads.h"

#include <string.h>

#include "failure.h"

static const char *const NAMES[PAYLOAD_COUNT] = { "uki", "root" };
static const uint64_t OFFSETS[PAYLOAD_COUNT] = { SLOTSTORE_UKI_OFFSET, 0 };

static const struct manifest_image *image_of(const struct manifest *manifest, unsigned payload)
{
	return payload == PAYLOAD_UKI ? &manifest->uki : &manifest->root;
}

static const struct layout_part *part_of(const struct layout *layout, unsigned payload,
					 unsigned slot)
{
	return payload == PAYLOAD_UKI ? &layout->boot[slot] : &layout->root[slot];
}

static void progress_report(const struct converge_progress *converge, gpointer user_data)
{
	const struct payloads *payloads = user_data;
	const struct machine_progress progress = {
		.step = converge->step,
		.done_bytes = converge->done_bytes,
		.total_bytes = converge->total_bytes,
		.fetched_bytes = payloads->bundle != NULL ? payloads->bundle->source->fetched_bytes
							  : 0,
		.fetch_bytes = payloads->fetch_bytes,
	};

	if (payloads->options->progress != NULL)
		payloads->options->progress(&progress, payloads->options->user_data);
}

/* The other slot as a seed. It only saves work: what is wrong with it is no failure. */
static void seed_open(struct payloads *payloads, const struct layout *layout, unsigned slot)
{
	payloads->seed_store = slotstore_read(&layout->boot[slot], NULL);
	if (payloads->seed_store == NULL || payloads->seed_store->manifest == NULL)
		return;
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++) {
		struct disk *disk = layout_open(part_of(layout, i, slot), DISK_READ_ONLY, NULL);

		payloads->seed_disks[i] = disk;
		if (disk != NULL &&
		    converge_place_init(&payloads->seeds[i], disk, OFFSETS[i],
					image_of(payloads->seed_store->manifest, i), NULL))
			payloads->converges[i].seed = &payloads->seeds[i];
	}
}

/* Where the target's own old release has its trees: what is the same in both is not written. */
static void old_open(struct payloads *payloads, const struct layout_part *boot)
{
	payloads->old_store = slotstore_read(boot, NULL);
	if (payloads->old_store == NULL || payloads->old_store->manifest == NULL)
		return;
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++)
		if (converge_place_init(&payloads->olds[i], payloads->disks[i], OFFSETS[i],
					image_of(payloads->old_store->manifest, i), NULL))
			payloads->converges[i].old = &payloads->olds[i];
}

static gboolean parity_init(struct payloads *payloads, const struct payloads_options *options,
			    GError **error)
{
	const struct manifest_image *root = &options->manifest->root;

	if (root->fec.roots == 0)
		return TRUE;
	if (!fec_place_init(&payloads->parity, payloads->disks[PAYLOAD_ROOT], root, error))
		return FALSE;
	payloads->parity.cancellable = options->install->cancellable;
	return TRUE;
}

gboolean payloads_init(struct payloads *payloads, const struct payloads_options *options,
		       GError **error)
{
	const struct layout *layout = options->machine->layout;

	payloads->options = options->install;
	payloads->bundle = options->bundle;
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++) {
		struct converge *converge = &payloads->converges[i];

		payloads->disks[i] = layout_open(part_of(layout, i, options->target), options->mode,
						 error);
		if (payloads->disks[i] == NULL ||
		    !converge_place_init(&converge->target, payloads->disks[i], OFFSETS[i],
					 image_of(options->manifest, i), error))
			return FALSE;
		converge->bundle = options->bundle;
		converge->payload = NAMES[i];
		converge->report = progress_report;
		converge->user_data = payloads;
		converge->cancellable = options->install->cancellable;
		converge->workers = options->machine->config->workers;
	}
	payloads->converges[PAYLOAD_ROOT].companion = &payloads->converges[PAYLOAD_UKI];
	if (!parity_init(payloads, options, error))
		return FALSE;
	old_open(payloads, &layout->boot[options->target]);
	seed_open(payloads, layout, 1 - options->target);
	return TRUE;
}

void payloads_done(struct payloads *payloads)
{
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++) {
		converge_done(&payloads->converges[i]);
		disk_close(payloads->disks[i]);
		disk_close(payloads->seed_disks[i]);
	}
	slotstore_free(payloads->seed_store);
	slotstore_free(payloads->old_store);
}

typedef gboolean (*converge_func)(struct converge *converge, GError **error);

/* In the order in which a stream has the parts: the same of both payloads, one after the other. */
static gboolean each(struct payloads *payloads, converge_func function, GError **error)
{
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++)
		if (!payloads->converges[i].is_right && !function(&payloads->converges[i], error))
			return FALSE;
	return TRUE;
}

static gboolean needs_full(const struct converge *converge)
{
	return converge->delta == NULL && !converge->is_right;
}

static gboolean each_full(struct payloads *payloads, converge_func function, GError **error)
{
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++)
		if (needs_full(&payloads->converges[i]) &&
		    !function(&payloads->converges[i], error))
			return FALSE;
	return TRUE;
}

/* A web server is asked for a little more than what is needed, in fewer requests. */
static guint64 plan_bytes(const struct payloads *payloads, const struct plan *plan)
{
	return payloads->bundle->source->ops->schedule != NULL ? plan->request_bytes
							       : plan->frame_bytes;
}

static guint64 frame_bytes(const struct payloads *payloads)
{
	guint64 sum = 0;

	for (unsigned i = 0; i < PAYLOAD_COUNT; i++)
		if (payloads->converges[i].plan != NULL && !payloads->converges[i].is_right)
			sum += plan_bytes(payloads, payloads->converges[i].plan);
	return sum;
}

static void fetch_total(struct payloads *payloads)
{
	payloads->fetch_bytes = payloads->bundle->source->fetched_bytes + frame_bytes(payloads);
}

static gboolean plan_delta(struct payloads *payloads, GError **error)
{
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++)
		converge_start(&payloads->converges[i]);
	return each(payloads, converge_delta_index, error);
}

/* The payload that still needs the table which a section is, or NULL. */
static const struct converge *table_user(const struct payloads *payloads,
					 const struct bundle_section *section)
{
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++) {
		const struct converge *converge = &payloads->converges[i];

		if (strcmp(section->name, NAMES[i]) == 0 && needs_full(converge))
			return converge;
	}
	return NULL;
}

static const unsigned PARENTS = 1 << BUNDLE_PARENTS;
static const unsigned TABLES = 1 << BUNDLE_LEAVES | 1 << BUNDLE_DICTIONARY | 1 << BUNDLE_INDEX;

/* All tables of these kinds that will be read, so that a web server is asked once for those that
 * are neighbours, and for nothing behind them. */
static void tables_schedule(const struct payloads *payloads, unsigned kinds)
{
	const struct bundle *bundle = payloads->bundle;
	g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE, sizeof(struct source_range));

	for (unsigned i = 0; i < bundle->section_count; i++) {
		const struct bundle_section *section = &bundle->sections[i];
		const struct converge *user = table_user(payloads, section);
		const struct source_range range = { section->offset, section->size_bytes };

		if (user == NULL || section->kind >= BUNDLE_KIND_COUNT ||
		    (kinds & 1u << section->kind) == 0)
			continue;
		if (section->kind == BUNDLE_LEAVES)
			converge_leaf_ranges(user, section, ranges);
		else
			g_array_append_val(ranges, range);
	}
	if (ranges->len > 0)
		source_schedule(bundle->source, (const struct source_range *)ranges->data,
				ranges_coalesce((struct source_range *)ranges->data, ranges->len,
						bundle->source->exact ? 0 : RANGES_GAP_BYTES,
						RANGES_COUNT_MAX));
}

static gboolean plan_full(struct payloads *payloads, GError **error)
{
	tables_schedule(payloads, PARENTS);
	if (!each_full(payloads, converge_parents, error))
		return FALSE;
	tables_schedule(payloads, TABLES);
	return each_full(payloads, converge_leaves, error) &&
	       each_full(payloads, converge_dictionary, error) &&
	       each_full(payloads, converge_index, error);
}

gboolean payloads_plan(struct payloads *payloads, GError **error)
{
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++)
		payloads->converges[i].plan_only = TRUE;
	if (!plan_delta(payloads, error) || !plan_full(payloads, error))
		return FALSE;
	fetch_total(payloads);
	return TRUE;
}

static void delta_tell(const struct payloads *payloads)
{
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++)
		if (payloads->converges[i].delta_failure != NULL)
			g_message("the delta of %s is of no use: %s; the full payload follows",
				  NAMES[i], payloads->converges[i].delta_failure->message);
}

static gboolean has_parity(const struct payloads *payloads)
{
	return payloads->parity.layout.roots != 0;
}

/* The image must be right by now. */
static gboolean parity_write(struct payloads *payloads, GError **error)
{
	const struct converge_progress progress = {
		.step = "protect",
		.total_bytes = payloads->parity.layout.covered_blocks * VERITREE_BLOCK_SIZE,
	};

	if (!has_parity(payloads))
		return TRUE;
	progress_report(&progress, payloads);
	return fec_write(&payloads->parity, error);
}

uint64_t payloads_root_end(const struct payloads *payloads)
{
	const struct veritree *tree = &payloads->converges[PAYLOAD_ROOT].target.tree;

	return VERITREE_BLOCK_SIZE *
	       (has_parity(payloads) ? payloads->parity.layout.total_blocks : tree->total_blocks);
}

static gboolean is_all_delta(const struct payloads *payloads)
{
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++)
		if (payloads->converges[i].delta == NULL)
			return FALSE;
	return TRUE;
}

/* A stream has the deltas in front of the full payloads, so all of them come first. */
gboolean payloads_apply(struct payloads *payloads, GError **error)
{
	if (!plan_delta(payloads, error))
		return FALSE;
	if (is_all_delta(payloads)) /* else the total is known with the full payload's plan */
		fetch_total(payloads);
	if (!each(payloads, converge_delta_apply, error))
		return FALSE;
	delta_tell(payloads);
	if (!plan_full(payloads, error))
		return FALSE;
	fetch_total(payloads);
	if (!each(payloads, converge_blocks, error))
		return FALSE;
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++)
		if (!converge_finish(&payloads->converges[i], error))
			return FALSE;
	return parity_write(payloads, error);
}

/* Both are looked at, even if the first is damaged: the report is of the whole slot. */
gboolean payloads_verify(struct payloads *payloads, GError **error)
{
	const gboolean uki = converge_verify(&payloads->converges[PAYLOAD_UKI], error);
	const gboolean root = converge_verify(&payloads->converges[PAYLOAD_ROOT],
					      uki ? error : NULL);

	return uki && root && (!has_parity(payloads) || fec_verify(&payloads->parity, error));
}

gboolean payloads_repair(struct payloads *payloads, GError **error)
{
	return each(payloads, converge_repair, error) && parity_write(payloads, error);
}

struct converge_stats payloads_stats(const struct payloads *payloads)
{
	const struct converge_stats *uki = &payloads->converges[PAYLOAD_UKI].stats;
	const struct converge_stats *root = &payloads->converges[PAYLOAD_ROOT].stats;

	return (struct converge_stats){
		.fetched_blocks = uki->fetched_blocks + root->fetched_blocks,
		.made_blocks = uki->made_blocks + root->made_blocks,
		.copied_blocks = uki->copied_blocks + root->copied_blocks,
		.kept_blocks = uki->kept_blocks + root->kept_blocks,
		.zero_blocks = uki->zero_blocks + root->zero_blocks,
		.wrong_blocks = uki->wrong_blocks + root->wrong_blocks,
		.tree_blocks = uki->tree_blocks + root->tree_blocks +
			       payloads->parity.written_bytes / VERITREE_BLOCK_SIZE,
		.written_bytes = uki->written_bytes + root->written_bytes +
				 payloads->parity.written_bytes,
	};
}
