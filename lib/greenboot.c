/* SPDX-License-Identifier: MIT */
#include "greenboot.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "execlist.h"
#include "failure.h"
#include "healthlist.h"
#include "healthprogram.h"

static const char DISABLED[] = "DISABLED_HEALTHCHECKS=(";

static gboolean separates(char c)
{
	return g_ascii_isspace(c) || c == ',';
}

/* Words in quotes or bare, up to the closing parenthesis; it may go over several lines. */
char **greenboot_disabled_parse(const char *text)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	const char *at = strstr(text, DISABLED);

	while (at != NULL && at != text && at[-1] != '\n')
		at = strstr(at + 1, DISABLED);
	if (at == NULL)
		return g_strv_builder_end(builder);
	at += strlen(DISABLED);
	while (*at != '\0' && *at != ')') {
		const char quote = *at == '"' || *at == '\'' ? *at++ : '\0';
		const char *start = at;
		g_autofree char *word = NULL;

		while (*at != '\0' &&
		       (quote != '\0' ? *at != quote : !separates(*at) && *at != ')'))
			at++;
		word = g_strndup(start, (gsize)(at - start));
		if (word[0] != '\0')
			g_strv_builder_add(builder, word);
		if (quote != '\0' && *at == quote)
			at++;
		while (separates(*at))
			at++;
	}
	return g_strv_builder_end(builder);
}

/* --- what may be trusted --- */

