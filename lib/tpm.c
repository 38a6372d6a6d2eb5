/* SPDX-License-Identifier: MIT */
#include "tpm.h"

#include "crypto.h"
#include "failure.h"
#include "tpmesys.h"

#include <tss2/tss2_tctildr.h>

static const char TCTI_DEFAULT[] = "device:/dev/tpmrm0";
static const char DEVICE_DEFAULT[] = "/dev/tpmrm0";

struct tpm {
	TSS2_TCTI_CONTEXT *transport;
	ESYS_CONTEXT *esys;
};

struct tpm *tpm_open(const char *tcti, GError **error)
{
	g_autoptr(Tpm) tpm = g_new0(struct tpm, 1);
	const char *name = tcti != NULL ? tcti : TCTI_DEFAULT;

	if (tcti == NULL && !g_file_test(DEVICE_DEFAULT, G_FILE_TEST_EXISTS)) {
		failure_set(error, FAULT_TPM_OPEN, "this machine has no TPM 2");
		return NULL;
	}
	if (Tss2_TctiLdr_Initialize(name, &tpm->transport) != TSS2_RC_SUCCESS ||
	    Esys_Initialize(&tpm->esys, tpm->transport, NULL) != TSS2_RC_SUCCESS) {
		failure_set(error, FAULT_TPM_OPEN, "cannot open the TPM %s", name);
		return NULL;
	}
	return g_steal_pointer(&tpm);
}

void tpm_close(struct tpm *tpm)
{
	if (tpm == NULL)
		return;
	Esys_Finalize(&tpm->esys);
	Tss2_TctiLdr_Finalize(&tpm->transport);
	g_free(tpm);
}

ESYS_CONTEXT *tpm_esys(struct tpm *tpm)
{
	return tpm->esys;
}

gboolean tpm_done(TSS2_RC result, const char *what, GError **error)
{
	if (result == TSS2_RC_SUCCESS)
		return TRUE;
	return failure_set(error, FAULT_TPM_COMMAND, "the TPM does not %s: 0x%x, %s", what, result,
			   Tss2_RC_Decode(result));
}

char *tpm_pcr_read(struct tpm *tpm, unsigned pcr, GError **error)
{
	TPML_PCR_SELECTION selection = {
		.count = 1,
		.pcrSelections = { { .hash = TPM2_ALG_SHA256, .sizeofSelect = 3 } },
	};
	TPML_PCR_SELECTION *selected = NULL;
	TPML_DIGEST *digests = NULL;
	char *hex = NULL;
	UINT32 counter;
	TSS2_RC result;

	g_assert(pcr < 24);
	selection.pcrSelections[0].pcrSelect[pcr / 8] = (BYTE)(1 << pcr % 8);
	result = Esys_PCR_Read(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &selection,
			       &counter, &selected, &digests);
	if (result == TSS2_RC_SUCCESS && digests->count == 1)
		hex = crypto_hex(digests->digests[0].buffer, digests->digests[0].size);
	else
		failure_set(error, FAULT_TPM_COMMAND, "the TPM does not tell PCR %u: 0x%x", pcr,
			    result);
	Esys_Free(selected);
	Esys_Free(digests);
	return hex;
}
