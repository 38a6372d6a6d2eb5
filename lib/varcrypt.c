/* SPDX-License-Identifier: MIT */
#include "varcrypt.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "recoverykey.h"

const char VARCRYPT_PHASE[] = "enter-initrd";
const char VARCRYPT_NAME[] = "var";

struct secret *varcrypt_unlock_typed(struct luks *luks, const struct secret *typed, GError **error)
{
	g_autoptr(Secret) recovery_key = recoverykey_normalize(typed);

	return luks_unlock(luks, recovery_key != NULL ? recovery_key : typed, LUKS_KEYSLOT_ANY,
			   error);
}

static gboolean recovery_ensure(struct luks *luks, const struct secret *volume_key,
				const struct secret *given, GError **error)
{
	g_autoptr(Secret) recovery_key = NULL;

	if (given == NULL)
		return luks_has_recovery(luks) ||
		       failure_set(error, FAULT_RECOVERY_MISSING,
				   "the volume has no recovery key, and none was given");
	recovery_key = recoverykey_normalize(given);
	if (recovery_key == NULL)
		return failure_set(error, FAULT_RECOVERY_FORM, "what was given is no recovery key");
	return luks_recovery_add(luks, volume_key, recovery_key, error);
}

/* What the header has now, read anew from the medium, is what the next boot will find. */
static gboolean enrolled_check(const struct varcrypt_enroll *ask, const struct signkey_public *key,
			       unsigned number, GError **error)
{
	g_autoptr(Luks) luks = luks_open(ask->volume, error);
	struct tpmtoken token;
	gboolean done;

	if (luks == NULL || !luks_tpm_token(luks, number, &token, error))
		return FALSE;
	done = tpmseal_check(ask->tpm, &token.seal, key, error);
	tpmtoken_clear(&token);
	return done;
}

gboolean varcrypt_token_add(struct luks *luks, const struct varcrypt_enroll *ask,
			    const struct secret *volume_key, unsigned *ret_number, GError **error)
{
	struct signkey_public key;
	const struct tpmseal_for whom = { &key, ask->pin, ask->gate };
	struct tpmtoken token = { .public_key = g_bytes_ref(ask->public_key) };
	g_autoptr(Secret) secret = NULL;
	g_autoptr(Secret) passphrase = NULL;
	gboolean done = signkey_public_decode(ask->public_key, &key, error) &&
			tpmseal_new(ask->tpm, &whom, &token.seal, &secret, error);

	if (done) {
		passphrase = secret_base64(secret);
		done = luks_tpm_add(luks, volume_key, passphrase, &token, ret_number, error);
	}
	tpmtoken_clear(&token);
	return done;
}

gboolean varcrypt_enroll(const struct varcrypt_enroll *ask, GError **error)
{
	g_autoptr(Luks) luks = NULL;
	g_autoptr(Secret) volume_key = NULL;
	struct signkey_public key;
	unsigned number;

	if (!signkey_public_decode(ask->public_key, &key, error))
		return FALSE;
	luks = luks_open(ask->volume, error);
	if (luks == NULL)
		return FALSE;
	volume_key = varcrypt_unlock_typed(luks, ask->key, error);
	return volume_key != NULL && recovery_ensure(luks, volume_key, ask->recovery_key, error) &&
	       varcrypt_token_add(luks, ask, volume_key, &number, error) &&
	       enrolled_check(ask, &key, number, error) && luks_tpm_keep(luks, number, error);
}

void varcrypt_new_clear(struct varcrypt_new *made)
{
	g_clear_pointer(&made->luks, luks_free);
	g_clear_pointer(&made->volume_key, secret_free);
	g_clear_pointer(&made->recovery_key, secret_free);
}

gboolean varcrypt_create(const struct varcrypt_enroll *ask, struct varcrypt_new *ret_new,
			 GError **error)
{
	struct varcrypt_new made = { .luks = luks_create(ask->volume, error) };
	unsigned number;

	if (made.luks != NULL)
		made.volume_key = luks_new_key(made.luks, error);
	if (made.volume_key != NULL)
		made.recovery_key = recoverykey_new();
	if (made.recovery_key == NULL ||
	    !luks_recovery_add(made.luks, made.volume_key, made.recovery_key, error) ||
	    !varcrypt_token_add(made.luks, ask, made.volume_key, &number, error)) {
		varcrypt_new_clear(&made);
		return FALSE;
	}
	*ret_new = made;
	return TRUE;
}

