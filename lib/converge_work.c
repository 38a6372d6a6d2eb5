/* SPDX-License-Identifier: MIT */
/* The workers: each job is one window of blocks, read, decoded, hashed and written by one thread,
 * and read back by whichever thread finds that enough was written since. */
#include <string.h>

#include "converge_private.h"
#include "crypto.h"
#include "decoder.h"
#include "failure.h"

enum { BLOCK = CONVERGE_BLOCK, HASH = VERITREE_HASH_SIZE, GAP_MAX = 16 };

struct worker {
	struct effort *effort;
	struct converge *converge;
	struct blockhash *hasher;
	struct decoder *decoder;     /* NULL: none was needed yet */
	struct converge_stats stats; /* since the last job */
	uint8_t *blocks;             /* a window, aligned for the medium */
	uint8_t hashes[CONVERGE_WINDOW * HASH];
	uint8_t wanted[CONVERGE_WINDOW * HASH];
};

/* Wide engines take longer to set up than a small image takes to hash. */
static struct blockhash *hasher_new(const struct converge *converge,
				    const struct veritree_superblock *superblock)
{
	return converge_is_alone(converge)
		       ? blockhash_new_engine("openssl", superblock->salt, superblock->salt_size)
		       : blockhash_new(superblock->salt, superblock->salt_size);
}

static gpointer worker_new(gpointer user_data)
{
	struct effort *effort = user_data;
	struct worker *worker = g_new0(struct worker, 1);
	const struct manifest_image *image = effort->converge->target.image;

	worker->effort = effort;
	worker->converge = effort->converge;
	worker->hasher = hasher_new(effort->converge, &image->superblock);
	worker->blocks = g_aligned_alloc(
		MIN(CONVERGE_WINDOW, effort->converge->target.tree.data_blocks), BLOCK, BLOCK);
	return worker;
}

static void worker_free(gpointer data)
{
	struct worker *worker = data;

	blockhash_free(worker->hasher);
	decoder_free(worker->decoder);
	g_aligned_free(worker->blocks);
	g_free(worker);
}

static gboolean hash_is_wanted(const struct worker *worker, uint64_t i)
{
	return memcmp(worker->hashes + i * HASH, worker->wanted + i * HASH, HASH) == 0;
}

static void worker_hash(struct worker *worker, uint64_t from, uint64_t count)
{
	blockhash_many(worker->hasher, worker->blocks + from * BLOCK, count,
		       worker->hashes + from * HASH);
}

static void wrong_note(struct worker *worker, uint64_t block)
{
	struct effort *effort = worker->effort;

	g_mutex_lock(&effort->mutex);
	if (effort->converge->stats.wrong_blocks++ == 0 || block < effort->wrong_first)
		effort->wrong_first = block;
	g_mutex_unlock(&effort->mutex);
}

/* No source at hand has the block. What a delta makes it can make again. */
static void missing_note(struct worker *worker, uint64_t block)
{
	const struct converge *converge = worker->converge;

	if (converge->delta != NULL &&
	    converge_delta_run(converge, block)->kind == DELTAINDEX_MADE) {
		plan_set(converge->plan, block, PLAN_MAKE);
		return;
	}
	plan_set(worker->converge->plan, block, PLAN_FETCH);
	g_mutex_lock(&worker->effort->mutex);
	worker->effort->missing++;
	g_mutex_unlock(&worker->effort->mutex);
}

/* Writing, and what is to be read back. */

static void written_note(struct effort *effort, uint64_t first, uint64_t count)
{
	const struct window window = { first, count };
	struct window *last;

	g_mutex_lock(&effort->mutex);
	last = effort->written->len > effort->written_next
		       ? &g_array_index(effort->written, struct window, effort->written->len - 1)
		       : NULL;
	if (last != NULL && last->first + last->count == first &&
	    last->count + count <= CONVERGE_WINDOW)
		last->count += count;
	else
		g_array_append_val(effort->written, window);
	effort->written_blocks += count;
	g_mutex_unlock(&effort->mutex);
}

/* The window that was written longest ago, once more than `lag` blocks wait. */
static gboolean written_take(struct effort *effort, uint64_t lag, struct window *ret_window)
{
	gboolean found;

	g_mutex_lock(&effort->mutex);
	found = effort->written_blocks > lag;
	if (found) {
		*ret_window = g_array_index(effort->written, struct window, effort->written_next);
		effort->written_next++;
		effort->written_blocks -= ret_window->count;
	}
	if (effort->written_next == effort->written->len || effort->written_next > CONVERGE_LAG) {
		g_array_remove_range(effort->written, 0, effort->written_next);
		effort->written_next = 0;
	}
	g_mutex_unlock(&effort->mutex);
	return found;
}

