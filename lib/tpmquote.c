/* SPDX-License-Identifier: MIT */
#include "tpmquote.h"

#include <string.h>

#include "failure.h"
#include "tpmesys.h"

enum {
	AK_HANDLE = (int)0x81000003,
	AK_CERTIFICATE = 0x01c101d0,
	EK_CERTIFICATE_RSA = 0x01c00002, /* TCG EK Credential Profile 2.5, 2.2.1.4 */
	EK_CERTIFICATE_ECC = 0x01c0000a,
	NV_CHUNK = 512, /* every TPM reads that much at a time */
	RACES_MAX = 5,  /* a PCR that changes between the values and the quote */
	RSA_BITS = 2048,
	AK_ATTRIBUTES = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
			TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
			TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_NODA,
};
_Static_assert(QUOTE_HASH_SIZE == TPM2_SHA256_DIGEST_SIZE, "the bank is sha256");

/* In the templates, so that nobody else's template of a signing key makes the same key. */
static const char UNIQUE[] = "azupdate attestation key 1";

void tpmquote_clear(struct tpmquote *quote)
{
	g_clear_pointer(&quote->quote, g_bytes_unref);
	g_clear_pointer(&quote->signature, g_bytes_unref);
	g_clear_pointer(&quote->key, g_bytes_unref);
	g_clear_pointer(&quote->certificate, g_bytes_unref);
	for (unsigned i = 0; i < TPMQUOTE_EK_MAX; i++)
		g_clear_pointer(&quote->ek_certificates[i], g_bytes_unref);
}

/* NV is often larger than what stands in it: a DER sequence says how large it is. */
static GBytes *der_trim(const uint8_t *bytes, size_t size_bytes)
{
	size_t der_size;

	if (size_bytes < 4 || bytes[0] != 0x30 || bytes[1] != 0x82)
		return NULL;
	der_size = 4u + (size_t)(bytes[2] << 8 | bytes[3]);
	return der_size <= size_bytes ? g_bytes_new(bytes, der_size) : NULL;
}

static gboolean nv_read(ESYS_CONTEXT *esys, ESYS_TR index, const TPM2B_NV_PUBLIC *area,
			uint8_t *ret_bytes)
{
	const UINT16 size_bytes = area->nvPublic.dataSize;
	const ESYS_TR reader = (area->nvPublic.attributes & TPMA_NV_OWNERREAD) != 0
				       ? ESYS_TR_RH_OWNER
				       : index;
	UINT16 at = 0;

	while (at < size_bytes) {
		const UINT16 wanted = (UINT16)MIN(size_bytes - at, NV_CHUNK);
		TPM2B_MAX_NV_BUFFER *chunk = NULL;
		TSS2_RC result = Esys_NV_Read(esys, reader, index, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					      ESYS_TR_NONE, wanted, at, &chunk);

		if (result != TSS2_RC_SUCCESS || chunk->size != wanted) {
			Esys_Free(chunk);
			return FALSE;
		}
		memcpy(ret_bytes + at, chunk->buffer, wanted);
		at = (UINT16)(at + wanted);
		Esys_Free(chunk);
	}
	return TRUE;
}

/* To ask for what is not there would be logged as an error by tpm2-tss. */
static gboolean handle_exists(ESYS_CONTEXT *esys, TPM2_HANDLE handle)
{
	TPMS_CAPABILITY_DATA *found = NULL;
	gboolean exists;

	if (Esys_GetCapability(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES,
			       handle, 1, NULL, &found) != TSS2_RC_SUCCESS)
		return FALSE;
	exists = found->data.handles.count == 1 && found->data.handles.handle[0] == handle;
	Esys_Free(found);
	return exists;
}

/* NULL for whatever reason: certificates are an offer to the verifier, who asks for them. */
static GBytes *certificate_read(ESYS_CONTEXT *esys, TPM2_HANDLE handle)
{
	uint8_t bytes[TPMQUOTE_CERTIFICATE_MAX];
	TPM2B_NV_PUBLIC *area = NULL;
	ESYS_TR index = ESYS_TR_NONE;
	GBytes *certificate = NULL;

	if (!handle_exists(esys, handle) ||
	    Esys_TR_FromTPMPublic(esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &index) !=
		    TSS2_RC_SUCCESS)
		return NULL;
	if (Esys_NV_ReadPublic(esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area,
			       NULL) == TSS2_RC_SUCCESS &&
	    area->nvPublic.dataSize <= sizeof bytes && nv_read(esys, index, area, bytes))
		certificate = der_trim(bytes, area->nvPublic.dataSize);
	Esys_Free(area);
	(void)Esys_TR_Close(esys, &index); /* only our side's handle of it */
	return certificate;
}

