/* SPDX-License-Identifier: MIT */
#pragma once
/* A folder that lives as long as one test, and its files. */

#include <glib.h>
#include <glib/gstdio.h>

static inline char *tempdir_new(void)
{
	return g_dir_make_tmp("azupdate-test-XXXXXX", NULL);
}

/* Removes the folder with all that is in it. */
static inline void tempdir_free(char *path)
{
	GDir *folder = g_dir_open(path, 0, NULL);
	const char *name;

	while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
		char *file = g_build_filename(path, name, NULL);

		if (g_file_test(file, G_FILE_TEST_IS_DIR) &&
		    !g_file_test(file, G_FILE_TEST_IS_SYMLINK))
			tempdir_free(file);
		else {
			g_unlink(file);
			g_free(file);
		}
	}
	if (folder != NULL)
		g_dir_close(folder);
	g_rmdir(path);
	g_free(path);
}

/* Writes `text` to the file `name` of the folder; false on failure. */
static inline gboolean tempdir_write(const char *path, const char *name, const char *text,
				     mode_t mode)
{
	char *file = g_build_filename(path, name, NULL);
	char *parent = g_path_get_dirname(file);
	const gboolean done = g_mkdir_with_parents(parent, 0755) == 0 &&
			      g_file_set_contents(file, text, -1, NULL) && g_chmod(file, mode) == 0;

	g_free(parent);
	g_free(file);
	return done;
}
