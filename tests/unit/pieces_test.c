/* SPDX-License-Identifier: MIT */
#include "pieces.h"

#include "tap.h"

/* What a list of pieces looks like: "offset+size ..." */
static char *pieces_text(struct pieces *pieces)
{
	GString *text = g_string_new(NULL);
	struct source_range piece;

	while (pieces_peek(pieces, &piece)) {
		g_string_append_printf(text, "%s%" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT,
				       text->len > 0 ? " " : "", piece.offset, piece.size_bytes);
		pieces_drop(pieces);
	}
	return g_string_free(text, FALSE);
}

static const struct source_range RANGES[] = {
	{ 0, 5 }, { 100, 25 }, { 50, 0 }, { 40, 10 }, { UINT64_MAX, 2 }, { 200, 1 },
};

static const struct {
	uint64_t cut_bytes;
	size_t count_max;
	const char *text;
} CUTS[] = {
	{ 10, 6, "0+5 100+10 110+10 120+5 40+10 200+1" },
	{ 10, 5, "0+5 100+25 40+10 200+1" },
	{ 25, 4, "0+5 100+25 40+10 200+1" },
	{ 24, 5, "0+5 100+24 124+1 40+10 200+1" },
	{ 1, 41, "" }, /* only counted */
	{ 1, 40, "0+5 100+25 40+10 200+1" },
};

static void test_cut(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(CUTS); i++) {
		struct pieces pieces = { 0 };
		g_autofree char *text = NULL;

		pieces_set(&pieces, RANGES, G_N_ELEMENTS(RANGES), CUTS[i].cut_bytes,
			   CUTS[i].count_max);
		text = pieces_text(&pieces);
		if (CUTS[i].cut_bytes == 1 && CUTS[i].count_max == 41)
			expect(g_str_has_prefix(text, "0+1 1+1 2+1 3+1 4+1 100+1 "));
		else
			expect(g_str_equal(text, CUTS[i].text));
		pieces_clear(&pieces);
	}
}

static const struct {
	uint64_t offset;
	const char *text; /* what is left; NULL: not found */
} SEEKS[] = {
	{ 0, "0+5 100+10 110+10 120+5 40+10 200+1" },
	{ 4, "4+1 100+10 110+10 120+5 40+10 200+1" },
	{ 5, NULL },
	{ 99, NULL },
	{ 113, "113+10 123+2 40+10 200+1" },
	{ 124, "124+1 40+10 200+1" },
	{ 125, NULL },
	{ 49, "49+1 200+1" },
	{ 200, "200+1" },
	{ 201, NULL },
	{ UINT64_MAX, NULL },
};

static void test_seek(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(SEEKS); i++) {
		struct pieces pieces = { 0 };
		g_autofree char *text = NULL;
		gboolean found;

		pieces_set(&pieces, RANGES, G_N_ELEMENTS(RANGES), 10, 100);
		found = pieces_seek(&pieces, SEEKS[i].offset);
		text = pieces_text(&pieces);
		expect(found == (SEEKS[i].text != NULL));
		expect(g_str_equal(text, found ? SEEKS[i].text : SEEKS[0].text));
		pieces_clear(&pieces);
	}
}

static void test_never_back(void)
{
	struct pieces pieces = { 0 };

	pieces_set(&pieces, RANGES, G_N_ELEMENTS(RANGES), 10, 100);
	expect(pieces_seek(&pieces, 113));
	expect(!pieces_seek(&pieces, 112) && !pieces_seek(&pieces, 0));
	expect(pieces_seek(&pieces, 113) && pieces_seek(&pieces, 40));
	expect(!pieces_seek(&pieces, 113));
	pieces_clear(&pieces);
}

static void test_nothing(void)
{
	struct pieces pieces = { 0 };
	struct source_range piece;

	expect(!pieces_peek(&pieces, &piece) && !pieces_seek(&pieces, 0));
	pieces_set(&pieces, NULL, 0, 10, 10);
	expect(!pieces_peek(&pieces, &piece));
	pieces_drop(&pieces);
	pieces_clear(&pieces);
}

static const struct tap_case CASES[] = {
	{ "cut or not", test_cut },
	{ "seek", test_seek },
	{ "never back", test_never_back },
	{ "nothing", test_nothing },
};
TAP_MAIN(CASES)
