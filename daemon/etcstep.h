/* SPDX-License-Identifier: MIT */
#pragma once
/* /etc at a step from one release to the next: its changes are stored, and what the boot is to put
 * back is noted. For a job's thread. Where no changes are kept, nothing is done. */

#include "config.h"
#include "etcboot.h"

enum etcstep_choice {
	ETCSTEP_CONFIGURED, /* as [etc] rollback= says */
	ETCSTEP_KEEP,       /* /etc stays */
	ETCSTEP_RESTORE,    /* the /etc of that release's time comes back, or the step is refused */
};

struct etcstep {
	const struct config *config;
	const char *version;        /* that runs, or NULL */
	const char *root_hash;      /* of what runs, or NULL: not known */
	const char *next_root_hash; /* of what is to boot next, or NULL: not known */
	gboolean rollback;          /* somebody goes back */
	enum etcstep_choice choice;
};

/* Before the step. That the changes cannot be stored is no reason against it, unless they are to be
 * replaced: the boot stores them too, and puts nothing back over what it could not store.
 * FAULT_ETC_NONE where a state is to be put back that is not there; faults of etckeep_require(),
 * etckeep_save(). */
gboolean etcstep_before(const struct etcstep *step, GError **error);
/* The step was not made after all: what was to be put back before is so again. */
void etcstep_undo(const struct etcstep *step, const struct etcboot_request *before);
/* A release was committed: no fallback from it puts back the /etc of before. */
void etcstep_committed(const struct config *config, const char *root_hash);
