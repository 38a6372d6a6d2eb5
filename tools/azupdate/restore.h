/* SPDX-License-Identifier: MIT */
#pragma once
/* Restore: makes a past release out of the store, and waits for it. */

#include "cli.h"

struct restore_options {
	gboolean force;       /* also over the fallback, and what failed here before */
	gboolean no_activate; /* only stage it */
	gboolean etc;         /* with the /etc of that time */
	gboolean keep_etc;    /* with that of now; neither: as is configured */
};

/* Tells what was done; returns an exit status, or sets error. FAULT_STORE_OFF, _EMPTY and _RELEASE
 * where the store has no such release. */
int restore_version(struct cli *cli, const char *version, const struct restore_options *options,
		    GError **error);
