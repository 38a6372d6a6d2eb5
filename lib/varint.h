/* SPDX-License-Identifier: MIT */
#pragma once
/* Varints: whole numbers in 1 to 10 bytes, seven bits each, lowest first; the form of every number
 * in a delta. Signed ones are folded (0, -1, 1, -2, ...) so that small ones stay short. */

#include <glib.h>
#include <stdint.h>

struct varint_reader {
	const uint8_t *bytes;
	size_t size_bytes;
	size_t position;
	gboolean failed; /* a number that ends early, or has more than 64 bits; it stays set */
};

/* The next number; 0 once the reader has failed. */
uint64_t varint_read(struct varint_reader *reader);
int64_t varint_read_signed(struct varint_reader *reader);
/* The next number if it is at most `limit`; else the reader fails. */
uint64_t varint_read_limited(struct varint_reader *reader, uint64_t limit);

void varint_append(GByteArray *to, uint64_t value);
void varint_append_signed(GByteArray *to, int64_t value);
