/* SPDX-License-Identifier: MIT */
#include "unlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rootprogram.h"
#include "say.h"
#include "textfile.h"

enum { EXTRA_SIZE_MAX = 65536 };

static const char PROGRAM[] = AZUNLOCK; /* where it is installed */

static bool file_write(const char *path, const char *text)
{
	const size_t size_bytes = strlen(text);
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
	bool written;

	if (fd < 0)
		return false;
	written = write(fd, text, size_bytes) == (ssize_t)size_bytes;
	return close(fd) == 0 && written;
}

void unlock_keep_extra(const char *run)
{
	static const char *const NAMES[] = { "tpm2-pcr-signature.json", "tpm2-pcr-public-key.pem" };
	static char text[EXTRA_SIZE_MAX + 1];
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/systemd", run);
	(void)mkdir(path, 0755); /* if it is not there, the file cannot be opened */
	for (unsigned i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
		snprintf(path, sizeof path, "/.extra/%s", NAMES[i]);
		if (!textfile_read(path, text, sizeof text))
			continue;
		snprintf(path, sizeof path, "%s/systemd/%s", run, NAMES[i]);
		if (!file_write(path, text))
			say(SAY_ERROR, "%s cannot be written: %s", path, strerror(errno));
	}
}

bool unlock_has_policies(void)
{
	return access("/.extra/tpm2-pcr-signature.json", F_OK) == 0;
}

void unlock_leave_phase(const char *root)
{
	if (!rootprogram_run(root, PROGRAM, "--leave-phase"))
		say(SAY_ERROR, "PCR 11 was not taken out of the initrd's phase");
}

fault unlock_run(const char *root, const char *run)
{
	return rootprogram_run(root, PROGRAM, NULL)
		       ? FAULT_OK
		       : rootprogram_fault(run, "var-fault", FAULT_VAR_LOCKED);
}
