/* SPDX-License-Identifier: MIT */
#include "tpmbind.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "tpmsession.h"

#define NO_SESSIONS ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE

enum {
	INDEX = 0x0180415a, /* of those that owners may use */
	ATTRIBUTES = TPMA_NV_POLICYWRITE | TPMA_NV_AUTHREAD | TPMA_NV_OWNERREAD | TPMA_NV_NO_DA,
	ATTEMPTS = 10, /* while PCRs change under a policy */
};

void tpmbind_value(const struct secret *volume_key, const char *measured,
		   uint8_t ret_value[static TPMBIND_SIZE])
{
	static const char PURPOSE[] = "azupdate volume";
	uint8_t measurement[CRYPTO_HASH_SIZE];

	crypto_hmac("sha256", volume_key->bytes, volume_key->size_bytes, measured, measurement);
	crypto_digest("sha256", PURPOSE, sizeof PURPOSE, measurement, sizeof measurement,
		      ret_value);
}

/* Who may write it is in the policy, and the policy in the name, which TPMs check. */
static TPM2B_NV_PUBLIC index_public(const struct signkey_public *key)
{
	TPM2B_NV_PUBLIC public = {
		.nvPublic = {
			.nvIndex = INDEX,
			.nameAlg = TPM2_ALG_SHA256,
			.attributes = ATTRIBUTES,
			.authPolicy.size = SEALPOLICY_SIZE,
			.dataSize = TPMBIND_SIZE,
		},
	};

	sealpolicy_digest(key, NULL, FALSE, public.nvPublic.authPolicy.buffer);
	return public;
}

static gboolean index_is_ours(const TPMS_NV_PUBLIC *found, const struct signkey_public *key)
{
	const TPM2B_NV_PUBLIC wanted = index_public(key);
	const TPMS_NV_PUBLIC *public = &wanted.nvPublic;

	return found->nvIndex == public->nvIndex && found->nameAlg == public->nameAlg &&
	       (found->attributes & ~(TPMA_NV)TPMA_NV_WRITTEN) == public->attributes &&
	       found->dataSize == public->dataSize && found->authPolicy.size == SEALPOLICY_SIZE &&
	       memcmp(found->authPolicy.buffer, public->authPolicy.buffer, SEALPOLICY_SIZE) == 0;
}

struct found {
	ESYS_TR index; /* ESYS_TR_NONE: there is none */
	gboolean ours;
	gboolean written;
};

static gboolean index_find(struct tpm *tpm, const struct signkey_public *key,
			   struct found *ret_found, GError **error)
{
	struct found found = { .index = ESYS_TR_NONE };
	TPM2B_NV_PUBLIC *public = NULL;
	const TSS2_RC result = Esys_TR_FromTPMPublic(tpm_esys(tpm), INDEX, NO_SESSIONS,
						     &found.index);

	*ret_found = found;
	if (tpmsession_is_absent(result)) {
		ret_found->index = ESYS_TR_NONE;
		return TRUE;
	}
	if (!tpm_done(result, "tell of its index for the volume", error))
		return FALSE;
	if (!tpm_done(Esys_NV_ReadPublic(tpm_esys(tpm), found.index, NO_SESSIONS, &public, NULL),
		      "describe its index for the volume", error)) {
		(void)Esys_TR_Close(tpm_esys(tpm), &found.index);
		return FALSE;
	}
	found.ours = index_is_ours(&public->nvPublic, key);
	found.written = (public->nvPublic.attributes & TPMA_NV_WRITTEN) != 0;
	Esys_Free(public);
	*ret_found = found;
	return TRUE;
}

static void found_close(struct tpm *tpm, struct found *found)
{
	if (found->index != ESYS_TR_NONE)
		(void)Esys_TR_Close(tpm_esys(tpm), &found->index);
}

static gboolean is_full(TSS2_RC result)
{
	return (result & 0xfff) == TPM2_RC_NV_SPACE;
}

