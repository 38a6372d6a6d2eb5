/* SPDX-License-Identifier: MIT */
/* Flights against a model that keeps all bytes: what arrives, in any portions, is what is read. */
#include "flight.h"

#include <string.h>

#include "tap.h"

enum { FILE_SIZE = 400, ROUNDS = 20000 };

static uint8_t content(uint64_t offset)
{
	return (uint8_t)(offset * 167 + (offset >> 8) * 31 + 11);
}

static size_t portion_make(uint8_t *bytes, uint64_t offset, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++)
		bytes[i] = content(offset + i);
	return size_bytes;
}

struct walk {
	GRand *rand;
	struct flight flight;
	uint64_t got; /* restated here */
	uint64_t read;
};

static void walk_put(struct walk *walk)
{
	uint8_t bytes[64];
	const size_t size = portion_make(bytes, walk->got,
					 (size_t)g_rand_int_range(walk->rand, 0, 64));
	const uint64_t end = walk->flight.end;
	const uint64_t after = walk->got + size < end ? walk->got + size : end;
	const uint64_t from = walk->read > walk->got ? walk->read : walk->got;
	const uint64_t held = walk->got > walk->read ? walk->got - walk->read : 0;
	const uint64_t more = after > from ? after - from : 0;
	const gboolean fits = held + more <= walk->flight.capacity;

	expect(flight_put(&walk->flight, bytes, size) == fits);
	if (fits)
		walk->got = after;
	expect(walk->flight.got == walk->got);
}

static void walk_take(struct walk *walk)
{
	uint8_t bytes[64];
	const size_t wanted = (size_t)g_rand_int_range(walk->rand, 0, 64);
	const size_t ready = walk->got > walk->read ? (size_t)(walk->got - walk->read) : 0;
	const size_t taken = flight_take(&walk->flight, bytes, wanted);

	expect(taken == (wanted < ready ? wanted : ready));
	for (size_t i = 0; i < taken; i++)
		expect(bytes[i] == content(walk->read + i));
	walk->read += taken;
}

static void walk_skip(struct walk *walk)
{
	const uint64_t left = walk->flight.end - walk->read;
	const uint64_t step = (uint64_t)g_rand_int_range(walk->rand, 0, 20);

	walk->read += step < left ? step : left;
	flight_skip(&walk->flight, walk->read);
}

static void walk_step(struct walk *walk)
{
	switch (g_rand_int_range(walk->rand, 0, 5)) {
	case 0:
	case 1:
		walk_put(walk);
		break;
	case 2:
		walk_skip(walk);
		break;
	default:
		walk_take(walk);
	}
	expect(flight_ready_bytes(&walk->flight) ==
	       (walk->got > walk->read ? walk->got - walk->read : 0));
	expect(walk->flight.taken == walk->read);
}

static void test_walk(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(3);

	for (unsigned round = 0; round < ROUNDS; round++) {
		const uint64_t start = (uint64_t)g_rand_int_range(rand, 0, FILE_SIZE / 2);
		struct walk walk = { .rand = rand, .got = start, .read = start };

		flight_init(&walk.flight, start, start + 1 + round % (FILE_SIZE / 2),
			    1 + round % 97);
		for (unsigned step = 0; step < 20; step++)
			walk_step(&walk);
		flight_done(&walk.flight);
	}
}

static void test_light(void)
{
	uint8_t bytes[80] = { 0 };
	struct flight flight;

	flight_init(&flight, 1000, 1100, 99);
	expect(!flight_is_light(&flight));
	expect(flight_put(&flight, bytes, 50) && !flight_is_light(&flight));
	expect(flight_take(&flight, bytes, 1) == 1 && flight_is_light(&flight));
	flight_done(&flight);
	flight_init(&flight, 1000, 1100, 99);
	flight_skip(&flight, 1099);
	expect(!flight_is_light(&flight)); /* the bytes read over still have to come */
	flight_done(&flight);
	flight_init(&flight, 0, 100, 100);
	expect(flight_is_light(&flight));
	flight_done(&flight);
}

static const struct tap_case CASES[] = {
	{ "any portions", test_walk },
	{ "what never waits for its reader", test_light },
};
TAP_MAIN(CASES)
