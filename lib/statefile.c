/* SPDX-License-Identifier: MIT */
#include "statefile.h"

#include "failed.h"

json_t *statefile_read(const char *state_dir, const char *name, size_t size_max, const char *lost)
{
	g_autofree char *path = g_build_filename(state_dir, name, NULL);
	g_autofree char *text = NULL;
	g_autofree char *why = NULL;
	g_autoptr(GError) cause = NULL;
	json_t *object;
	gsize size_bytes;

	if (!g_file_get_contents(path, &text, &size_bytes, &cause)) {
		if (!g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
			g_warning("%s: %s", lost, cause->message);
		return NULL;
	}
	object = size_bytes <= size_max ? json_object_parse(text, size_bytes, &why) : NULL;
	if (object == NULL)
		g_warning("%s: %s is damaged: %s", lost, path,
			  why != NULL ? why : "it is too large");
	return object;
}

gboolean statefile_write(const char *state_dir, const char *name, const json_t *object,
			 GError **error)
{
	char *text = json_dumps(object, JSON_INDENT(2));
	const gboolean done = state_write(state_dir, name, text, error);

	free(text); /* jansson's */
	return done;
}
