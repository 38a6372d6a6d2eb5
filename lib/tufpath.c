/* SPDX-License-Identifier: MIT */
#include "tufpath.h"

#include <string.h>

#include "failure.h"

gboolean tufpath_is_printable(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return FALSE;
	return TRUE;
}

static gboolean part_is_good(const char *part, size_t size_bytes)
{
	return size_bytes > 0 && size_bytes <= TUFPATH_PART_MAX &&
	       !(size_bytes == 1 && part[0] == '.') &&
	       !(size_bytes == 2 && part[0] == '.' && part[1] == '.');
}

static gboolean parts_are_good(const char *name)
{
	for (;;) {
		const size_t size_bytes = strcspn(name, "/");

		if (!part_is_good(name, size_bytes))
			return FALSE;
		if (name[size_bytes] == '\0')
			return TRUE;
		name += size_bytes + 1;
	}
}

gboolean tufpath_target_check(const char *name, GError **error)
{
	g_autofree char *shown = NULL;

	if (strlen(name) <= TUFPATH_TARGET_MAX && g_utf8_validate(name, -1, NULL) &&
	    strchr(name, '\\') == NULL && tufpath_is_printable(name) && parts_are_good(name))
		return TRUE;
	shown = tufpath_encode(name);
	return failure_set(error, FAULT_TUF_PATH, "\"%.100s\" is no name for a file", shown);
}

gboolean tufpath_role_check(const char *name, GError **error)
{
	static const char *const TAKEN[] = { "root", "timestamp", "snapshot", "targets" };
	gboolean good = name[0] != '\0' && strlen(name) <= TUFPATH_ROLE_MAX &&
			tufpath_is_printable(name);
	g_autofree char *shown = NULL;

	for (unsigned i = 0; i < G_N_ELEMENTS(TAKEN); i++)
		good = good && strcmp(name, TAKEN[i]) != 0;
	if (good)
		return TRUE;
	shown = tufpath_encode(name);
	return failure_set(error, FAULT_TUF_PATH, "\"%.100s\" is no name for a delegated role",
			   shown);
}

char *tufpath_encode(const char *text)
{
	return g_uri_escape_bytes((const guint8 *)text, strlen(text), NULL);
}

char *tufpath_metadata_file(const char *role, guint64 version)
{
	g_autofree char *encoded = tufpath_encode(role);

	return version == 0 ? g_strdup_printf("%s.json", encoded)
			    : g_strdup_printf("%" G_GUINT64_FORMAT ".%s.json", version, encoded);
}

char *tufpath_target_file(const char *name, const char *hash)
{
	const char *slash = strrchr(name, '/');
	const char *last = slash != NULL ? slash + 1 : name;
	g_autofree char *folder = g_strndup(name, (gsize)(last - name));
	/* The slashes stay. */
	g_autofree char *folder_encoded = g_uri_escape_string(folder, "/", FALSE);
	g_autofree char *last_encoded = tufpath_encode(last);

	return g_strconcat(folder_encoded, hash != NULL ? hash : "", hash != NULL ? "." : "",
			   last_encoded, NULL);
}

/* To the next character of UTF-8; any byte follows one that is not. */
static const char *character_skip(const char *at)
{
	do
		at++;
	while (((unsigned char)*at & 0xc0) == 0x80);
	return at;
}

/* The last star takes one more character each time that the rest does not fit; earlier ones need
 * not be asked again, so this is no worse than pattern times name. */
gboolean tufpath_match(const char *pattern, const char *name)
{
	const char *star = NULL;
	const char *star_name = NULL;

	while (*name != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			star_name = name;
		} else if (*pattern == '?' && *name != '/') {
			pattern++;
			name = character_skip(name);
		} else if (*pattern != '?' && *pattern == *name) {
			pattern++;
			name++;
		} else if (star != NULL && *star_name != '/') {
			pattern = star;
			name = star_name = character_skip(star_name);
		} else {
			return FALSE;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
