/* SPDX-License-Identifier: MIT */
#pragma once
/* What a boot does about the encrypted var: pure, out of what was found. A volume is used only if
 * its key came out of the TPM and the TPM knows the volume, or if somebody gave the recovery key at
 * the console. Only a partition that holds nothing is made anew. */

#include <glib.h>

#include "fault.h"

enum varplan_content {
	VARPLAN_BLANK,      /* zeros, and nothing that anybody knows */
	VARPLAN_UNFINISHED, /* a new volume whose making was cut off */
	VARPLAN_VOLUME,     /* LUKS2 */
	VARPLAN_OTHER,      /* anything else, such as a file system in the clear */
	VARPLAN_CONTENT_COUNT
};

enum varplan_bound {
	VARPLAN_BOUND_NONE, /* the TPM remembers no volume, although it has room for one */
	VARPLAN_BOUND_FULL, /* it has no room */
	VARPLAN_BOUND_SAME,
	VARPLAN_BOUND_OTHER,
	VARPLAN_BOUND_COUNT
};

struct varplan_found {
	enum varplan_content content;
	fault header;             /* of a VARPLAN_VOLUME: FAULT_OK, or why it is not accepted */
	gboolean has_tpm;         /* and the release's PCR signatures are there */
	fault unseal;             /* of a VARPLAN_VOLUME with a TPM: FAULT_OK, or why not */
	enum varplan_bound bound; /* of the volume that was unsealed */
};

enum varplan_action {
	VARPLAN_CREATE, /* make a volume, show its recovery key, bind it */
	VARPLAN_OPEN,   /* use it */
	VARPLAN_ASK,    /* for the recovery key; then bind it anew and use it */
	VARPLAN_FAIL,
};

struct varplan {
	enum varplan_action action;
	fault why; /* of VARPLAN_ASK and VARPLAN_FAIL */
};

struct varplan varplan_choose(const struct varplan_found *found);