static gboolean readback(struct worker *worker, const struct window *window, GError **error)
{
	const struct converge_place *target = &worker->converge->target;

	if (!disk_read_medium(target->disk, converge_offset(target, window->first), worker->blocks,
			      window->count * BLOCK, error) ||
	    !converge_wanted(target, window, worker->wanted, error))
		return FALSE;
	worker_hash(worker, 0, window->count);
	for (uint64_t i = 0; i < window->count; i++)
		if (!hash_is_wanted(worker, i))
			return failure_set(error, FAULT_CONVERGE_READBACK,
					   "block %" G_GUINT64_FORMAT
					   " of %s was written, and does not read back the same",
					   window->first + i, target->disk->name);
	return TRUE;
}

/* How many marks are set from the i-th on. */
static uint64_t marks_run(const gboolean *marks, uint64_t i, uint64_t count)
{
	uint64_t run = 0;

	while (i + run < count && marks[i + run])
		run++;
	return run;
}

/* Writes the blocks of the window at `bytes` whose mark is set, in runs. */
static gboolean window_write(struct worker *worker, const struct window *window,
			     const uint8_t *bytes, const gboolean *marks, GError **error)
{
	const struct converge_place *target = &worker->converge->target;

	for (uint64_t i = 0, run; i < window->count; i += MAX(run, 1)) {
		run = marks_run(marks, i, window->count);
		if (run == 0)
			continue;
		if (!disk_write_medium(target->disk, converge_offset(target, window->first + i),
				       bytes + i * BLOCK, run * BLOCK, error))
			return FALSE;
		worker->stats.written_bytes += run * BLOCK;
		written_note(worker->effort, window->first + i, run);
	}
	return TRUE;
}

/* Local blocks. */

struct local {
	struct window window;
	enum plan_origin origins[CONVERGE_WINDOW];
	gboolean unreadable[CONVERGE_WINDOW];
	gboolean copies[CONVERGE_WINDOW]; /* taken from the seed: to be checked and written */
};

static gboolean is_looked_at(const struct local *local, uint64_t i)
{
	return local->origins[i] == PLAN_KEEP || local->origins[i] == PLAN_ZERO;
}

/* What cannot be read is not right: it will be written anew, and read back. */
static void local_read_run(struct worker *worker, struct local *local, uint64_t from,
			   uint64_t count)
{
	const struct converge_place *target = &worker->converge->target;
	const uint64_t offset = converge_offset(target, local->window.first);

	if (disk_read_medium(target->disk, offset + from * BLOCK, worker->blocks + from * BLOCK,
			     count * BLOCK, NULL))
		return;
	for (uint64_t i = from; i < from + count; i++)
		local->unreadable[i] = !disk_read_medium(target->disk, offset + i * BLOCK,
							 worker->blocks + i * BLOCK, BLOCK, NULL);
}

/* Reads the blocks that may be right already; small gaps are cheaper read than skipped. */
static void local_read(struct worker *worker, struct local *local)
{
	uint64_t from = 0, end = 0; /* of the run at hand */

	memset(local->unreadable, 0, sizeof local->unreadable);
	for (uint64_t i = 0; i < local->window.count; i++) {
		if (!is_looked_at(local, i))
			continue;
		if (end > 0 && i - end > GAP_MAX) {
			local_read_run(worker, local, from, end - from);
			end = 0;
		}
		from = end == 0 ? i : from;
		end = i + 1;
	}
	if (end > 0)
		local_read_run(worker, local, from, end - from);
}

/* Where the seed has the block. A delta says it; else its tree does. */
static gboolean seed_where(const struct converge *converge, uint64_t block, const uint8_t *hash,
			   uint64_t *ret_from)
{
	const struct deltaindex_run *run = converge->delta != NULL
						   ? converge_delta_run(converge, block)
						   : NULL;

	if (run != NULL)
		*ret_from = run->from + (block - run->first_block);
	if (run != NULL)
		return run->kind == DELTAINDEX_COPY;
	return converge->seed_table != NULL &&
	       seed_find(converge->seed_table, hash, block, ret_from);
}

