/* SPDX-License-Identifier: MIT */
#pragma once
/* Verity plan: what to ask of the kernel next, if it did not take a root image with all that helps.
 *
 * A signature of the root hash and parity are helps: the root hash itself stands in the signed
 * command line. A kernel may know neither, or may not trust the signature's key; then the image
 * starts without. But a kernel can demand a signature that it trusts, and then none is started.
 * Which help it was that the kernel refused, its error does not always tell (libcryptsetup makes
 * EINVAL or ENODEV of most): so one is left out, then the other, then both. */

#include <stdbool.h>

#include "fault.h"

enum { VERITYPLAN_TRIES_MAX = 4 };

struct verityplan {
	bool signature; /* one is at hand */
	bool fec;       /* parity is at hand */
	bool demanded;  /* the kernel says that it takes no image without a signature */
};

struct verityplan_try {
	bool signature, fec;
};

struct verityplan_try verityplan_first(const struct verityplan *plan);

/* After the kernel refused `attempt` with that errno. FAULT_OK: *attempt is the next one.
 * FAULT_ROOT_SIGNATURE: the kernel demands a signature, and trusts none that is at hand.
 * FAULT_ROOT_VERITY: nothing is left to be tried. */
fault verityplan_next(const struct verityplan *plan, int error, struct verityplan_try *attempt);
