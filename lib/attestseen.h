/* SPDX-License-Identifier: MIT */
#pragma once
/* Attestations seen: the clock that each TPM had when it was last believed. A TPM's counters only
 * rise, so one that goes back was cleared, or replaced by an old copy of itself. */

#include <glib.h>
#include <stdint.h>

enum { ATTESTSEEN_SIZE_MAX = 64 * 1024 * 1024 };

struct attestseen {
	uint64_t clock_ms;
	uint32_t reset_count;
	uint32_t restart_count;
	gboolean safe; /* the clock has not told a higher value before; not stored */
};

/* By the key's print (hex): struct attestseen. A file that is not there is an empty table. NULL
 * with FAULT_STATE_FILE. */
GHashTable *attestseen_load(const char *path, GError **error);
/* Replaces the file in one step. One writer at a time: the later one of two wins.
 * FAULT_STATE_FILE. */
gboolean attestseen_save(const char *path, GHashTable *table, GError **error);
void attestseen_note(GHashTable *table, const char *print, const struct attestseen *now);

/* Why `now` cannot come after `last`, in words; NULL: it can. A clock that says itself that it may
 * be behind (after a power cut) is only held against its counters. */
const char *attestseen_judge(const struct attestseen *last, const struct attestseen *now);
