/* SPDX-License-Identifier: MIT */
/* Streams that other programs made are in tests/integration/recode_test.py; here, how corrections
 * are read, and that damage to them is told or shows. */
#include "recode.h"

#include <string.h>

#include "tap.h"

/* printf 'abcabcabcabcabcabc%04d' 0 | gzip -9n */
static const uint8_t MEMBER[] = { 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
				  0x4b, 0x4c, 0x4a, 0x4e, 0x44, 0x45, 0x06, 0x40, 0x00, 0x00,
				  0xbe, 0xd8, 0xed, 0x5e, 0x16, 0x00, 0x00, 0x00 };
/* Tokens: a, b, c, a, 14 from 3 before, 0, 3 from 1 before. */
static const char RAW[] = "abcabcabcabcabcabc0000";

static gboolean joins(const uint8_t *corrections, size_t corrections_size, uint8_t *ret_bytes,
		      size_t size_bytes)
{
	const struct recode_raw source = { (const uint8_t *)RAW, strlen(RAW), corrections,
					   corrections_size };

	return recode_join(RECODE_GZIP, &source, ret_bytes, size_bytes) == NULL;
}

static void test_member(void)
{
	g_autoptr(GArray) spans = recode_find(MEMBER, sizeof MEMBER);
	g_autoptr(GByteArray) raw = g_byte_array_new();
	g_autoptr(GByteArray) corrections = g_byte_array_new();
	uint8_t expanded[sizeof RAW - 1];

	expect(spans->len == 1);
	expect(recode_split(RECODE_GZIP, MEMBER, sizeof MEMBER, raw, corrections));
	expect(raw->len == strlen(RAW) && memcmp(raw->data, RAW, raw->len) == 0);
	expect(corrections->len == 3 && memcmp(corrections->data, "\x8\0\0", 3) == 0);
	expect(recode_unpack(RECODE_GZIP, MEMBER, sizeof MEMBER, raw));
	expect(!recode_unpack(RECODE_GZIP, MEMBER, sizeof MEMBER - 1, raw));
	expect(!recode_unpack(RECODE_NONE, MEMBER, sizeof MEMBER, raw));
	expect(!recode_split(RECODE_NONE, MEMBER, sizeof MEMBER, raw, corrections));
	expect(recode_expand(RECODE_GZIP, MEMBER, sizeof MEMBER, expanded, sizeof expanded) ==
	       NULL);
	expect(memcmp(expanded, RAW, sizeof expanded) == 0);
	expect(recode_expand(RECODE_NONE, MEMBER, sizeof MEMBER, expanded, sizeof expanded) !=
	       NULL);
}

/* Whether corrections are refused, give the member, or another stream of the same content. */
enum outcome { REFUSED, SAME, OTHER };

static enum outcome outcome_of(const uint8_t *corrections, size_t corrections_size)
{
	g_autoptr(GByteArray) raw = g_byte_array_new();
	uint8_t bytes[100];

	if (joins(corrections, corrections_size, bytes, sizeof MEMBER) &&
	    memcmp(bytes, MEMBER, sizeof MEMBER) == 0)
		return SAME;
	for (size_t size = 0; size < sizeof bytes; size++) {
		if (!joins(corrections, corrections_size, bytes, size))
			continue;
		return recode_unpack(RECODE_GZIP, bytes, size, raw) && raw->len == strlen(RAW) &&
				       memcmp(raw->data, RAW, raw->len) == 0
			       ? OTHER
			       : REFUSED;
	}
	return REFUSED;
}

