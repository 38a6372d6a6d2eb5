/* SPDX-License-Identifier: MIT */
#include "etcrig.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "../unit/tempdir.h"

/* What anybody sees of a folder, by a program that is not ours; times of folders count too. */
static const char LOOK[] =
	"import hashlib, os, sys\n"
	"def look(path, name):\n"
	"    info = os.lstat(path)\n"
	"    kind = info.st_mode >> 12\n"
	"    data = os.readlink(path) if kind == 10 else hashlib.sha256(open(path, 'rb').read())"
	".hexdigest() if kind == 8 else ''\n"
	"    attributes = sorted((n, os.getxattr(path, n, follow_symlinks=False)) for n in\n"
	"        os.listxattr(path, follow_symlinks=False) if not "
	"n.startswith('trusted.overlay.'))\n"
	"    print(name, oct(info.st_mode), info.st_uid, info.st_gid, info.st_rdev,\n"
	"        info.st_mtime_ns, data, attributes)\n"
	"    if kind == 4:\n"
	"        for child in sorted(os.listdir(path)):\n"
	"            look(path + '/' + child, name + '/' + child)\n"
	"look(sys.argv[1], '')\n";

char *etcrig_base;
char *etcrig_state;

char *etcrig_path(const char *name)
{
	return g_build_filename(etcrig_base, name, NULL);
}

void etcrig_shell(const char *format, ...)
{
	g_autofree char *command = NULL;
	g_autoptr(GError) error = NULL;
	const char *argv[] = { "/bin/sh", "-ec", NULL, NULL };
	va_list arguments;
	int status = -1;

	va_start(arguments, format);
	command = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	argv[2] = command;
	if (!g_spawn_sync(etcrig_base, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL,
			  &status, &error) ||
	    status != 0) {
		printf("Bail out! %s\n", command);
		exit(EXIT_FAILURE);
	}
}

char *etcrig_look(const char *path)
{
	const char *argv[] = { "python3", "-c", LOOK, path, NULL };
	char *text = NULL;
	int status = -1;

	if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &text, NULL,
			  &status, NULL) ||
	    status != 0) {
		printf("Bail out! cannot look at %s\n", path);
		exit(EXIT_FAILURE);
	}
	return text;
}

void etcrig_release(unsigned version)
{
	etcrig_shell(
		"rm -rf defaults; mkdir defaults; cd defaults; mkdir -p ssh conf.d old/deep; chmod "
		"750 "
		"ssh; echo key >ssh/key; chmod 600 ssh/key; echo a%u >conf.d/a; echo b >conf.d/b; "
		"echo c >conf.d/c; echo o >old/deep/o; ln -s conf.d/a link; echo passwd >passwd; "
		"touch -d @1000000000 . ssh conf.d conf.d/b conf.d/c old old/deep old/deep/o "
		"passwd",
		version > 1 ? 2U : 1U);
	if (version > 1)
		etcrig_shell("cd defaults; echo news >news; rm conf.d/c; echo b2 >conf.d/b");
}

void etcrig_begin(void)
{
	etcrig_base = tempdir_new();
	etcrig_state = etcrig_path("state");
	etcrig_shell("mkdir etc state");
	etcrig_release(1);
}

void etcrig_end(void)
{
	etcrig_shell("cd /; umount -q %s/etc || true; umount -q %s/state || true; rm -rf %s",
		     etcrig_base, etcrig_base, etcrig_base);
	g_clear_pointer(&etcrig_state, g_free);
	g_clear_pointer(&etcrig_base, g_free);
}

gboolean etcrig_may_mount(void)
{
	g_autofree char *command = NULL;
	gboolean may;

	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return FALSE;
	etcrig_base = tempdir_new();
	command = g_strdup_printf("cd %s && mkdir l u w m && mount -t overlay o -o "
				  "lowerdir=l,upperdir=u,workdir=w m 2>/dev/null && umount m",
				  etcrig_base);
	may = system(command) == 0;
	etcrig_shell("rm -rf %s", etcrig_base);
	g_clear_pointer(&etcrig_base, g_free);
	return may;
}
