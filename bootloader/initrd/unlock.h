/* SPDX-License-Identifier: MIT */
#pragma once
/* Unlock: has azunlock, a program of the verified root image, unlock the encrypted var. */

#include <stdbool.h>

#include "fault.h"

/* What systemd-stub leaves of the UKI's PCR policies goes where systemd and azunlock look for it:
 * from /.extra, which is deleted with the initrd, to `run`/systemd. Nothing if there is none. */
void unlock_keep_extra(const char *run);

/* Whether the UKI has signed PCR policies: secrets may be sealed to the phase that this is. */
bool unlock_has_policies(void);

/* Has PCR 11 leave the phase, where there is no var to unlock: what runs later, root included, must
 * not get at what is sealed to it. A TPM that fails is told, and keeps nothing from starting. */
void unlock_leave_phase(const char *root);

/* Runs it in the root image at `root`, with /dev, /proc, /sys and /run as they are here. Its fault,
 * or FAULT_VAR_LOCKED. */
fault unlock_run(const char *root, const char *run);