struct secret *varcrypt_token_unlock(struct luks *luks, struct tpm *tpm,
				     const struct varcrypt_with *with, const struct tpmtoken *token,
				     GError **error)
{
	struct signkey_public key;
	const struct tpmseal_keys keys = { &key, with->pcrsig, with->pin };
	g_autoptr(Secret) secret = NULL;
	g_autoptr(Secret) passphrase = NULL;

	if (!signkey_public_decode(token->public_key, &key, error))
		return NULL;
	secret = tpmseal_open(tpm, &token->seal, &keys, error);
	if (secret == NULL)
		return NULL;
	passphrase = secret_base64(secret);
	return luks_unlock(luks, passphrase, token->keyslot, error);
}

void varcrypt_opened_clear(struct varcrypt_opened *opened)
{
	g_clear_pointer(&opened->public_key, g_bytes_unref);
}

struct secret *varcrypt_unlock(struct luks *luks, struct tpm *tpm, const struct varcrypt_with *with,
			       struct varcrypt_opened *ret_opened, GError **error)
{
	unsigned numbers[LUKS_TOKENS_MAX];
	const unsigned count = luks_tpm_tokens(luks, numbers);
	g_autoptr(GError) why = NULL;

	failure_set(&why, FAULT_TOKEN_MISSING, "the volume has no TPM token");
	for (unsigned i = 0; i < count; i++) {
		struct tpmtoken token;
		struct secret *volume_key;

		g_clear_error(&why);
		if (!luks_tpm_token(luks, numbers[i], &token, &why))
			continue;
		volume_key = varcrypt_token_unlock(luks, tpm, with, &token, &why);
		if (volume_key != NULL)
			*ret_opened = (struct varcrypt_opened){ numbers[i],
								g_bytes_ref(token.public_key),
								token.seal.gated, token.seal.gate };
		tpmtoken_clear(&token);
		if (volume_key != NULL)
			return volume_key;
	}
	g_propagate_error(error, g_steal_pointer(&why));
	return NULL;
}

/* Whether the TPM would find the counter as the gate wants it. *ret_value: 0 unknown. */
static gboolean gate_check(const struct tpmseal *seal, struct tpm *tpm,
			   const struct signkey_public *key, uint64_t *ret_value, GError **error)
{
	struct tpmcounter counter = { .index = 0 };

	*ret_value = 0;
	if (!seal->gated)
		return TRUE;
	if (!tpmcounter_find(tpm, key, &counter, error))
		return FALSE;
	if (counter.index != seal->gate.index || !counter.written)
		return failure_set(error, FAULT_COUNTER_MISSING,
				   "the TPM has no counter at 0x%x for the secret",
				   seal->gate.index);
	*ret_value = counter.value;
	return counter.value <= seal->gate.ceiling ||
	       failure_set(error, FAULT_SEAL_REVOKED,
			   "the secret was for a counter of up to %" G_GUINT64_FORMAT
			   ", and the TPM's is at %" G_GUINT64_FORMAT,
			   seal->gate.ceiling, counter.value);
}

static gboolean token_prove(const struct tpmtoken *token, struct tpm *tpm, GBytes *uki,
			    GError **error)
{
	struct signkey_public key;
	uint64_t value;

	return signkey_public_decode(token->public_key, &key, error) &&
	       tpmseal_check(tpm, &token->seal, &key, error) &&
	       gate_check(&token->seal, tpm, &key, &value, error) &&
	       sealpolicy_uki_fits(uki, &key, tpmseal_gate(&token->seal), VARCRYPT_PHASE, error);
}

