/* SPDX-License-Identifier: MIT */
#include "varplan.h"

static struct varplan plan(enum varplan_action action, fault why)
{
	return (struct varplan){ action, why };
}

/* The TPM gave a key. Anybody could have sealed one for this TPM, so that the volume has to be the
 * one that it remembers. Where it cannot remember any, the seal alone has to do. */
static struct varplan bound_choose(enum varplan_bound bound)
{
	switch (bound) {
	case VARPLAN_BOUND_SAME:
	case VARPLAN_BOUND_FULL:
		return plan(VARPLAN_OPEN, FAULT_OK);
	case VARPLAN_BOUND_NONE:
	case VARPLAN_BOUND_OTHER:
	case VARPLAN_BOUND_COUNT:
		break;
	}
	return plan(VARPLAN_ASK, FAULT_VOLUME_UNBOUND);
}

static struct varplan volume_choose(const struct varplan_found *found)
{
	/* No key for such a header, not even one that a person types. */
	if (found->header != FAULT_OK)
		return plan(VARPLAN_FAIL, found->header);
	if (!found->has_tpm)
		return plan(VARPLAN_ASK, FAULT_TPM_OPEN);
	if (found->unseal != FAULT_OK)
		return plan(VARPLAN_ASK, found->unseal);
	return bound_choose(found->bound);
}

struct varplan varplan_choose(const struct varplan_found *found)
{
	switch (found->content) {
	case VARPLAN_BLANK:
	case VARPLAN_UNFINISHED:
		/* Without a TPM nobody could unlock it at the next boot. */
		return found->has_tpm ? plan(VARPLAN_CREATE, FAULT_OK)
				      : plan(VARPLAN_FAIL, FAULT_TPM_OPEN);
	case VARPLAN_VOLUME:
		return volume_choose(found);
	case VARPLAN_OTHER:
	case VARPLAN_CONTENT_COUNT:
		break;
	}
	return plan(VARPLAN_FAIL, FAULT_VAR_FOREIGN);
}
