/* SPDX-License-Identifier: MIT */
#include "vargate.h"

#include "failure.h"

/* A token that was sealed for a step further than the counter is was left by a boot that was cut
 * off. Past azboot's limit the counter stays, since azboot would take a further step for a floor
 * that it has forgotten; what was sealed before is removed from the header all the same. */
struct vargate_plan vargate_choose(const struct vargate_found *found)
{
	const gboolean may_move = found->limit == 0 || found->value < found->limit;
	struct vargate_plan plan = { FALSE, found->gate.ceiling, FALSE };

	if (!found->gated)
		return plan;
	if (found->floor > found->gate.floor) {
		plan.renew = TRUE;
		plan.ceiling = may_move ? found->value + 1 : found->value;
	}
	plan.move = may_move && plan.ceiling > found->value;
	return plan;
}

/* *ret_wanted FALSE: the release's maker wants no gates. */
static gboolean floor_find(const struct vargate *gate, const struct signkey_public *key,
			   gboolean *ret_wanted, uint64_t *ret_floor, GError **error)
{
	uint64_t any;

	*ret_wanted = gate->pcrsig != NULL &&
		      sealpolicy_floor_highest(gate->pcrsig, key, PCRPOLICY_FLOOR_MAX, &any);
	return !*ret_wanted ||
	       sealpolicy_floor_highest(gate->pcrsig, key, gate->floor, ret_floor) ||
	       failure_set(error, FAULT_SEAL_FLOOR,
			   "the release is signed for no floor as low as %" G_GUINT64_FORMAT,
			   gate->floor);
}

static gboolean counter_get(const struct vargate *gate, const struct signkey_public *key,
			    const struct tpmcounter_used *used, struct tpmcounter *counter,
			    GError **error)
{
	const struct tpmseal_keys keys = { key, gate->pcrsig, NULL };

	if (!tpmcounter_define(gate->tpm, key, used, counter, error))
		return FALSE;
	if (counter->written)
		return TRUE;
	if (gate->boots)
		return tpmcounter_increment(gate->tpm, &keys, counter, error);
	return failure_set(error, FAULT_COUNTER_UNWRITTEN,
			   "the TPM's counter at 0x%x was not started: only a boot can",
			   counter->index);
}

gboolean vargate_get(const struct vargate *gate, const struct signkey_public *key,
		     const struct tpmcounter_used *used, struct vargate_new *ret_new,
		     GError **error)
{
	struct tpmcounter counter;
	g_autoptr(GError) why = NULL;
	gboolean wanted;
	uint64_t floor;

	*ret_new = (struct vargate_new){ .gated = FALSE };
	if (!floor_find(gate, key, &wanted, &floor, error))
		return FALSE;
	if (!wanted)
		return TRUE;
	if (counter_get(gate, key, used, &counter, &why)) {
		*ret_new = (struct vargate_new){ TRUE, { floor, counter.value, counter.index } };
		return TRUE;
	}
	if (failure_code(why) == FAULT_TPM_FULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&why));
	return FALSE;
}

void vargate_used(struct luks *luks, struct tpmcounter_used *ret_used)
{
	unsigned numbers[LUKS_TOKENS_MAX];
	const unsigned count = luks_tpm_tokens(luks, numbers);

	*ret_used = (struct tpmcounter_used){ { FALSE } };
	for (unsigned i = 0; i < count; i++) {
		struct tpmtoken token;

		if (!luks_tpm_token(luks, numbers[i], &token, NULL))
			continue; /* it cannot be opened either */
		if (token.seal.gated)
			tpmcounter_use(ret_used, token.seal.gate.index);
		tpmtoken_clear(&token);
	}
}

gboolean vargate_enroll(const struct vargate *gate, const struct varcrypt_enroll *ask,
			GError **error)
{
	g_autoptr(Luks) luks = luks_open(ask->volume, error);
	struct varcrypt_enroll gated = *ask;
	struct tpmcounter_used used;
	struct vargate_new new;
	struct signkey_public key;

	if (luks == NULL || !signkey_public_decode(ask->public_key, &key, error))
		return FALSE;
	vargate_used(luks, &used);
	if (!vargate_get(gate, &key, &used, &new, error))
		return FALSE;
	gated.gate = new.gated ? &new.gate : NULL;
	return varcrypt_enroll(&gated, error);
}