static void test_corrections(void)
{
	static const struct {
		enum outcome outcome;
		size_t size_bytes;
		uint8_t bytes[24];
	} ROWS[] = {
		{ SAME, 3, { 8, 0, 0 } },
		{ SAME, 13, { 5, 10, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0 } },
		{ OTHER, 3, { 5, 0, 0 } },    /* another header */
		{ REFUSED, 3, { 27, 0, 0 } }, /* no such profile */
		{ REFUSED, 2, { 8, 0 } },     /* cut */
		{ REFUSED, 0, { 0 } },
		{ REFUSED, 3, { 8, 3, 0 } },                /* header behind the end */
		{ REFUSED, 3, { 8, 0, 1 } },                /* blocks behind the end */
		{ SAME, 5, { 8, 0, 0, 0, 0 } },            /* a literal, as foretold */
		{ OTHER, 6, { 8, 0, 0, 4, 1, 3 } },         /* a shorter match */
		{ REFUSED, 6, { 8, 0, 0, 4, 0xff, 0x01 } }, /* no distance */
		{ REFUSED, 6, { 8, 0, 0, 4, 1, 0 } },       /* distance 0 */
		{ REFUSED, 6, { 8, 0, 0, 4, 20, 3 } },      /* behind the end */
		{ REFUSED, 9, { 8, 0, 0, 4, 1, 0x80, 0x80, 0x80, 0x80 } },
		{ REFUSED, 8, { 8, 0, 0, 4, 1, 0x81, 0x80, 0x02 } }, /* distance 32769 */
		{ OTHER, 6, { 8, 0, 3, 0, 35, 7 } },                 /* dynamic */
		{ REFUSED, 6, { 8, 0, 3, 0, 35, 8 } },               /* not so many tokens */
		{ SAME, 6, { 8, 0, 3, 0, 1, 7 } },
		{ OTHER, 6, { 8, 0, 3, 0, 9, 7 } },  /* an empty block more */
		{ OTHER, 6, { 8, 0, 3, 0, 1, 4 } },  /* two blocks */
		{ OTHER, 6, { 8, 0, 3, 0, 3, 22 } }, /* stored */
		{ REFUSED, 6, { 8, 0, 3, 0, 3, 23 } },
		{ OTHER, 9, { 8, 0, 6, 0, 3, 4, 0, 3, 18 } }, /* two stored ones */
		{ REFUSED, 5, { 8, 0, 2, 0, 64 } },           /* unknown flag */
		{ REFUSED, 5, { 8, 0, 2, 0, 50 } },           /* unknown type */
		{ OTHER, 5, { 8, 0, 2, 0, 8 } },
		{ SAME, 5, { 8, 0, 2, 1, 8 } }, /* of a block that never comes */
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(ROWS); i++) {
		const enum outcome outcome = outcome_of(ROWS[i].bytes, ROWS[i].size_bytes);

		if (outcome != ROWS[i].outcome)
			printf("# row %u: %d\n", i, outcome);
		expect(outcome == ROWS[i].outcome);
	}
}

/* The size is the caller's: one byte less or more is an error, and nothing is written behind. */
static void test_size(void)
{
	static const uint8_t CORRECTIONS[] = { 8, 0, 0 };

	for (size_t size = 0; size <= sizeof MEMBER + 2; size++) {
		g_autofree uint8_t *bytes = g_malloc(size + 1);

		bytes[size] = 0x5a;
		expect(joins(CORRECTIONS, sizeof CORRECTIONS, bytes, size) ==
		       (size == sizeof MEMBER));
		expect(bytes[size] == 0x5a);
	}
}

static void test_limits(void)
{
	const struct recode_raw source = { (const uint8_t *)RAW, RECODE_RAW_SIZE_MAX + 1, NULL, 0 };
	uint8_t byte = 0;

	for (int kind = RECODE_NONE; kind <= RECODE_KIND_COUNT; kind++) {
		expect(recode_join((enum recode_kind)kind, &source, &byte, 1) != NULL);
		expect(recode_expand((enum recode_kind)kind, &byte, 1, &byte,
				     RECODE_RAW_SIZE_MAX + 1) != NULL);
		expect(recode_expand((enum recode_kind)kind, &byte, RECODE_STORED_SIZE_MAX + 1,
				     &byte, 1) != NULL);
	}
}

static void test_lz4(void)
{
	static const uint8_t BLOCK[] = { 0xa0, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j' };
	static const uint8_t LEVELS[] = { 9, 13, 255 };
	g_autoptr(GByteArray) raw = g_byte_array_new();
	g_autoptr(GByteArray) corrections = g_byte_array_new();
	uint8_t bytes[sizeof BLOCK + 1];

	expect(recode_split(RECODE_LZ4, BLOCK, sizeof BLOCK, raw, corrections));
	expect(raw->len == 10 && corrections->len == 1 && corrections->data[0] == LEVELS[0]);
	for (unsigned i = 0; i < G_N_ELEMENTS(LEVELS); i++) {
		const struct recode_raw source = { raw->data, raw->len, &LEVELS[i], 1 };

		for (size_t size = 0; size <= sizeof bytes; size++)
			expect((recode_join(RECODE_LZ4, &source, bytes, size) == NULL) ==
			       (i == 0 && size == sizeof BLOCK));
	}
	for (size_t size = 0; size < sizeof bytes; size++)
		expect((recode_expand(RECODE_LZ4, BLOCK, sizeof BLOCK, bytes, size) == NULL) ==
		       (size == 10));
	expect(!recode_split(RECODE_LZ4, BLOCK, sizeof BLOCK - 1, raw, corrections));
	expect(!recode_split(RECODE_LZ4, BLOCK, 0, raw, corrections));
}

static const struct tap_case CASES[] = {
	{ "a gzip member", test_member },
	{ "corrections, right and wrong", test_corrections },
	{ "the size must be right", test_size },
	{ "limits", test_limits },
	{ "an LZ4 block", test_lz4 },
};
TAP_MAIN(CASES)
