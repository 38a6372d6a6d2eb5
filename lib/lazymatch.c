/* SPDX-License-Identifier: MIT */
#include "lazymatch.h"

#include <string.h>

#include "bytes.h"

enum {
	LEVELS = 9,
	FAMILIES = LAZYMATCH_PROFILE_COUNT / LEVELS,
	WINDOW = 32768,
	BUFFER = 2 * WINDOW, /* an encoder's buffer: it slides by one window at a time */
	LOOKAHEAD_MIN = DEFLATE_LENGTH_MAX + DEFLATE_LENGTH_MIN + 1,
	DISTANCE_MAX = WINDOW - LOOKAHEAD_MIN,
	SLIDE_AT = BUFFER - LOOKAHEAD_MIN,
	SHORT_DISTANCE_MAX = 4096, /* a match of three bytes from further away does not pay */
	LENGTH_NONE = DEFLATE_LENGTH_MIN - 1,
	HASH_BITS_MAX = 16,
	WORK_PER_BYTE = 256, /* more than any content that was met needs */
	WORK_LEAST = 1 << 20,
};

struct match {
	unsigned length; /* LENGTH_NONE: there is no match */
	unsigned distance;
};

struct lazymatch {
	struct lazymatch_profile profile;
	const uint8_t *raw;
	size_t raw_size;
	size_t position;
	size_t learned; /* places before this one are in the chains, or never will be */
	size_t window;  /* where the encoder's buffer starts */
	size_t filled;  /* where it ends */
	gboolean is_ended;
	gboolean is_here_known;
	gboolean is_next_known;
	struct match here; /* at the position */
	struct match next; /* one byte later */
	uint64_t work_left;
	uint32_t heads[1 << HASH_BITS_MAX]; /* the latest place of each hash; 0: none */
	uint16_t steps[WINDOW]; /* back to the place before, of the same hash; 0: none in reach */
};

struct lazymatch_profile lazymatch_profile(unsigned index)
{
	/* good, lazy, nice, chain: RFC 1951 names them; the values are the encoders' own. */
	static const uint16_t LEVEL[LEVELS][4] = {
		{ 4, 4, 8, 4 },      { 4, 5, 16, 8 },        { 4, 6, 32, 32 },
		{ 4, 4, 16, 16 },    { 8, 16, 32, 32 },      { 8, 16, 128, 128 },
		{ 8, 32, 128, 256 }, { 32, 128, 258, 1024 }, { 32, 258, 258, 4096 },
	};
	static const struct {
		unsigned hash_bits;
		unsigned tokens_max;
	} FAMILY[FAMILIES] = { { 15, 32767 }, { 15, 16383 }, { 16, 32767 } };
	const unsigned level = index % LEVELS;
	const unsigned family = index / LEVELS;

	return (struct lazymatch_profile){
		.good_length = LEVEL[level][0],
		.lazy_length = LEVEL[level][1],
		.nice_length = LEVEL[level][2],
		.chain_max = LEVEL[level][3],
		.is_lazy = level >= 3,
		.is_gzip = family == 0,
		.may_cut = family == 0 && level >= 2,
		.hash_bits = FAMILY[family].hash_bits,
		.tokens_max = FAMILY[family].tokens_max,
		.xfl = level == 8   ? 2
		       : level == 0 ? 4
				    : 0,
	};
}

struct lazymatch *lazymatch_new(const struct lazymatch_profile *profile, const uint8_t *raw,
				size_t raw_size)
{
	return lazymatch_renew(NULL, profile, raw, raw_size);
}

/* Steps need no clearing: those of a place are set before it is in a chain. */
struct lazymatch *lazymatch_renew(struct lazymatch *model, const struct lazymatch_profile *profile,
				  const uint8_t *raw, size_t raw_size)
{
	if (model == NULL)
		model = g_new0(struct lazymatch, 1);
	else
		memset(model, 0,
		       offsetof(struct lazymatch, heads) +
			       (sizeof model->heads[0] << profile->hash_bits));
	model->profile = *profile;
	model->raw = raw;
	model->raw_size = raw_size;
	model->filled = MIN(raw_size, BUFFER);
	model->work_left = WORK_LEAST + (uint64_t)raw_size * WORK_PER_BYTE;
	return model;
}

struct lazymatch *lazymatch_copy(const struct lazymatch *model)
{
	struct lazymatch *copy = g_new(struct lazymatch, 1);

	*copy = *model;
	return copy;
}

void lazymatch_free(struct lazymatch *model)
{
	g_free(model);
}

size_t lazymatch_position(const struct lazymatch *model)
{
	return model->position;
}

