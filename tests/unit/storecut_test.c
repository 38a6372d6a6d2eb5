/* SPDX-License-Identifier: MIT */
#include "storecut.h"

#include <string.h>

#include "bytes.h"
#include "store.h"
#include "storechoice.h"
#include "storeindex.h"
#include "tap.h"

enum { BLOCKS = 20000, PIECES_MAX = BLOCKS };

/* The hash that block number `content` would have: a generator with its own seed for each. */
static void hash_make(uint64_t content, uint8_t *ret_hash)
{
	uint64_t state = content * UINT64_C(0x9e3779b97f4a7c15) + 1;

	for (unsigned i = 0; i < STORECUT_HASH_SIZE; i += 8) {
		state ^= state >> 31;
		state *= UINT64_C(0xd6e8feb86659fd93);
		state ^= state >> 29;
		bytes_store_u64(ret_hash + i, state);
	}
}

struct run {
	uint64_t first; /* content of its first block */
	uint32_t count;
};

/* Cuts the blocks of `contents`; returns how many pieces there are. */
static unsigned cut(const struct storecut_rule *rule, const uint64_t *contents, unsigned count,
		    struct run *ret_runs)
{
	unsigned pieces = 0;
	uint32_t open = 0;

	for (unsigned i = 0; i < count; i++) {
		uint8_t hash[STORECUT_HASH_SIZE];

		hash_make(contents[i], hash);
		if (open++ == 0)
			ret_runs[pieces].first = contents[i];
		ret_runs[pieces].count = open;
		if (storecut_ends(rule, open, hash)) {
			open = 0;
			pieces++;
		}
	}
	return pieces + (open > 0);
}

static uint64_t contents[2 * BLOCKS];
static struct run before[PIECES_MAX], after[PIECES_MAX];

static void test_bounds(void)
{
	const struct storecut_rule *const rules[] = { &STORECUT_DATA, &STORECUT_LEAVES };

	for (unsigned k = 0; k < 2; k++) {
		unsigned pieces, sum = 0;

		for (unsigned i = 0; i < BLOCKS; i++)
			contents[i] = i;
		pieces = cut(rules[k], contents, BLOCKS, before);
		for (unsigned i = 0; i < pieces; i++) {
			expect(before[i].count <= rules[k]->most);
			expect(i + 1 == pieces || before[i].count >= rules[k]->least);
			sum += before[i].count;
		}
		expect(sum == BLOCKS);
		printf("# rule %u: %u blocks to a piece\n", k, BLOCKS / pieces);
		expect(BLOCKS / pieces > rules[k]->least && BLOCKS / pieces < rules[k]->most);
	}
}

/* All blocks alike, and none that ends a piece: every piece is as long as one may be. */
static void test_endless(void)
{
	uint8_t hash[STORECUT_HASH_SIZE];

	memset(hash, 0xff, sizeof hash);
	for (uint32_t count = 1; count <= STORECUT_DATA_MOST; count++)
		expect(storecut_ends(&STORECUT_DATA, count, hash) == (count == STORECUT_DATA_MOST));
	memset(hash, 0, sizeof hash);
	for (uint32_t count = 1; count <= STORECUT_DATA_MOST; count++)
		expect(storecut_ends(&STORECUT_DATA, count, hash) == (count >= 8));
}

/* Blocks put in at the begin: soon after them the cuts are the same again. */
static void test_shifted(void)
{
	unsigned first, second, same = 0;

	for (unsigned i = 0; i < BLOCKS; i++)
		contents[i] = i;
	first = cut(&STORECUT_DATA, contents, BLOCKS, before);
	for (unsigned i = 0; i < BLOCKS; i++)
		contents[i] = i < 3 ? BLOCKS + i : i - 3;
	second = cut(&STORECUT_DATA, contents, BLOCKS, after);
	for (unsigned i = 0; i < second; i++)
		for (unsigned k = 0; k < first; k++)
			same += before[k].first == after[i].first &&
				before[k].count == after[i].count;
	printf("# %u of %u pieces are the same behind 3 blocks more\n", same, second);
	expect(same + 8 > second);
}

/* What goes: against the words of the header, over all small histories. */
static void test_choice(void)
{
	for (unsigned slots = 0; slots < 16; slots++)
		for (unsigned history = 0; history < 5; history++)
			for (unsigned large = 0; large < 2; large++) {
				const struct storechoice_limits limits = { history, 1000 };
				struct storechoice_entry entries[4];
				unsigned past = 0;
				int choice, wanted = STORECHOICE_NONE;

				for (unsigned i = 0; i < 4; i++) {
					entries[i].time_s = (i + 2) % 4; /* the oldest is 2 */
					entries[i].in_slot = (slots >> i & 1) != 0;
					past += !entries[i].in_slot;
				}
				choice = storechoice_next(entries, 4, large ? 1001 : 1000, &limits);
				for (unsigned i = 4; i-- > 0;) { /* youngest first */
					const int at = (int)((i + 2) % 4);
					const bool goes = entries[at].in_slot
								  ? large && past == 0
								  : large || past > history;

					wanted = goes ? at : wanted;
				}
				expect(choice == wanted);
			}
}

