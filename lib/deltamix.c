/* SPDX-License-Identifier: MIT */
/* Where a byte has a counterpart in the reference, first a flag is coded: is it the same? After a
 * long run of same ones, a flag for the next RUN bytes at once. Otherwise the difference to the
 * counterpart is coded, or the byte if it has none, as eight binary choices from the top.
 *
 * A choice has one context for each model: a number, made of what is known so far. Each context
 * has a chance, which learns from every choice made in it. The chances are mixed as logits, with
 * weights that learn too; the mix goes to a binary arithmetic coder. */
#include "deltamix.h"

#include <string.h>

#include "largemem.h"

enum {
	MODELS = 9, /* of a choice, at most */
	FLAG_MODELS = 6,
	FLAG_BITS = 16,
	RUN = 32, /* bytes that one flag may stand for */
	MATCH_BITS = 16,
	MATCH_BYTES = 5, /* must agree before a repetition is believed in */
	MATCH_COUNT_MAX = 31,
	LOGIT_ONE = 256,
	LOGIT_MAX = 12 * LOGIT_ONE - 1,
	CHANCE_STEPS = 4096, /* resolution of logits that come from chances */
	WEIGHT_BITS = 16,
	WEIGHT_ONE = 1 << WEIGHT_BITS,
	WEIGHT_MAX = 8 * WEIGHT_ONE,
	COUNT_MAX = 1000, /* chances learn faster than one in so many; of flags and bytes: */
	FLAG_COUNT_MAX = 400,
	BYTE_COUNT_MAX = 250,
	RECENT = 64, /* flags that are remembered */
};

/* How many chances a model of bytes has: those with few contexts need fewer. */
static const uint8_t TABLE_BITS[MODELS] = { 16, 18, 18, 19, 19, 19, 19, 18, 19 };

/* A chance of a 1 in the upper 22 bits, and how often it learned in the lower ten. It is kept with
 * its top bit flipped, so that fresh memory says one half: a small frame touches little of it. */
typedef uint32_t chance;
static const chance CHANCE_HALF = 1u << 31;
enum { CHANCE_COUNT_MASK = 1023 };

struct deltamix {
	struct frame_reference reference;
	uint8_t *raw;
	uint64_t raw_at;

	const uint8_t *packed; /* NULL: writing */
	size_t packed_size, packed_at;
	GByteArray *written;
	uint32_t low, high, code;
	uint64_t choices; /* so far */

	int16_t logit_of_chance[CHANCE_STEPS];
	uint16_t chance_of_logit[2 * (LOGIT_MAX + 1)];
	uint16_t rates[COUNT_MAX + 1];
	int32_t flag_weights[32][MODELS];
	int32_t run_weights[32][MODELS];
	int32_t byte_weights[2][256][MODELS];
	chance *flags[FLAG_MODELS];
	chance runs[32];
	chance *tables[MODELS];

	uint64_t same_count;            /* bytes since the last difference */
	uint64_t last_same_count;       /* the length of the run before that */
	uint64_t flag_history;          /* one bit for each byte: 1 differs */
	uint32_t difference_history;    /* the last four differences that are not 0 */
	uint8_t last_difference;        /* of the byte before; 0 if it is the same */
	uint8_t group[8], old_group[8]; /* differences that stand together, and those before */
	unsigned group_count;
	uint32_t *match_places;
	void *memory;      /* of all tables */
	uint64_t match_at; /* where a repetition goes on; 0: none */
	unsigned match_count;
};

static int32_t logit_clamp(int64_t logit)
{
	return (int32_t)CLAMP(logit, -LOGIT_MAX, LOGIT_MAX);
}

