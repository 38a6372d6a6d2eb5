/* SPDX-License-Identifier: MIT */
#include "healthlist.h"

#include <string.h>

#include "execlist.h"
#include "greenboot.h"
#include "healthbuiltin.h"

enum { HEALTHLIST_MAX = 256 }; /* checks of one kind in all folders together */

void healthlist_entry_free(struct healthlist_entry *entry)
{
	g_free(entry->path);
	g_free(entry->name);
	g_free(entry);
}

static gboolean folders_find(const struct health_options *options, gboolean required,
			     GPtrArray *entries, GError **error)
{
	const struct execlist_rules rules = { .refusal = FAULT_HEALTH_FOLDER,
					      .trust_owner = options->trust_owner,
					      .max = HEALTHLIST_MAX,
					      .what = "health checks" };
	g_autoptr(GPtrArray)
		found = execlist_find((const char *const *)options->folders,
				      required ? "required.d" : "wanted.d", &rules, error);

	for (guint i = 0; found != NULL && i < found->len; i++) {
		struct execlist_entry *file = found->pdata[i];
		struct healthlist_entry *entry = g_new0(struct healthlist_entry, 1);

		entry->source = HEALTH_FOLDER;
		entry->path = g_steal_pointer(&file->path);
		entry->name = g_steal_pointer(&file->name);
		entry->required = required;
		g_ptr_array_add(entries, entry);
	}
	return found != NULL;
}

static void name_add(const char *name, enum health_source source, gboolean required,
		     GPtrArray *entries)
{
	struct healthlist_entry *entry = g_new0(struct healthlist_entry, 1);

	entry->source = source;
	entry->name = g_strdup(name);
	entry->required = required;
	g_ptr_array_add(entries, entry);
}

static void units_add(char **names, gboolean required, GPtrArray *entries)
{
	for (; names != NULL && *names != NULL; names++)
		name_add(*names, HEALTH_UNIT, required, entries);
}

static gboolean has_builtin(const GPtrArray *entries, const char *name)
{
	for (guint i = 0; i < entries->len; i++) {
		const struct healthlist_entry *entry = entries->pdata[i];

		if (entry->source == HEALTH_BUILTIN && strcmp(entry->name, name) == 0)
			return TRUE;
	}
	return FALSE;
}

/* One that is required need not be wanted as well. */
static void builtin_add(const char *name, gboolean required, GPtrArray *entries)
{
	if (!has_builtin(entries, name))
		name_add(name, HEALTH_BUILTIN, required, entries);
}

static void builtins_add(const struct health_options *options, gboolean required,
			 GPtrArray *entries)
{
	char **names = required ? options->builtins : options->wanted_builtins;

	for (; names != NULL && *names != NULL; names++) {
		if (strcmp(*names, HEALTHBUILTIN_AUTO) != 0) {
			builtin_add(*names, required, entries);
			continue;
		}
		if (options->root_is_verified)
			builtin_add("root", required, entries);
		if (options->etc_is_kept)
			builtin_add("etc", required, entries);
	}
}

static gboolean kind_find(const struct health_options *options, gboolean required,
			  GPtrArray *entries, GError **error)
{
	if (!folders_find(options, required, entries, error) ||
	    !greenboot_find(options, required, entries, error))
		return FALSE;
	units_add(required ? options->units : options->wanted_units, required, entries);
	builtins_add(options, required, entries);
	return TRUE;
}

GPtrArray *healthlist_find(const struct health_options *options, GError **error)
{
	g_autoptr(GPtrArray)
		entries = g_ptr_array_new_with_free_func((GDestroyNotify)healthlist_entry_free);

	if (!kind_find(options, TRUE, entries, error) || !kind_find(options, FALSE, entries, error))
		return NULL;
	return g_steal_pointer(&entries);
}