/* Takes away what is there under another policy; nobody's secrets hang on it. */
static gboolean index_make(struct tpm *tpm, const struct signkey_public *key, struct found *found,
			   GError **error)
{
	const TPM2B_NV_PUBLIC public = index_public(key);
	const TPM2B_AUTH no_auth = { .size = 0 };
	TSS2_RC result;

	if (found->index != ESYS_TR_NONE &&
	    !tpm_done(Esys_NV_UndefineSpace(tpm_esys(tpm), ESYS_TR_RH_OWNER, found->index,
					    ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
		      "remove an old index for the volume", error))
		return FALSE;
	*found = (struct found){ .index = ESYS_TR_NONE };
	result = Esys_NV_DefineSpace(tpm_esys(tpm), ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
				     ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, &public, &found->index);
	if (is_full(result))
		return failure_set(error, FAULT_TPM_FULL,
				   "the TPM has no room for an index of %d bytes", TPMBIND_SIZE);
	if (!tpm_done(result, "make an index for the volume (its owner may have a password)",
		      error))
		return FALSE;
	found->ours = TRUE;
	return TRUE;
}

/* In a session, so that nobody on the way can answer for the TPM. */
static gboolean index_read(struct tpm *tpm, ESYS_TR index, uint8_t *ret_value, GError **error)
{
	ESYS_TR root_key = ESYS_TR_NONE, session = ESYS_TR_NONE;
	TPM2B_MAX_NV_BUFFER *data = NULL;
	gboolean done;

	if (!tpmsession_root_key(tpm, FALSE, &root_key, error))
		return FALSE;
	done = tpmsession_start(tpm, root_key, &session, error) &&
	       tpm_done(Esys_NV_Read(tpm_esys(tpm), index, index, session, ESYS_TR_NONE,
				     ESYS_TR_NONE, TPMBIND_SIZE, 0, &data),
			"read its index for the volume", error);
	tpmsession_flush(tpm, session);
	(void)Esys_TR_Close(tpm_esys(tpm), &root_key);
	if (done && data->size != TPMBIND_SIZE)
		done = failure_set(error, FAULT_TPM_COMMAND, "the TPM's index has %u bytes",
				   data->size);
	if (done)
		memcpy(ret_value, data->buffer, TPMBIND_SIZE);
	Esys_Free(data);
	return done;
}

gboolean tpmbind_read(struct tpm *tpm, const struct signkey_public *key, gboolean *ret_there,
		      uint8_t ret_value[static TPMBIND_SIZE], GError **error)
{
	struct found found;
	gboolean done;

	if (!index_find(tpm, key, &found, error))
		return FALSE;
	*ret_there = found.ours && found.written;
	done = !*ret_there || index_read(tpm, found.index, ret_value, error);
	found_close(tpm, &found);
	return done;
}

gboolean tpmbind_prepare(struct tpm *tpm, const struct signkey_public *key, GError **error)
{
	struct found found;
	gboolean done;

	if (!index_find(tpm, key, &found, error))
		return FALSE;
	done = found.index != ESYS_TR_NONE || index_make(tpm, key, &found, error);
	found_close(tpm, &found);
	return done;
}

static gboolean index_write(struct tpm *tpm, ESYS_TR index, const struct tpmseal_keys *keys,
			    const TPM2B_MAX_NV_BUFFER *data, GError **error)
{
	const struct tpmsession_proof proof = { keys->key, keys->pcrsig, FALSE, NULL };
	ESYS_TR root_key = ESYS_TR_NONE, session = ESYS_TR_NONE;
	TSS2_RC result = TPM2_RC_PCR_CHANGED;

	if (!tpmsession_root_key(tpm, TRUE, &root_key, error))
		return FALSE;
	for (unsigned i = 0; (result & 0xfff) == TPM2_RC_PCR_CHANGED && i < ATTEMPTS; i++) {
		if (!tpmsession_prove(tpm, root_key, &proof, &session, error)) {
			(void)Esys_TR_Close(tpm_esys(tpm), &root_key);
			return FALSE;
		}
		result = Esys_NV_Write(tpm_esys(tpm), index, index, session, ESYS_TR_NONE,
				       ESYS_TR_NONE, data, 0);
		tpmsession_flush(tpm, session);
	}
	(void)Esys_TR_Close(tpm_esys(tpm), &root_key);
	return tpmsession_done(result, "write its index for the volume", error);
}

gboolean tpmbind_write(struct tpm *tpm, const struct tpmseal_keys *keys,
		       const uint8_t value[static TPMBIND_SIZE], GError **error)
{
	TPM2B_MAX_NV_BUFFER data = { .size = TPMBIND_SIZE };
	struct found found;
	gboolean done;

	memcpy(data.buffer, value, TPMBIND_SIZE);
	if (!index_find(tpm, keys->key, &found, error))
		return FALSE;
	done = (found.ours || index_make(tpm, keys->key, &found, error)) &&
	       index_write(tpm, found.index, keys, &data, error);
	found_close(tpm, &found);
	return done;
}
