/* SPDX-License-Identifier: MIT */
#pragma once
/* The counter that gates secrets (docs/FLOOR.md): an index of the TPM of type counter, since those
 * alone cannot go back: one that is deleted and made again goes on above every counter that the TPM
 * ever had, also behind a clear. Each key of PCR signatures has a counter of its own, which only
 * its releases can move, in their initrd. Source: TPM 2.0 Part 1, 37.2.4. */

#include <glib.h>
#include <stdint.h>

#include "nvcounter.h"
#include "tpmseal.h"

struct tpmcounter {
	uint32_t index;   /* 0: there is none for the key */
	gboolean written; /* started: before that it has no value */
	uint64_t value;
};

/* The key's counter. Trusts only an index whose public area is the one that tpmcounter_define()
 * makes for this key. Changes nothing. FAULT_TPM_COMMAND, FAULT_SEAL_ROOT_KEY, _OTHER_TPM. */
gboolean tpmcounter_find(struct tpm *tpm, const struct signkey_public *key,
			 struct tpmcounter *ret_counter, GError **error);

/* Which of the NVCOUNTER_INDEXES must stay, since something is sealed to them: while a fleet goes
 * from one key to the next, both may be there. */
struct tpmcounter_used {
	gboolean used[NVCOUNTER_INDEXES];
};
void tpmcounter_use(struct tpmcounter_used *used, uint32_t index);

/* Finds it, or makes one, not started, at an index that is not used: a free one, else in the place
 * of what is no counter, else of another key's counter. FAULT_TPM_FULL. */
gboolean tpmcounter_define(struct tpm *tpm, const struct signkey_public *key,
			   const struct tpmcounter_used *used, struct tpmcounter *ret_counter,
			   GError **error);

/* One more; starts it. Only in a phase that `keys` have signed. FAULT_SEAL_, FAULT_TPM_COMMAND. */
gboolean tpmcounter_increment(struct tpm *tpm, const struct tpmseal_keys *keys,
			      struct tpmcounter *counter, GError **error);

/* Removes counters at our indexes but those that are used: what was sealed to one that is gone is
 * of no use for ever. What is no counter is left alone. */
gboolean tpmcounter_clean(struct tpm *tpm, const struct tpmcounter_used *used, GError **error);
