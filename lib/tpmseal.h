/* SPDX-License-Identifier: MIT */
#pragma once
/* Secrets sealed by a TPM, under a policy of sealpolicy.h, in the form of systemd-cryptenroll: what
 * the TPM gives back is used as base64 text, and a PIN is stretched with a salt before the TPM sees
 * it. What goes over the wire to the TPM is encrypted for its storage root key. */

#include <glib.h>

#include "sealpolicy.h"
#include "secret.h"
#include "tpm.h"

enum {
	TPMSEAL_SECRET_SIZE = 32,
	TPMSEAL_SALT_SIZE = 32,
	TPMSEAL_BLOB_MAX = 1024,     /* bytes of TPM2B_PRIVATE and TPM2B_PUBLIC */
	TPMSEAL_ROOT_KEY_MAX = 512,  /* of a serialised storage root key */
	TPMSEAL_PCR_TEXT_MAX = 1024, /* of what a PCR is extended by */
};

struct tpmseal {
	GBytes *blob;     /* TPM2B_PRIVATE, TPM2B_PUBLIC */
	GBytes *root_key; /* under which it is sealed: handle, name and more, as tpm2-tss has it */
	uint8_t policy[SEALPOLICY_SIZE];
	gboolean pin;
	uint8_t salt[TPMSEAL_SALT_SIZE]; /* of the PIN, zeros without one */
	gboolean gated;
	struct sealpolicy_gate gate; /* zeros, unless gated */
};
void tpmseal_clear(struct tpmseal *seal);

/* For whom a secret is sealed; all is borrowed. */
struct tpmseal_for {
	const struct signkey_public *key;
	const struct secret *pin;           /* NULL: none */
	const struct sealpolicy_gate *gate; /* NULL: none */
};
/* A new secret of random bytes. Makes the storage root key if there is none. FAULT_SEAL_ROOT_KEY,
 * FAULT_TPM_COMMAND. */
gboolean tpmseal_new(struct tpm *tpm, const struct tpmseal_for *whom, struct tpmseal *ret_seal,
		     struct secret **ret_secret, GError **error);
/* Its gate, NULL if there is none; borrowed. */
const struct sealpolicy_gate *tpmseal_gate(const struct tpmseal *seal);

/* Whether this TPM could open it at all: it can load it. FAULT_SEAL_OTHER_TPM, _ROOT_KEY,
 * _POLICY. */
gboolean tpmseal_check(struct tpm *tpm, const struct tpmseal *seal,
		       const struct signkey_public *key, GError **error);

/* What it is opened with; all is borrowed. */
struct tpmseal_keys {
	const struct signkey_public *key;
	GBytes *pcrsig;
	const struct secret *pin; /* NULL: none */
};
/* NULL with FAULT_SEAL_OTHER_TPM, _ROOT_KEY, _POLICY, _STATE, _SIGNATURES, _SIGNATURE, _PIN,
 * _LOCKOUT, _FLOOR, _REVOKED, FAULT_COUNTER_MISSING, FAULT_PCR_BANK_MISSING, FAULT_TPM_COMMAND. A
 * wrong PIN counts for the TPM's lockout. */
struct secret *tpmseal_open(struct tpm *tpm, const struct tpmseal *seal,
			    const struct tpmseal_keys *keys, GError **error);

/* Extends a PCR in each bank that the TPM has and OpenSSL knows: by the hash of the text, or with
 * `key` by its HMAC, as systemd-pcrextend and systemd-cryptsetup do. */
gboolean tpmseal_extend(struct tpm *tpm, unsigned pcr, const char *text, const struct secret *key,
			GError **error);
