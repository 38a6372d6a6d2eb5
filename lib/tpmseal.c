/* SPDX-License-Identifier: MIT */
#include "tpmseal.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "pcr11.h"
#include "tpmsession.h"

enum {
	PIN_ITERATIONS = 10000, /* systemd's */
	ATTEMPTS = 10,          /* while PCRs change under a policy */
	NAME_OFFSET = 4 + 2,    /* in a serialised key: handle, size of the name */
};

#define NO_SESSIONS ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE

void tpmseal_clear(struct tpmseal *seal)
{
	g_clear_pointer(&seal->blob, g_bytes_unref);
	g_clear_pointer(&seal->root_key, g_bytes_unref);
}

/* TPMs ignore zeros at the end of an authorization value, but not so where it keys an HMAC. */
static TPM2B_AUTH pin_auth(const struct secret *pin, const uint8_t salt[static TPMSEAL_SALT_SIZE])
{
	g_autoptr(Secret) stretched = secret_new(CRYPTO_HASH_SIZE);
	g_autoptr(Secret) text = NULL;
	TPM2B_AUTH auth = { .size = CRYPTO_HASH_SIZE };

	crypto_stretch(pin->bytes, pin->size_bytes, salt, TPMSEAL_SALT_SIZE, PIN_ITERATIONS,
		       stretched->bytes);
	text = secret_base64(stretched);
	crypto_digest("sha256", text->bytes, text->size_bytes, "", 0, auth.buffer);
	while (auth.size > 0 && auth.buffer[auth.size - 1] == 0)
		auth.size--;
	return auth;
}

/* A PIN is guarded by the TPM's lockout; without one, a lockout must not keep machines down. */
static TPM2B_PUBLIC seal_template(const struct tpmseal *seal)
{
	TPM2B_PUBLIC public = {
		.publicArea = {
			.type = TPM2_ALG_KEYEDHASH,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
					    (seal->pin ? 0 : TPMA_OBJECT_NODA),
			.authPolicy.size = SEALPOLICY_SIZE,
			.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
			.unique.keyedHash.size = CRYPTO_HASH_SIZE,
		},
	};

	memcpy(public.publicArea.authPolicy.buffer, seal->policy, SEALPOLICY_SIZE);
	return public;
}

static GBytes *blob_encode(const TPM2B_PRIVATE *private, const TPM2B_PUBLIC *public)
{
	uint8_t bytes[sizeof *private + sizeof *public];
	size_t size_bytes = 0;

	if (Tss2_MU_TPM2B_PRIVATE_Marshal(private, bytes, sizeof bytes, &size_bytes) !=
		    TSS2_RC_SUCCESS ||
	    Tss2_MU_TPM2B_PUBLIC_Marshal(public, bytes, sizeof bytes, &size_bytes) !=
		    TSS2_RC_SUCCESS)
		return NULL;
	return g_bytes_new(bytes, size_bytes);
}

static gboolean root_key_encode(struct tpm *tpm, ESYS_TR root_key, GBytes **ret_bytes,
				GError **error)
{
	uint8_t *bytes = NULL;
	size_t size_bytes = 0;

	if (!tpm_done(Esys_TR_Serialize(tpm_esys(tpm), root_key, &bytes, &size_bytes),
		      "describe its storage root key", error))
		return FALSE;
	*ret_bytes = g_bytes_new(bytes, size_bytes);
	Esys_Free(bytes);
	return TRUE;
}

static gboolean blob_make(struct tpm *tpm, ESYS_TR root_key, TPM2B_SENSITIVE_CREATE *sensitive,
			  struct tpmseal *seal, GError **error)
{
	const TPM2B_PUBLIC template = seal_template(seal);
	const TPM2B_DATA outside = { .size = 0 };
	const TPML_PCR_SELECTION no_pcrs = { .count = 0 };
	TPM2B_PRIVATE *private = NULL;
	TPM2B_PUBLIC *public = NULL;
	ESYS_TR session = ESYS_TR_NONE;
	gboolean done;

