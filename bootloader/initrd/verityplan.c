/* SPDX-License-Identifier: MIT */
#include "verityplan.h"

#include <errno.h>

/* What the kernel says of a signature, its key, or its algorithm. */
static bool is_about_key(int error)
{
	return error == ENOKEY || error == EKEYREJECTED || error == EKEYREVOKED ||
	       error == EKEYEXPIRED || error == EBADMSG || error == ENOPKG;
}

/* The kernel looked at the table and did not like it; else something broke. */
static bool is_refusal(int error)
{
	return is_about_key(error) || error == EINVAL || error == ENODEV || error == ENOTSUP;
}

struct verityplan_try verityplan_first(const struct verityplan *plan)
{
	return (struct verityplan_try){ plan->signature, plan->fec };
}

fault verityplan_next(const struct verityplan *plan, int error, struct verityplan_try *attempt)
{
	if (attempt->fec && !is_about_key(error)) {
		attempt->fec = false;
		return FAULT_OK;
	}
	if (attempt->signature && !plan->demanded && is_refusal(error)) {
		*attempt = (struct verityplan_try){ .signature = false, .fec = plan->fec };
		return FAULT_OK;
	}
	/* That a key is missing it also says if it misses a signature; else we are behind that. */
	if (error == ENOKEY || (plan->demanded && is_refusal(error)))
		return FAULT_ROOT_SIGNATURE;
	return FAULT_ROOT_VERITY;
}
