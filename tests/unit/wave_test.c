/* SPDX-License-Identifier: MIT */
#include "wave.h"

#include <glib.h>

#include "tap.h"

enum { MACHINES = 20000, START = 1800000000, DAY = 86400 };

/* As of the repository's format: a canary wave, then a fifth, then all. */
static const struct channel_rollout ROLLOUT = {
	.start_s = START,
	.salt = (char *)"4.0.2",
	.n_waves = 3,
	.waves = { { 0, 10 }, { DAY, 200 }, { 3 * DAY, 1000 } },
};

static void machine_name(unsigned number, char ret_id[static 33])
{
	g_snprintf(ret_id, 33, "%032x", number * 2654435761U);
}

/* Computed with python3: hmac.new(key, b"azupdate-wave:" + salt, "sha256").digest()[:8]. */
static void test_place(void)
{
	expect(wave_place("0123456789abcdef0123456789abcdef", "4.0.2") == 0xf1d21da88f5eb04b);
	expect(wave_place("00000000000000000000000000000000", "x") == 0x2b223a148a8e3df5);
}

static double fraction_of(uint64_t place)
{
	return (double)place / 18446744073709551616.0;
}

/* The schedule, by a ruler: points of time and share, joined by straight lines. */
static double line_read(double share)
{
	if (share < 0.01)
		return START + share / 0.01 * 3600;
	if (share < 0.2)
		return START + (share - 0.01) / 0.19 * DAY;
	return START + DAY + (share - 0.2) / 0.8 * 2 * DAY;
}

static void test_turns(void)
{
	unsigned counts[3 * 24] = { 0 };

	for (unsigned i = 0; i < MACHINES; i++) {
		char id[33];
		uint64_t place;
		int64_t turn_s;
		double wanted_s;

		machine_name(i, id);
		place = wave_place(id, ROLLOUT.salt);
		expect(wave_turn(&ROLLOUT, place, &turn_s));
		wanted_s = line_read(fraction_of(place));
		expect((double)turn_s > wanted_s - 2 && (double)turn_s < wanted_s + 2);
		expect(turn_s >= START && turn_s < START + 3 * DAY);
		counts[(turn_s - START) / 3600]++;
	}
	/* Nobody arrives at once: each hour of a wave has its share, within what chance does. */
	for (unsigned hour = 1; hour < 24; hour++)
		expect(counts[hour] > 100 && counts[hour] < 230);
	for (unsigned hour = 24; hour < 72; hour++)
		expect(counts[hour] > 250 && counts[hour] < 420);
}

static void test_edges(void)
{
	struct channel_rollout rollout = ROLLOUT;
	int64_t turn_s;

	expect(wave_turn(&rollout, 0, &turn_s) && turn_s == START);
	expect(wave_turn(&rollout, UINT64_MAX, &turn_s) && turn_s == START + 3 * DAY - 1);
	rollout.n_waves = 2;
	expect(!wave_turn(&rollout, UINT64_MAX, &turn_s));
	expect(!wave_turn(&rollout, UINT64_MAX / 5 + 1000000000000000, &turn_s));
	expect(wave_turn(&rollout, UINT64_MAX / 5 - 1000000000000000, &turn_s));
	/* Half of the fleet is the machines below the middle, without the one in it. */
	rollout.waves[1].permille = 500;
	expect(wave_turn(&rollout, (UINT64_C(1) << 63) - 1, &turn_s));
	expect(!wave_turn(&rollout, UINT64_C(1) << 63, &turn_s));
	/* A first wave that the second one follows soon. */
	rollout.waves[1].after_s = 60;
	expect(wave_turn(&rollout, UINT64_MAX / 100 - 100000000000000, &turn_s));
	expect(turn_s == START + 59);
	rollout = (struct channel_rollout){ .start_s = START,
					    .salt = (char *)"",
					    .n_waves = 1,
					    .waves = { { CHANNEL_AFTER_S_MAX, 1000 } } };
	expect(wave_turn(&rollout, UINT64_MAX, &turn_s));
	expect(turn_s == START + CHANNEL_AFTER_S_MAX + WAVE_FIRST_S - 1);
}

/* Other releases have other canaries. */
static void test_salts(void)
{
	unsigned first = 0;
	unsigned both = 0;

	for (unsigned i = 0; i < MACHINES; i++) {
		char id[33];
		bool one, two;

		machine_name(i, id);
		one = wave_place(id, "4.0.2") < UINT64_MAX / 10;
		two = wave_place(id, "4.0.3") < UINT64_MAX / 10;
		first += one;
		both += one && two;
	}
	expect(first > MACHINES / 12 && first < MACHINES / 8);
	expect(both > MACHINES / 150 && both < MACHINES / 70);
}

static void test_share(void)
{
	expect(wave_share(&ROLLOUT, START) == 0);
	expect(wave_share(&ROLLOUT, START - DAY) == 0);
	expect(wave_share(&ROLLOUT, START + DAY) > 199.9 &&
	       wave_share(&ROLLOUT, START + DAY) < 200.1);
	expect(wave_share(&ROLLOUT, START + 2 * DAY) > 599.9);
	expect(wave_share(&ROLLOUT, START + 2 * DAY) < 600.1);
	expect(wave_share(&ROLLOUT, START + 9 * DAY) > 999.9);
	for (int64_t at_s = START; at_s < START + 4 * DAY; at_s += 600)
		expect(wave_share(&ROLLOUT, at_s + 600) >= wave_share(&ROLLOUT, at_s));
}

static const struct tap_case CASES[] = {
	{ "places are those of the format", test_place },
	{ "turns lie on the schedule, evenly", test_turns },
	{ "edges", test_edges },
	{ "other salts, other canaries", test_salts },
	{ "the share that has had its turn", test_share },
};
TAP_MAIN(CASES)
