/* SPDX-License-Identifier: MIT */
#include "deltamix.h"

#include <string.h>

#include "tap.h"

enum { OLD_SIZE = 60000, NEW_SIZE = 70000, LIKE = 50000 };

static uint8_t old_bytes[OLD_SIZE], new_bytes[NEW_SIZE];
static const struct frame_reference REFERENCE = { old_bytes, OLD_SIZE };

/* Old and new content: words out of a small set; now and then one byte differs, or four of them
 * that count up. The new content goes on with bytes that repeat. */
static void contents_fill(void)
{
	uint64_t state = 1;

	for (unsigned i = 0; i < OLD_SIZE; i++) {
		state = state * 6364136223846793005 + 1442695040888963407;
		old_bytes[i] = (uint8_t)(state >> 61) * 31;
	}
	memcpy(new_bytes, old_bytes + 1000, LIKE);
	for (unsigned i = 100; i < LIKE; i += 500)
		new_bytes[i] = (uint8_t)(new_bytes[i] + 1 + i % 3);
	for (unsigned i = 20000; i < 30000; i += 24)
		new_bytes[i] = (uint8_t)(new_bytes[i] + 0x40);
	for (unsigned i = LIKE; i < NEW_SIZE; i++)
		new_bytes[i] = (uint8_t)(i % 1000 < 900 ? i / 7 : i * i / 3);
}

static void content_walk(struct deltamix *mix)
{
	deltamix_add(mix, 1000, 30);
	deltamix_add(mix, 1030, LIKE - 30);
	deltamix_extra(mix, 0);
	deltamix_extra(mix, NEW_SIZE - LIKE - 1);
	deltamix_add(mix, OLD_SIZE - 1, 1);
}

static GByteArray *content_write(void)
{
	g_autoptr(Deltamix) mix = deltamix_new(&REFERENCE, new_bytes, NULL, 0);

	content_walk(mix);
	return deltamix_finish(mix);
}

static void test_round_trip(void)
{
	g_autoptr(GByteArray) packed = content_write();
	g_autofree uint8_t *raw = g_malloc(NEW_SIZE); /* so that a read behind it is seen */
	g_autoptr(Deltamix) mix = deltamix_new(&REFERENCE, raw, packed->data, packed->len);

	content_walk(mix);
	expect(memcmp(raw, new_bytes, NEW_SIZE) == 0);
	/* 520 differing bytes of 50000, half of them foreseeable, and 20 kB that repeat */
	expect(packed->len < 9000);
}

/* The bytes must be the same on every machine and in every version: they are a format. */
static void test_fixed(void)
{
	static uint8_t old_text[] = "the quick brown fox jumps over the lazy dog";
	static uint8_t new_text[] = "the quick brown cat jumps over the lazy dog and runs";
	static const uint8_t PACKED[] = { 0xf1, 0x5a, 0x96, 0x24, 0xc1, 0xab, 0x4a, 0xae, 0x14,
					  0x19, 0xdf, 0x65, 0xf2, 0x0b, 0x9f, 0x03, 0xff, 0xff };
	const struct frame_reference reference = { old_text, sizeof old_text };
	g_autoptr(Deltamix) mix = deltamix_new(&reference, new_text, NULL, 0);
	g_autoptr(GByteArray) packed = NULL;

	deltamix_add(mix, 0, 43);
	deltamix_extra(mix, 10);
	expect(deltamix_choices(mix) > 43 && deltamix_choices(mix) < 43 * 9 + 10 * 8);
	packed = deltamix_finish(mix);
	expect(packed->len == sizeof PACKED && memcmp(packed->data, PACKED, sizeof PACKED) == 0);
	for (guint i = 0; tap_failed && i < packed->len; i++)
		printf("%s0x%02x,%s", i == 0 ? "# " : " ", packed->data[i],
		       i + 1 == packed->len ? "\n" : "");
}

/* Damaged bytes give something, and end. */
static void test_damaged(void)
{
	g_autoptr(GByteArray) packed = content_write();
	g_autofree uint8_t *raw = g_malloc0(NEW_SIZE);

	for (guint cut = 0; cut < 4; cut++) {
		g_autoptr(Deltamix) mix = NULL;

		packed->data[cut * 100] ^= 0x55;
		mix = deltamix_new(&REFERENCE, raw, packed->data, cut * packed->len / 4);
		content_walk(mix);
		expect(memcmp(raw, new_bytes, NEW_SIZE) != 0);
	}
}

static const struct tap_case CASES[] = {
	{ "what was written is read", test_round_trip },
	{ "the bytes are fixed", test_fixed },
	{ "damaged bytes", test_damaged },
};

int main(void)
{
	contents_fill();
	return tap_run(CASES, sizeof CASES / sizeof CASES[0]);
}
