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

enum {
	PCRPOLICY_DIGEST_SIZE = 32,
	PCRPOLICY_REFERENCE_SIZE = 14 + 8,
	PCRPOLICY_SIZE_MAX = 65536, /* bytes of a `.pcrsig`: more no initrd hands on */
};
/* JSON's integers. */
static const uint64_t PCRPOLICY_FLOOR_MAX = INT64_MAX;

/* The list in `.pcrsig` that systemd does not look at: the same policies, signed once more for each
 * floor (docs/FLOOR.md) of a machine with which the release may have its secrets. */
extern const char PCRPOLICY_FLOORS[];

/* Where var's secrets are used. */
extern const char PCRPOLICY_FLOOR_PATH[];

/* What is signed behind a policy for a floor, TPM2_PolicyAuthorize's policyRef: "azupdate floor"
 * and the number, big-endian. */
void pcrpolicy_reference(uint64_t floor, uint8_t ret_reference[static PCRPOLICY_REFERENCE_SIZE]);

/* The digest of a policy session that demands only this value of PCR 11. */
void pcrpolicy_digest(const struct pcr11 *pcr, uint8_t ret_digest[static PCRPOLICY_DIGEST_SIZE]);

/* What is to be signed; all is borrowed. */
struct pcrpolicy {
	GBytes *uki;              /* with .pcrpkey, which is measured */
	const char *const *banks; /* names, as are the paths of phases; both end with NULL */
	const char *const *paths;
	GPtrArray *keys;        /* of struct signkey_rsa *: each signs all */
	const uint64_t *floors; /* each at most PCRPOLICY_FLOOR_MAX; bank sha256, and only if the
				 * path PCRPOLICY_FLOOR_PATH is among the paths */
	unsigned n_floors;      /* 0: no gates */
};

/* The content of `.pcrsig`. FAULT_PCR_BANK, FAULT_PCR_PHASE, FAULT_KEY_UNREADABLE, FAULT_PE_;
 * FAULT_PCRSIG_SIZE: it would be larger than PCRPOLICY_SIZE_MAX. */
GBytes *pcrpolicy_sign(const struct pcrpolicy *policy, GError **error);
