/* SPDX-License-Identifier: MIT */
#include "etcoverlay.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "rootprogram.h"
#include "say.h"
#include "textfile.h"

enum { NUMBER_SIZE = 16 };

static const char PROGRAM[] = AZETC; /* where it is installed */

static fault fault_read(const char *run)
{
	char path[PATH_MAX];
	char text[NUMBER_SIZE];
	unsigned long number;

	snprintf(path, sizeof path, "%s/azupdate/etc-fault", run);
	if (!textfile_read(path, text, sizeof text))
		return FAULT_ETC_MOUNT;
	number = strtoul(text, NULL, 10);
	return number > 0 && number <= UINT16_MAX ? (fault)number : FAULT_ETC_MOUNT;
}

fault etcoverlay_mount(const char *root, const char *run)
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
	return rootprogram_run(root, PROGRAM, NULL) ? FAULT_OK : fault_read(run);
}