static GBytes *public_encode(const TPMT_PUBLIC *area)
{
	uint8_t bytes[sizeof *area];
	size_t size_bytes = 0;

	if (Tss2_MU_TPMT_PUBLIC_Marshal(area, bytes, sizeof bytes, &size_bytes) != TSS2_RC_SUCCESS)
		return NULL;
	return g_bytes_new(bytes, size_bytes);
}

/* Whether this is a key whose quotes a verifier may believe. */
static gboolean public_fits(GBytes *encoded)
{
	struct quote_key key;

	return encoded != NULL && quote_key_decode(g_bytes_get_data(encoded, NULL),
						   g_bytes_get_size(encoded), &key) == FAULT_OK;
}

/* FALSE: there is none, so ours is to be made. */
static gboolean certified_find(ESYS_CONTEXT *esys, ESYS_TR *ret_key, struct tpmquote *quote)
{
	TPM2B_PUBLIC *area = NULL;

	if (!handle_exists(esys, (TPM2_HANDLE)AK_HANDLE) ||
	    Esys_TR_FromTPMPublic(esys, (TPM2_HANDLE)AK_HANDLE, ESYS_TR_NONE, ESYS_TR_NONE,
				  ESYS_TR_NONE, ret_key) != TSS2_RC_SUCCESS)
		return FALSE;
	if (Esys_ReadPublic(esys, *ret_key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area, NULL,
			    NULL) == TSS2_RC_SUCCESS) {
		quote->key = public_encode(&area->publicArea);
		quote->certificate = certificate_read(esys, AK_CERTIFICATE);
	}
	Esys_Free(area);
	if (public_fits(quote->key) && quote->certificate != NULL)
		return TRUE;
	tpmquote_clear(quote);
	(void)Esys_TR_Close(esys, ret_key); /* only our side's handle of it */
	return FALSE;
}

static TPM2B_PUBLIC template_ecc(void)
{
	TPM2B_PUBLIC template = { .publicArea = {
		.type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = AK_ATTRIBUTES,
		.parameters.eccDetail = {
			.symmetric.algorithm = TPM2_ALG_NULL,
			.scheme = { TPM2_ALG_ECDSA, { .ecdsa = { TPM2_ALG_SHA256 } } },
			.curveID = TPM2_ECC_NIST_P256,
			.kdf.scheme = TPM2_ALG_NULL,
		},
		.unique.ecc.x.size = sizeof UNIQUE - 1,
	} };

	memcpy(template.publicArea.unique.ecc.x.buffer, UNIQUE, sizeof UNIQUE - 1);
	return template;
}

static TPM2B_PUBLIC template_rsa(void)
{
	TPM2B_PUBLIC template = { .publicArea = {
		.type = TPM2_ALG_RSA,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = AK_ATTRIBUTES,
		.parameters.rsaDetail = {
			.symmetric.algorithm = TPM2_ALG_NULL,
			.scheme = { TPM2_ALG_RSASSA, { .rsassa = { TPM2_ALG_SHA256 } } },
			.keyBits = RSA_BITS,
		},
		.unique.rsa.size = sizeof UNIQUE - 1,
	} };

	memcpy(template.publicArea.unique.rsa.buffer, UNIQUE, sizeof UNIQUE - 1);
	return template;
}

static TSS2_RC primary_make(ESYS_CONTEXT *esys, const TPM2B_PUBLIC *template, ESYS_TR *ret_key,
			    TPM2B_PUBLIC **ret_public)
{
	const TPM2B_SENSITIVE_CREATE no_secret = { 0 };
	const TPM2B_DATA no_data = { 0 };
	const TPML_PCR_SELECTION no_pcrs = { 0 };

	return Esys_CreatePrimary(esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				  ESYS_TR_NONE, &no_secret, template, &no_data, &no_pcrs, ret_key,
				  ret_public, NULL, NULL, NULL);
}

/* An RSA key takes its time to be made: only where the TPM has no P-256. */
static gboolean ours_make(ESYS_CONTEXT *esys, ESYS_TR *ret_key, struct tpmquote *quote,
			  GError **error)
{
	const TPM2B_PUBLIC ecc = template_ecc();
	const TPM2B_PUBLIC rsa = template_rsa();
	TPM2B_PUBLIC *area = NULL;
	TSS2_RC result = primary_make(esys, &ecc, ret_key, &area);

	if (result != TSS2_RC_SUCCESS)
		result = primary_make(esys, &rsa, ret_key, &area);
	if (!tpm_done(result, "make an attestation key", error))
		return FALSE;
	quote->key = public_encode(&area->publicArea);
	Esys_Free(area);
	return TRUE;
}

