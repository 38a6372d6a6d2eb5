/* SPDX-License-Identifier: MIT */
#include "tpmsession.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"

enum {
	FORMAT_ONE = 0x80,      /* of an answer: it names a parameter, handle or session */
	FORMAT_ONE_BASE = 0xbf, /* what stays without that */
};

static const TPM2_HANDLE ROOT_KEY_HANDLE = 0x81000001; /* TCG Provisioning Guidance */

#define NO_SESSIONS ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE
#define OWNER_PASSWORD ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE

static const TPMT_SYM_DEF AES = {
	.algorithm = TPM2_ALG_AES,
	.keyBits.aes = 128,
	.mode.aes = TPM2_ALG_CFB,
};

static const TPMT_PUBLIC ROOT_KEY = {
	.type = TPM2_ALG_ECC,
	.nameAlg = TPM2_ALG_SHA256,
	.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
			    TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
			    TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
	.parameters.eccDetail = {
		.symmetric = {
			.algorithm = TPM2_ALG_AES,
			.keyBits.aes = 128,
			.mode.aes = TPM2_ALG_CFB,
		},
		.scheme.scheme = TPM2_ALG_NULL,
		.curveID = TPM2_ECC_NIST_P256,
		.kdf.scheme = TPM2_ALG_NULL,
	},
};

struct meaning {
	TSS2_RC code; /* as answer_code() gives it */
	fault why;
};

static const struct meaning MEANINGS[] = {
	{ TPM2_RC_LOCKOUT, FAULT_SEAL_LOCKOUT },     { TPM2_RC_AUTH_FAIL, FAULT_SEAL_PIN },
	{ TPM2_RC_BAD_AUTH, FAULT_SEAL_PIN },        { TPM2_RC_INTEGRITY, FAULT_SEAL_OTHER_TPM },
	{ TPM2_RC_SIGNATURE, FAULT_SEAL_SIGNATURE }, { TPM2_RC_POLICY_FAIL, FAULT_SEAL_STATE },
	{ TPM2_RC_PCR_CHANGED, FAULT_SEAL_STATE },
};

/* Without who says it, and without what it is about. */
static TSS2_RC answer_code(TSS2_RC result)
{
	const TSS2_RC code = result & 0xfff;

	return (code & FORMAT_ONE) != 0 ? code & FORMAT_ONE_BASE : code;
}

static gboolean is_from_tpm(TSS2_RC result)
{
	const TSS2_RC layer = result & TSS2_RC_LAYER_MASK;

	return layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER;
}

gboolean tpmsession_is_absent(TSS2_RC result)
{
	return is_from_tpm(result) && answer_code(result) == TPM2_RC_HANDLE;
}

gboolean tpmsession_done(TSS2_RC result, const char *what, GError **error)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(MEANINGS); i++)
		if (is_from_tpm(result) && answer_code(result) == MEANINGS[i].code)
			return failure_set(error, MEANINGS[i].why, "the TPM does not %s: 0x%x, %s",
					   what, result, Tss2_RC_Decode(result));
	return tpm_done(result, what, error);
}

/* What Esys_TR_FromTPMPublic() has read may be anybody's key; its name is not known beforehand. */
static gboolean root_key_check(struct tpm *tpm, ESYS_TR key, GError **error)
{
	TPM2B_PUBLIC *public = NULL;
	const TPMT_PUBLIC *area;
	gboolean fits;

	if (!tpm_done(Esys_ReadPublic(tpm_esys(tpm), key, NO_SESSIONS, &public, NULL, NULL),
		      "tell its storage root key", error))
		return FALSE;
	area = &public->publicArea;
	fits = area->type == ROOT_KEY.type && area->nameAlg == ROOT_KEY.nameAlg &&
	       area->objectAttributes == ROOT_KEY.objectAttributes && area->authPolicy.size == 0 &&
	       area->parameters.eccDetail.curveID == TPM2_ECC_NIST_P256 &&
	       area->parameters.eccDetail.symmetric.algorithm == TPM2_ALG_AES &&
	       area->parameters.eccDetail.symmetric.keyBits.aes == 128 &&
	       area->parameters.eccDetail.symmetric.mode.aes == TPM2_ALG_CFB;
	Esys_Free(public);
	return fits ||
	       failure_set(error, FAULT_SEAL_ROOT_KEY,
			   "the TPM's key at 0x%x is no storage root key of kind ECC P-256 with "
			   "AES-128",
			   ROOT_KEY_HANDLE);
}

