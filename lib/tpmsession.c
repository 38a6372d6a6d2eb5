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
	{ TPM2_RC_PCR_CHANGED, FAULT_SEAL_STATE },   { TPM2_RC_POLICY, FAULT_SEAL_REVOKED },
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
	TPM2B_NONCE reference; /* which was signed behind it */
};

static void approval_clear(struct approval *approval)
{
	Esys_Free(approval->policy);
	Esys_Free(approval->name);
	Esys_Free(approval->ticket);
}

/* What a floor is authorized by; nothing without a gate. */
static TPM2B_NONCE reference_of(const struct sealpolicy_gate *gate)
{
	TPM2B_NONCE reference = { .size = gate != NULL ? PCRPOLICY_REFERENCE_SIZE : 0 };

	if (gate != NULL)
		pcrpolicy_reference(gate->floor, reference.buffer);
	return reference;
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
	crypto_digest("sha256", approval->policy->buffer, approval->policy->size,
		      approval->reference.buffer, approval->reference.size, hash.buffer);
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
	signature = sealpolicy_signature_find(proof->pcrsig, proof->key, proof->gate,
					      approval->policy->buffer, error);
	if (signature == NULL)
		return FALSE;
	/* In the owner's hierarchy: tickets of none are worth nothing. */
	if (!tpm_done(Esys_LoadExternal(tpm_esys(tpm), NO_SESSIONS, NULL, &public, ESYS_TR_RH_OWNER,
					&key),
		      "load the key of the PCR signatures", error))
		return FALSE;
	approval->reference = reference_of(proof->gate);
	done = signature_show(tpm, key, signature, approval, error);
	tpmsession_flush(tpm, key);
	return done;
}

/* A TPM without the bank would take a policy over nothing at all, which nobody has signed. */
static gboolean bank_check(struct tpm *tpm, GError **error)
{
	TPMS_CAPABILITY_DATA *capabilities = NULL;
	gboolean there = FALSE;
	TPMI_YES_NO more;

	if (!tpm_done(Esys_GetCapability(tpm_esys(tpm), NO_SESSIONS, TPM2_CAP_PCRS, 0, 1, &more,
					 &capabilities),
		      "tell its PCR banks", error))
		return FALSE;
	for (UINT32 i = 0; i < capabilities->data.assignedPCR.count; i++) {
		const TPMS_PCR_SELECTION *bank = &capabilities->data.assignedPCR.pcrSelections[i];

		there = there || (bank->hash == TPM2_ALG_SHA256 && bank->sizeofSelect > 1 &&
				  (bank->pcrSelect[1] & 1 << 3) != 0);
	}
	Esys_Free(capabilities);
	return there || failure_set(error, FAULT_PCR_BANK_MISSING,
				    "the TPM has no PCR 11 in a SHA-256 bank, by which the "
				    "policies go");
}

/* The TPM checks name and value; this tells what is wrong. */
static gboolean counter_check(struct tpm *tpm, ESYS_TR counter,
			      const struct tpmsession_proof *proof, GError **error)
{
	uint8_t wanted[SEALPOLICY_NAME_SIZE];
	TPM2B_NAME *name = NULL;
	gboolean same;

	if (!tpm_done(Esys_TR_GetName(tpm_esys(tpm), counter, &name), "name its counter", error))
		return FALSE;
	sealpolicy_counter_name(proof->key, proof->gate->index, wanted);
	same = name->size == sizeof wanted && memcmp(name->name, wanted, sizeof wanted) == 0;
	Esys_Free(name);
	return same || failure_set(error, FAULT_COUNTER_MISSING,
				   "what the TPM has at 0x%x is not the counter that the secret "
				   "is sealed to",
				   proof->gate->index);
}

static gboolean counter_prove(struct tpm *tpm, ESYS_TR session,
			      const struct tpmsession_proof *proof, GError **error)
{
	const uint64_t ceiling = GUINT64_TO_BE(proof->gate->ceiling);
	TPM2B_OPERAND compared = { .size = sizeof ceiling };
	ESYS_TR counter = ESYS_TR_NONE;
	TSS2_RC result = Esys_TR_FromTPMPublic(tpm_esys(tpm), proof->gate->index, NO_SESSIONS,
					       &counter);
	gboolean done;

	if (tpmsession_is_absent(result))
		return failure_set(error, FAULT_COUNTER_MISSING,
				   "the TPM has no counter at 0x%x: it was removed, or the TPM "
				   "was cleared",
				   proof->gate->index);
	if (!tpm_done(result, "tell of its counter", error))
		return FALSE;
	memcpy(compared.buffer, &ceiling, sizeof ceiling);
	done = counter_check(tpm, counter, proof, error);
	if (done) {
		result = Esys_PolicyNV(tpm_esys(tpm), counter, counter, session, ESYS_TR_PASSWORD,
				       ESYS_TR_NONE, ESYS_TR_NONE, &compared, 0,
				       TPM2_EO_UNSIGNED_LE);
		done = tpmsession_done(result, "take the secret for one of today's", error);
	}
	(void)Esys_TR_Close(tpm_esys(tpm), &counter);
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

	return bank_check(tpm, error) &&
	       tpm_done(Esys_PolicyPCR(tpm_esys(tpm), session, NO_SESSIONS, NULL, &PCR_11),
			"look at PCR 11", error) &&
	       tpm_done(
		       Esys_PolicyGetDigest(tpm_esys(tpm), session, NO_SESSIONS, &approval->policy),
		       "tell a policy", error) &&
	       signature_use(tpm, proof, approval, error) &&
	       tpm_done(Esys_PolicyAuthorize(tpm_esys(tpm), session, NO_SESSIONS, approval->policy,
					     &approval->reference, approval->name,
					     approval->ticket),
			"accept the policy", error) &&
	       (proof->gate == NULL || counter_prove(tpm, session, proof, error)) &&
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
