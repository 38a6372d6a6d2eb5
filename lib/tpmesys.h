/* SPDX-License-Identifier: MIT */
#pragma once
/* The face of tpm2-tss, for the files lib/tpm*.c alone: they talk ESAPI over one open TPM. */

#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>

#include "tpm.h"

ESYS_CONTEXT *tpm_esys(struct tpm *tpm);

/* FALSE with FAULT_TPM_COMMAND, unless `result` is success; `what` ends "the TPM does not ...". */
gboolean tpm_done(TSS2_RC result, const char *what, GError **error);
