/* SPDX-License-Identifier: MIT */
#include "tpm.h"

#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include "crypto.h"
#include "failure.h"

static const char TCTI_DEFAULT[] = "device:/dev/tpmrm0";

static char *pcr_read(ESYS_CONTEXT *esys, unsigned pcr, GError **error)
{
	TPML_PCR_SELECTION selection = {
		.count = 1,
		.pcrSelections = { { .hash = TPM2_ALG_SHA256, .sizeofSelect = 3 } },
	};
	TPML_PCR_SELECTION *selected = NULL;
	TPML_DIGEST *digests = NULL;
	UINT32 counter;
	TSS2_RC result;
	char *hex = NULL;

	selection.pcrSelections[0].pcrSelect[pcr / 8] = (BYTE)(1 << pcr % 8);
	result = Esys_PCR_Read(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &selection, &counter,
			       &selected, &digests);
	if (result == TSS2_RC_SUCCESS && digests->count == 1)
		hex = crypto_hex(digests->digests[0].buffer, digests->digests[0].size);
	else
		failure_set(error, FAULT_TPM_COMMAND, "the TPM does not tell PCR %u: 0x%x", pcr,
			    result);
	Esys_Free(selected);
	Esys_Free(digests);
	return hex;
}

char *tpm_pcr_read(const char *tcti, unsigned pcr, GError **error)
{
	TSS2_TCTI_CONTEXT *transport = NULL;
	ESYS_CONTEXT *esys = NULL;
	const char *name = tcti != NULL ? tcti : TCTI_DEFAULT;
	char *hex = NULL;

	g_assert(pcr < 24);
	if (tcti == NULL && !g_file_test("/dev/tpmrm0", G_FILE_TEST_EXISTS)) {
		failure_set(error, FAULT_TPM_OPEN, "this machine has no TPM 2");
		return NULL;
	}
	if (Tss2_TctiLdr_Initialize(name, &transport) != TSS2_RC_SUCCESS ||
	    Esys_Initialize(&esys, transport, NULL) != TSS2_RC_SUCCESS)
		failure_set(error, FAULT_TPM_OPEN, "cannot open the TPM %s", name);
	else
		hex = pcr_read(esys, pcr, error);
	Esys_Finalize(&esys);
	Tss2_TctiLdr_Finalize(&transport);
	return hex;
}