	if (!tpmsession_start(tpm, root_key, &session, error))
		return FALSE;
	done = tpmsession_done(Esys_Create(tpm_esys(tpm), root_key, session, ESYS_TR_NONE,
					   ESYS_TR_NONE, sensitive, &template, &outside, &no_pcrs,
					   &private, &public, NULL, NULL, NULL),
			       "seal a secret", error);
	tpmsession_flush(tpm, session);
	if (done)
		seal->blob = blob_encode(private, public);
	Esys_Free(private);
	Esys_Free(public);
	return done &&
	       (seal->blob != NULL ||
		failure_set(error, FAULT_TPM_COMMAND, "the TPM's sealed secret cannot be kept"));
}

const struct sealpolicy_gate *tpmseal_gate(const struct tpmseal *seal)
{
	return seal->gated ? &seal->gate : NULL;
}

gboolean tpmseal_new(struct tpm *tpm, const struct tpmseal_for *whom, struct tpmseal *ret_seal,
		     struct secret **ret_secret, GError **error)
{
	g_autoptr(Secret) secret = secret_new(TPMSEAL_SECRET_SIZE);
	TPM2B_SENSITIVE_CREATE sensitive = { .sensitive.data.size = TPMSEAL_SECRET_SIZE };
	struct tpmseal seal = { .pin = whom->pin != NULL, .gated = whom->gate != NULL };
	ESYS_TR root_key = ESYS_TR_NONE;
	gboolean done;

	if (!tpmsession_root_key(tpm, TRUE, &root_key, error))
		return FALSE;
	crypto_random(secret->bytes, TPMSEAL_SECRET_SIZE);
	memcpy(sensitive.sensitive.data.buffer, secret->bytes, TPMSEAL_SECRET_SIZE);
	if (whom->pin != NULL) {
		crypto_random(seal.salt, sizeof seal.salt);
		sensitive.sensitive.userAuth = pin_auth(whom->pin, seal.salt);
	}
	if (whom->gate != NULL)
		seal.gate = *whom->gate;
	sealpolicy_digest(whom->key, whom->gate, seal.pin, seal.policy);
	done = blob_make(tpm, root_key, &sensitive, &seal, error) &&
	       root_key_encode(tpm, root_key, &seal.root_key, error);
	explicit_bzero(&sensitive, sizeof sensitive);
	(void)Esys_TR_Close(tpm_esys(tpm), &root_key);
	if (!done) {
		tpmseal_clear(&seal);
		return FALSE;
	}
	*ret_seal = seal;
	*ret_secret = g_steal_pointer(&secret);
	return TRUE;
}

/* The name in a serialised key is that of the key under which the secret was sealed. */
static gboolean root_key_is_same(struct tpm *tpm, ESYS_TR root_key, GBytes *sealed_under,
				 GError **error)
{
	gsize size_bytes;
	const uint8_t *bytes = g_bytes_get_data(sealed_under, &size_bytes);
	TPM2B_NAME *name = NULL;
	gboolean same;

	if (!tpm_done(Esys_TR_GetName(tpm_esys(tpm), root_key, &name), "name its storage root key",
		      error))
		return FALSE;
	same = size_bytes >= NAME_OFFSET + (size_t)name->size && bytes[4] == name->size >> 8 &&
	       bytes[5] == (name->size & 0xff) &&
	       memcmp(bytes + NAME_OFFSET, name->name, name->size) == 0;
	Esys_Free(name);
	return same || failure_set(error, FAULT_SEAL_OTHER_TPM,
				   "the secret was sealed under another storage root key than "
				   "this TPM's");
}

