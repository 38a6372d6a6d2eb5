/* SPDX-License-Identifier: MIT */
/* Against the real encoders, see tests/integration/recode_test.py; here, each rule by itself. */
#include "lazymatch.h"

#include <string.h>

#include "tap.h"

/* Tokens as text: literals as they are, matches as <length,distance>. */
static char *foretell(unsigned profile_index, const uint8_t *raw, size_t raw_size)
{
	const struct lazymatch_profile profile = lazymatch_profile(profile_index);
	g_autoptr(Lazymatch) model = lazymatch_new(&profile, raw, raw_size);
	GString *text = g_string_new(NULL);

	while (lazymatch_position(model) < raw_size) {
		const uint32_t token = lazymatch_next(model);

		if (deflate_distance(token) == 0)
			g_string_append_c(text, (char)token);
		else
			g_string_append_printf(text, "<%u,%u>", deflate_length(token),
					       deflate_distance(token));
		lazymatch_accept(model, token);
	}
	return g_string_free(text, FALSE);
}

static void test_rules(void)
{
	static const struct {
		unsigned profile;
		const char *raw;
		const char *tokens;
	} ROWS[] = {
		{ 8, "", "" },
		{ 8, "a", "a" },
		{ 8, "aaaaaaaa", "aa<6,1>" }, /* the first place is no place */
		{ 0, "aaaaaaaa", "aa<6,1>" },
		{ 8, "-abcabcabc", "-abc<6,3>" },
		{ 8, "-abc.bcde.abcde", "-abc.bcde.a<4,6>" },  /* the next one is longer */
		{ 8, "-abc.bcd.abcd", "-abc.bcd.<3,8>d" },     /* the next one is as long */
		{ 0, "-abc.bcde.abcde", "-abc.bcde.<3,9>de" }, /* a fast one does not look */
		{ 3, "-abc.bcde.abcde", "-abc.bcde.a<4,6>" },
		{ 3, "-abcd.bcdef.abcdef", "-abcd.<3,4>ef.<4,11>ef" }, /* long enough for level 4 */
		{ 8, "-abcd.bcdef.abcdef", "-abcd.<3,4>ef.a<5,7>" },
		{ 8, "-abc.abx.abc", "-abc.abx<3,4>c" },
		{ 8, "-xab.xab", "-xab.<3,4>" },
		{ 8, "-ab-ab", "-ab-ab" }, /* two bytes are no match, and the first place is none */
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(ROWS); i++) {
		g_autofree char *tokens = foretell(ROWS[i].profile, (const uint8_t *)ROWS[i].raw,
						   strlen(ROWS[i].raw));

		if (strcmp(tokens, ROWS[i].tokens) != 0)
			printf("# %s: %s\n", ROWS[i].raw, tokens);
		expect(strcmp(tokens, ROWS[i].tokens) == 0);
	}
}

/* Content that never repeats three bytes within a window, but for what is put into it. */
static uint8_t *content_new(size_t size_bytes)
{
	uint8_t *raw = g_malloc(size_bytes);

	for (size_t i = 0; i < size_bytes; i++)
		raw[i] = (uint8_t)(i % 3 == 0   ? 1 + i / 3 % 120
				   : i % 3 == 1 ? 121 + i / 360 % 120
						: 241 + i / 43200 % 10);
	return raw;
}

/* The longest match at `to` of content copied from `from`, or 0. */
static unsigned match_at(unsigned profile_index, size_t from, size_t to, size_t size_bytes)
{
	const struct lazymatch_profile profile = lazymatch_profile(profile_index);
	g_autofree uint8_t *raw = content_new(to + size_bytes + 300);
	g_autoptr(Lazymatch) model = NULL;
	unsigned length = 0;

	memmove(raw + to, raw + from, size_bytes);
	raw[to + size_bytes] = 255;
	model = lazymatch_new(&profile, raw, to + size_bytes + 300);
	while (lazymatch_position(model) < to)
		lazymatch_accept(model, raw[lazymatch_position(model)]);
	if (deflate_distance(lazymatch_next(model)) == to - from)
		length = deflate_length(lazymatch_next(model));
	return length;
}

static void test_distances(void)
{
	enum { FROM = 1200, FAR = 32505 }; /* one more is found as the first place only */

	for (unsigned profile = 0; profile < LAZYMATCH_PROFILE_COUNT; profile++) {
		const bool is_lazy = lazymatch_profile(profile).is_lazy;

		if (lazymatch_profile(profile).chain_max < 32)
			continue; /* it would not find the place */
		expect(match_at(profile, FROM, FROM + FAR, 20) == 20);
		expect(match_at(profile, FROM, FROM + FAR + 2, 20) == 0);
		expect(match_at(profile, FROM, FROM + 4096, 3) == 3);
		expect(match_at(profile, FROM, FROM + 4097, 3) == (is_lazy ? 0 : 3));
		expect(match_at(profile, FROM, FROM + 4097, 4) == 4);
		expect(match_at(profile, FROM, FROM + 20000, 280) == 258);
		expect(match_at(profile, 0, 20000, 50) == 0);
	}
}