static gboolean root_key_make(struct tpm *tpm, ESYS_TR *ret_key, GError **error)
{
	const TPM2B_SENSITIVE_CREATE no_auth = { .size = 0 };
	const TPM2B_PUBLIC template = { .publicArea = ROOT_KEY };
	const TPM2B_DATA outside = { .size = 0 };
	const TPML_PCR_SELECTION no_pcrs = { .count = 0 };
	ESYS_TR made = ESYS_TR_NONE;
	gboolean done;

	if (!tpm_done(Esys_CreatePrimary(tpm_esys(tpm), ESYS_TR_RH_OWNER, OWNER_PASSWORD, &no_auth,
					 &template, &outside, &no_pcrs, &made, NULL, NULL, NULL,
					 NULL),
		      "make a storage root key (its owner may have set a password)", error))
		return FALSE;
	done = tpm_done(Esys_EvictControl(tpm_esys(tpm), ESYS_TR_RH_OWNER, made, OWNER_PASSWORD,
					  ROOT_KEY_HANDLE, ret_key),
			"keep its storage root key", error);
	tpmsession_flush(tpm, made);
	return done;
}

gboolean tpmsession_root_key(struct tpm *tpm, gboolean make, ESYS_TR *ret_key, GError **error)
{
	ESYS_TR key = ESYS_TR_NONE;
	const TSS2_RC result = Esys_TR_FromTPMPublic(tpm_esys(tpm), ROOT_KEY_HANDLE, NO_SESSIONS,
						     &key);

	if (tpmsession_is_absent(result)) {
		if (make)
			return root_key_make(tpm, ret_key, error);
		return failure_set(
			error, FAULT_SEAL_OTHER_TPM,
			"the TPM has no storage root key: it was cleared, or nothing was "
			"ever sealed by it");
	}
	if (!tpm_done(result, "tell its storage root key", error))
		return FALSE;
	if (!root_key_check(tpm, key, error)) {
		(void)Esys_TR_Close(tpm_esys(tpm), &key);
		return FALSE;
	}
	*ret_key = key;
	return TRUE;
}

gboolean tpmsession_start(struct tpm *tpm, ESYS_TR root_key, ESYS_TR *ret_session, GError **error)
{
	ESYS_TR session = ESYS_TR_NONE;

	if (!tpm_done(Esys_StartAuthSession(tpm_esys(tpm), root_key, ESYS_TR_NONE, NO_SESSIONS,
					    NULL, TPM2_SE_HMAC, &AES, TPM2_ALG_SHA256, &session),
		      "start a session", error))
		return FALSE;
	if (!tpm_done(Esys_TRSess_SetAttributes(tpm_esys(tpm), session,
						TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT |
							TPMA_SESSION_CONTINUESESSION,
						0xff),
		      "encrypt a session", error)) {
		tpmsession_flush(tpm, session);
		return FALSE;
	}
	*ret_session = session;
	return TRUE;
}

void tpmsession_flush(struct tpm *tpm, ESYS_TR object)
{
	/* What stays loaded is flushed by the kernel when the TPM is closed. */
	if (object != ESYS_TR_NONE)
		(void)Esys_FlushContext(tpm_esys(tpm), object);
}

static TPM2B_PUBLIC key_public(const struct signkey_public *key)
{
	TPM2B_PUBLIC public = {
		.publicArea = {
			.type = TPM2_ALG_RSA,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = TPMA_OBJECT_DECRYPT | TPMA_OBJECT_SIGN_ENCRYPT |
					    TPMA_OBJECT_USERWITHAUTH,
			.parameters.rsaDetail = {
				.symmetric.algorithm = TPM2_ALG_NULL,
				.scheme.scheme = TPM2_ALG_NULL,
				.keyBits = (UINT16)(8 * key->modulus_size),
				.exponent = 65537,
			},
			.unique.rsa.size = (UINT16)key->modulus_size,
		},
	};

	memcpy(public.publicArea.unique.rsa.buffer, key->modulus, key->modulus_size);
	return public;
}

struct approval {
	TPM2B_DIGEST *policy; /* of the session so far: the state of PCR 11 */
	TPM2B_NAME *name;     /* of the key */
	TPMT_TK_VERIFIED *ticket;
};

static void approval_clear(struct approval *approval)
{
	Esys_Free(approval->policy);
	Esys_Free(approval->name);
	Esys_Free(approval->ticket);
}

