/* SPDX-License-Identifier: MIT */
#pragma once
/* greenboot: its folders of scripts, run as it runs them: check/required.d one after the other up
 * to the first failure, check/wanted.d, and green.d or red.d after the verdict. In each folder,
 * by name: *.sh by `bash -C`, whatever else is executable by itself. Both folders' files are run;
 * none masks another. DISABLED_HEALTHCHECKS of the last folder's greenboot.conf takes checks out.
 *
 * Not as greenboot: each script has the time limit and the retries of health checks; and files
 * that others than root can write are refused. */

#include <gio/gio.h>

#include "health.h"

enum {
	GREENBOOT_SCRIPTS_MAX = 256,
	GREENBOOT_CONF_MAX = 65536,
};

/* Adds to `entries` (of struct healthlist_entry) the scripts of check/required.d or check/wanted.d.
 * FAULT_HEALTH_FOLDER. Where greenboot is installed and has no required.d, an entry without a
 * path, since it fails then. */
gboolean greenboot_find(const struct health_options *options, gboolean required, GPtrArray *entries,
			GError **error);

/* Runs what is in green.d or red.d. Failures are logged, and change nothing. */
void greenboot_conclude(const struct health_options *options, gboolean healthy,
			GCancellable *cancellable);

/* Pure: the words of DISABLED_HEALTHCHECKS=("a.sh" "b") in the text of a greenboot.conf;
 * NULL-terminated, free with g_strfreev(). */
char **greenboot_disabled_parse(const char *text);
