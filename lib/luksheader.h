/* SPDX-License-Identifier: MIT */
#pragma once
/* What a LUKS2 header says about its volume, checked before any secret is used on it. Whoever can
 * write the disk can write headers: one that turns encryption off, or lets a half-done
 * reencryption go on with a key of their choice, would have our programs store secrets in the
 * open. Format: LUKS2 On-Disk Format Specification 1.1, 3. */

#include <glib.h>

enum {
	LUKSHEADER_SIZE_MAX = 4 << 20, /* bytes of JSON */
	LUKSHEADER_KEYSLOTS = 32,
	LUKSHEADER_KEY_SIZE = 64, /* bytes of a volume key: two of AES-256, for XTS */
	/* What an unlock may cost: headers could ask for days. */
	LUKSHEADER_MEMORY_KIB_MAX = 1 << 20,
	LUKSHEADER_TIME_MAX = 64, /* passes of argon2 */
	LUKSHEADER_CPUS_MAX = 4,
	LUKSHEADER_ITERATIONS_MAX = 20000000, /* of PBKDF2 */
};

/* The header's JSON. Good is: one segment, all of it aes-xts-plain64 with a key of 512 bits;
 * keyslots of the same cipher, whose key derivation is affordable; one digest, which covers them
 * all; no reencryption, no requirements, no integrity layer; no flag but allow-discards.
 * FAULT_LUKS_HEADER, _SEGMENT, _CIPHER, _KEYSLOT, _DIGEST, _REENCRYPT, _REQUIREMENTS. */
gboolean luksheader_check(const char *json, size_t size_bytes, GError **error);
