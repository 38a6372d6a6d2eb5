/* SPDX-License-Identifier: MIT */
#include "deltascan.h"

#include <string.h>

#include "bytes.h"

enum { BLOCK = DELTAINDEX_BLOCK_SIZE };

/* An open hash table of the base's blocks, at a load of at most one half. */
struct table {
	const struct deltascan_image *base;
	uint64_t *hashes; /* of each block */
	uint32_t *blocks; /* plus one; 0: free */
	uint64_t mask;
};

uint64_t deltascan_blocks(const struct deltascan_image *image)
{
	return (image->size_bytes + BLOCK - 1) / BLOCK;
}

const uint8_t *deltascan_block(const struct deltascan_image *image, uint64_t block,
			       uint8_t room[static DELTAINDEX_BLOCK_SIZE])
{
	const uint64_t offset = block * BLOCK;

	if (image->size_bytes - offset >= BLOCK)
		return image->bytes + offset;
	memset(room, 0, BLOCK);
	memcpy(room, image->bytes + offset, image->size_bytes - offset);
	return room;
}

/* Any mixing would do: what is equal is compared before it is believed. */
static uint64_t block_hash(const uint8_t *bytes)
{
	uint64_t hash = 0;

	for (unsigned i = 0; i < BLOCK; i += 8) {
		uint64_t word;

		memcpy(&word, bytes + i, sizeof word);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15;
		hash ^= hash >> 29;
	}
	return hash;
}

static void table_insert(struct table *table, uint32_t block, uint64_t hash)
{
	uint64_t at = hash & table->mask;

	table->hashes[block] = hash;
	for (; table->blocks[at] != 0; at = (at + 1) & table->mask)
		if (table->hashes[table->blocks[at] - 1] == hash)
			return; /* an equal block is as good */
	table->blocks[at] = block + 1;
}

static void table_init(struct table *table, const struct deltascan_image *base)
{
	const uint64_t count = deltascan_blocks(base);
	uint8_t room[BLOCK];

	table->base = base;
	for (table->mask = 16; table->mask < 2 * count;)
		table->mask *= 2;
	table->blocks = g_new0(uint32_t, table->mask);
	table->mask--;
	table->hashes = g_new0(uint64_t, count + 1);
	for (uint64_t block = 0; block < count; block++)
		table_insert(table, (uint32_t)block,
			     block_hash(deltascan_block(base, block, room)));
}

static gboolean is_same(const struct table *table, uint64_t block, uint64_t hash,
			const uint8_t *bytes)
{
	uint8_t room[BLOCK];

	return table->hashes[block] == hash &&
	       memcmp(deltascan_block(table->base, block, room), bytes, BLOCK) == 0;
}

/* Preferably the block `likely`, so that runs go on. */
static gboolean table_find(const struct table *table, const uint8_t *bytes, uint64_t likely,
			   uint32_t *ret_block)
{
	const uint64_t hash = block_hash(bytes);

	if (likely < deltascan_blocks(table->base) && is_same(table, likely, hash, bytes)) {
		*ret_block = (uint32_t)likely;
		return TRUE;
	}
	for (uint64_t at = hash & table->mask; table->blocks[at] != 0; at = (at + 1) & table->mask)
		if (is_same(table, table->blocks[at] - 1, hash, bytes)) {
			*ret_block = table->blocks[at] - 1;
			return TRUE;
		}
	return FALSE;
}

static void run_add(GArray *runs, enum deltaindex_kind kind, uint32_t count, uint32_t from)
{
	struct deltaindex_run run = { 0, count, from, kind };

	if (runs->len > 0) {
		struct deltaindex_run *last = &g_array_index(runs, struct deltaindex_run,
							     runs->len - 1);

		run.first_block = last->first_block + last->block_count;
		if (last->kind == kind &&
		    (kind != DELTAINDEX_COPY || last->from + last->block_count == from)) {
			last->block_count += count;
			return;
		}
	}
	g_array_append_val(runs, run);
}

static void runs_find(const struct table *table, const struct deltascan_image *new_image,
		      GArray *runs)
{
	const uint64_t count = deltascan_blocks(new_image);
	int64_t shift = 0;
	uint8_t room[BLOCK];

	for (uint64_t block = 0; block < count; block++) {
		const uint8_t *bytes = deltascan_block(new_image, block, room);
		uint32_t from;

		if (bytes_are_zero(bytes, BLOCK)) {
			run_add(runs, DELTAINDEX_ZERO, 1, 0);
		} else if (table_find(table, bytes, (uint64_t)((int64_t)block + shift), &from)) {
			run_add(runs, DELTAINDEX_COPY, 1, from);
			shift = (int64_t)from - (int64_t)block;
		} else {
			run_add(runs, DELTAINDEX_MADE, 1, 0);
		}
	}
}

static gboolean is_made(const GArray *runs, guint i)
{
	return i < runs->len &&
	       g_array_index(runs, struct deltaindex_run, i).kind == DELTAINDEX_MADE;
}

void deltascan_runs(const struct deltascan_image *base, const struct deltascan_image *new_image,
		    unsigned short_blocks, GArray *ret_runs)
{
	g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(struct deltaindex_run));
	struct table table;

	table_init(&table, base);
	runs_find(&table, new_image, runs);
	for (guint i = 0; i < runs->len; i++) {
		const struct deltaindex_run *run = &g_array_index(runs, struct deltaindex_run, i);
		const gboolean is_short = run->kind == DELTAINDEX_COPY &&
					  run->block_count <= short_blocks && i > 0 &&
					  is_made(runs, i - 1) && is_made(runs, i + 1);

		run_add(ret_runs, is_short ? DELTAINDEX_MADE : run->kind, run->block_count,
			is_short ? 0 : run->from);
	}
	g_free(table.blocks);
	g_free(table.hashes);
}