size_t lazymatch_window(const struct lazymatch *model)
{
	return model->window;
}

/* The encoder's buffer at a place up to a few hundred bytes behind the content's end: two zeros,
 * then what the buffer held before it slid. */
static uint8_t buffer_byte(const struct lazymatch *model, size_t at)
{
	if (at < model->raw_size)
		return model->raw[at];
	if (at < model->raw_size + 2 || model->window == 0 || at - model->window < WINDOW)
		return 0;
	return model->raw[at - WINDOW];
}

static void buffer_fill(struct lazymatch *model, size_t at)
{
	while (at + LOOKAHEAD_MIN > model->filled && !model->is_ended) {
		size_t filled;

		if (at - model->window >= SLIDE_AT)
			model->window += WINDOW;
		filled = MIN(model->raw_size, model->window + BUFFER);
		model->is_ended = filled == model->filled;
		model->filled = filled;
	}
}

static void place_learn(struct lazymatch *model, size_t at)
{
	const unsigned shift = (model->profile.hash_bits + 2) / 3;
	const uint32_t mask = (1u << model->profile.hash_bits) - 1;
	const gboolean is_inside = at + DEFLATE_LENGTH_MIN <= model->raw_size;
	uint32_t hash = 0;
	size_t before;

	model->steps[at % WINDOW] = 0;
	if (!is_inside && !model->profile.is_gzip)
		return;
	for (unsigned i = 0; i < DEFLATE_LENGTH_MIN; i++)
		hash = hash << shift ^
		       (is_inside ? model->raw[at + i] : buffer_byte(model, at + i));
	hash &= mask;
	before = model->heads[hash];
	if (before > 0 && at - before <= DISTANCE_MAX)
		model->steps[at % WINDOW] = (uint16_t)(at - before);
	model->heads[hash] = (uint32_t)at;
}

static void places_learn(struct lazymatch *model, size_t last)
{
	while (model->learned <= last)
		place_learn(model, model->learned++);
}

static unsigned bytes_in_common(const uint8_t *a, const uint8_t *b)
{
	for (unsigned i = 0; i + 8 <= DEFLATE_LENGTH_MAX; i += 8) {
		const uint64_t differ = bytes_load_u64(a + i) ^ bytes_load_u64(b + i);

		if (differ != 0)
			return i + (unsigned)__builtin_ctzll(differ) / 8;
	}
	for (unsigned i = DEFLATE_LENGTH_MAX & ~7u; i < DEFLATE_LENGTH_MAX; i++)
		if (a[i] != b[i])
			return i;
	return DEFLATE_LENGTH_MAX;
}

/* How far two places match near the content's end, where the encoder looks at more than that. */
static unsigned end_measure(const struct lazymatch *model, size_t at, size_t earlier)
{
	const size_t length_max = model->profile.is_gzip
					  ? DEFLATE_LENGTH_MAX
					  : MIN(model->raw_size - at, DEFLATE_LENGTH_MAX);
	unsigned length = 0;

	while (length < length_max &&
	       buffer_byte(model, earlier + length) == buffer_byte(model, at + length))
		length++;
	return length;
}

/* The chain of earlier places of one hash, nearest first. */
struct chain {
	size_t at;
	size_t limit; /* places up to this one are out of reach */
	size_t nice;  /* length of a match that ends the search */
	unsigned left;
	unsigned least;
	uint64_t work; /* done */
};

/* Takes a match of the place if it is longer than what there is; TRUE: no other is looked for. */
static gboolean match_take(struct chain *chain, size_t earlier, unsigned length, struct match *best)
{
	chain->work += length / 16u;
	if (length <= chain->least)
		return FALSE;
	*best = (struct match){ length, (unsigned)(chain->at - earlier) };
	chain->least = length;
	return length >= chain->nice;
}

static uint16_t two_bytes(const uint8_t *bytes)
{
	uint16_t two;

	memcpy(&two, bytes, sizeof two); /* only compared with others: their order is the same */
	return two;
}

/* This takes a quarter of the time of a whole delta, so nothing is looked at but what decides: most
 * places differ where the best match so far ends. */
static struct match chain_walk_inside(const struct lazymatch *model, struct chain *chain)
{
	const uint8_t *here = model->raw + chain->at;
	const uint8_t *there;
	struct match best = { LENGTH_NONE, 0 };
	size_t earlier = chain->at;
	uint16_t wanted = two_bytes(here + chain->least - 1);
	unsigned step = model->steps[earlier % WINDOW];

