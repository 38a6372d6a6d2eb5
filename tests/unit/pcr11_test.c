/* SPDX-License-Identifier: MIT */
/* Predictions are compared with systemd-measure's elsewhere; here: the phases of a boot. */
#include "pcr11.h"

#include <string.h>

#include "tap.h"

static const char ZEROS[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* Made by hand: printf word | sha256sum, then sha256 of the old value and that digest. */
static const char INITRD[] = "d15b0e8e244e65c40f024e95773f2347ce4ef3ffe6b597c9a14b50bbab6df319";
static const char READY[] = "e66bd49b696cd09712ca2a46dd23e03d735f30b7ecfafdfce60d259ed2712ce1";

static void test_phases(void)
{
	g_autofree char *none = pcr11_now(ZEROS, ZEROS);
	g_autofree char *initrd = pcr11_now(ZEROS, INITRD);
	g_autofree char *ready = pcr11_now(ZEROS, READY);
	g_autofree char *foreign = pcr11_now(INITRD, READY);
	g_autofree char *nothing = pcr11_now(INITRD, NULL);
	g_autofree char *damaged = pcr11_now("xyz", READY);

	expect(strcmp(none, ZEROS) == 0);
	expect(strcmp(initrd, INITRD) == 0);
	expect(strcmp(ready, READY) == 0);
	expect(strcmp(foreign, INITRD) == 0);
	expect(strcmp(nothing, INITRD) == 0);
	expect(strcmp(damaged, "xyz") == 0);
}

static const struct tap_case CASES[] = { { "phases of a boot", test_phases } };
TAP_MAIN(CASES)
