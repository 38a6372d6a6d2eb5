/* SPDX-License-Identifier: MIT */
#include "cuts.h"

#include <string.h>

enum { PENDING_MAX = 64, GRAINS = 64, TORN_ALL = 0 };

struct walk {
	const struct log *log;
	uint64_t *random;
	cut_func each;
	gpointer user_data;
	struct medium durable;
	const struct op *pending[PENDING_MAX]; /* in their order */
	unsigned count;
	const struct belief *belief;
	unsigned long cuts;
};

/* One write that is only partly there: of its grains, counted through, from `from` to before `to`;
 * or the other way round. */
struct tear {
	unsigned index; /* in walk->pending; >= walk->count: none is torn */
	unsigned from;
	unsigned to;
	bool inverted;
};

uint64_t random_next(uint64_t *random)
{
	uint64_t z = *random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* The bits from..to-1 of the block that begins with grain `base`. */
static uint64_t tear_mask(const struct tear *tear, unsigned base)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < GRAINS; i++)
		if (base + i >= tear->from && base + i < tear->to)
			mask |= (uint64_t)1 << i;
	return tear->inverted ? ~mask : mask;
}

static void op_land(const struct walk *walk, const struct op *op, const struct tear *tear,
		    struct medium *medium)
{
	for (unsigned i = 0; i < op->piece_count; i++) {
		const struct piece *piece = &g_array_index(walk->log->pieces, struct piece,
							   op->first_piece + i);
		const uint64_t mask = tear != NULL ? piece->mask & tear_mask(tear, i * GRAINS)
						   : piece->mask;

		medium->ids[piece->block] = medium_mix(medium->ids[piece->block], piece->id, mask);
	}
}

static void cut(struct walk *walk, uint64_t subset, const struct tear *tear)
{
	struct medium medium = walk->durable;

	for (unsigned i = 0; i < walk->count; i++)
		if ((subset >> i & 1) != 0)
			op_land(walk, walk->pending[i],
				tear != NULL && tear->index == i ? tear : NULL, &medium);
	walk->cuts++;
	walk->each(&medium, walk->belief, walk->user_data);
}

static uint64_t all_of(unsigned count)
{
	return count >= 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1;
}

/* Subsets of the pending writes, all with the bits of `with`. */
static void subsets(struct walk *walk, uint64_t with, unsigned all_up_to, const struct tear *tear)
{
	const uint64_t all = all_of(walk->count);

	if (walk->count <= all_up_to) {
		for (uint64_t subset = 0; subset <= all; subset++)
			if ((subset & with) == with)
				cut(walk, subset, tear);
		return;
	}
	cut(walk, with, tear);
	cut(walk, all, tear);
	for (unsigned i = 0; i < walk->count; i++) {
		const uint64_t one = (uint64_t)1 << i;

		if ((with & one) != 0)
			continue;
		cut(walk, one | with, tear);
		cut(walk, all & ~one, tear);
	}
	for (unsigned i = 0; i < CUTS_RANDOM; i++)
		cut(walk, (random_next(walk->random) & all) | with, tear);
}

/* The pending write `index` is torn. A write of one block is torn at every grain and each sector
 * of it missing or alone; a longer one after every sector. */
static void tears(struct walk *walk, unsigned index, unsigned all_up_to)
{
	const struct op *op = walk->pending[index];
	const unsigned grains = op->piece_count * GRAINS;
	const bool is_fine = op->piece_count == 1;
	const unsigned step = is_fine ? 1 : MEDIUM_SECTOR_GRAINS;
	const uint64_t with = (uint64_t)1 << index;

	for (unsigned to = step; to < grains; to += step)
		subsets(walk, with, all_up_to, &(struct tear){ .index = index, .to = to });
	for (unsigned at = 0; is_fine && at < grains; at += MEDIUM_SECTOR_GRAINS) {
		struct tear tear = { .index = index, .from = at, .to = at + MEDIUM_SECTOR_GRAINS };

		subsets(walk, with, all_up_to, &tear);
		tear.inverted = true;
		subsets(walk, with, all_up_to, &tear);
	}
}

static void flush(struct walk *walk, enum part part)
{
	unsigned kept = 0;

	/* With all writes of the epoch waiting, each of them may be the torn one. */
	for (unsigned i = 0; i + 1 < walk->count; i++)
		tears(walk, i, TORN_ALL);
	for (unsigned i = 0; i < walk->count; i++) {
		if (walk->pending[i]->part == part)
			op_land(walk, walk->pending[i], NULL, &walk->durable);
		else
			walk->pending[kept++] = walk->pending[i];
	}
	walk->count = kept;
	subsets(walk, 0, CUTS_ALL, NULL);
}

static void op_walk(struct walk *walk, const struct op *op)
{
	switch (op->kind) {
	case OP_WRITE:
		g_assert(walk->count < PENDING_MAX);
		walk->pending[walk->count++] = op;
		tears(walk, walk->count - 1, CUTS_TORN_ALL);
		subsets(walk, (uint64_t)1 << (walk->count - 1), CUTS_ALL, NULL);
		break;
	case OP_FLUSH:
		flush(walk, op->part);
		break;
	case OP_NOTE:
		walk->belief = &g_array_index(walk->log->notes, struct belief, op->note);
		subsets(walk, 0, CUTS_ALL, NULL);
		break;
	}
}

unsigned long cuts_walk(const struct log *log, uint64_t *random, cut_func each, gpointer user_data)
{
	struct walk walk = {
		.log = log,
		.random = random,
		.each = each,
		.user_data = user_data,
		.durable = log->start,
		.belief = &g_array_index(log->notes, struct belief, 0),
	};

	subsets(&walk, 0, CUTS_ALL, NULL);
	for (guint i = 0; i < log->ops->len; i++)
		op_walk(&walk, &g_array_index(log->ops, struct op, i));
	return walk.cuts;
}