/* How many blocks from the i-th on are one read of the seed: what the seed has in the same order,
 * over gaps that are cheaper read than skipped. */
static uint64_t copies_run(const struct local *local, const uint64_t *from, uint64_t i)
{
	uint64_t end = i + 1;

	for (uint64_t k = end; k < local->window.count && k - end <= GAP_MAX; k++) {
		if (!local->copies[k])
			continue;
		if (from[k] != from[i] + (k - i))
			break;
		end = k + 1;
	}
	return end - i;
}

static gboolean seed_read(struct worker *worker, uint64_t i, uint64_t from, uint64_t count)
{
	const struct converge_place *seed = worker->converge->seed;

	return from < seed->tree.data_blocks && count <= seed->tree.data_blocks - from &&
	       disk_read_medium(seed->disk, converge_offset(seed, from), worker->blocks + i * BLOCK,
				count * BLOCK, NULL);
}

/* Reads the blocks that come from the seed; what stood between them is lost. What cannot be read
 * has a wrong hash then, and comes from elsewhere. */
static void copies_read(struct worker *worker, const struct local *local)
{
	uint64_t from[CONVERGE_WINDOW];

	for (uint64_t i = 0; i < local->window.count; i++)
		if (local->copies[i] && !seed_where(worker->converge, local->window.first + i,
						    worker->wanted + i * HASH, &from[i]))
			from[i] = UINT64_MAX - CONVERGE_WINDOW; /* nowhere */
	for (uint64_t i = 0, run; i < local->window.count; i += run) {
		run = local->copies[i] ? copies_run(local, from, i) : 1;
		if (!local->copies[i] || seed_read(worker, i, from[i], run))
			continue;
		for (uint64_t k = i; k < i + run; k++)
			if (local->copies[k] && !seed_read(worker, k, from[k], 1))
				memset(worker->blocks + k * BLOCK, 0xff, BLOCK);
	}
}

/* Hashes the blocks of the window that are marked; in runs, since many at once are faster. */
static void marked_hash(struct worker *worker, const gboolean *marks, uint64_t count)
{
	for (uint64_t i = 0, run; i < count; i += MAX(run, 1)) {
		run = marks_run(marks, i, count);
		if (run > 0)
			worker_hash(worker, i, run);
	}
}

static void kept_check(struct worker *worker, struct local *local)
{
	gboolean marks[CONVERGE_WINDOW];
	uint64_t from;

	for (uint64_t i = 0; i < local->window.count; i++)
		marks[i] = local->origins[i] == PLAN_KEEP && !local->unreadable[i];
	marked_hash(worker, marks, local->window.count);
	for (uint64_t i = 0; i < local->window.count; i++) {
		const uint64_t block = local->window.first + i;

		if (local->origins[i] != PLAN_KEEP)
			continue;
		if (marks[i] && hash_is_wanted(worker, i)) {
			plan_set(worker->converge->plan, block, PLAN_DONE);
			worker->stats.kept_blocks++;
			local->origins[i] = PLAN_DONE;
			continue;
		}
		wrong_note(worker, block);
		if (worker->effort->read_only)
			continue;
		local->origins[i] = PLAN_FETCH;
		if (memcmp(worker->wanted + i * HASH, worker->effort->zero_hash, HASH) == 0)
			local->origins[i] = PLAN_ZERO;
		else if (seed_where(worker->converge, block, worker->wanted + i * HASH, &from))
			local->origins[i] = PLAN_COPY;
		else
			missing_note(worker, block);
	}
}

static gboolean zero_run(struct worker *worker, const struct window *run, GError **error)
{
	const struct converge_place *target = &worker->converge->target;

	if (!disk_zero(target->disk, converge_offset(target, run->first), run->count * BLOCK,
		       error))
		return FALSE;
	worker->stats.zero_blocks += run->count;
	written_note(worker->effort, run->first, run->count);
	return TRUE;
}

/* Only where there are no zeros yet. */
static gboolean zeros_write(struct worker *worker, const struct local *local, GError **error)
{
	static const uint8_t ZERO[BLOCK];
	struct window run = { 0 };

	for (uint64_t i = 0; i < local->window.count; i++) {
		const uint64_t block = local->window.first + i;

		if (local->origins[i] != PLAN_ZERO)
			continue;
		plan_set(worker->converge->plan, block, PLAN_DONE);
		if (!local->unreadable[i] && memcmp(worker->blocks + i * BLOCK, ZERO, BLOCK) == 0) {
			worker->stats.kept_blocks++;
			continue;
		}
		if (run.count > 0 && run.first + run.count != block) {
			if (!zero_run(worker, &run, error))
				return FALSE;
			run.count = 0;
		}
		run.first = run.count == 0 ? block : run.first;
		run.count++;
	}
	return run.count == 0 || zero_run(worker, &run, error);
}

