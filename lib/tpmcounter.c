/* SPDX-License-Identifier: MIT */
#include "tpmcounter.h"

#include <string.h>

#include "failure.h"
#include "tpmsession.h"

#define NO_SESSIONS ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE

enum {
	SIZE = 8,
	/* No PIN or password is asked for to read it, so that no lockout keeps it shut. ORDERLY
	 * would let it jump at a power cut. */
	ATTRIBUTES = (TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT) | TPMA_NV_POLICYWRITE |
		     TPMA_NV_AUTHREAD | TPMA_NV_OWNERREAD | TPMA_NV_NO_DA,
	ATTEMPTS = 10, /* while PCRs change under a policy */
};

void tpmcounter_use(struct tpmcounter_used *used, uint32_t index)
{
	for (unsigned i = 0; i < NVCOUNTER_INDEXES; i++)
		used->used[i] = used->used[i] || NVCOUNTER_INDEX[i] == index;
}

static TPM2B_NV_PUBLIC counter_public(const struct signkey_public *key, uint32_t index)
{
	TPM2B_NV_PUBLIC public = {
		.nvPublic = {
			.nvIndex = index,
			.nameAlg = TPM2_ALG_SHA256,
			.attributes = ATTRIBUTES,
			.authPolicy.size = SEALPOLICY_SIZE,
			.dataSize = SIZE,
		},
	};

	sealpolicy_digest(key, NULL, FALSE, public.nvPublic.authPolicy.buffer);
	return public;
}

/* Apart from the key. */
static gboolean is_counter(const TPMS_NV_PUBLIC *found)
{
	return found->nameAlg == TPM2_ALG_SHA256 && found->dataSize == SIZE &&
	       (found->attributes & ~(TPMA_NV)TPMA_NV_WRITTEN) == ATTRIBUTES &&
	       found->authPolicy.size == SEALPOLICY_SIZE;
}

static gboolean is_of_key(const TPMS_NV_PUBLIC *found, const struct signkey_public *key)
{
	const TPM2B_NV_PUBLIC wanted = counter_public(key, found->nvIndex);

	return is_counter(found) && memcmp(found->authPolicy.buffer,
					   wanted.nvPublic.authPolicy.buffer, SEALPOLICY_SIZE) == 0;
}

struct found {
	ESYS_TR index; /* ESYS_TR_NONE: there is none */
	TPMS_NV_PUBLIC public;
};

static gboolean index_look(struct tpm *tpm, uint32_t index, struct found *ret_found, GError **error)
{
	struct found found = { .index = ESYS_TR_NONE };
	TPM2B_NV_PUBLIC *public = NULL;
	const TSS2_RC result = Esys_TR_FromTPMPublic(tpm_esys(tpm), index, NO_SESSIONS,
						     &found.index);

	ret_found->index = ESYS_TR_NONE;
	if (tpmsession_is_absent(result))
		return TRUE;
	if (!tpm_done(result, "tell of its counter", error))
		return FALSE;
	if (!tpm_done(Esys_NV_ReadPublic(tpm_esys(tpm), found.index, NO_SESSIONS, &public, NULL),
		      "describe its counter", error)) {
		(void)Esys_TR_Close(tpm_esys(tpm), &found.index);
		return FALSE;
	}
	found.public = public->nvPublic;
	Esys_Free(public);
	*ret_found = found;
	return TRUE;
}

static void found_close(struct tpm *tpm, struct found *found)
{
	if (found->index != ESYS_TR_NONE)
		(void)Esys_TR_Close(tpm_esys(tpm), &found->index);
}

