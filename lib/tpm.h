/* SPDX-License-Identifier: MIT */
#pragma once
/* TPM 2.0, through tpm2-tss (ESAPI). */

#include <glib.h>
#include <stdint.h>

/* One PCR of the SHA-256 bank as hex. NULL with FAULT_TPM_OPEN (no TPM) or FAULT_TPM_COMMAND.
 * `tcti` as tpm2-tss names it, NULL for the kernel's resource manager. */
char *tpm_pcr_read(const char *tcti, unsigned pcr, GError **error);
