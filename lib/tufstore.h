/* SPDX-License-Identifier: MIT */
#pragma once
/* The folder in which a machine keeps what it trusts of a repository, and the latest time that it
 * has seen. Each file is the old one or the new one, after a power cut as well. */

#include <glib.h>

#include "tufclient.h"

enum { TUFSTORE_CLOCK_SLACK_S = 3600 }; /* a clock that was corrected is no clock set back */

struct tufstore;
typedef struct tufstore Tufstore; /* for g_autoptr() only */

/* Makes the folder, for root alone, if it is missing. FAULT_TUF_STORE. */
struct tufstore *tufstore_open(const char *path, GError **error);
void tufstore_close(struct tufstore *store); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tufstore, tufstore_close)

/* Lives as long as the store. A name has at most one slash, and folders are made as needed.
 * FAULT_TUF_STORE; FAULT_TUF_STORE_DAMAGED: what is kept is larger than `max`. */
struct tufstorage *tufstore_storage(struct tufstore *store);

/* *ret_now_s: the later one of `now_s` and what was seen. FAULT_TUF_CLOCK: `now_s` is more than
 * TUFSTORE_CLOCK_SLACK_S before that; `not_before_s` counts as seen. */
gboolean tufstore_time_check(struct tufstore *store, gint64 now_s, gint64 not_before_s,
			     gint64 *ret_now_s, GError **error);
/* To be called when that time was good enough for metadata that has not expired, so that a clock
 * that is ahead cannot be remembered for good. An earlier one changes nothing. */
gboolean tufstore_time_save(struct tufstore *store, gint64 now_s, GError **error);
