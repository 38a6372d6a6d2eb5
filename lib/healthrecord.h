/* SPDX-License-Identifier: MIT */
#pragma once
/* Health record: what the checks of a boot found that were acted on, in STATE/health.json and, of
 * the last HEALTHRECORD_KEPT boots, in STATE/health/BOOT.json, BOOT being the kernel's boot id
 * without its dashes. schema/health.schema.json has the fields. */

#include <glib.h>

#include "health.h"

enum {
	HEALTHRECORD_KEPT = 10,
	HEALTHRECORD_BOOT_SIZE = 32,
	HEALTHRECORD_FILE_MAX = 4 * 1024 * 1024,
};

/* Borrowed. */
struct healthrecord {
	const struct health_result *result;
	char slot;             /* 'a', 'b', or 0: none */
	const char *root_hash; /* hex; NULL: not known */
	const char *version;   /* of the running release; NULL: not known */
	const char *verdict;   /* "committed", "reboot", "stay", "none" */
	const char *because;   /* a clause: why this verdict */
};

/* Of this boot, 32 hexadecimal digits; "" if the kernel does not say. */
void healthrecord_boot(char ret_boot[static HEALTHRECORD_BOOT_SIZE + 1]);
/* Atomic, each file; what is over the limit goes, the oldest first. A second one of the same boot
 * takes the place of the first. FAULT_STATE_FILE. */
gboolean healthrecord_save(const char *state_dir, const struct healthrecord *record,
			   GError **error);
/* The text of a record. FAULT_HEALTH_RECORD: there is none, or the name cannot be one's. boot NULL:
 * of the last one, whatever boot it is of; FAULT_STATE_FILE. */
char *healthrecord_load(const char *state_dir, const char *boot, GError **error);
/* A JSON array, newest first, of {boot, time_us, slot, version, healthy, verdict, fault, reason};
 * what cannot be read is left out. */
char *healthrecord_list(const char *state_dir);

/* To the journal, with fields of its own: docs/HEALTH.md. One message for the verdict, and one for
 * each check that failed. */
void healthrecord_log(const struct healthrecord *record);
