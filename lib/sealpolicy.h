/* SPDX-License-Identifier: MIT */
#pragma once
/* Policies of sealed secrets, computed without a TPM: usable in each state of PCR 11 that the
 * holder of a key has signed (pcrpolicy.h), and with a PIN if one is wanted; with a gate, only by
 * releases that are signed for its floor, and only until a counter of the TPM has moved on.
 *
 * Without a gate they must be systemd-cryptenroll's bit for bit, or it could not unseal what we
 * seal. Sources: TPM 2.0 Part 1, 16 (names) and 19.7 (policies); Part 2, TPMT_PUBLIC and
 * TPMS_NV_PUBLIC; Part 3, TPM2_PolicyAuthorize and TPM2_PolicyNV; `.pcrsig`: systemd-measure(1). */

#include <glib.h>
#include <stdint.h>

#include "pcrpolicy.h"
#include "signkey.h"

enum {
	SEALPOLICY_SIZE = 32,
	SEALPOLICY_NAME_SIZE = 2 + 32, /* TPM_ALG_SHA256 and the hash */
	SEALPOLICY_SIGNATURES_MAX = PCRPOLICY_SIZE_MAX,
	SEALPOLICY_SIGNATURE_COUNT_MAX = 256, /* in the bank, and for floors */
};

/* What keeps revoked releases and old headers from a secret (docs/FLOOR.md). */
struct sealpolicy_gate {
	uint64_t floor;   /* the release must be signed for it; at most PCRPOLICY_FLOOR_MAX */
	uint64_t ceiling; /* the highest value of the counter with which the secret is given out */
	uint32_t index;   /* where the counter is, among the TPM's */
};

/* What a TPM calls the key once it is loaded. */
void sealpolicy_name(const struct signkey_public *key,
		     uint8_t ret_name[static SEALPOLICY_NAME_SIZE]);

/* What a TPM calls the counter of lib/tpmcounter.h at that index, which only releases of the key
 * can move, once it was written. */
void sealpolicy_counter_name(const struct signkey_public *key, uint32_t index,
			     uint8_t ret_name[static SEALPOLICY_NAME_SIZE]);

/* PolicyAuthorize by the key, without a policyRef; with a gate, which may be NULL, for its floor
 * (pcrpolicy_reference()) and with PolicyNV behind it; with `pin`, then PolicyAuthValue. */
void sealpolicy_digest(const struct signkey_public *key, const struct sealpolicy_gate *gate,
		       gboolean pin, uint8_t ret_digest[static SEALPOLICY_SIZE]);

/* The key's signature of a policy over PCR 11 alone (pcrpolicy_digest()) in the bank sha256 of a
 * `.pcrsig`; with a gate, which may be NULL, that for its floor. It is not verified. NULL with
 * FAULT_SEAL_SIGNATURES (what is there is no such file), FAULT_SEAL_STATE (nobody signed this
 * state) or FAULT_SEAL_FLOOR (nobody signed it for this floor). */
GBytes *sealpolicy_signature_find(GBytes *pcrsig, const struct signkey_public *key,
				  const struct sealpolicy_gate *gate,
				  const uint8_t policy[static PCRPOLICY_DIGEST_SIZE],
				  GError **error);

/* The highest floor up to `limit` for which the key has signed anything in a `.pcrsig`; FALSE: for
 * none, its maker wants no gates. Nothing is verified; the TPM does that. */
gboolean sealpolicy_floor_highest(GBytes *pcrsig, const struct signkey_public *key, uint64_t limit,
				  uint64_t *ret_floor);

/* Whether a secret under the policy could be used when this UKI has booted and gone on to the
 * phase: its `.pcrsig` has a signature by the key over that state of PCR 11, with a gate (which may
 * be NULL) for its floor, and it is good. FAULT_PE_, FAULT_SEAL_SIGNATURES, FAULT_SEAL_STATE,
 * FAULT_SEAL_FLOOR, FAULT_SEAL_SIGNATURE. */
gboolean sealpolicy_uki_fits(GBytes *uki, const struct signkey_public *key,
			     const struct sealpolicy_gate *gate, const char *phase, GError **error);