static gboolean copies_write(struct worker *worker, struct local *local, GError **error)
{
	for (uint64_t i = 0; i < local->window.count; i++)
		local->copies[i] = local->origins[i] == PLAN_COPY;
	copies_read(worker, local);
	marked_hash(worker, local->copies, local->window.count);
	for (uint64_t i = 0; i < local->window.count; i++) {
		if (!local->copies[i])
			continue;
		local->copies[i] = hash_is_wanted(worker, i);
		if (!local->copies[i]) {
			missing_note(worker, local->window.first + i);
			continue;
		}
		plan_set(worker->converge->plan, local->window.first + i, PLAN_DONE);
		worker->stats.copied_blocks++;
	}
	return window_write(worker, &local->window, worker->blocks, local->copies, error);
}

static gboolean job_local(struct worker *worker, const struct job *job, GError **error)
{
	struct local local = { .window = job->window };
	gboolean copies = FALSE;

	if (!converge_wanted(&worker->converge->target, &job->window, worker->wanted, error))
		return FALSE;
	for (uint64_t i = 0; i < job->window.count; i++)
		local.origins[i] = plan_get(worker->converge->plan, job->window.first + i);
	local_read(worker, &local);
	kept_check(worker, &local);
	if (worker->effort->read_only)
		return TRUE;
	for (uint64_t i = 0; i < job->window.count; i++)
		copies |= local.origins[i] == PLAN_COPY;
	return zeros_write(worker, &local, error) &&
	       (!copies || copies_write(worker, &local, error));
}

/* Fetched blocks. */

static gboolean frames_decode(struct worker *worker, const struct job *job, GError **error)
{
	const struct converge *converge = worker->converge;
	const struct decoder_frames frames = {
		.payload = converge->payload,
		.entries = (const struct frame_entry *)(gpointer)job->entries->data,
		.count = job->entries->len,
		.stored = job->stored,
	};

	if (worker->decoder == NULL) /* which an install of a delta does without */
		worker->decoder = decoder_new(converge->workers, converge->dictionary,
					      converge->cancellable, error);
	return worker->decoder != NULL &&
	       decoder_frames(worker->decoder, &frames, worker->blocks, error);
}

static gboolean job_frames(struct worker *worker, const struct job *job, GError **error)
{
	struct converge *converge = worker->converge;
	gboolean marks[CONVERGE_WINDOW];

	if (!frames_decode(worker, job, error) ||
	    !converge_wanted(&converge->target, &job->window, worker->wanted, error))
		return FALSE;
	for (uint64_t i = 0; i < job->window.count; i++)
		marks[i] = plan_get(converge->plan, job->window.first + i) == PLAN_FETCH;
	marked_hash(worker, marks, job->window.count);
	for (uint64_t i = 0; i < job->window.count; i++) {
		if (!marks[i])
			continue;
		if (!hash_is_wanted(worker, i))
			return failure_set(error, FAULT_BUNDLE_BLOCK,
					   "block %" G_GUINT64_FORMAT
					   " of %s does not have its signed hash",
					   job->window.first + i, converge->payload);
		worker->stats.fetched_blocks++;
	}
	if (!window_write(worker, &job->window, worker->blocks, marks, error))
		return FALSE;
	for (uint64_t i = 0; i < job->window.count; i++)
		if (marks[i])
			plan_set(converge->plan, job->window.first + i, PLAN_DONE);
	return TRUE;
}

/* The hashes of what a delta made go into the tree; whether they are right, the root will tell.
 * One write for each run of blocks: one for each hash takes longer than to hash. */
static gboolean made_note(struct worker *worker, const struct window *run, const uint8_t *hashes,
			  GError **error)
{
	const struct converge_place *target = &worker->converge->target;

	if (target->tree.level_count == 0)
		return memcmp(hashes, target->image->root_hash, HASH) == 0 ||
		       failure_set(error, FAULT_DELTA_FRAME,
				   "the delta of %s does not give its signed root hash",
				   worker->converge->payload);
	return disk_write(target->disk,
			  converge_offset(target, target->tree.level_start[0]) + run->first * HASH,
			  hashes, run->count * HASH, error);
}