static void test_choice_none(void)
{
	const struct storechoice_limits limits = { 0, 0 };
	const struct storechoice_entry entry = { 5, true };

	expect(storechoice_next(NULL, 0, 1 << 20, &limits) == STORECHOICE_NONE);
	expect(storechoice_next(&entry, 1, UINT64_MAX, &limits) == STORECHOICE_NONE);
}

static struct storeindex *index_make(void)
{
	struct storeindex *index = storeindex_new();

	for (unsigned i = 0; i < STOREINDEX_PAYLOADS; i++) {
		struct storeindex_piece piece = { 0, 100, { 1 } };

		index->payloads[i].data_blocks = 150;
		memcpy(index->payloads[i].name, i == 0 ? "uki" : "root", i == 0 ? 3 : 4);
		g_array_append_val(index->payloads[i].leaves, piece);
		piece.first = 100;
		piece.count = 50;
		g_array_append_val(index->payloads[i].leaves, piece);
		piece.first = 20;
		piece.object[31] = 7;
		g_array_append_val(index->payloads[i].data, piece);
		piece.first = 120;
		piece.count = 30;
		g_array_append_val(index->payloads[i].data, piece);
	}
	return index;
}

static gboolean is_good(const struct storeindex *index)
{
	g_autoptr(GBytes) bytes = storeindex_encode(index);
	g_autoptr(Storeindex) again = storeindex_decode(g_bytes_get_data(bytes, NULL),
							g_bytes_get_size(bytes), NULL);
	g_autoptr(GBytes) same = again != NULL ? storeindex_encode(again) : NULL;

	return same != NULL && g_bytes_equal(bytes, same);
}

static struct storeindex_piece *piece_of(const GArray *pieces, guint at)
{
	return &g_array_index(pieces, struct storeindex_piece, at);
}

static void test_index(void)
{
	g_autoptr(Storeindex) index = index_make();
	GArray *data = index->payloads[1].data;
	GArray *leaves = index->payloads[1].leaves;

	expect(is_good(index));
	expect(storeindex_find(data, 19) == NULL);
	expect(storeindex_find(data, 20) == piece_of(data, 0));
	expect(storeindex_find(data, 119) == piece_of(data, 0));
	expect(storeindex_find(data, UINT64_MAX) == piece_of(data, 1));
	piece_of(data, 1)->count = 31; /* behind the image */
	expect(!is_good(index));
	piece_of(data, 1)->count = 0;
	expect(!is_good(index));
	piece_of(data, 1)->count = STORECUT_DATA_MOST + 1;
	expect(!is_good(index));
	piece_of(data, 1)->count = 30;
	piece_of(data, 1)->first = 69; /* over the first piece */
	expect(!is_good(index));
	piece_of(data, 1)->first = UINT64_MAX;
	expect(!is_good(index));
	piece_of(data, 1)->first = 120;
	expect(is_good(index));
	piece_of(leaves, 1)->first = 101; /* a gap */
	piece_of(leaves, 1)->count = 49;
	expect(!is_good(index));
	piece_of(leaves, 1)->first = 100; /* too few */
	expect(!is_good(index));
	piece_of(leaves, 1)->count = 50;
	index->payloads[1].data_blocks = 0;
	expect(!is_good(index));
}

/* Every flipped bit and every cut is noticed. */
static void test_index_damaged(void)
{
	g_autoptr(Storeindex) index = index_make();
	g_autoptr(GBytes) good = storeindex_encode(index);
	gsize size_bytes;
	const uint8_t *from = g_bytes_get_data(good, &size_bytes);
	g_autofree uint8_t *bytes = g_memdup2(from, size_bytes);

	for (gsize bit = 0; bit < size_bytes * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		expect(storeindex_decode(bytes, size_bytes, NULL) == NULL);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (gsize size = 0; size < size_bytes; size++) {
		g_autofree uint8_t *cut_bytes = g_memdup2(bytes, size);

		expect(storeindex_decode(cut_bytes, size, NULL) == NULL);
	}
}

static void test_names(void)
{
	static const char *const VERSIONS[] = { "1", "2.0~rc1+git^5", "a_b-c.D", "0_7e", "tmp.x1" };

	for (size_t i = 0; i < G_N_ELEMENTS(VERSIONS); i++) {
		g_autofree char *name = store_name(VERSIONS[i]);
		g_autofree char *version = store_version(name);

		expect(g_strcmp0(version, VERSIONS[i]) == 0);
		expect(strpbrk(name, "~^+/") == NULL && !g_str_has_prefix(name, "tmp."));
	}
	expect(store_version("1_") == NULL && store_version("a/b") == NULL);
	expect(store_version("_2F") == NULL && store_version("") == NULL);
}

static const struct tap_case CASES[] = {
	{ "pieces keep their bounds", test_bounds },
	{ "hashes that never or always end a piece", test_endless },
	{ "cuts are the same behind what was put in", test_shifted },
	{ "names of entries", test_names },
	{ "which release goes", test_choice },
	{ "no release, no limits", test_choice_none },
	{ "an index, and what it may not say", test_index },
	{ "a damaged index is noticed", test_index_damaged },
};
TAP_MAIN(CASES)