/* 65536 / (1 + e^-x), from the powers of e^(-1/256) in units of 2^-32. */
static void tables_fill(struct deltamix *mix)
{
	const uint64_t factor = 4278222805; /* e^(-1/256) * 2^32 */
	uint64_t power = (uint64_t)1 << 32;
	unsigned step = 0;

	for (int x = 0; x <= LOGIT_MAX; x++) {
		const uint64_t chance_of_one = ((uint64_t)1 << 48) / (((uint64_t)1 << 32) + power);

		mix->chance_of_logit[LOGIT_MAX + 1 + x] = (uint16_t)MIN(chance_of_one, 65535);
		mix->chance_of_logit[LOGIT_MAX + 1 - x] = (uint16_t)MAX(65536 - chance_of_one, 1);
		power = power * factor >> 32;
	}
	mix->chance_of_logit[0] = 1;
	/* The logit of a chance is the first one that gives it. */
	for (int x = -LOGIT_MAX; x <= LOGIT_MAX; x++)
		while (step < CHANCE_STEPS &&
		       mix->chance_of_logit[LOGIT_MAX + 1 + x] >= step * 16 + 8)
			mix->logit_of_chance[step++] = (int16_t)x;
	while (step < CHANCE_STEPS)
		mix->logit_of_chance[step++] = LOGIT_MAX;
}

/* How far a chance goes on its way to what happened, of 65536, after so many choices. */
static void rates_fill(struct deltamix *mix)
{
	for (uint32_t count = 0; count <= COUNT_MAX; count++)
		mix->rates[count] = (uint16_t)MIN((2u << 16) / (2 * count + 3), UINT16_MAX);
}

static void weights_fill(int32_t *weights, size_t count, int32_t weight)
{
	for (size_t i = 0; i < count; i++)
		weights[i] = weight;
}

/* All tables in one piece, which goes back to the system at once. */
static void tables_new(struct deltamix *mix)
{
	size_t size_bytes = sizeof(uint32_t) << MATCH_BITS;
	uint8_t *at;

	size_bytes += FLAG_MODELS * (sizeof(chance) << FLAG_BITS);
	for (unsigned i = 0; i < MODELS; i++)
		size_bytes += sizeof(chance) << TABLE_BITS[i];
	at = mix->memory = largemem_new(size_bytes);
	mix->match_places = (uint32_t *)(void *)at;
	at += sizeof(uint32_t) << MATCH_BITS;
	for (unsigned i = 0; i < FLAG_MODELS; i++, at += sizeof(chance) << FLAG_BITS)
		mix->flags[i] = (chance *)(void *)at;
	for (unsigned i = 0; i < MODELS; i++) {
		mix->tables[i] = (chance *)(void *)at;
		at += sizeof(chance) << TABLE_BITS[i];
	}
}

struct deltamix *deltamix_new(const struct frame_reference *reference, uint8_t *raw,
			      const uint8_t *packed, size_t packed_size)
{
	struct deltamix *mix = g_new0(struct deltamix, 1);

	mix->reference = *reference;
	mix->raw = raw;
	mix->packed = packed;
	mix->packed_size = packed_size;
	mix->written = g_byte_array_new();
	mix->high = UINT32_MAX;
	tables_fill(mix);
	rates_fill(mix);
	weights_fill(mix->flag_weights[0], 32 * MODELS, WEIGHT_ONE / 3);
	weights_fill(mix->run_weights[0], 32 * MODELS, WEIGHT_ONE);
	weights_fill(mix->byte_weights[0][0], 2 * 256 * MODELS, WEIGHT_ONE / 4);
	tables_new(mix);
	for (unsigned i = 0; packed != NULL && i < 4; i++)
		mix->code = mix->code << 8 |
			    (mix->packed_at < packed_size ? packed[mix->packed_at++] : 0);
	return mix;
}

void deltamix_free(struct deltamix *mix)
{
	if (mix == NULL)
		return;
	largemem_free(mix->memory);
	g_byte_array_unref(mix->written);
	g_free(mix);
}

/* One choice. The part of the interval that stands for 1 is as large as its chance, of 65536. */
static unsigned choice_code(struct deltamix *mix, unsigned bit, uint32_t chance_of_one)
{
	const uint32_t range = mix->high - mix->low;
	const uint32_t middle = mix->low + (uint32_t)((uint64_t)range * chance_of_one >> 16);

	mix->choices++;
	if (mix->packed != NULL)
		bit = mix->code <= middle;
	if (bit != 0)
		mix->high = middle;
	else
		mix->low = middle + 1;
	while ((mix->low ^ mix->high) >> 24 == 0) {
		const uint8_t byte = (uint8_t)(mix->high >> 24);

		if (mix->packed == NULL)
			g_byte_array_append(mix->written, &byte, 1);
		else
			mix->code = mix->code << 8 | (mix->packed_at < mix->packed_size
							      ? mix->packed[mix->packed_at++]
							      : 0);
		mix->low <<= 8;
		mix->high = mix->high << 8 | 255;
	}
	return bit;
}

