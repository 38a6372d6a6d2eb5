/* SPDX-License-Identifier: MIT */
#include "crc32c.h"

#include "crc32c_table.h"

/* The library has eight slices of the table, the boot program one: the code fits any number. */
static uint32_t after_slices(uint32_t crc, const uint8_t bytes[static CRC32C_SLICES])
{
	uint32_t next = 0;

#pragma GCC unroll 8
	for (unsigned i = 0; i < CRC32C_SLICES; i++) {
		next ^= CRC32C_TABLE[CRC32C_SLICES - 1 - i][(crc & 255) ^ bytes[i]];
		crc >>= 8;
	}
	return next ^ crc;
}

uint32_t crc32c(const uint8_t *bytes, size_t size_bytes)
{
	uint32_t crc = 0xffffffff;
	size_t at = 0;

	for (; size_bytes - at >= CRC32C_SLICES; at += CRC32C_SLICES)
		crc = after_slices(crc, bytes + at);
	for (; at < size_bytes; at++)
		crc = crc >> 8 ^ CRC32C_TABLE[0][(crc ^ bytes[at]) & 255];
	return ~crc;
}
