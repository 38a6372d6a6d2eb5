/* SPDX-License-Identifier: MIT */
#include "rootprogram.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"
#include "textfile.h"

enum { NOT_STARTED = 127, NUMBER_SIZE = 16 };

static const char *const SHARED[] = { "/dev", "/proc", "/sys", "/run" };

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

static _Noreturn void program_start(const char *root, const char *program, const char *option)
{
	char *const arguments[] = { (char *)program, (char *)option, NULL };
	char *const environment[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
				      (char *)"DM_DISABLE_UDEV=1",
				      /* What is wrong is told in our own words. */
				      (char *)"TSS2_LOG=all+NONE", NULL };

	if (chroot(root) == 0 && chdir("/") == 0)
		execve(program, arguments, environment);
	say(SAY_ERROR, "%s cannot be started: %s", program, strerror(errno));
	_exit(NOT_STARTED);
}

static bool program_run(const char *root, const char *program, const char *option)
{
	const pid_t child = fork();
	int status = 0;

	if (child < 0)
		return false;
	if (child == 0)
		program_start(root, program, option);
	/* Orphans of the initrd end here, too. */
	for (pid_t ended = 0; ended != child;) {
		ended = waitpid(-1, &status, 0);
		if (ended < 0 && errno != EINTR)
			return false;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

bool rootprogram_run(const char *root, const char *program, const char *option)
{
	const bool done = mounts_share(root) && program_run(root, program, option);

	mounts_release(root);
	return done;
}

fault rootprogram_fault(const char *run, const char *name, fault other)
{
	char path[PATH_MAX];
	char text[NUMBER_SIZE];
	unsigned long number;

	snprintf(path, sizeof path, "%s/azupdate/%s", run, name);
	if (!textfile_read(path, text, sizeof text))
		return other;
	number = strtoul(text, NULL, 10);
	return number > 0 && number <= UINT16_MAX ? (fault)number : other;
}
