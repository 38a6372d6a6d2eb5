/* SPDX-License-Identifier: MIT */
#include "switchroot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

static const char *const MOVED[] = { "/dev", "/proc", "/sys", "/run" };

static void folder_empty(int fd, dev_t device);

static void entry_delete(int folder_fd, const char *name, dev_t device)
{
	struct stat status;
	int fd;

	if (fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || status.st_dev != device)
		return;
	if (!S_ISDIR(status.st_mode)) {
		/* What stays costs memory, nothing else. */
		(void)unlinkat(folder_fd, name, 0);
		return;
	}
	fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	folder_empty(fd, device);
	(void)unlinkat(folder_fd, name, AT_REMOVEDIR);
}

/* Deletes what is on `device` only, so that nothing mounted is touched. Closes `fd`. */
static void folder_empty(int fd, dev_t device)
{
	DIR *folder = fdopendir(fd);
	struct dirent *entry;

	if (folder == NULL) {
		close(fd);
		return;
	}
	for (entry = readdir(folder); entry != NULL; entry = readdir(folder))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			entry_delete(dirfd(folder), entry->d_name, device);
	closedir(folder);
}

static bool mounts_move(const char *root)
{
	char target[PATH_MAX];

	for (unsigned i = 0; i < sizeof MOVED / sizeof MOVED[0]; i++) {
		snprintf(target, sizeof target, "%s%s", root, MOVED[i]);
		if (mount(MOVED[i], target, NULL, MS_MOVE, NULL) != 0) {
			say(SAY_ERROR, "%s cannot be moved to %s: %s", MOVED[i], target,
			    strerror(errno));
			return false;
		}
	}
	return true;
}

static void initrd_delete(void)
{
	struct stat status;
	const int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fstat(fd, &status) == 0)
		folder_empty(fd, status.st_dev);
	else
		close(fd);
}

fault switchroot_start(const char *root, const char *init)
{
	char path[PATH_MAX];
	char *arguments[] = { path, NULL };
	char *environment[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				"TERM=linux", NULL };

	snprintf(path, sizeof path, "%s", init);
	if (!mounts_move(root))
		return FAULT_INIT_START;
	if (chdir(root) != 0)
		return FAULT_INIT_START;
	initrd_delete();
	if (mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0) {
		say(SAY_ERROR, "the root cannot be switched: %s", strerror(errno));
		return FAULT_INIT_START;
	}
	execve(path, arguments, environment);
	say(SAY_ERROR, "%s cannot be started: %s", path, strerror(errno));
	return FAULT_INIT_START;
}
