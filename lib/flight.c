/* SPDX-License-Identifier: MIT */
#include "flight.h"

#include <string.h>

void flight_init(struct flight *flight, uint64_t start, uint64_t end, size_t capacity)
{
	g_assert(start < end && capacity > 0);
	*flight = (struct flight){
		.start = start,
		.end = end,
		.got = start,
		.taken = start,
		.capacity = capacity,
		.ring = g_malloc(capacity),
	};
}

void flight_done(struct flight *flight)
{
	g_clear_pointer(&flight->ring, g_free);
}

size_t flight_ready_bytes(const struct flight *flight)
{
	return flight->got > flight->taken ? (size_t)(flight->got - flight->taken) : 0;
}

gboolean flight_is_light(const struct flight *flight)
{
	return flight->end - MIN(flight->taken, flight->got) <= flight->capacity;
}

static void ring_store(struct flight *flight, const uint8_t *bytes, size_t size_bytes)
{
	const size_t at = (size_t)(flight->got % flight->capacity);
	const size_t first = MIN(size_bytes, flight->capacity - at);

	memcpy(flight->ring + at, bytes, first);
	memcpy(flight->ring, bytes + first, size_bytes - first);
	flight->got += size_bytes;
}

gboolean flight_put(struct flight *flight, const uint8_t *bytes, size_t size_bytes)
{
	const size_t wanted = (size_t)MIN(size_bytes, flight->end - flight->got);
	const uint64_t ahead = flight->taken > flight->got ? flight->taken - flight->got : 0;
	const size_t dropped = (size_t)MIN(wanted, ahead);

	if (wanted - dropped > flight->capacity - flight_ready_bytes(flight))
		return FALSE;
	flight->got += dropped;
	ring_store(flight, bytes + dropped, wanted - dropped);
	return TRUE;
}

void flight_skip(struct flight *flight, uint64_t offset)
{
	g_assert(offset >= flight->taken && offset <= flight->end);
	flight->taken = offset;
}

size_t flight_take(struct flight *flight, uint8_t *ret_bytes, size_t size_bytes)
{
	const size_t size = MIN(size_bytes, flight_ready_bytes(flight));
	const size_t at = (size_t)(flight->taken % flight->capacity);
	const size_t first = MIN(size, flight->capacity - at);

	memcpy(ret_bytes, flight->ring + at, first);
	memcpy(ret_bytes + first, flight->ring, size - first);
	flight->taken += size;
	return size;
}