static gboolean tokens_prove(struct luks *luks, struct tpm *tpm, GBytes *uki, GError **error)
{
	unsigned numbers[LUKS_TOKENS_MAX];
	const unsigned count = luks_tpm_tokens(luks, numbers);
	g_autoptr(GError) why = NULL;
	gboolean proven = FALSE;

	failure_set(&why, FAULT_TOKEN_MISSING, "the volume has no TPM token");
	for (unsigned i = 0; i < count && !proven; i++) {
		struct tpmtoken token;

		g_clear_error(&why);
		if (!luks_tpm_token(luks, numbers[i], &token, &why))
			continue;
		proven = token_prove(&token, tpm, uki, &why);
		tpmtoken_clear(&token);
	}
	if (!proven)
		g_propagate_error(error, g_steal_pointer(&why));
	return proven;
}

gboolean varcrypt_is_sealed(const char *volume)
{
	g_autoptr(Luks) luks = NULL;
	unsigned numbers[LUKS_TOKENS_MAX];

	if (!luks_is_there(volume))
		return FALSE;
	luks = luks_open(volume, NULL);
	return luks == NULL || luks_tpm_tokens(luks, numbers) > 0;
}

gboolean varcrypt_prove(const char *volume, struct tpm *tpm, GBytes *uki, GError **error)
{
	g_autoptr(Luks) luks = luks_open(volume, error);

	if (luks == NULL)
		return FALSE;
	if (!luks_has_recovery(luks))
		return failure_set(error, FAULT_RECOVERY_MISSING,
				   "var has no recovery key: should its TPM fail, all is lost");
	if (tpm == NULL)
		return failure_set(error, FAULT_TPM_OPEN,
				   "var is sealed to a TPM, and this machine has none now");
	return tokens_prove(luks, tpm, uki, error);
}

void varcrypt_status_clear(struct varcrypt_status *status)
{
	g_clear_pointer(&status->key_print, g_free);
	g_clear_pointer(&status->reason, g_free);
}

/* What the next boot would do, step by step, as far as that can be told without its PCRs. */
static gboolean token_check(const struct tpmtoken *token, struct tpm *tpm, GBytes *uki,
			    struct varcrypt_status *status, GError **error)
{
	gboolean there;
	uint8_t value[TPMBIND_SIZE];
	struct signkey_public key;

	status->pin = token->seal.pin;
	status->gated = token->seal.gated;
	status->floor = token->seal.gate.floor;
	if (!signkey_public_decode(token->public_key, &key, error))
		return FALSE;
	status->key_print = crypto_hex(key.print, sizeof key.print);
	if (tpm == NULL)
		return failure_set(error, FAULT_TPM_OPEN, "this machine has no TPM 2");
	if (!tpmseal_check(tpm, &token->seal, &key, error))
		return FALSE;
	/* That it cannot be told makes it no better than not bound. */
	status->bound = tpmbind_read(tpm, &key, &there, value, NULL) && there;
	return gate_check(&token->seal, tpm, &key, &status->counter, error) && uki != NULL &&
	       sealpolicy_uki_fits(uki, &key, tpmseal_gate(&token->seal), VARCRYPT_PHASE, error);
}

static gboolean volume_check(const char *volume, struct tpm *tpm, GBytes *uki,
			     struct varcrypt_status *status, GError **error)
{
	g_autoptr(Luks) luks = luks_open(volume, error);
	unsigned numbers[LUKS_TOKENS_MAX];
	struct tpmtoken token;
	gboolean done;

	if (luks == NULL)
		return FALSE;
	status->encrypted = TRUE;
	status->recovery_key = luks_has_recovery(luks);
	if (luks_tpm_tokens(luks, numbers) == 0)
		return failure_set(error, FAULT_TOKEN_MISSING, "the volume has no TPM token");
	status->enrolled = TRUE;
	if (!luks_tpm_token(luks, numbers[0], &token, error))
		return FALSE;
	done = token_check(&token, tpm, uki, status, error);
	tpmtoken_clear(&token);
	return done;
}

void varcrypt_status_get(const char *volume, struct tpm *tpm, GBytes *uki, const GError *why_no_uki,
			 struct varcrypt_status *ret_status)
{
	struct varcrypt_status status = { .has_tpm = tpm != NULL };
	g_autoptr(GError) why = NULL;

	status.unlocks = volume_check(volume, tpm, uki, &status, &why);
	if (!status.unlocks) {
		const GError *cause = why != NULL ? why : why_no_uki;

		status.why = failure_code(cause);
		status.reason = g_strdup(cause->message);
	}
	*ret_status = status;
}
