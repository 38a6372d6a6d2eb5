/* SPDX-License-Identifier: MIT */
#include "early.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "modulearg.h"
#include "say.h"
#include "textfile.h"

enum { MODULE_LIST_SIZE_MAX = 16 * 1024, MODULE_NAME_SIZE = 64, CMDLINE_SIZE_MAX = 8192 };

static void mount_at(const char *type, const char *target, unsigned long flags, const char *data)
{
	/* It is there in most initrds; if it cannot be made, mounting tells. */
	(void)mkdir(target, 0755);
	if (mount(type, target, type, flags, data) != 0 && errno != EBUSY)
		say(SAY_ERROR, "%s cannot be mounted on %s: %s", type, target, strerror(errno));
}

static void console_open(void)
{
	const int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd < 0)
		return;
	for (int target = STDIN_FILENO; target <= STDERR_FILENO; target++)
		if (fd != target)
			dup2(fd, target);
	if (fd > STDERR_FILENO)
		close(fd);
}

void early_mount(void)
{
	mount_at("devtmpfs", "/dev", MS_NOSUID, "mode=0755");
	console_open();
	say_open();
	mount_at("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_at("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_at("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
}

/* ENODEV: the hardware, or the processor's feature, is not there. ENOENT: a module below this one
 * said so, and its symbols are missing. Both are normal, since one initrd serves many machines. */
static enum say_level module_error_level(int error)
{
	return error == ENODEV || error == ENOENT ? SAY_INFO : SAY_ERROR;
}

/* As mkinitrd names them: FOLDER/NAME.ko */
static void module_name(const char *path, char ret_name[static MODULE_NAME_SIZE])
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;

	snprintf(ret_name, MODULE_NAME_SIZE, "%.*s", (int)strcspn(name, "."), name);
}

static void module_load(const char *path, const char *cmdline)
{
	static char arguments[CMDLINE_SIZE_MAX];
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	char name[MODULE_NAME_SIZE];

	if (fd < 0) {
		say(SAY_ERROR, "module %s cannot be read: %s", path, strerror(errno));
		return;
	}
	module_name(path, name);
	/* They fit, since the whole command line does. */
	(void)modulearg_collect(cmdline, name, arguments, sizeof arguments);
	if (syscall(SYS_finit_module, fd, arguments, 0) != 0 && errno != EEXIST)
		say(module_error_level(errno), "module %s is not loaded: %s", path,
		    strerror(errno));
	close(fd);
}

void early_load_modules(const char *list_path)
{
	static char list[MODULE_LIST_SIZE_MAX];
	static char cmdline[CMDLINE_SIZE_MAX];
	char *rest = list;

	/* Without it no module has arguments, and this boot ends soon: it names the root, too. */
	if (!textfile_read("/proc/cmdline", cmdline, sizeof cmdline))
		cmdline[0] = '\0';
	if (!textfile_read(list_path, list, sizeof list)) {
		say(SAY_ERROR, "%s cannot be read", list_path);
		return;
	}
	for (char *path = strsep(&rest, "\n"); path != NULL; path = strsep(&rest, "\n"))
		if (path[0] != '\0')
			module_load(path, cmdline);
}

void early_mount_efivars(void)
{
	if (access("/sys/firmware/efi/efivars", F_OK) == 0)
		mount_at("efivarfs", "/sys/firmware/efi/efivars", MS_NOSUID | MS_NODEV | MS_NOEXEC,
			 NULL);
}
