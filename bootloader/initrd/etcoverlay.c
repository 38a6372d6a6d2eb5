/* SPDX-License-Identifier: MIT */
#include "etcoverlay.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "rootprogram.h"
#include "say.h"

static const char PROGRAM[] = AZETC; /* where it is installed */

fault etcoverlay_mount(const char *root, const char *run, bool is_lost)
{
	char from[PATH_MAX], to[PATH_MAX];

	snprintf(from, sizeof from, "%s/etc", root);
	snprintf(to, sizeof to, "%s/azupdate/etc-defaults", run);
	/* If it is not there, it cannot be mounted on. */
	(void)mkdir(to, 0755);
	if (mount(from, to, NULL, MS_BIND, NULL) != 0) {
		say(SAY_ERROR, "%s cannot be bound to %s: %s", from, to, strerror(errno));
		return FAULT_ETC_MOUNT;
	}
	return rootprogram_run(root, PROGRAM, is_lost ? "--var-lost" : NULL)
		       ? FAULT_OK
		       : rootprogram_fault(run, "etc-fault", FAULT_ETC_MOUNT);
}
