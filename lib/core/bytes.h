/* SPDX-License-Identifier: MIT */
#pragma once
/* Bytes: little-endian integers in buffers, and the few byte loops that the core needs. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint16_t bytes_load_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t bytes_load_u32(const uint8_t *bytes)
{
	return (uint32_t)bytes_load_u16(bytes) | (uint32_t)bytes_load_u16(bytes + 2) << 16;
}

static inline uint64_t bytes_load_u64(const uint8_t *bytes)
{
	return (uint64_t)bytes_load_u32(bytes) | (uint64_t)bytes_load_u32(bytes + 4) << 32;
}

static inline void bytes_store_u16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)value;
	bytes[1] = (uint8_t)(value >> 8);
}

static inline void bytes_store_u32(uint8_t *bytes, uint32_t value)
{
	bytes_store_u16(bytes, (uint16_t)value);
	bytes_store_u16(bytes + 2, (uint16_t)(value >> 16));
}

static inline void bytes_store_u64(uint8_t *bytes, uint64_t value)
{
	bytes_store_u32(bytes, (uint32_t)value);
	bytes_store_u32(bytes + 4, (uint32_t)(value >> 32));
}

static inline bool bytes_equal(const uint8_t *a, const uint8_t *b, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

static inline bool bytes_are_zero(const uint8_t *bytes, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

static inline void bytes_copy(uint8_t *to, const uint8_t *from, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++)
		to[i] = from[i];
}

static inline void bytes_fill(uint8_t *bytes, uint8_t value, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++)
		bytes[i] = value;
}

/* Whether `size_bytes` from `offset` on end at or before `end`; no sum of these can overflow. */
static inline bool bytes_range_is_inside(uint64_t offset, uint64_t size_bytes, uint64_t end)
{
	return offset <= end && size_bytes <= end - offset;
}
