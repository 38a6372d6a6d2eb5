/* SPDX-License-Identifier: MIT */
#include "varunlock.h"

#include <string.h>

#include "failure.h"
#include "faulttext.h"
#include "layout.h"

enum { PIN_TRIES = 3, RECOVERY_TRIES = 5 };

/* What was found, and what was opened on the way. */
struct look {
	struct varplan_found found;
	struct luks *luks;
	struct secret *volume_key;
	struct varcrypt_opened opened; /* what gave it, if the TPM did; else zeros */
	struct secret *pin;            /* that it took, or NULL */
};

static void look_clear(struct look *look)
{
	luks_free(look->luks);
	varcrypt_opened_clear(&look->opened);
	secret_free(look->volume_key);
	secret_free(look->pin);
}

void varunlock_result_clear(struct varunlock_result *result)
{
	g_clear_pointer(&result->luks, luks_free);
	g_clear_pointer(&result->volume_key, secret_free);
	g_clear_pointer(&result->recovery_key, secret_free);
}

static void say(const struct varunlock *unlock, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void say(const struct varunlock *unlock, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list arguments;

	va_start(arguments, format);
	text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	unlock->console->say(text, unlock->console->user_data);
}

static struct secret *ask(const struct varunlock *unlock, enum varunlock_question question)
{
	return unlock->console->ask(question, unlock->console->user_data);
}

/* A volume that was opened as one, or a partition that is told from blank ones. */
static gboolean content_look(const struct varunlock *unlock, struct look *look, GError **error)
{
	g_autoptr(GError) why = NULL;
	gboolean blank;

	look->luks = luks_open(unlock->volume, &why);
	if (look->luks != NULL) {
		look->found.content = luks_is_unfinished(look->luks) ? VARPLAN_UNFINISHED
								     : VARPLAN_VOLUME;
		return TRUE;
	}
	say(unlock, "%s", why->message);
	if (!layout_is_blank(unlock->volume, &blank, error))
		return FALSE;
	look->found.header = failure_code(why);
	look->found.content = blank                                     ? VARPLAN_BLANK
			      : look->found.header == FAULT_LUKS_HEADER ? VARPLAN_OTHER
									: VARPLAN_VOLUME;
	return TRUE;
}

static void unseal_look(const struct varunlock *unlock, struct look *look)
{
	struct varcrypt_with with = { unlock->pcrsig, NULL };
	g_autoptr(GError) why = NULL;

	look->volume_key = varcrypt_unlock(look->luks, unlock->tpm, &with, &look->opened, &why);
	for (unsigned i = 0;
	     look->volume_key == NULL && failure_code(why) == FAULT_SEAL_PIN && i < PIN_TRIES;
	     i++) {
		secret_free(look->pin);
		look->pin = ask(unlock, VARUNLOCK_PIN);
		if (look->pin == NULL)
			break;
		g_clear_error(&why);
		with.pin = look->pin;
		look->volume_key = varcrypt_unlock(look->luks, unlock->tpm, &with, &look->opened,
						   &why);
	}
	look->found.unseal = look->volume_key != NULL ? FAULT_OK : failure_code(why);
	if (why != NULL)
		say(unlock, "%s", why->message);
}

static void bind_value(const struct luks *luks, const struct secret *volume_key, uint8_t *ret_value)
{
	g_autofree char *measured = luks_measured(luks, VARCRYPT_NAME);

	tpmbind_value(volume_key, measured, ret_value);
}

/* By the key whose token gave the secret, or by the first of the release's: while a fleet goes from
 * one key to the next, releases are signed by both. */
static gboolean bound_read(const struct varunlock *unlock, const struct look *look,
			   gboolean *ret_there, uint8_t *ret_value, GError **error)
{
	GBytes *const keys[] = { look->opened.public_key, unlock->public_key };

	*ret_there = FALSE;
	for (unsigned i = 0; !*ret_there && i < G_N_ELEMENTS(keys); i++) {
		struct signkey_public key;

		if (!signkey_public_decode(keys[i], &key, error) ||
		    !tpmbind_read(unlock->tpm, &key, ret_there, ret_value, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean bound_find(const struct varunlock *unlock, struct look *look, GError **error)
{
	uint8_t wanted[TPMBIND_SIZE], remembered[TPMBIND_SIZE];
	g_autoptr(GError) why = NULL;
	struct signkey_public key;
	gboolean there;

	if (!bound_read(unlock, look, &there, remembered, error) ||
	    !signkey_public_decode(unlock->public_key, &key, error))
		return FALSE;
	if (there) {
		bind_value(look->luks, look->volume_key, wanted);
		look->found.bound = memcmp(wanted, remembered, sizeof wanted) == 0
					    ? VARPLAN_BOUND_SAME
					    : VARPLAN_BOUND_OTHER;
	} else if (!tpmbind_prepare(unlock->tpm, &key, &why)) {
		say(unlock, "%s", why->message);
		if (failure_code(why) == FAULT_TPM_FULL)
			look->found.bound = VARPLAN_BOUND_FULL;
	}
	return TRUE;
}

/* That the memory of the TPM cannot be told is as if it remembered nothing. */
static void bound_look(const struct varunlock *unlock, struct look *look)
{
	g_autoptr(GError) why = NULL;

	look->found.bound = VARPLAN_BOUND_NONE;
	if (!bound_find(unlock, look, &why))
		say(unlock, "%s", why->message);
}

static gboolean look_around(const struct varunlock *unlock, struct look *look, GError **error)
{
	look->found.has_tpm = unlock->tpm != NULL && unlock->public_key != NULL &&
			      unlock->pcrsig != NULL;
	if (!content_look(unlock, look, error))
		return FALSE;
	if (look->found.content == VARPLAN_VOLUME && look->luks != NULL && look->found.has_tpm)
		unseal_look(unlock, look);
	if (look->volume_key != NULL)
		bound_look(unlock, look);
	return TRUE;
}

/* Not to be able to is no reason not to go on: the next boot asks for the recovery key then. */
static void volume_bind(const struct varunlock *unlock, const struct luks *luks,
			const struct secret *volume_key)
{
	struct signkey_public key;
	const struct tpmseal_keys keys = { &key, unlock->pcrsig, NULL };
	g_autoptr(GError) why = NULL;
	uint8_t value[TPMBIND_SIZE];

	if (unlock->tpm == NULL || unlock->public_key == NULL || unlock->pcrsig == NULL)
		return;
	bind_value(luks, volume_key, value);
	if (!signkey_public_decode(unlock->public_key, &key, &why) ||
	    !tpmbind_write(unlock->tpm, &keys, value, &why))
		say(unlock, "the TPM does not remember this volume: %s", why->message);
}

static struct vargate gate_of(const struct varunlock *unlock)
{
	return (struct vargate){ unlock->tpm, unlock->pcrsig, unlock->floor, unlock->counter_limit,
				 TRUE };
}

/* For what is sealed to the release's first key. */
static gboolean gate_get(const struct varunlock *unlock, const struct tpmcounter_used *used,
			 struct vargate_new *ret_new, GError **error)
{
	const struct vargate gate = gate_of(unlock);
	struct signkey_public key;

	return signkey_public_decode(unlock->public_key, &key, error) &&
	       vargate_get(&gate, &key, used, ret_new, error);
}

/* A volume whose key does not come back now would not at the next boot either. */
static gboolean new_prove(const struct varunlock *unlock, const struct varcrypt_new *made,
			  GError **error)
{
	const struct varcrypt_with with = { unlock->pcrsig, NULL };
	struct varcrypt_opened opened = { .public_key = NULL };
	g_autoptr(Secret) back = varcrypt_unlock(made->luks, unlock->tpm, &with, &opened, error);

	varcrypt_opened_clear(&opened);
	return back != NULL;
}

static gboolean volume_make(const struct varunlock *unlock, struct varunlock_result *result,
			    GError **error)
{
	const struct tpmcounter_used none = { { FALSE } };
	struct varcrypt_enroll how = {
		.volume = unlock->volume,
		.tpm = unlock->tpm,
		.public_key = unlock->public_key,
	};
	struct varcrypt_new made;
	struct vargate_new gate;

	if (!gate_get(unlock, &none, &gate, error))
		return FALSE;
	how.gate = gate.gated ? &gate.gate : NULL;
	if (!varcrypt_create(&how, &made, error))
		return FALSE;
	if (!new_prove(unlock, &made, error)) {
		varcrypt_new_clear(&made);
		return FALSE;
	}
	volume_bind(unlock, made.luks, made.volume_key);
	*result = (struct varunlock_result){ made.luks, made.volume_key, made.recovery_key };
	return TRUE;
}

static gboolean recovery_ask(const struct varunlock *unlock, struct look *look, fault why,
			     GError **error)
{
	g_clear_pointer(&look->volume_key, secret_free);
	say(unlock, "var is locked: %s (fault %u)", faulttext_find(why)->sentence, (unsigned)why);
	for (unsigned i = 0; look->volume_key == NULL && i < RECOVERY_TRIES; i++) {
		g_autoptr(Secret) typed = ask(unlock, VARUNLOCK_RECOVERY_KEY);
		g_autoptr(GError) wrong = NULL;

		if (typed == NULL)
			break;
		look->volume_key = varcrypt_unlock_typed(look->luks, typed, &wrong);
		if (wrong != NULL)
			say(unlock, "%s", wrong->message);
	}
	if (look->volume_key == NULL)
		return failure_set(error, FAULT_VAR_LOCKED, "nobody gave the recovery key of var");
	volume_bind(unlock, look->luks, look->volume_key);
	return TRUE;
}

/* Behind what opened the volume: its gate, and a counter for the key that a later enrolment will
 * seal to. Not to be able to is no reason not to go on; the next boot tries again. */
static void gates_care(const struct varunlock *unlock, const struct look *look)
{
	const struct vargate gate = gate_of(unlock);
	const struct varcrypt_with with = { unlock->pcrsig, look->pin };
	const struct vargate_volume volume = { unlock->volume, look->luks, look->volume_key, &with,
					       &look->opened };
	g_autoptr(GError) why = NULL;
	struct tpmcounter_used used;
	struct vargate_new next;

	if (!look->found.has_tpm)
		return;
	if (look->opened.public_key != NULL && !vargate_renew(&gate, &volume, &why))
		say(unlock, "var stays open to releases below the floor: %s", why->message);
	g_clear_error(&why);
	vargate_used(look->luks, &used);
	if (!gate_get(unlock, &used, &next, &why)) {
		say(unlock, "the TPM has no counter for what will be sealed: %s", why->message);
		return;
	}
	if (!next.gated)
		return;
	tpmcounter_use(&used, next.gate.index);
	if (!tpmcounter_clean(unlock->tpm, &used, &why))
		say(unlock, "%s", why->message);
}

static gboolean plan_do(const struct varunlock *unlock, struct look *look,
			struct varunlock_result *result, GError **error)
{
	const struct varplan plan = varplan_choose(&look->found);

	switch (plan.action) {
	case VARPLAN_CREATE:
		/* The handle of an unfinished volume that is about to be overwritten. */
		g_clear_pointer(&look->luks, luks_free);
		return volume_make(unlock, result, error);
	case VARPLAN_ASK:
		varcrypt_opened_clear(&look->opened);
		if (!recovery_ask(unlock, look, plan.why, error))
			return FALSE;
		gates_care(unlock, look);
		break;
	case VARPLAN_OPEN:
		gates_care(unlock, look);
		break;
	case VARPLAN_FAIL:
		return failure_set(error, plan.why, "%s: %s", unlock->volume,
				   faulttext_find(plan.why)->sentence);
	}
	*result = (struct varunlock_result){ g_steal_pointer(&look->luks),
					     g_steal_pointer(&look->volume_key), NULL };
	return TRUE;
}

gboolean varunlock_run(const struct varunlock *unlock, struct varunlock_result *ret_result,
		       GError **error)
{
	struct look look = { .found.header = FAULT_OK };
	struct varunlock_result result;
	const gboolean done = look_around(unlock, &look, error) &&
			      plan_do(unlock, &look, &result, error);

	look_clear(&look);
	if (done)
		*ret_result = result;
	return done;
}