/* A TPM may tell fewer PCRs at a time than it is asked for. */
static gboolean pcrs_read(ESYS_CONTEXT *esys, struct tpmquote *quote, GError **error)
{
	for (unsigned pcr = 0; pcr < QUOTE_PCR_COUNT; pcr++) {
		TPML_PCR_SELECTION selection = {
			.count = 1,
			.pcrSelections = { { .hash = TPM2_ALG_SHA256, .sizeofSelect = 3 } },
		};
		TPML_DIGEST *digests = NULL;
		TSS2_RC result;
		gboolean good;

		if (!quote_has_pcr(pcr))
			continue;
		selection.pcrSelections[0].pcrSelect[pcr / 8] = (BYTE)(1 << pcr % 8);
		result = Esys_PCR_Read(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &selection,
				       NULL, NULL, &digests);
		if (!tpm_done(result, "tell its PCRs", error))
			return FALSE;
		good = digests->count == 1 && digests->digests[0].size == QUOTE_HASH_SIZE;
		if (good)
			memcpy(quote->pcrs.values[pcr], digests->digests[0].buffer,
			       QUOTE_HASH_SIZE);
		Esys_Free(digests);
		if (!good)
			return failure_set(error, FAULT_TPM_COMMAND,
					   "the TPM has no PCR %u in its bank sha256", pcr);
	}
	return TRUE;
}

static gboolean pcrs_sign(ESYS_CONTEXT *esys, ESYS_TR key, const TPM2B_DATA *nonce,
			  struct tpmquote *quote, GError **error)
{
	const TPMT_SIG_SCHEME own = { .scheme = TPM2_ALG_NULL };
	const TPML_PCR_SELECTION selection = {
		.count = 1,
		.pcrSelections = { { .hash = TPM2_ALG_SHA256,
				     .sizeofSelect = 3,
				     .pcrSelect = { QUOTE_PCRS & 0xff, QUOTE_PCRS >> 8 } } },
	};
	uint8_t bytes[sizeof(TPMT_SIGNATURE)];
	size_t size_bytes = 0;
	TPM2B_ATTEST *attest = NULL;
	TPMT_SIGNATURE *signature = NULL;
	TSS2_RC result = Esys_Quote(esys, key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, nonce,
				    &own, &selection, &attest, &signature);

	if (!tpm_done(result, "quote its PCRs", error))
		return FALSE;
	quote->quote = g_bytes_new(attest->attestationData, attest->size);
	result = Tss2_MU_TPMT_SIGNATURE_Marshal(signature, bytes, sizeof bytes, &size_bytes);
	quote->signature = g_bytes_new(bytes, size_bytes);
	Esys_Free(attest);
	Esys_Free(signature);
	return tpm_done(result, "sign in a way that is known", error);
}

/* Values and quote are two commands: what was measured in between would make them differ. */
static gboolean quote_take(ESYS_CONTEXT *esys, ESYS_TR key, const TPM2B_DATA *nonce,
			   struct tpmquote *quote, GError **error)
{
	for (unsigned race = 0; race < RACES_MAX; race++) {
		struct quote decoded;
		uint8_t digest[QUOTE_HASH_SIZE];

		g_clear_pointer(&quote->quote, g_bytes_unref);
		g_clear_pointer(&quote->signature, g_bytes_unref);
		if (!pcrs_read(esys, quote, error) || !pcrs_sign(esys, key, nonce, quote, error))
			return FALSE;
		if (quote_decode(g_bytes_get_data(quote->quote, NULL),
				 g_bytes_get_size(quote->quote), &decoded) != FAULT_OK)
			return failure_set(error, FAULT_TPM_COMMAND,
					   "the TPM's quote is not what was asked for");
		quote_digest(&quote->pcrs, digest);
		if (memcmp(digest, decoded.digest, sizeof digest) == 0)
			return TRUE;
	}
	return failure_set(error, FAULT_TPM_COMMAND, "the PCRs keep changing");
}

gboolean tpmquote_make(struct tpm *tpm, const uint8_t *nonce, size_t nonce_size,
		       struct tpmquote *ret_quote, GError **error)
{
	ESYS_CONTEXT *esys = tpm_esys(tpm);
	TPM2B_DATA data = { .size = (UINT16)nonce_size };
	struct tpmquote quote = { 0 };
	ESYS_TR key = ESYS_TR_NONE;
	gboolean is_certified, done;

	g_assert(nonce_size >= QUOTE_NONCE_MIN && nonce_size <= QUOTE_NONCE_MAX);
	memcpy(data.buffer, nonce, nonce_size);
	is_certified = certified_find(esys, &key, &quote);
	if (!is_certified && !ours_make(esys, &key, &quote, error))
		return FALSE;
	done = quote_take(esys, key, &data, &quote, error);
	if (!is_certified)
		(void)Esys_FlushContext(esys, key); /* a resource manager does it at the end, too */
	if (!done) {
		tpmquote_clear(&quote);
		return FALSE;
	}
	quote.ek_certificates[0] = certificate_read(esys, EK_CERTIFICATE_RSA);
	quote.ek_certificates[1] = certificate_read(esys, EK_CERTIFICATE_ECC);
	*ret_quote = quote;
	return TRUE;
}
