/* SPDX-License-Identifier: MIT */
#pragma once
/* The gate of the encrypted var: what keeps its key from revoked releases and from headers of
 * before, whoever starts or restores them (docs/FLOOR.md). When the floor has risen, the boot that
 * learns of it seals the key anew, for the new floor and one step of the counter; proves that;
 * moves the counter, by which all that was sealed before dies; and then removes that. After each of
 * these steps what is in the header opens the volume. */

#include <glib.h>

#include "tpmcounter.h"
#include "varcrypt.h"

/* Pure: what a boot does about the gate of the token that opened the volume. */
struct vargate_found {
	gboolean gated; /* the token has a gate at all */
	struct sealpolicy_gate gate;
	uint64_t floor; /* the highest one that the release is signed for, up to that in force */
	uint64_t value; /* of the counter */
	uint64_t limit; /* azboot's: how far it may be moved at this boot; 0: not told */
};
struct vargate_plan {
	gboolean renew;   /* seal anew, for `floor` and `ceiling` */
	uint64_t ceiling; /* of what is sealed then */
	gboolean move;    /* the counter by one, behind that */
};
struct vargate_plan vargate_choose(const struct vargate_found *found);

/* A release, and where it runs; all is borrowed. */
struct vargate {
	struct tpm *tpm;
	GBytes *pcrsig;
	uint64_t floor; /* in force, 0: none or unknown */
	uint64_t limit; /* as above */
	gboolean boots; /* in the phase in which secrets can be used: counters can be moved */
};

/* Where nothing is sealed yet, or anew. */
struct vargate_new {
	gboolean gated;
	struct sealpolicy_gate gate; /* if so */
};

/* The counters that the tokens of a volume name. */
void vargate_used(struct luks *luks, struct tpmcounter_used *ret_used);

/* The gate for a secret that is sealed to the key now: *ret_gated FALSE, if the release's maker
 * wants none or the TPM has no room for a counter. The counter is made if need be, and with `boots`
 * started. FAULT_COUNTER_UNWRITTEN: only a boot can start it. FAULT_SEAL_FLOOR: the release is not
 * signed for a floor as low as that in force. */
gboolean vargate_get(const struct vargate *gate, const struct signkey_public *key,
		     const struct tpmcounter_used *used, struct vargate_new *ret_new,
		     GError **error);

/* varcrypt_enroll() with such a gate, in place of ask->gate. */
gboolean vargate_enroll(const struct vargate *gate, const struct varcrypt_enroll *ask,
			GError **error);

/* A volume that a TPM has opened; all is borrowed. */
struct vargate_volume {
	const char *path;
	struct luks *luks;
	const struct secret *volume_key;
	const struct varcrypt_with *with; /* what has opened it */
	const struct varcrypt_opened *opened;
};
/* With `boots`: brings the gate of the volume up to the floor in force, and clears away what an
 * earlier boot has left. A failure leaves the volume such that the next boot can open it and tries
 * again. */
gboolean vargate_renew(const struct vargate *gate, const struct vargate_volume *volume,
		       GError **error);