/* The TPM itself checks the signature, and says so by a ticket. */
static gboolean signature_show(struct tpm *tpm, ESYS_TR key, GBytes *bytes,
			       struct approval *approval, GError **error)
{
	TPM2B_DIGEST hash = { .size = CRYPTO_HASH_SIZE };
	TPMT_SIGNATURE signature = {
		.sigAlg = TPM2_ALG_RSASSA,
		.signature.rsassa = { .hash = TPM2_ALG_SHA256,
				      .sig.size = (UINT16)g_bytes_get_size(bytes) },
	};

	memcpy(signature.signature.rsassa.sig.buffer, g_bytes_get_data(bytes, NULL),
	       g_bytes_get_size(bytes));
	crypto_digest("sha256", approval->policy->buffer, approval->policy->size, "", 0,
		      hash.buffer);
	return tpmsession_done(Esys_VerifySignature(tpm_esys(tpm), key, NO_SESSIONS, &hash,
						    &signature, &approval->ticket),
			       "accept the signature of its state", error) &&
	       tpm_done(Esys_TR_GetName(tpm_esys(tpm), key, &approval->name),
			"name a key that it has loaded", error);
}

static gboolean signature_use(struct tpm *tpm, const struct tpmsession_proof *proof,
			      struct approval *approval, GError **error)
{
	const TPM2B_PUBLIC public = key_public(proof->key);
	g_autoptr(GBytes) signature = NULL;
	ESYS_TR key = ESYS_TR_NONE;
	gboolean done;

	if (approval->policy->size != PCRPOLICY_DIGEST_SIZE)
		return failure_set(error, FAULT_TPM_COMMAND, "the TPM's policy has %u bytes",
				   approval->policy->size);
	signature = sealpolicy_signature_find(proof->pcrsig, proof->key, approval->policy->buffer,
					      error);
	if (signature == NULL)
		return FALSE;
	/* In the owner's hierarchy: tickets of none are worth nothing. */
	if (!tpm_done(Esys_LoadExternal(tpm_esys(tpm), NO_SESSIONS, NULL, &public, ESYS_TR_RH_OWNER,
					&key),
		      "load the key of the PCR signatures", error))
		return FALSE;
	done = signature_show(tpm, key, signature, approval, error);
	tpmsession_flush(tpm, key);
	return done;
}

static gboolean policy_build(struct tpm *tpm, ESYS_TR session, const struct tpmsession_proof *proof,
			     struct approval *approval, GError **error)
{
	static const TPML_PCR_SELECTION PCR_11 = {
		.count = 1,
		.pcrSelections = { { .hash = TPM2_ALG_SHA256,
				     .sizeofSelect = 3,
				     .pcrSelect = { 0, 1 << 3, 0 } } },
	};
	const TPM2B_NONCE no_reference = { .size = 0 };

	return tpm_done(Esys_PolicyPCR(tpm_esys(tpm), session, NO_SESSIONS, NULL, &PCR_11),
			"look at PCR 11", error) &&
	       tpm_done(
		       Esys_PolicyGetDigest(tpm_esys(tpm), session, NO_SESSIONS, &approval->policy),
		       "tell a policy", error) &&
	       signature_use(tpm, proof, approval, error) &&
	       tpm_done(Esys_PolicyAuthorize(tpm_esys(tpm), session, NO_SESSIONS, approval->policy,
					     &no_reference, approval->name, approval->ticket),
			"accept the policy", error) &&
	       (!proof->pin || tpm_done(Esys_PolicyAuthValue(tpm_esys(tpm), session, NO_SESSIONS),
					"ask for the PIN", error));
}

gboolean tpmsession_prove(struct tpm *tpm, ESYS_TR root_key, const struct tpmsession_proof *proof,
			  ESYS_TR *ret_session, GError **error)
{
	struct approval approval = { .policy = NULL };
	ESYS_TR session = ESYS_TR_NONE;
	gboolean done;

	if (!tpm_done(Esys_StartAuthSession(tpm_esys(tpm), root_key, ESYS_TR_NONE, NO_SESSIONS,
					    NULL, TPM2_SE_POLICY, &AES, TPM2_ALG_SHA256, &session),
		      "start a session", error))
		return FALSE;
	done = policy_build(tpm, session, proof, &approval, error);
	approval_clear(&approval);
	if (!done) {
		tpmsession_flush(tpm, session);
		return FALSE;
	}
	*ret_session = session;
	return TRUE;
}
