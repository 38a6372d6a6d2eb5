/* SPDX-License-Identifier: MIT */
#include "etcrig.h"

#include <stdio.h>
#include <stdlib.h>

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
