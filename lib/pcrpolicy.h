/* SPDX-License-Identifier: MIT */
#pragma once
/* Signed policies over PCR 11: for each phase of a boot, the state of the PCR in which secrets may
 * be used, signed by whoever releases. A secret that is sealed to the signer's key is usable with
 * each UKI that carries such a signature: nothing has to be sealed anew at an update.
 * Format: systemd-measure(1), `.pcrsig`; digests: TPM 2.0 Part 3, TPM2_PolicyPCR. */

#include <glib.h>
#include <stdint.h>

#include "pcr11.h"
#include "signkey.h"

enum { PCRPOLICY_DIGEST_SIZE = 32 };

/* The digest of a policy session that demands only this value of PCR 11. */
void pcrpolicy_digest(const struct pcr11 *pcr, uint8_t ret_digest[static PCRPOLICY_DIGEST_SIZE]);

/* What is to be signed; all is borrowed. */
struct pcrpolicy {
	GBytes *uki;              /* with .pcrpkey, which is measured */
	const char *const *banks; /* names, as are the paths of phases; both end with NULL */
	const char *const *paths;
	GPtrArray *keys; /* of struct signkey_rsa *: each signs all */
};

/* The content of `.pcrsig`. FAULT_PCR_BANK, FAULT_PCR_PHASE, FAULT_KEY_UNREADABLE, FAULT_PE_. */
GBytes *pcrpolicy_sign(const struct pcrpolicy *policy, GError **error);
