/* SPDX-License-Identifier: MIT */
/* All states are walked; what must hold is said in other words than the code's. */
#include "varplan.h"

#include "tap.h"

static const fault WHYS[] = { FAULT_OK, FAULT_SEAL_STATE, FAULT_LUKS_CIPHER };

static unsigned walked[VARPLAN_FAIL + 1];

/* Whether the TPM vouches for a volume: it has a TPM, its key came out, and it is no stranger's. */
static gboolean vouched(const struct varplan_found *found)
{
	return found->has_tpm && found->unseal == FAULT_OK && found->bound != VARPLAN_BOUND_OTHER &&
	       found->bound != VARPLAN_BOUND_NONE;
}

static void state_check(const struct varplan_found *found)
{
	const struct varplan plan = varplan_choose(found);
	const gboolean holds_data = found->content == VARPLAN_VOLUME ||
				    found->content == VARPLAN_OTHER;
	const gboolean accepted = found->content == VARPLAN_VOLUME && found->header == FAULT_OK;

	walked[plan.action]++;
	/* Nothing that may be somebody's data is ever made anew. */
	expect(plan.action != VARPLAN_CREATE || !holds_data);
	/* No key, of the TPM or of a person, for what is no accepted volume. */
	expect((plan.action != VARPLAN_OPEN && plan.action != VARPLAN_ASK) || accepted);
	/* Without being asked only what the TPM vouches for is used, and that always. */
	expect((plan.action == VARPLAN_OPEN) == (accepted && vouched(found)));
	/* An accepted volume is never refused for good: the recovery key opens it. */
	expect(!accepted || plan.action != VARPLAN_FAIL);
	/* Whoever is asked or refused is told why, and nobody else. */
	expect((plan.why != FAULT_OK) ==
	       (plan.action == VARPLAN_ASK || plan.action == VARPLAN_FAIL));
	/* A machine that cannot unlock a volume by itself does not make one. */
	expect(plan.action != VARPLAN_CREATE || found->has_tpm);
}

static void bounds_walk(struct varplan_found found)
{
	for (unsigned i = 0; i < VARPLAN_BOUND_COUNT; i++) {
		found.bound = (enum varplan_bound)i;
		state_check(&found);
	}
}

static void test_all(void)
{
	struct varplan_found found;

	for (unsigned content = 0; content < VARPLAN_CONTENT_COUNT; content++)
		for (unsigned header = 0; header < G_N_ELEMENTS(WHYS); header++)
			for (unsigned unseal = 0; unseal < 2 * G_N_ELEMENTS(WHYS); unseal++) {
				found.content = (enum varplan_content)content;
				found.header = WHYS[header];
				found.has_tpm = unseal % 2 != 0;
				found.unseal = WHYS[unseal / 2];
				bounds_walk(found);
			}
	for (unsigned i = 0; i <= VARPLAN_FAIL; i++)
		expect(walked[i] > 0);
}

static void test_reasons(void)
{
	struct varplan_found found = { .content = VARPLAN_VOLUME, .header = FAULT_LUKS_CIPHER };

	expect(varplan_choose(&found).why == FAULT_LUKS_CIPHER);
	found.header = FAULT_OK;
	expect(varplan_choose(&found).why == FAULT_TPM_OPEN);
	found.has_tpm = TRUE;
	found.unseal = FAULT_SEAL_OTHER_TPM;
	expect(varplan_choose(&found).why == FAULT_SEAL_OTHER_TPM);
	found.unseal = FAULT_OK;
	found.bound = VARPLAN_BOUND_OTHER;
	expect(varplan_choose(&found).why == FAULT_VOLUME_UNBOUND);
	found.content = VARPLAN_OTHER;
	expect(varplan_choose(&found).why == FAULT_VAR_FOREIGN);
}

static const struct tap_case CASES[] = {
	{ "every state", test_all },
	{ "reasons", test_reasons },
};
TAP_MAIN(CASES)