/* The blob is hostile; the TPM checks what is private in it, and this what is public. */
static gboolean blob_decode(const struct tpmseal *seal, const struct signkey_public *key,
			    TPM2B_PRIVATE *ret_private, TPM2B_PUBLIC *ret_public, GError **error)
{
	gsize size_bytes;
	const uint8_t *bytes = g_bytes_get_data(seal->blob, &size_bytes);
	uint8_t policy[SEALPOLICY_SIZE];
	size_t offset = 0;

	sealpolicy_digest(key, tpmseal_gate(seal), seal->pin, policy);
	if (size_bytes > TPMSEAL_BLOB_MAX ||
	    Tss2_MU_TPM2B_PRIVATE_Unmarshal(bytes, size_bytes, &offset, ret_private) !=
		    TSS2_RC_SUCCESS ||
	    Tss2_MU_TPM2B_PUBLIC_Unmarshal(bytes, size_bytes, &offset, ret_public) !=
		    TSS2_RC_SUCCESS ||
	    offset != size_bytes || ret_public->publicArea.type != TPM2_ALG_KEYEDHASH)
		return failure_set(error, FAULT_SEAL_POLICY, "the sealed secret is malformed");
	if (memcmp(seal->policy, policy, sizeof policy) != 0 ||
	    ret_public->publicArea.authPolicy.size != SEALPOLICY_SIZE ||
	    memcmp(ret_public->publicArea.authPolicy.buffer, policy, sizeof policy) != 0)
		return failure_set(error, FAULT_SEAL_POLICY,
				   "the sealed secret has another policy than its key gives");
	return TRUE;
}

struct loaded {
	ESYS_TR root_key;
	ESYS_TR object;
};

static void loaded_clear(struct tpm *tpm, struct loaded *loaded)
{
	tpmsession_flush(tpm, loaded->object);
	if (loaded->root_key != ESYS_TR_NONE)
		(void)Esys_TR_Close(tpm_esys(tpm), &loaded->root_key);
}

static gboolean seal_load(struct tpm *tpm, const struct tpmseal *seal,
			  const struct signkey_public *key, struct loaded *loaded, GError **error)
{
	TPM2B_PRIVATE private = { .size = 0 };
	TPM2B_PUBLIC public = { .size = 0 };

	*loaded = (struct loaded){ ESYS_TR_NONE, ESYS_TR_NONE };
	return blob_decode(seal, key, &private, &public, error) &&
	       tpmsession_root_key(tpm, FALSE, &loaded->root_key, error) &&
	       root_key_is_same(tpm, loaded->root_key, seal->root_key, error) &&
	       tpmsession_done(Esys_Load(tpm_esys(tpm), loaded->root_key, ESYS_TR_PASSWORD,
					 ESYS_TR_NONE, ESYS_TR_NONE, &private, &public,
					 &loaded->object),
			       "load the sealed secret", error);
}

gboolean tpmseal_check(struct tpm *tpm, const struct tpmseal *seal,
		       const struct signkey_public *key, GError **error)
{
	struct loaded loaded;
	const gboolean done = seal_load(tpm, seal, key, &loaded, error);

	loaded_clear(tpm, &loaded);
	return done;
}

static gboolean pin_give(struct tpm *tpm, const struct tpmseal *seal,
			 const struct tpmseal_keys *keys, ESYS_TR object, GError **error)
{
	TPM2B_AUTH auth;
	gboolean done;

	if (!seal->pin)
		return TRUE;
	if (keys->pin == NULL)
		return failure_set(error, FAULT_SEAL_PIN, "the sealed secret needs a PIN");
	auth = pin_auth(keys->pin, seal->salt);
	done = tpm_done(Esys_TR_SetAuth(tpm_esys(tpm), object, &auth), "take the PIN", error);
	explicit_bzero(&auth, sizeof auth);
	return done;
}

