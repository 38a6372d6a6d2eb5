/* SPDX-License-Identifier: MIT */
#pragma once
/* Flights: one range of a file that is on its way, and the part of it that has arrived and was not
 * read yet, in a ring of bounded size. Pure but for the memory. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

struct flight {
	uint64_t start;
	uint64_t end;   /* may move down when the file turns out to be shorter */
	uint64_t got;   /* the next byte to arrive, start to end */
	uint64_t taken; /* the next byte to be read, start to end; above `got`, what comes first is
			 * dropped */
	size_t capacity;
	uint8_t *ring; /* of that size; byte N of the file stands at N modulo capacity */
};

/* start < end, capacity > 0. */
void flight_init(struct flight *flight, uint64_t start, uint64_t end, size_t capacity);
void flight_done(struct flight *flight);

/* Bytes `got` to `got + size_bytes` have arrived; what lies behind the end is ignored. FALSE, and
 * nothing happens, if the ring has no room for them. */
gboolean flight_put(struct flight *flight, const uint8_t *bytes, size_t size_bytes);

/* Drops all before `offset`, which lies between `taken` and `end`. */
void flight_skip(struct flight *flight, uint64_t offset);

/* Up to size_bytes from `taken` on, as far as they have arrived: how many. */
size_t flight_take(struct flight *flight, uint8_t *ret_bytes, size_t size_bytes);

size_t flight_ready_bytes(const struct flight *flight); /* can be taken now */
/* All that is still to come fits the ring: it will never have to wait for its reader. */
gboolean flight_is_light(const struct flight *flight);