/* In a session, so that nobody on the way can answer for the TPM. */
static gboolean value_read(struct tpm *tpm, ESYS_TR index, uint64_t *ret_value, GError **error)
{
	ESYS_TR root_key = ESYS_TR_NONE, session = ESYS_TR_NONE;
	TPM2B_MAX_NV_BUFFER *data = NULL;
	uint64_t number;
	gboolean done;

	if (!tpmsession_root_key(tpm, FALSE, &root_key, error))
		return FALSE;
	done = tpmsession_start(tpm, root_key, &session, error) &&
	       tpm_done(Esys_NV_Read(tpm_esys(tpm), index, index, session, ESYS_TR_NONE,
				     ESYS_TR_NONE, SIZE, 0, &data),
			"read its counter", error);
	tpmsession_flush(tpm, session);
	(void)Esys_TR_Close(tpm_esys(tpm), &root_key);
	if (done && data->size != SIZE)
		done = failure_set(error, FAULT_TPM_COMMAND, "the TPM's counter has %u bytes",
				   data->size);
	if (done) {
		memcpy(&number, data->buffer, SIZE);
		*ret_value = GUINT64_FROM_BE(number);
	}
	Esys_Free(data);
	/* What no token could hold is no value of a counter: a TPM counts in steps of one. */
	return done && (*ret_value < INT64_MAX ||
			failure_set(error, FAULT_TPM_COMMAND, "the TPM's counter is at its end"));
}

static gboolean counter_take(struct tpm *tpm, const struct found *found,
			     struct tpmcounter *ret_counter, GError **error)
{
	struct tpmcounter counter = {
		.index = found->public.nvIndex,
		.written = (found->public.attributes & TPMA_NV_WRITTEN) != 0,
	};

	if (counter.written && !value_read(tpm, found->index, &counter.value, error))
		return FALSE;
	*ret_counter = counter;
	return TRUE;
}

gboolean tpmcounter_find(struct tpm *tpm, const struct signkey_public *key,
			 struct tpmcounter *ret_counter, GError **error)
{
	struct tpmcounter counter = { .index = 0 };

	for (unsigned i = 0; counter.index == 0 && i < NVCOUNTER_INDEXES; i++) {
		struct found found;
		gboolean done;

		if (!index_look(tpm, NVCOUNTER_INDEX[i], &found, error))
			return FALSE;
		done = found.index == ESYS_TR_NONE || !is_of_key(&found.public, key) ||
		       counter_take(tpm, &found, &counter, error);
		found_close(tpm, &found);
		if (!done)
			return FALSE;
	}
	*ret_counter = counter;
	return TRUE;
}