static gboolean writer_check(const char *path, const struct health_options *options,
			     gboolean *ret_exists, GError **error)
{
	struct stat info;

	*ret_exists = stat(path, &info) == 0;
	if (!*ret_exists)
		return errno == ENOENT || errno == ENOTDIR ||
		       failure_set(error, FAULT_HEALTH_FOLDER, "%s: %s", path, g_strerror(errno));
	if ((info.st_uid == 0 || (options->trust_owner && info.st_uid == geteuid())) &&
	    (info.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return TRUE;
	return failure_set(error, FAULT_HEALTH_FOLDER,
			   "%s belongs to user %u and has mode %04o: others than root can write it",
			   path, (unsigned)info.st_uid, (unsigned)info.st_mode & 07777);
}

static gboolean disabled_load(const struct health_options *options, char ***ret_names,
			      GError **error)
{
	char **last = options->greenboot;
	g_autofree char *path = NULL;
	g_autofree char *text = NULL;
	gboolean exists;
	gsize size_bytes;

	while (last[1] != NULL)
		last++;
	path = g_build_filename(*last, "greenboot.conf", NULL);
	if (!writer_check(path, options, &exists, error))
		return FALSE;
	if (exists && (!g_file_get_contents(path, &text, &size_bytes, NULL) ||
		       size_bytes > GREENBOOT_CONF_MAX))
		return failure_set(error, FAULT_HEALTH_FOLDER,
				   "%s cannot be read, or is larger than %d bytes", path,
				   GREENBOOT_CONF_MAX);
	*ret_names = greenboot_disabled_parse(text != NULL ? text : "");
	return TRUE;
}

/* --- finding --- */

static gboolean folder_add(const char *base, const char *sub, const struct health_options *options,
			   GPtrArray *files, GError **error)
{
	const struct execlist_rules rules = { .refusal = FAULT_HEALTH_FOLDER,
					      .trust_owner = options->trust_owner,
					      .max = GREENBOOT_SCRIPTS_MAX,
					      .what = "scripts of greenboot" };
	g_autofree char *folder = g_build_filename(base, sub, NULL);
	g_autofree char *above = g_path_get_dirname(folder);
	const char *const folders[] = { folder, NULL };
	g_autoptr(GPtrArray) found = NULL;
	gboolean exists;

	if (!writer_check(base, options, &exists, error) || !exists)
		return !exists;
	if (!writer_check(above, options, &exists, error) || !exists)
		return !exists;
	found = execlist_find(folders, NULL, &rules, error);
	while (found != NULL && found->len > 0)
		g_ptr_array_add(files, g_ptr_array_steal_index(found, 0));
	return found != NULL;
}

static struct healthlist_entry *entry_of(const struct execlist_entry *file, gboolean required)
{
	struct healthlist_entry *entry = g_new0(struct healthlist_entry, 1);

	entry->source = HEALTH_GREENBOOT;
	entry->path = g_strdup(file->path);
	entry->name = g_strdup(file->name);
	entry->required = required;
	entry->is_script = g_str_has_suffix(file->name, ".sh");
	return entry;
}

/* What greenboot would run in FOLDER/sub of each folder, in its order. */
static gboolean scripts_find(const char *sub, gboolean required,
			     const struct health_options *options, GPtrArray *entries,
			     GError **error)
{
	g_autoptr(GPtrArray)
		files = g_ptr_array_new_with_free_func((GDestroyNotify)execlist_entry_free);

	for (char **base = options->greenboot; *base != NULL; base++)
		if (!folder_add(*base, sub, options, files, error))
			return FALSE;
	for (guint i = 0; i < files->len; i++) {
		const struct execlist_entry *file = files->pdata[i];

		if (g_str_has_suffix(file->name, ".sh") || access(file->path, X_OK) == 0)
			g_ptr_array_add(entries, entry_of(file, required));
	}
	return TRUE;
}

static gboolean any_has(char **folders, const char *sub)
{
	for (char **base = folders; *base != NULL; base++) {
		g_autofree char *path = g_build_filename(*base, sub, NULL);

		if (g_file_test(path, G_FILE_TEST_IS_DIR))
			return TRUE;
	}
	return FALSE;
}

static void entries_add(GPtrArray *found, char **disabled, GPtrArray *entries)
{
	while (found->len > 0) {
		struct healthlist_entry *entry = g_ptr_array_steal_index(found, 0);

		if (g_strv_contains((const char *const *)disabled, entry->name))
			healthlist_entry_free(entry);
		else
			g_ptr_array_add(entries, entry);
	}
}

gboolean greenboot_find(const struct health_options *options, gboolean required, GPtrArray *entries,
			GError **error)
{
	g_autoptr(GPtrArray)
		found = g_ptr_array_new_with_free_func((GDestroyNotify)healthlist_entry_free);
	g_auto(GStrv) disabled = NULL;

	if (options->greenboot == NULL || !any_has(options->greenboot, "."))
		return TRUE;
	if (!disabled_load(options, &disabled, error) ||
	    !scripts_find(required ? "check/required.d" : "check/wanted.d", required, options,
			  found, error))
		return FALSE;
	if (required && !any_has(options->greenboot, "check/required.d")) {
		struct healthlist_entry *entry = g_new0(struct healthlist_entry, 1);

		entry->source = HEALTH_GREENBOOT;
		entry->name = g_strdup("greenboot");
		entry->required = TRUE;
		g_ptr_array_add(found, entry);
	}
	entries_add(found, disabled, entries);
	return TRUE;
}

/* --- after the verdict --- */

static void script_run(const struct healthlist_entry *entry, const struct health_options *options,
		       GCancellable *cancellable)
{
	struct healthoutcome outcome;

	healthprogram_run(entry, options, 1, cancellable, &outcome);
	if (outcome.why != FAULT_OK)
		g_message("%s %s", entry->path, outcome.reason);
	healthoutcome_clear(&outcome);
}

void greenboot_conclude(const struct health_options *options, gboolean healthy,
			GCancellable *cancellable)
{
	g_autoptr(GPtrArray)
		found = g_ptr_array_new_with_free_func((GDestroyNotify)healthlist_entry_free);
	g_autoptr(GError) error = NULL;

	if (options->greenboot == NULL)
		return;
	if (!scripts_find(healthy ? "green.d" : "red.d", FALSE, options, found, &error)) {
		g_warning("greenboot: %s", error->message);
		return;
	}
	for (guint i = 0; i < found->len && !g_cancellable_is_cancelled(cancellable); i++)
		script_run(found->pdata[i], options, cancellable);
}