	do {
		earlier -= step;
		there = model->raw + earlier;
		step = model->steps[earlier % WINDOW];
		if (two_bytes(there + chain->least - 1) == wanted) {
			if (match_take(chain, earlier, bytes_in_common(there, here), &best))
				break;
			wanted = two_bytes(here + chain->least - 1);
		}
		chain->work++;
	} while (step != 0 && earlier > chain->limit + step && --chain->left > 0);
	return best;
}

static struct match chain_walk_end(const struct lazymatch *model, struct chain *chain)
{
	struct match best = { LENGTH_NONE, 0 };
	size_t earlier = chain->at;
	unsigned step = model->steps[earlier % WINDOW];

	do {
		earlier -= step;
		if (match_take(chain, earlier, end_measure(model, chain->at, earlier), &best))
			break;
		chain->work++;
		step = model->steps[earlier % WINDOW];
	} while (step != 0 && earlier > chain->limit + step && --chain->left > 0);
	return best;
}

/* The longest match, of more than `least` bytes; of several, the nearest. */
static struct match chain_walk(struct lazymatch *model, size_t at, unsigned least)
{
	const struct lazymatch_profile *profile = &model->profile;
	const size_t left = model->raw_size - at;
	struct chain chain = {
		.at = at,
		.limit = at - model->window > DISTANCE_MAX ? at - DISTANCE_MAX : model->window,
		.nice = profile->is_gzip ? profile->nice_length : MIN(profile->nice_length, left),
		.left = least >= profile->good_length ? profile->chain_max / 4 : profile->chain_max,
		.least = least,
	};
	const struct match best = left >= DEFLATE_LENGTH_MAX ? chain_walk_inside(model, &chain)
							     : chain_walk_end(model, &chain);

	model->work_left -= MIN(model->work_left, chain.work);
	return best;
}

/* The match at a place that is to be longer than `least`. */
static struct match match_find(struct lazymatch *model, size_t at, unsigned least)
{
	const struct match none = { LENGTH_NONE, 0 };
	struct match best;

	buffer_fill(model, at);
	places_learn(model, at);
	if (model->steps[at % WINDOW] == 0 || least >= model->raw_size - at)
		return none;
	if (model->work_left == 0 || (model->profile.is_gzip && at - model->window > SLIDE_AT))
		return none;
	best = chain_walk(model, at, least);
	if (best.length > model->raw_size - at)
		best.length = (unsigned)(model->raw_size - at);
	if (model->profile.is_lazy && best.length == DEFLATE_LENGTH_MIN &&
	    best.distance > SHORT_DISTANCE_MAX)
		return none;
	return best.length >= DEFLATE_LENGTH_MIN ? best : none;
}

/* Whether one byte later there is a longer match, for which the one here is given up. */
static gboolean next_is_better(struct lazymatch *model)
{
	if (!model->profile.is_lazy)
		return FALSE;
	if (!model->is_next_known) {
		model->next = (struct match){ LENGTH_NONE, 0 };
		if (model->here.length < model->profile.lazy_length)
			model->next = match_find(model, model->position + 1, model->here.length);
		model->is_next_known = TRUE;
	}
	return model->next.length > model->here.length;
}

uint32_t lazymatch_next(struct lazymatch *model)
{
	if (!model->is_here_known) {
		model->here = match_find(model, model->position, LENGTH_NONE);
		model->is_here_known = TRUE;
	}
	if (model->here.length < DEFLATE_LENGTH_MIN || next_is_better(model))
		return model->raw[model->position];
	return deflate_match(model->here.length, model->here.distance);
}

static gboolean match_is_learned(const struct lazymatch *model, unsigned length)
{
	if (model->profile.is_lazy)
		return TRUE;
	if (length > model->profile.lazy_length)
		return FALSE;
	return model->profile.is_gzip ||
	       model->raw_size - model->position >= length + (size_t)DEFLATE_LENGTH_MIN;
}

void lazymatch_accept(struct lazymatch *model, uint32_t token)
{
	const unsigned size_bytes = deflate_size(token);
	const gboolean is_literal = deflate_distance(token) == 0;
	const gboolean is_next_used = is_literal && model->is_here_known && model->is_next_known &&
				      model->next.length > model->here.length;

	places_learn(model, model->position);
	if (is_literal || match_is_learned(model, size_bytes))
		places_learn(model, model->position + size_bytes - 1);
	model->position += size_bytes;
	model->learned = MAX(model->learned, model->position);
	model->is_here_known = is_next_used;
	model->here = model->next;
	model->is_next_known = FALSE;
}

void lazymatch_skip(struct lazymatch *model, size_t count)
{
	if (count == 0)
		return;
	places_learn(model, model->position + count - 1);
	model->position += count;
	model->is_here_known = FALSE;
	model->is_next_known = FALSE;
}
