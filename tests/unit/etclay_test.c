/* SPDX-License-Identifier: MIT */
#include "etclay.h"

#include <string.h>

#include "tap.h"

/* What a boot ends with if the mounts of the set `works` work. */
static enum etclay laid(const struct etclay_facts *facts, unsigned works, unsigned *ret_mounts)
{
	enum etclay lay = etclay_first(facts);

	for (*ret_mounts = 0; lay != ETCLAY_RELEASE && (works >> lay & 1) == 0; ++*ret_mounts)
		lay = etclay_next(facts, lay);
	return lay;
}

/* All states: what is there, and which mounts work. */
static void test_all(void)
{
	for (unsigned bits = 0; bits < 16; bits++) {
		const struct etclay_facts facts = { (bits & 1) != 0, (bits & 2) != 0 };
		const unsigned works = bits >> 2;
		unsigned mounts;
		const enum etclay lay = laid(&facts, works, &mounts);

		expect(mounts <= 2);
		/* Writable if that can be, else the changes as they are if that can be. */
		if (facts.is_prepared && (works & 1U << ETCLAY_WRITABLE) != 0)
			expect(lay == ETCLAY_WRITABLE);
		else if (facts.has_upper && (works & 1U << ETCLAY_READ_ONLY) != 0)
			expect(lay == ETCLAY_READ_ONLY);
		else
			expect(lay == ETCLAY_RELEASE);
	}
}

static void test_names(void)
{
	enum etclay found;

	for (unsigned i = 0; i < ETCLAY_COUNT; i++) {
		const char *name = etclay_name((enum etclay)i);
		g_autofree char *text = etclay_text((enum etclay)i, "because");

		expect(etclay_find(name, &found) && found == i);
		expect((text == NULL) == (i == ETCLAY_WRITABLE));
		expect(text == NULL || g_str_has_suffix(text, ": because"));
	}
	expect(!etclay_find("other", &found) && !etclay_find("", &found) &&
	       !etclay_find(NULL, &found));
}

static const struct tap_case CASES[] = {
	{ "every state", test_all },
	{ "names", test_names },
};
TAP_MAIN(CASES)