static inline void chance_learn(const struct deltamix *mix, chance *learner, unsigned bit,
				uint32_t count_max)
{
	const int32_t goal = bit != 0 ? (1 << 22) - 1 : 0;
	const uint32_t value = *learner ^ CHANCE_HALF;
	const uint32_t count = value & CHANCE_COUNT_MASK;
	const int32_t now = (int32_t)(value >> 10);
	const int32_t step = (int32_t)(((int64_t)(goal - now) * mix->rates[count] + (1 << 15)) >>
				       16);

	*learner = ((uint32_t)(now + step) << 10 | (count + (count < count_max))) ^ CHANCE_HALF;
}

/* Codes a choice with its models' chances, and lets all learn from it. This is the inner loop; it
 * is made anew for each number of models. */
static inline unsigned mix_code(struct deltamix *mix, unsigned bit, int32_t *weights,
				chance *const *chances, const unsigned count)
{
	const uint32_t count_max = count == 1             ? COUNT_MAX
				   : count == FLAG_MODELS ? FLAG_COUNT_MAX
							  : BYTE_COUNT_MAX;
	int32_t logits[MODELS];
	int64_t sum = 0;
	int32_t miss;
	uint32_t chance_of_one;

	for (unsigned i = 0; i < count; i++) {
		logits[i] = mix->logit_of_chance[(*chances[i] ^ CHANCE_HALF) >> 20];
		sum += (int64_t)weights[i] * logits[i];
	}
	chance_of_one = mix->chance_of_logit[LOGIT_MAX + 1 + logit_clamp(sum >> WEIGHT_BITS)];
	bit = choice_code(mix, bit, chance_of_one);
	miss = (int32_t)(bit << 16) - (int32_t)chance_of_one;
	for (unsigned i = 0; i < count; i++) {
		const int32_t weight = weights[i] + ((logits[i] * miss + (1 << 16)) >> 17);

		weights[i] = CLAMP(weight, -WEIGHT_MAX, WEIGHT_MAX);
		chance_learn(mix, chances[i], bit, count_max);
	}
	return bit;
}

static uint32_t hash_of(uint32_t seed, uint32_t a, uint32_t b)
{
	uint32_t hash = seed * 0x9e3779b1 + a * 0x85ebca6b + b * 0xc2b2ae35;

	hash ^= hash >> 15;
	hash *= 0x2c1b3c6d;
	return hash ^ hash >> 13;
}

/* A byte of the reference, counted from the counterpart; 0 where there is none. */
static uint32_t near(const struct deltamix *mix, uint64_t reference_at, int64_t far)
{
	const uint64_t at = reference_at + (uint64_t)far;

	return at < mix->reference.size_bytes ? mix->reference.bytes[at] : 0;
}

static uint32_t before(const struct deltamix *mix, uint64_t far)
{
	return mix->raw_at >= far ? mix->raw[mix->raw_at - far] : 0;
}

/* How many bits a number has. */
static unsigned magnitude(uint64_t number)
{
	unsigned bits = 0;

	for (; number > 0; number >>= 1)
		bits++;
	return bits;
}

static void byte_remember(struct deltamix *mix, uint8_t difference)
{
	mix->flag_history = mix->flag_history << 1 | (difference != 0);
	mix->last_difference = difference;
	if (difference == 0) {
		mix->same_count++;
		if (mix->same_count == 4 && mix->group_count > 0) {
			memcpy(mix->old_group, mix->group, sizeof mix->group);
			memset(mix->group, 0, sizeof mix->group);
			mix->group_count = 0;
		}
		return;
	}
	mix->last_same_count = mix->same_count;
	mix->same_count = 0;
	mix->difference_history = mix->difference_history << 8 | difference;
	mix->group[mix->group_count % 8] = difference;
	mix->group_count++;
}

