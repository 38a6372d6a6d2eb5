/* SPDX-License-Identifier: MIT */
#include "healthjudge.h"

#include <string.h>

#include "tap.h"

/* Whether the reason has this word in it; NULL: that there is none. */
static bool says(char *reason, const char *word)
{
	const bool right = word == NULL ? reason == NULL
					: reason != NULL && strstr(reason, word) != NULL;

	if (!right)
		printf("# %s\n", reason != NULL ? reason : "(nothing)");
	g_free(reason);
	return right;
}

static void test_root(void)
{
	struct healthjudge_root root = { .is_verity = TRUE, .root_hash = (char *)"ABCD" };

	expect(says(healthjudge_root(&root, "abcd"), NULL));
	expect(says(healthjudge_root(&root, "abce"), "root hash"));
	root.is_corrupted = TRUE;
	expect(says(healthjudge_root(&root, "abcd"), "wrong block"));
	root.is_corrupted = FALSE;
	root.root_hash = NULL;
	expect(says(healthjudge_root(&root, "abcd"), "does not say"));
	root.is_verity = FALSE;
	expect(says(healthjudge_root(&root, "abcd"), "not on dm-verity"));
	expect(says(healthjudge_root(&root, NULL), NULL));
}

static void test_units(void)
{
	char *none[] = { NULL };
	char *some[] = { (char *)"a.service", (char *)"b.mount", NULL };
	char *many[] = { (char *)"1", (char *)"2", (char *)"3", (char *)"4",
			 (char *)"5", (char *)"6", NULL };
	char *mounts[] = { (char *)"x", (char *)"*.mount", NULL };
	char *all[] = { (char *)"?.*", NULL };

	expect(says(healthjudge_failed_units(none, NULL), NULL));
	expect(says(healthjudge_failed_units(some, NULL), "failed units: a.service, b.mount"));
	expect(says(healthjudge_failed_units(some, mounts), "failed units: a.service"));
	expect(says(healthjudge_failed_units(some, all), NULL));
	expect(says(healthjudge_failed_units(many, mounts), "1, 2, 3, 4 and 2 more"));
}

static void test_network(void)
{
	struct healthjudge_network network = { .links = 1, .addresses = 1, .has_route = TRUE };

	expect(says(healthjudge_network(&network), NULL));
	network.has_route = FALSE;
	expect(says(healthjudge_network(&network), "no default route"));
	network.addresses = 0;
	expect(says(healthjudge_network(&network), "has an address"));
	network.links = 0;
	expect(says(healthjudge_network(&network), "is up"));
}

/* As Linux prints them. */
static void test_routes(void)
{
	static const char HEAD[] =
		"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t"
		"\tMTU\tWindow\tIRTT\n";
	static const char DEFAULT[] =
		"eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n";
	static const char LINK[] = "eth0\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n";
	static const char DOWN[] = "eth0\t00000000\t0100A8C0\t0002\t0\t0\t100\t00000000\t0\t0\t0\n";
	static const char REJECT[] = "*\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n";
	static const char ZERO[] = "00000000000000000000000000000000";
	g_autofree char *good = g_strconcat(HEAD, LINK, DEFAULT, NULL);
	g_autofree char *bad = g_strconcat(HEAD, LINK, DOWN, REJECT, NULL);
	g_autofree char *six = g_strdup_printf("%s 00 %s 00 fe80%s 00000400 00000001 00000000 "
					       "00450003     eth0\n",
					       ZERO, ZERO, ZERO + 4);
	g_autofree char *last = g_strdup_printf("%s 00 %s 00 %s ffffffff 00000001 00000000 "
						"00200200       lo\n",
						ZERO, ZERO, ZERO);
	g_autofree char *lo = g_strdup_printf("%s 00 %s 00 %s 00000001 00000001 00000000 "
					      "00000001       lo\n",
					      ZERO, ZERO, ZERO);
	g_autofree char *other = g_strdup_printf("fe80%s 40 %s 00 %s 00000100 00000001 00000000 "
						 "00000001     eth0\n",
						 ZERO + 4, ZERO, ZERO);

	expect(healthjudge_route4(good) && !healthjudge_route4(bad));
	expect(!healthjudge_route4(HEAD) && !healthjudge_route4("") && !healthjudge_route4("x y"));
	expect(healthjudge_route6(six) && !healthjudge_route6(last) && !healthjudge_route6(lo));
	expect(!healthjudge_route6(other) && !healthjudge_route6(""));
}

static void test_addresses(void)
{
	static const struct {
		guint8 bytes[4];
		bool serves;
	} FOURS[] = {
		{ { 10, 0, 0, 1 }, true },     { { 127, 0, 0, 1 }, false },
		{ { 169, 254, 3, 4 }, false }, { { 169, 253, 3, 4 }, true },
		{ { 0, 0, 0, 0 }, false },     { { 224, 0, 0, 1 }, false },
	};
	static const struct {
		guint8 bytes[16];
		bool serves;
	} SIXES[] = {
		{ { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, true },
		{ { 0xfd, [15] = 1 }, true },
		{ { 0xfe, 0x80, [15] = 1 }, false },
		{ { 0xfe, 0xbf, [15] = 1 }, false },
		{ { 0xff, 0x02, [15] = 1 }, false },
		{ { [15] = 1 }, false },
		{ { 0 }, false },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(FOURS); i++)
		expect(healthjudge_address(FOURS[i].bytes, 4) == FOURS[i].serves);
	for (size_t i = 0; i < G_N_ELEMENTS(SIXES); i++)
		expect(healthjudge_address(SIXES[i].bytes, 16) == SIXES[i].serves);
	expect(!healthjudge_address(SIXES[0].bytes, 6));
}

static void test_clock(void)
{
	const guint64 build = 1700000000;

	expect(says(healthjudge_clock(build, build), NULL));
	expect(says(healthjudge_clock(build - 3600, build), NULL));
	expect(says(healthjudge_clock(build - 2 * 86400, build), "before the day"));
	expect(says(healthjudge_clock(0, build), "before the day"));
	expect(says(healthjudge_clock(build + (guint64)10 * 366 * 86400, build), NULL));
	expect(says(healthjudge_clock(build + (guint64)50 * 366 * 86400, build), "40 years"));
	expect(says(healthjudge_clock(0, 0), NULL));
}

static void test_space(void)
{
	expect(says(healthjudge_space(16, 16), NULL));
	expect(says(healthjudge_space(15, 16), "15 MiB are free, 16 MiB are needed"));
	expect(says(healthjudge_space(0, 0), NULL));
}

static const struct tap_case CASES[] = {
	{ "root", test_root },     { "failed units", test_units },  { "network", test_network },
	{ "routes", test_routes }, { "addresses", test_addresses }, { "clock", test_clock },
	{ "space", test_space },
};
TAP_MAIN(CASES)