/* A copy goes on as its original does, and skipped bytes are learned. */
static void test_copy(void)
{
	static const uint8_t RAW[] = "-abcdefgh-1-abcdefgh-2-abcdefgh-3";
	const struct lazymatch_profile profile = lazymatch_profile(8);
	g_autoptr(Lazymatch) model = lazymatch_new(&profile, RAW, sizeof RAW - 1);
	g_autoptr(Lazymatch) copy = NULL;

	lazymatch_skip(model, 0);
	expect(lazymatch_position(model) == 0);
	lazymatch_skip(model, 11);
	expect(lazymatch_position(model) == 11);
	copy = lazymatch_copy(model);
	expect(lazymatch_next(model) == lazymatch_next(copy));
	lazymatch_accept(model, '-');
	expect(lazymatch_next(model) == deflate_match(9, 11));
	lazymatch_accept(copy, '-');
	expect(lazymatch_next(copy) == deflate_match(9, 11));
	lazymatch_accept(copy, deflate_match(9, 11));
	expect(lazymatch_position(copy) == 21 && lazymatch_position(model) == 12);
}

/* Bytes that repeat often, near and far, and end in a repetition. */
static uint8_t *words_new(size_t size_bytes, uint64_t seed)
{
	uint8_t *raw = g_malloc(size_bytes);

	for (size_t i = 0; i < size_bytes; i++) {
		seed = seed * 6364136223846793005 + 1442695040888963407;
		raw[i] = i > 50 && seed >> 60 > 2 ? raw[i - (seed >> 40) % MIN(i, 40000)]
						  : (uint8_t)(seed >> 62);
	}
	return raw;
}

static void expect_same_tokens(struct lazymatch *model, struct lazymatch *other, size_t raw_size)
{
	while (lazymatch_position(model) < raw_size) {
		const uint32_t token = lazymatch_next(model);

		if (token != lazymatch_next(other))
			break;
		lazymatch_accept(model, token);
		lazymatch_accept(other, token);
	}
	expect(lazymatch_position(model) == raw_size);
}

/* What a model learned of other content, by another profile, is forgotten. */
static void test_renew(void)
{
	enum { SIZE = 100000, NEXT_SIZE = 70001 };
	g_autofree uint8_t *raw = words_new(SIZE, 1);
	g_autofree uint8_t *next = words_new(NEXT_SIZE, 2);
	g_autoptr(Lazymatch) model = NULL;

	for (unsigned i = 0; i < LAZYMATCH_PROFILE_COUNT; i++) {
		const struct lazymatch_profile before = lazymatch_profile(26 - i);
		const struct lazymatch_profile profile = lazymatch_profile(i);
		g_autoptr(Lazymatch) fresh = lazymatch_new(&profile, next, NEXT_SIZE);

		model = lazymatch_renew(model, &before, raw, SIZE);
		while (lazymatch_position(model) < SIZE)
			lazymatch_accept(model, lazymatch_next(model));
		model = lazymatch_renew(model, &profile, next, NEXT_SIZE);
		expect_same_tokens(model, fresh, NEXT_SIZE);
	}
}

/* A token that was not foretold: the model goes on behind it. */
static void test_correction(void)
{
	static const uint8_t RAW[] = "-abcdefgh.abcdefgh.abcdefgh";
	const struct lazymatch_profile profile = lazymatch_profile(8);
	g_autoptr(Lazymatch) model = lazymatch_new(&profile, RAW, sizeof RAW - 1);

	lazymatch_skip(model, 10);
	expect(lazymatch_next(model) == deflate_match(17, 9));
	lazymatch_accept(model, 'a');
	expect(lazymatch_next(model) == deflate_match(16, 9));
	lazymatch_accept(model, deflate_match(3, 9));
	expect(lazymatch_next(model) == deflate_match(13, 9));
	expect(lazymatch_position(model) == 14);
}

/* Content made to be searched for ever: a multitude of places, each of which matches for long, and
 * tokens that use none of them. In the end it is taken for incompressible. */
static void test_work(void)
{
	enum { SIZE = 1 << 17, EVERY = 250 };
	const struct lazymatch_profile profile = lazymatch_profile(8);
	g_autofree uint8_t *raw = g_malloc(SIZE);
	g_autoptr(Lazymatch) model = NULL;
	uint32_t token = 0;

	for (unsigned i = 0; i < SIZE; i++)
		raw[i] = (uint8_t)(i % EVERY == 0 ? i / EVERY % 251 : 'a');
	model = lazymatch_new(&profile, raw, SIZE);
	while (lazymatch_position(model) < SIZE - EVERY / 2) {
		token = lazymatch_next(model);
		if (lazymatch_position(model) == SIZE / 64)
			expect(deflate_distance(token) > 0);
		lazymatch_accept(model, raw[lazymatch_position(model)]);
	}
	expect(deflate_distance(token) == 0);
}

static const struct tap_case CASES[] = {
	{ "rules of choice", test_rules },     { "distances", test_distances },
	{ "copies and skips", test_copy },     { "corrections", test_correction },
	{ "work comes to an end", test_work }, { "one after another", test_renew },
};
TAP_MAIN(CASES)