/* Bits of the flag history at likely sizes of records. */
static uint32_t stride_flags(uint64_t history)
{
	static const uint8_t STRIDES[] = { 4, 8, 12, 16, 20, 24, 32, 40, 48, 64 };
	uint32_t flags = 0;

	for (unsigned i = 0; i < sizeof STRIDES; i++)
		flags = flags << 1 | (uint32_t)(history >> (STRIDES[i] - 1) & 1);
	return flags;
}

static unsigned flag_code(struct deltamix *mix, unsigned bit, uint64_t at)
{
	const uint32_t contexts[FLAG_MODELS] = {
		(uint32_t)MIN(mix->same_count, 255) << 8 | (uint32_t)MIN(mix->last_same_count, 255),
		(uint32_t)(mix->flag_history & 0xffff),
		hash_of(1, near(mix, at, 0) | near(mix, at, -1) << 8,
			(uint32_t)(mix->flag_history & 7)),
		hash_of(2, near(mix, at, -1) | near(mix, at, -2) << 8 | near(mix, at, -3) << 16,
			magnitude(mix->same_count)),
		stride_flags(mix->flag_history) | (mix->same_count < 4 ? 1u : 0u) << 10,
		hash_of(3,
			near(mix, at, 0) | near(mix, at, 1) << 8 | near(mix, at, 2) << 16 |
				near(mix, at, 3) << 24,
			mix->last_difference),
	};
	chance *chances[FLAG_MODELS];

	for (unsigned i = 0; i < FLAG_MODELS; i++)
		chances[i] = &mix->flags[i][contexts[i] & ((1 << FLAG_BITS) - 1)];
	return mix_code(mix, bit, mix->flag_weights[MIN(magnitude(mix->same_count), 31)], chances,
			FLAG_MODELS);
}

/* Eight choices, from the top bit on: fifteen chances for each half of the byte and context. */
static uint8_t byte_code(struct deltamix *mix, uint8_t byte, const uint32_t contexts[MODELS],
			 unsigned kind)
{
	chance *chances[MODELS];
	unsigned node = 1;

	for (unsigned i = 0; i < 8; i++) {
		for (unsigned j = 0; j < MODELS; j++)
			chances[j] = &mix->tables[j][hash_of(j, contexts[j], node) >>
						     (32 - TABLE_BITS[j])];
		node = node << 1 | mix_code(mix, byte >> (7 - i) & 1, mix->byte_weights[kind][node],
					    chances, MODELS);
	}
	return (uint8_t)node;
}

static uint8_t difference_code(struct deltamix *mix, uint8_t difference, uint64_t at)
{
	const uint32_t is_next = mix->last_difference != 0;
	const uint32_t old = near(mix, at, 0) | near(mix, at, 1) << 8 | near(mix, at, 2) << 16 |
			     near(mix, at, 3) << 24;
	const uint32_t behind = near(mix, at, -1) | near(mix, at, -2) << 8 |
				near(mix, at, -3) << 16;
	const uint32_t contexts[MODELS] = {
		is_next,
		near(mix, at, 0) << 8 | mix->group_count % 8,
		(mix->difference_history & 0xff) | is_next << 8,
		(mix->difference_history & 0xffff) | is_next << 16,
		(mix->difference_history & 0xffffff) << 1 | is_next,
		hash_of(11, old, mix->last_difference),
		hash_of(12, behind, near(mix, at, 0) | (uint32_t)mix->last_difference << 8),
		mix->old_group[mix->group_count % 8] | (mix->group_count % 8) << 8 |
			(uint32_t)mix->last_difference << 16,
		hash_of(13, before(mix, 1) | before(mix, 2) << 8, near(mix, at, 0)),
	};

	return byte_code(mix, difference, contexts, 0);
}

/* Follows a repetition, or looks for one. */
static void match_update(struct deltamix *mix)
{
	uint32_t recent = 0, *place;

	if (mix->match_at > 0 && mix->raw[mix->match_at] == mix->raw[mix->raw_at - 1]) {
		mix->match_at++;
		mix->match_count = MIN(mix->match_count + 1, MATCH_COUNT_MAX);
	} else {
		mix->match_at = 0;
		mix->match_count = 0;
	}
	if (mix->raw_at < MATCH_BYTES)
		return;
	for (unsigned i = 1; i <= MATCH_BYTES; i++)
		recent = hash_of(recent, before(mix, i), i);
	place = &mix->match_places[recent >> (32 - MATCH_BITS)];
	if (mix->match_at == 0)
		mix->match_at = *place;
	*place = (uint32_t)mix->raw_at;
}

