/* SPDX-License-Identifier: MIT */
#include "unlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"
#include "textfile.h"

enum { EXTRA_SIZE_MAX = 65536, NOT_STARTED = 127, COUNT_SIZE = 16 };

static const char PROGRAM[] = AZUNLOCK; /* where it is installed */
static const char *const SHARED[] = { "/dev", "/proc", "/sys", "/run" };

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

static bool mounts_share(const char *root)
{
	char target[PATH_MAX];

	for (unsigned i = 0; i < sizeof SHARED / sizeof SHARED[0]; i++) {
		snprintf(target, sizeof target, "%s%s", root, SHARED[i]);
		if (mount(SHARED[i], target, NULL, MS_BIND | MS_REC, NULL) != 0) {
			say(SAY_ERROR, "%s cannot be bound to %s: %s", SHARED[i], target,
			    strerror(errno));
			return false;
		}
	}
	return true;
}

/* The root's own folders must be free again when the initrd's mounts are moved there. */
static void mounts_release(const char *root)
{
	char target[PATH_MAX];

	for (unsigned i = 0; i < sizeof SHARED / sizeof SHARED[0]; i++) {
		snprintf(target, sizeof target, "%s%s", root, SHARED[i]);
		(void)umount2(target, MNT_DETACH); /* else the mount moves over it */
	}
}

/* `option`: NULL for none. */
static _Noreturn void program_start(const char *root, const char *option)
{
	char *const arguments[] = { (char *)PROGRAM, (char *)option, NULL };
	char *const environment[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
				      (char *)"DM_DISABLE_UDEV=1",
				      /* What is wrong is told in our own words. */
				      (char *)"TSS2_LOG=all+NONE", NULL };

	if (chroot(root) == 0 && chdir("/") == 0)
		execve(PROGRAM, arguments, environment);
	say(SAY_ERROR, "%s cannot be started: %s", PROGRAM, strerror(errno));
	_exit(NOT_STARTED);
}

static bool program_run(const char *root, const char *option)
{
	const pid_t child = fork();
	int status = 0;

	if (child < 0)
		return false;
	if (child == 0)
		program_start(root, option);
	/* Orphans of the initrd end here, too. */
	for (pid_t ended = 0; ended != child;) {
		ended = waitpid(-1, &status, 0);
		if (ended < 0 && errno != EINTR)
			return false;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

bool unlock_has_policies(void)
{
	return access("/.extra/tpm2-pcr-signature.json", F_OK) == 0;
}

void unlock_leave_phase(const char *root)
{
	const bool done = mounts_share(root) && program_run(root, "--leave-phase");

	mounts_release(root);
	if (!done)
		say(SAY_ERROR, "PCR 11 was not taken out of the initrd's phase");
}

static fault fault_read(const char *run)
{
	char path[PATH_MAX];
	char text[COUNT_SIZE];
	unsigned long number;

	snprintf(path, sizeof path, "%s/azupdate/var-fault", run);
	if (!textfile_read(path, text, sizeof text))
		return FAULT_VAR_LOCKED;
	number = strtoul(text, NULL, 10);
	return number > 0 && number <= UINT16_MAX ? (fault)number : FAULT_VAR_LOCKED;
}

fault unlock_run(const char *root, const char *run)
{
	const bool done = mounts_share(root) && program_run(root, NULL);

	mounts_release(root);
	return done ? FAULT_OK : fault_read(run);
}
