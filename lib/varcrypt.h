/* SPDX-License-Identifier: MIT */
#pragma once
/* The encrypted var: how its keys are enrolled, what state they are in, and how a boot unlocks it.
 *
 * Enrolling goes in an order in which each step may be the last one: a recovery key, a new key of
 * the TPM, a try of both, and only then the old keys of TPMs are taken away. */

#include <glib.h>

#include "fault.h"
#include "luks.h"
#include "tpmbind.h"
#include "tpmcounter.h"

/* In which phase of a boot its secrets can be used (pcrpolicy.h). */
extern const char VARCRYPT_PHASE[];
/* As which it appears in /dev/mapper, and in what is measured of it. */
extern const char VARCRYPT_NAME[];

struct varcrypt_enroll {    /* all is borrowed */
	const char *volume; /* a partition or a file */
	struct tpm *tpm;
	GBytes *public_key;       /* PEM, of the PCR signatures: .pcrpkey of a verified UKI */
	const struct secret *key; /* a passphrase or recovery key that opens it */
	const struct secret *recovery_key;  /* a new one to add, NULL: there must be one */
	const struct secret *pin;           /* NULL: none */
	const struct sealpolicy_gate *gate; /* NULL: none */
};
/* FAULT_LUKS_, FAULT_SEAL_, FAULT_TPM_COMMAND; FAULT_RECOVERY_MISSING: none was given, and there is
 * none; FAULT_RECOVERY_FORM: it is no such key (recoverykey.h). */
gboolean varcrypt_enroll(const struct varcrypt_enroll *ask, GError **error);

/* A new volume; free with varcrypt_new_clear(). */
struct varcrypt_new {
	struct luks *luks; /* unfinished still: luks_finish() when it has what it should hold */
	struct secret *volume_key;
	struct secret *recovery_key;
};
void varcrypt_new_clear(struct varcrypt_new *made);
/* Overwrites what is there. Recovery key and TPM open it; the latter was not tried. Of `ask`, no
 * key and no recovery key is needed. */
gboolean varcrypt_create(const struct varcrypt_enroll *ask, struct varcrypt_new *ret_new,
			 GError **error);

/* A further key of the TPM for an open volume, whose token has that number: the steps of
 * varcrypt_enroll(), one by one. */
gboolean varcrypt_token_add(struct luks *luks, const struct varcrypt_enroll *ask,
			    const struct secret *volume_key, unsigned *ret_number, GError **error);

/* The volume key by a passphrase or recovery key as somebody typed it. FAULT_LUKS_KEY. */
struct secret *varcrypt_unlock_typed(struct luks *luks, const struct secret *typed, GError **error);
struct varcrypt_with {            /* all is borrowed */
	GBytes *pcrsig;           /* of the UKI that was booted */
	const struct secret *pin; /* NULL: none */
};
/* What has opened it; free with varcrypt_opened_clear(). */
struct varcrypt_opened {
	unsigned number; /* the token's */
	/* That the token was sealed to: it has signed the state of PCR 11, so it is one of those of
	 * the booted release. */
	GBytes *public_key;
	gboolean gated;
	struct sealpolicy_gate gate;
};
void varcrypt_opened_clear(struct varcrypt_opened *opened);
/* The volume key by the TPM: the first of the volume's tokens that opens. The last token's fault;
 * FAULT_TOKEN_MISSING: none. */
struct secret *varcrypt_unlock(struct luks *luks, struct tpm *tpm, const struct varcrypt_with *with,
			       struct varcrypt_opened *ret_opened, GError **error);
/* The same by one token. */
struct secret *varcrypt_token_unlock(struct luks *luks, struct tpm *tpm,
				     const struct varcrypt_with *with, const struct tpmtoken *token,
				     GError **error);

/* FALSE only if nothing of the file or partition is sealed to a TPM: it is no LUKS volume, or has
 * no token of one. */
gboolean varcrypt_is_sealed(const char *volume);

/* Proof, before a release is to boot, that the secrets of var could be used with its UKI: this TPM
 * holds the secret of one of the volume's tokens, under the policy of that token's key, and the
 * UKI has a good signature by that key, for the floor of the gate, if it has one, whose counter
 * must not have moved on; and that there is a recovery key, should the TPM fail.
 * `tpm` may be NULL. FAULT_RECOVERY_MISSING, FAULT_TPM_OPEN, that of the header, or the last
 * token's. */
gboolean varcrypt_prove(const char *volume, struct tpm *tpm, GBytes *uki, GError **error);

struct varcrypt_status {
	gboolean has_tpm;
	gboolean encrypted;    /* it has a LUKS2 header that passes */
	gboolean recovery_key; /* it has a keyslot for one */
	gboolean enrolled;     /* it has a token of a TPM */
	gboolean pin;
	gboolean bound;   /* the TPM knows which volume it is */
	gboolean gated;   /* revoked releases and old headers get nothing (docs/FLOOR.md) */
	uint64_t floor;   /* of the gate; 0 without one */
	uint64_t counter; /* of the TPM, now; 0 unknown */
	gboolean unlocks; /* the next boot of the UKI would unlock it, apart from a PIN */
	char *key_print;  /* hex, of the PCR signatures' key; NULL if not enrolled */
	fault why;        /* why `unlocks` is FALSE */
	char *reason;     /* the same as a sentence; NULL */
};
void varcrypt_status_clear(struct varcrypt_status *status);

/* Never fails: what is wrong is in it. `tpm` may be NULL; `uki` is the one that would boot, NULL
 * with `why_no_uki` set: it cannot be told. */
void varcrypt_status_get(const char *volume, struct tpm *tpm, GBytes *uki, const GError *why_no_uki,
			 struct varcrypt_status *ret_status);