static uint8_t extra_code(struct deltamix *mix, uint8_t byte)
{
	const uint32_t last4 = before(mix, 1) | before(mix, 2) << 8 | before(mix, 3) << 16 |
			       before(mix, 4) << 24;
	const uint32_t expected = mix->match_at > 0
					  ? mix->raw[mix->match_at] | (mix->match_count + 1) << 8
					  : 0;
	const uint32_t contexts[MODELS] = {
		21u << 24,
		22u << 24 | (last4 & 0xff),
		23u << 24 | (last4 & 0xffff),
		hash_of(24, last4 & 0xffffff, 0),
		hash_of(25, last4, 0),
		hash_of(26, last4, before(mix, 5) | before(mix, 6) << 8),
		hash_of(27, last4 & 0xffff0000, before(mix, 5)),
		28u << 24 | expected,
		hash_of(29, before(mix, 8) | before(mix, 4) << 8, before(mix, 16)),
	};

	return byte_code(mix, byte, contexts, 1);
}

/* Whether the next RUN bytes are the same, as one choice. */
static gboolean run_code(struct deltamix *mix, uint64_t at)
{
	const gboolean is_run = mix->packed == NULL &&
				memcmp(mix->raw + mix->raw_at, mix->reference.bytes + at, RUN) == 0;
	const unsigned set = magnitude(mix->same_count / RUN);
	chance *const chances = &mix->runs[MIN(set, 31)];

	if (mix_code(mix, is_run ? 1 : 0, mix->run_weights[MIN(set, 31)], &chances, 1) == 0)
		return FALSE;
	if (mix->packed != NULL)
		memcpy(mix->raw + mix->raw_at, mix->reference.bytes + at, RUN);
	mix->raw_at += RUN;
	mix->same_count += RUN;
	mix->flag_history = 0;
	return TRUE;
}

static void like_code(struct deltamix *mix, uint64_t at)
{
	const uint8_t old = mix->reference.bytes[at];
	uint8_t difference = (uint8_t)(mix->packed == NULL ? mix->raw[mix->raw_at] - old : 0);

	if (flag_code(mix, difference != 0, at) != 0)
		difference = difference_code(mix, difference, at);
	if (mix->packed != NULL)
		mix->raw[mix->raw_at] = (uint8_t)(old + difference);
	byte_remember(mix, difference);
	mix->raw_at++;
}

void deltamix_add(struct deltamix *mix, uint64_t reference_at, uint64_t size_bytes)
{
	const uint64_t end = reference_at + size_bytes;

	while (reference_at < end) {
		uint64_t count = 1;

		if (mix->same_count >= RUN && end - reference_at >= RUN) {
			if (run_code(mix, reference_at)) {
				reference_at += RUN;
				continue;
			}
			count = RUN; /* one of these differs */
		}
		for (; count > 0; count--)
			like_code(mix, reference_at++);
	}
}

void deltamix_extra(struct deltamix *mix, uint64_t size_bytes)
{
	mix->match_at = 0;
	for (uint64_t i = 0; i < size_bytes; i++) {
		const uint8_t byte = mix->packed == NULL ? mix->raw[mix->raw_at] : 0;

		mix->raw[mix->raw_at] = extra_code(mix, byte);
		mix->raw_at++;
		match_update(mix);
	}
}

GByteArray *deltamix_finish(struct deltamix *mix)
{
	const uint8_t end[] = { (uint8_t)(mix->high >> 24), (uint8_t)(mix->high >> 16),
				(uint8_t)(mix->high >> 8), (uint8_t)mix->high };

	g_byte_array_append(mix->written, end, sizeof end);
	return g_byte_array_ref(mix->written);
}

uint64_t deltamix_choices(const struct deltamix *mix)
{
	return mix->choices;
}
