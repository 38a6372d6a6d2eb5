/* SPDX-License-Identifier: MIT */
#pragma once
/* CRC-32C (Castagnoli, reflected polynomial 0x82f63b78, RFC 3720 appendix B.4): notices torn
 * and rotten control blocks. It is no protection against an attacker; signatures are. */

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const uint8_t *bytes, size_t size_bytes);