/* From the medium, by the TPM, as the next boot will do it. */
static gboolean token_prove(const struct vargate *gate, const struct vargate_volume *volume,
			    unsigned number, GError **error)
{
	g_autoptr(Luks) luks = luks_open(volume->path, error);
	g_autoptr(Secret) volume_key = NULL;
	struct tpmtoken token;

	if (luks == NULL || !luks_tpm_token(luks, number, &token, error))
		return FALSE;
	volume_key = varcrypt_token_unlock(luks, gate->tpm, volume->with, &token, error);
	tpmtoken_clear(&token);
	return volume_key != NULL;
}

static gboolean token_add(const struct vargate *gate, const struct vargate_volume *volume,
			  const struct sealpolicy_gate *new_gate, unsigned *ret_number,
			  GError **error)
{
	const struct varcrypt_enroll ask = {
		.tpm = gate->tpm,
		.public_key = volume->opened->public_key,
		.pin = volume->with->pin,
		.gate = new_gate,
	};

	return varcrypt_token_add(volume->luks, &ask, volume->volume_key, ret_number, error) &&
	       token_prove(gate, volume, *ret_number, error);
}

/* What is in force behind the plan. */
struct outcome {
	unsigned number; /* of its token */
	struct sealpolicy_gate gate;
	uint64_t value; /* of the counter */
};

/* What is of no use any more, also what an earlier boot had no time to remove. */
static gboolean old_remove(struct luks *luks, const struct outcome *now, GError **error)
{
	unsigned numbers[LUKS_TOKENS_MAX];
	const unsigned count = luks_tpm_tokens(luks, numbers);

	for (unsigned i = 0; i < count; i++) {
		struct tpmtoken token;
		gboolean old;

		if (!luks_tpm_token(luks, numbers[i], &token, NULL))
			continue; /* not ours to judge */
		old = numbers[i] != now->number && token.seal.gated &&
		      token.seal.gate.index == now->gate.index &&
		      (token.seal.gate.ceiling < now->value ||
		       token.seal.gate.floor <= now->gate.floor);
		tpmtoken_clear(&token);
		if (old && !luks_tpm_remove(luks, numbers[i], error))
			return FALSE;
	}
	return luks_tpm_sweep(luks, error);
}

/* In this order: whatever is cut off, one of the tokens opens. */
static gboolean plan_do(const struct vargate *gate, const struct vargate_volume *volume,
			const struct vargate_found *found, const struct tpmseal_keys *keys,
			GError **error)
{
	const struct vargate_plan plan = vargate_choose(found);
	struct tpmcounter counter = { found->gate.index, TRUE, found->value };
	struct outcome now = { volume->opened->number, found->gate, 0 };

	if (plan.renew) {
		now.gate.floor = found->floor;
		now.gate.ceiling = plan.ceiling;
		if (!token_add(gate, volume, &now.gate, &now.number, error))
			return FALSE;
	}
	if (plan.move && !tpmcounter_increment(gate->tpm, keys, &counter, error))
		return FALSE;
	now.value = counter.value;
	return old_remove(volume->luks, &now, error);
}

gboolean vargate_renew(const struct vargate *gate, const struct vargate_volume *volume,
		       GError **error)
{
	const struct varcrypt_opened *opened = volume->opened;
	struct vargate_found found = { opened->gated, opened->gate, 0, 0, gate->limit };
	struct signkey_public key;
	const struct tpmseal_keys keys = { &key, gate->pcrsig, NULL };
	struct tpmcounter counter;

	if (!opened->gated)
		return TRUE;
	if (!signkey_public_decode(opened->public_key, &key, error) ||
	    !tpmcounter_find(gate->tpm, &key, &counter, error))
		return FALSE;
	found.value = counter.value;
	(void)sealpolicy_floor_highest(gate->pcrsig, &key, gate->floor, &found.floor); /* else 0 */
	return plan_do(gate, volume, &found, &keys, error);
}
