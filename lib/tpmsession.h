/* SPDX-License-Identifier: MIT */
#pragma once
/* Sessions with a TPM, for the files lib/tpm*.c alone: the storage root key, encrypted transport,
 * and proofs of a policy. */

#include "sealpolicy.h"
#include "tpmesys.h"

/* FALSE with the fault that fits the TPM's answer: FAULT_SEAL_LOCKOUT, _PIN, _OTHER_TPM,
 * _SIGNATURE, _STATE, _REVOKED, else FAULT_TPM_COMMAND. */
gboolean tpmsession_done(TSS2_RC result, const char *what, GError **error);

/* Whether the TPM said that there is nothing at that handle. */
gboolean tpmsession_is_absent(TSS2_RC result);

/* The storage root key at 0x81000001; with `make`, made if there is none: an ECC key as systemd
 * from 254 on makes it. FAULT_SEAL_ROOT_KEY: another kind of key is there. FAULT_SEAL_OTHER_TPM:
 * none is. The caller closes with Esys_TR_Close(). */
gboolean tpmsession_root_key(struct tpm *tpm, gboolean make, ESYS_TR *ret_key, GError **error);

/* A session that encrypts the first parameter of commands and answers, and proves that answers
 * come from the holder of the root key. */
gboolean tpmsession_start(struct tpm *tpm, ESYS_TR root_key, ESYS_TR *ret_session, GError **error);
/* Ends a session, or unloads an object; ESYS_TR_NONE is passed over. */
void tpmsession_flush(struct tpm *tpm, ESYS_TR object);

/* A session in which the policy is proven: of the state of PCR 11 now, as `pcrsig` has it signed by
 * `key`, with a gate for its floor and while its counter allows, and with `pin` of the object's
 * PIN, which is given later. Used once. FAULT_SEAL_, FAULT_COUNTER_MISSING, FAULT_PCR_BANK_MISSING.
 */
struct tpmsession_proof {
	const struct signkey_public *key;
	GBytes *pcrsig;
	gboolean pin;
	const struct sealpolicy_gate *gate; /* NULL: none */
};
gboolean tpmsession_prove(struct tpm *tpm, ESYS_TR root_key, const struct tpmsession_proof *proof,
			  ESYS_TR *ret_session, GError **error);
