/* SPDX-License-Identifier: MIT */
#pragma once
/* Quotes: what a TPM signs about its PCRs, decoded and judged without a TPM. tpm2-tss before 4.0.2
 * leaves out some of these checks (CVE-2024-29040), so all of them are here.
 * Format: TPM 2.0 Part 2, TPMS_ATTEST, TPMT_PUBLIC, TPMT_SIGNATURE; big-endian. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

enum {
	QUOTE_SIZE_MAX = 1024, /* bytes, of each of the three structures */
	QUOTE_NONCE_MIN = 16,
	QUOTE_NONCE_MAX = 64,
	QUOTE_HASH_SIZE = 32,
	QUOTE_NAME_SIZE = 2 + QUOTE_HASH_SIZE,
	QUOTE_PCR_COUNT = 16,
	QUOTE_PCRS = 0xf8ff, /* bit N: PCR N of the bank sha256. 0 to 7, 11 to 15; 8 to 10 are boot
			      * loaders' and the kernel's, and change while a machine runs */
};

static inline gboolean quote_has_pcr(unsigned pcr)
{
	return (QUOTE_PCRS >> pcr & 1) != 0;
}

/* Where bytes stand in what was decoded; big-endian where it is a number. */
struct quote_bytes {
	const uint8_t *bytes;
	size_t size_bytes;
};

struct quote {
	struct quote_bytes signer; /* qualified name of the key */
	struct quote_bytes nonce;
	uint64_t clock_ms;      /* that the TPM was on, over its life */
	uint32_t reset_count;   /* power cycles and resets since the TPM was cleared */
	uint32_t restart_count; /* resumes since then */
	gboolean safe;          /* the clock has not told a higher value before */
	uint64_t firmware;      /* the TPM's version */
	uint8_t digest[QUOTE_HASH_SIZE];
};

struct quote_pcrs { /* of the bank sha256; those outside of QUOTE_PCRS are zero */
	uint8_t values[QUOTE_PCR_COUNT][QUOTE_HASH_SIZE];
};

/* FAULT_ATTEST_MAGIC: not made by a TPM; _TYPE: no quote; _SELECTION: not exactly QUOTE_PCRS;
 * _QUOTE: anything else. */
fault quote_decode(const uint8_t *bytes, size_t size_bytes, struct quote *ret_quote);
/* Of the values, those in QUOTE_PCRS, as the quote has it. */
void quote_digest(const struct quote_pcrs *pcrs, uint8_t ret_digest[static QUOTE_HASH_SIZE]);

/* A key that signs what its TPM has made, and nothing else. */
struct quote_key {
	gboolean is_rsa;
	struct quote_bytes modulus; /* RSA: 2048 to 4096 bits */
	uint32_t exponent;
	struct quote_bytes x, y; /* else a point of P-256 */
	uint8_t name[QUOTE_NAME_SIZE];
};

/* FAULT_ATTEST_QUOTE, or _KEY_KIND: not restricted, not for signing alone, not bound to its TPM, or
 * not ECDSA over P-256 or RSASSA, with SHA-256. */
fault quote_key_decode(const uint8_t *bytes, size_t size_bytes, struct quote_key *ret_key);
/* Whether that key, as a primary one of any hierarchy, is the one that the quote names. */
gboolean quote_is_by_primary(const struct quote *quote, const struct quote_key *key);

struct quote_signature {
	gboolean is_rsa;
	struct quote_bytes r; /* or RSA's */
	struct quote_bytes s;
};

/* FAULT_ATTEST_QUOTE, or FAULT_ATTEST_SIGNATURE: of another scheme. */
fault quote_signature_decode(const uint8_t *bytes, size_t size_bytes,
			     struct quote_signature *ret_signature);