static gboolean job_made(struct worker *worker, const struct job *job, GError **error)
{
	gboolean marks[CONVERGE_WINDOW];

	memcpy(worker->blocks, job->bytes, job->window.count * BLOCK);
	worker_hash(worker, 0, job->window.count);
	for (uint64_t i = 0; i < job->window.count; i++)
		marks[i] = plan_get(worker->converge->plan, job->window.first + i) == PLAN_MAKE;
	for (uint64_t i = 0, run; i < job->window.count; i += MAX(run, 1)) {
		run = marks_run(marks, i, job->window.count);
		if (run > 0 && !made_note(worker, &(struct window){ job->window.first + i, run },
					  worker->hashes + i * HASH, error))
			return FALSE;
		worker->stats.made_blocks += run;
	}
	for (uint64_t i = 0; i < job->window.count; i++)
		if (marks[i])
			plan_set(worker->converge->plan, job->window.first + i, PLAN_DONE);
	return window_write(worker, &job->window, worker->blocks, marks, error);
}

static void stats_add(struct worker *worker)
{
	struct converge_stats *all = &worker->converge->stats;
	const struct converge_stats *mine = &worker->stats;

	g_mutex_lock(&worker->effort->mutex);
	all->fetched_blocks += mine->fetched_blocks;
	all->made_blocks += mine->made_blocks;
	all->copied_blocks += mine->copied_blocks;
	all->kept_blocks += mine->kept_blocks;
	all->zero_blocks += mine->zero_blocks;
	all->written_bytes += mine->written_bytes;
	g_mutex_unlock(&worker->effort->mutex);
	memset(&worker->stats, 0, sizeof worker->stats);
}

static gboolean job_do(struct worker *worker, const struct job *job, GError **error)
{
	switch (job->kind) {
	case JOB_LOCAL:
		return job_local(worker, job, error);
	case JOB_FRAMES:
		return job_frames(worker, job, error);
	case JOB_MADE:
		return job_made(worker, job, error);
	case JOB_READBACK:
		return readback(worker, &job->window, error);
	}
	return TRUE;
}

static gboolean worker_work(gpointer data, gpointer user_job, GError **error)
{
	struct worker *worker = data;
	struct window window;
	gboolean done = job_do(worker, user_job, error);

	stats_add(worker);
	while (done && written_take(worker->effort, CONVERGE_LAG, &window))
		done = readback(worker, &window, error);
	return done;
}

static void job_free(gpointer data)
{
	struct job *job = data;

	g_clear_pointer(&job->entries, g_array_unref);
	g_clear_pointer(&job->made, g_bytes_unref);
	g_free(job->stored);
	g_free(job);
}

struct effort *effort_new(struct converge *converge, gboolean read_only)
{
	static const struct crew_ops OPS = { worker_new, worker_free, worker_work, job_free };
	g_autoptr(CryptoHasher) hasher = converge_hasher_new(&converge->target);
	struct effort *effort = g_new0(struct effort, 1);

	effort->converge = converge;
	effort->read_only = read_only;
	converge_hash_zeros(hasher, effort->zero_hash);
	g_mutex_init(&effort->mutex);
	effort->written = g_array_new(FALSE, FALSE, sizeof(struct window));
	effort->crew = crew_new(converge_is_alone(converge) ? 0 : crew_threads(), &OPS, effort);
	return effort;
}

void effort_free(struct effort *effort)
{
	if (effort == NULL)
		return;
	crew_free(effort->crew);
	g_array_unref(effort->written);
	g_mutex_clear(&effort->mutex);
	g_free(effort);
}

gboolean effort_push(struct effort *effort, struct job *job, GError **error)
{
	return crew_push(effort->crew, job, error);
}

gboolean effort_drain(struct effort *effort, GError **error)
{
	struct window window;

	if (!crew_drain(effort->crew, error))
		return FALSE;
	while (written_take(effort, 0, &window)) {
		struct job *job = g_new0(struct job, 1);

		job->kind = JOB_READBACK;
		job->window = window;
		if (!effort_push(effort, job, error))
			return FALSE;
	}
	return crew_drain(effort->crew, error) && effort_step(effort, "read back", error);
}
