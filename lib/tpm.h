/* SPDX-License-Identifier: MIT */
#pragma once
/* A TPM 2.0, through tpm2-tss. Not thread-safe: one user at a time. */

#include <glib.h>
#include <stdint.h>

struct tpm;
typedef struct tpm Tpm; /* for g_autoptr() only */

/* `tcti` as tpm2-tss names it ("swtpm:path=/run/tpm.sock"), NULL: the kernel's resource manager.
 * NULL with FAULT_TPM_OPEN. */
struct tpm *tpm_open(const char *tcti, GError **error);
void tpm_close(struct tpm *tpm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tpm, tpm_close)

/* One PCR of the SHA-256 bank as hex. NULL with FAULT_TPM_COMMAND. */
char *tpm_pcr_read(struct tpm *tpm, unsigned pcr, GError **error);
