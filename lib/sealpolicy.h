/* SPDX-License-Identifier: MIT */
#pragma once
/* Policies of sealed secrets, computed without a TPM: usable in each state of PCR 11 that the
 * holder of a key has signed (pcrpolicy.h), and with a PIN if one is wanted.
 *
 * They must be systemd-cryptenroll's bit for bit, or it could not unseal what we seal. Sources:
 * TPM 2.0 Part 1, 16 (names) and 19.7 (policies); Part 2, TPMT_PUBLIC; `.pcrsig`:
 * systemd-measure(1). */

#include <glib.h>
#include <stdint.h>

#include "pcrpolicy.h"
#include "signkey.h"

enum {
	SEALPOLICY_SIZE = 32,
	SEALPOLICY_NAME_SIZE = 2 + 32,        /* TPM_ALG_SHA256 and the hash */
	SEALPOLICY_SIGNATURES_MAX = 65536,    /* bytes of a `.pcrsig` */
	SEALPOLICY_SIGNATURE_COUNT_MAX = 256, /* in the bank */
};

/* What a TPM calls the key once it is loaded. */
void sealpolicy_name(const struct signkey_public *key,
		     uint8_t ret_name[static SEALPOLICY_NAME_SIZE]);

/* PolicyAuthorize by the key, without a policyRef; with `pin`, PolicyAuthValue behind it. */
void sealpolicy_digest(const struct signkey_public *key, gboolean pin,
		       uint8_t ret_digest[static SEALPOLICY_SIZE]);

/* The key's signature of a policy over PCR 11 alone (pcrpolicy_digest()) in the bank sha256 of a
 * `.pcrsig`. It is not verified. NULL with FAULT_SEAL_SIGNATURES (what is there is no such file) or
 * FAULT_SEAL_STATE (nobody signed this state). */
GBytes *sealpolicy_signature_find(GBytes *pcrsig, const struct signkey_public *key,
				  const uint8_t policy[static PCRPOLICY_DIGEST_SIZE],
				  GError **error);

/* Whether a secret under the policy could be used when this UKI has booted and gone on to the
 * phase: its `.pcrsig` has a signature by the key over that state of PCR 11, and it is good.
 * FAULT_PE_, FAULT_SEAL_SIGNATURES, FAULT_SEAL_STATE, FAULT_SEAL_SIGNATURE. */
gboolean sealpolicy_uki_fits(GBytes *uki, const struct signkey_public *key, const char *phase,
			     GError **error);