/* *ret_again: a PCR changed between the proof and its use, so that another proof is worth a try. */
static struct secret *unseal(struct tpm *tpm, const struct loaded *loaded,
			     const struct tpmsession_proof *proof, gboolean *ret_again,
			     GError **error)
{
	ESYS_TR transport = ESYS_TR_NONE, policy = ESYS_TR_NONE;
	TPM2B_SENSITIVE_DATA *data = NULL;
	struct secret *secret = NULL;
	TSS2_RC result;

	*ret_again = FALSE;
	if (!tpmsession_start(tpm, loaded->root_key, &transport, error))
		return NULL;
	if (!tpmsession_prove(tpm, loaded->root_key, proof, &policy, error)) {
		tpmsession_flush(tpm, transport);
		return NULL;
	}
	result = Esys_Unseal(tpm_esys(tpm), loaded->object, policy, transport, ESYS_TR_NONE, &data);
	tpmsession_flush(tpm, transport);
	tpmsession_flush(tpm, policy);
	*ret_again = (result & 0xfff) == TPM2_RC_PCR_CHANGED;
	if (tpmsession_done(result, "unseal the secret", error))
		secret = secret_copy(data->buffer, data->size);
	if (data != NULL)
		explicit_bzero(data, sizeof *data);
	Esys_Free(data);
	return secret;
}

struct secret *tpmseal_open(struct tpm *tpm, const struct tpmseal *seal,
			    const struct tpmseal_keys *keys, GError **error)
{
	const struct tpmsession_proof proof = { keys->key, keys->pcrsig, seal->pin,
						tpmseal_gate(seal) };
	struct secret *secret = NULL;
	struct loaded loaded;
	gboolean again = TRUE;

	if (!seal_load(tpm, seal, keys->key, &loaded, error) ||
	    !pin_give(tpm, seal, keys, loaded.object, error)) {
		loaded_clear(tpm, &loaded);
		return NULL;
	}
	for (unsigned i = 0; secret == NULL && again && i < ATTEMPTS; i++) {
		if (error != NULL)
			g_clear_error(error);
		secret = unseal(tpm, &loaded, &proof, &again, error);
	}
	loaded_clear(tpm, &loaded);
	return secret;
}

static void digest_add(const TPMS_PCR_SELECTION *bank, const char *text, const struct secret *key,
		       TPML_DIGEST_VALUES *values)
{
	static const char *const NAMES[] = { "sha1", "sha256", "sha384", "sha512" };

	for (unsigned i = 0; i < G_N_ELEMENTS(NAMES); i++) {
		const struct pcr11_bank *known = pcr11_bank_find(NAMES[i], NULL);
		TPMT_HA *value = &values->digests[values->count];

		if (known->algorithm != bank->hash || values->count == TPM2_NUM_PCR_BANKS)
			continue;
		value->hashAlg = bank->hash;
		if (key != NULL)
			crypto_hmac(NAMES[i], key->bytes, key->size_bytes, text,
				    (uint8_t *)&value->digest);
		else
			crypto_digest(NAMES[i], text, strlen(text), "", 0,
				      (uint8_t *)&value->digest);
		values->count++;
	}
}

gboolean tpmseal_extend(struct tpm *tpm, unsigned pcr, const char *text, const struct secret *key,
			GError **error)
{
	TPML_DIGEST_VALUES values = { .count = 0 };
	TPMS_CAPABILITY_DATA *capabilities = NULL;
	TPMI_YES_NO more;

	g_assert(pcr < 24 && strlen(text) <= TPMSEAL_PCR_TEXT_MAX);
	if (!tpm_done(Esys_GetCapability(tpm_esys(tpm), NO_SESSIONS, TPM2_CAP_PCRS, 0, 1, &more,
					 &capabilities),
		      "tell its PCR banks", error))
		return FALSE;
	for (UINT32 i = 0; i < capabilities->data.assignedPCR.count; i++) {
		const TPMS_PCR_SELECTION *bank = &capabilities->data.assignedPCR.pcrSelections[i];

		/* A bank that is off selects none. */
		if (bank->sizeofSelect > pcr / 8 && (bank->pcrSelect[pcr / 8] & 1 << pcr % 8) != 0)
			digest_add(bank, text, key, &values);
	}
	Esys_Free(capabilities);
	if (values.count == 0)
		return failure_set(error, FAULT_TPM_COMMAND,
				   "the TPM has no PCR bank that can be extended");
	return tpm_done(Esys_PCR_Extend(tpm_esys(tpm), ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD,
					ESYS_TR_NONE, ESYS_TR_NONE, &values),
			"extend a PCR", error);
}
