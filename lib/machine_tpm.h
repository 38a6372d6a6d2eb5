/* SPDX-License-Identifier: MIT */
#pragma once
/* Machine, TPM: the encrypted var of this computer, and which key its secrets are sealed to: that
 * of the running release, taken out of its UKI, which is verified against the signed manifest. */

#include "machine.h"
#include "varcrypt.h"

struct machine_tpm_status { /* free with _clear */
	char *volume;       /* the partition, or what the configuration names */
	struct varcrypt_status var;
};
void machine_tpm_status_clear(struct machine_tpm_status *status);

/* FAULT_PART_MISSING, FAULT_PART_TWICE; what is wrong with the volume itself is in the status. It
 * may run beside a job, in another thread: it changes nothing, and reads of the machine what does
 * not change while it is open. */
gboolean machine_tpm_status_get(struct machine *machine, struct machine_tpm_status *ret_status,
				GError **error);

/* Proof before the flip: TRUE if what is sealed on this machine could be used with the release in
 * the slot, or nothing is sealed. As varcrypt_prove(); and what is wrong with the slot's UKI. */
gboolean machine_tpm_prove(struct machine *machine, unsigned slot, GError **error);

struct machine_tpm_keys {                  /* borrowed */
	const struct secret *key;          /* opens the volume now */
	const struct secret *recovery_key; /* a new one, or NULL */
	const struct secret *pin;          /* NULL: none */
};
/* As vargate_enroll(); FAULT_SEAL_RELEASE: the machine does not run a release whose UKI has PCR
 * signatures. */
gboolean machine_tpm_enroll(struct machine *machine, const struct machine_tpm_keys *keys,
			    GError **error);