static gboolean index_remove(struct tpm *tpm, struct found *found, GError **error)
{
	const gboolean done = tpm_done(
		Esys_NV_UndefineSpace(tpm_esys(tpm), ESYS_TR_RH_OWNER, found->index,
				      ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
		"remove an old counter (its owner may have a password)", error);

	if (done)
		found->index = ESYS_TR_NONE;
	return done;
}

/* How unwillingly an index is taken for a new counter. */
enum cost { COST_FREE, COST_FOREIGN, COST_COUNTER, COST_USED };

static enum cost cost_of(const struct found *found)
{
	if (found->index == ESYS_TR_NONE)
		return COST_FREE;
	return is_counter(&found->public) ? COST_COUNTER : COST_FOREIGN;
}

static gboolean place_find(struct tpm *tpm, const struct tpmcounter_used *used, uint32_t *ret_index,
			   GError **error)
{
	enum cost best = COST_USED;

	for (unsigned i = 0; i < NVCOUNTER_INDEXES; i++) {
		struct found found;

		if (used->used[i])
			continue;
		if (!index_look(tpm, NVCOUNTER_INDEX[i], &found, error))
			return FALSE;
		if (cost_of(&found) < best) {
			best = cost_of(&found);
			*ret_index = NVCOUNTER_INDEX[i];
		}
		found_close(tpm, &found);
	}
	return best != COST_USED ||
	       failure_set(error, FAULT_TPM_FULL, "both counters of the TPM are in use");
}

static gboolean counter_make(struct tpm *tpm, const struct signkey_public *key, uint32_t index,
			     GError **error)
{
	const TPM2B_NV_PUBLIC public = counter_public(key, index);
	const TPM2B_AUTH no_auth = { .size = 0 };
	struct found found;
	TSS2_RC result;

	if (!index_look(tpm, index, &found, error))
		return FALSE;
	if (found.index != ESYS_TR_NONE && !index_remove(tpm, &found, error)) {
		found_close(tpm, &found);
		return FALSE;
	}
	result = Esys_NV_DefineSpace(tpm_esys(tpm), ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
				     ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, &public, &found.index);
	if ((result & 0xfff) == TPM2_RC_NV_SPACE)
		return failure_set(error, FAULT_TPM_FULL, "the TPM has no room for a counter");
	if (!tpm_done(result, "make a counter (its owner may have a password)", error))
		return FALSE;
	found_close(tpm, &found);
	return TRUE;
}

gboolean tpmcounter_define(struct tpm *tpm, const struct signkey_public *key,
			   const struct tpmcounter_used *used, struct tpmcounter *ret_counter,
			   GError **error)
{
	struct tpmcounter counter;
	uint32_t index;

	if (!tpmcounter_find(tpm, key, &counter, error))
		return FALSE;
	if (counter.index == 0) {
		if (!place_find(tpm, used, &index, error) || !counter_make(tpm, key, index, error))
			return FALSE;
		counter = (struct tpmcounter){ .index = index };
	}
	*ret_counter = counter;
	return TRUE;
}

/* *ret_again: a PCR changed between the proof and its use, so that another proof is worth a try. */
static gboolean increment_try(struct tpm *tpm, ESYS_TR index, const struct tpmsession_proof *proof,
			      gboolean *ret_again, GError **error)
{
	ESYS_TR root_key = ESYS_TR_NONE, session = ESYS_TR_NONE;
	TSS2_RC result;
	gboolean done;

	*ret_again = FALSE;
	if (!tpmsession_root_key(tpm, TRUE, &root_key, error))
		return FALSE;
	done = tpmsession_prove(tpm, root_key, proof, &session, error);
	(void)Esys_TR_Close(tpm_esys(tpm), &root_key);
	if (!done)
		return FALSE;
	result = Esys_NV_Increment(tpm_esys(tpm), index, index, session, ESYS_TR_NONE,
				   ESYS_TR_NONE);
	tpmsession_flush(tpm, session);
	*ret_again = (result & 0xfff) == TPM2_RC_PCR_CHANGED;
	return tpmsession_done(result, "move its counter", error);
}

gboolean tpmcounter_increment(struct tpm *tpm, const struct tpmseal_keys *keys,
			      struct tpmcounter *counter, GError **error)
{
	const struct tpmsession_proof proof = { keys->key, keys->pcrsig, FALSE, NULL };
	gboolean done = FALSE, again = TRUE;
	struct found found;

	if (!index_look(tpm, counter->index, &found, error))
		return FALSE;
	if (found.index == ESYS_TR_NONE)
		return failure_set(error, FAULT_COUNTER_MISSING,
				   "the TPM has no counter at 0x%x any more", counter->index);
	for (unsigned i = 0; !done && again && i < ATTEMPTS; i++) {
		if (error != NULL)
			g_clear_error(error);
		done = increment_try(tpm, found.index, &proof, &again, error);
	}
	found_close(tpm, &found);
	return done && tpmcounter_find(tpm, keys->key, counter, error);
}

static gboolean index_clean(struct tpm *tpm, uint32_t index, GError **error)
{
	struct found found;
	gboolean done;

	if (!index_look(tpm, index, &found, error))
		return FALSE;
	done = found.index == ESYS_TR_NONE || !is_counter(&found.public) ||
	       index_remove(tpm, &found, error);
	found_close(tpm, &found);
	return done;
}

gboolean tpmcounter_clean(struct tpm *tpm, const struct tpmcounter_used *used, GError **error)
{
	for (unsigned i = 0; i < NVCOUNTER_INDEXES; i++)
		if (!used->used[i] && !index_clean(tpm, NVCOUNTER_INDEX[i], error))
			return FALSE;
	return TRUE;
}
