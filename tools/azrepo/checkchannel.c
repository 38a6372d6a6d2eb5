/* SPDX-License-Identifier: MIT */
#include "checkchannel.h"

#include <stdarg.h>
#include <string.h>

static void found_add(GPtrArray *found, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void found_add(GPtrArray *found, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	g_ptr_array_add(found, g_strdup_vprintf(format, values));
	va_end(values);
}

static const char *custom_text(const json_t *custom, const char *key)
{
	const char *text = json_string_value(json_object_get(custom, key));

	return text != NULL ? text : "";
}

static void bundle_check(GPtrArray *found, const struct channel *channel,
			 const struct channel_release *release, const char *name,
			 const json_t *entry)
{
	json_t *custom = json_object_get(json_object_get(entry, "custom"), "azupdate");
	const json_int_t security = json_integer_value(json_object_get(custom, "security_version"));

	if (entry == NULL) {
		found_add(found, "version %s names %s, which targets does not list",
			  release->version, name);
		return;
	}
	if (strcmp(custom_text(custom, "version"), release->version) != 0 ||
	    strcmp(custom_text(custom, "product"), channel->product) != 0 ||
	    strcmp(custom_text(custom, "architecture"), channel->architecture) != 0)
		found_add(found, "version %s names %s, which is of another release",
			  release->version, name);
	else if ((uint64_t)security != release->security_version)
		found_add(found,
			  "version %s has security version %" G_GUINT64_FORMAT
			  ", its bundle %s has %" G_GUINT64_FORMAT,
			  release->version, release->security_version, name, (guint64)security);
}

static gboolean is_full(const json_t *entry)
{
	json_t *custom = json_object_get(json_object_get(entry, "custom"), "azupdate");

	return strcmp(custom_text(custom, "kind"), "full") == 0;
}

static void release_check(GPtrArray *found, const struct channel *channel,
			  const struct channel_release *release, const json_t *bundles)
{
	gboolean full = FALSE;

	for (char **name = release->bundles; *name != NULL; name++) {
		const json_t *entry = json_object_get(bundles, *name);

		bundle_check(found, channel, release, *name, entry);
		full = full || is_full(entry);
	}
	if (!full)
		found_add(found,
			  "version %s has no full bundle: only machines with a delta's base "
			  "can get it",
			  release->version);
}

GPtrArray *checkchannel_run(const struct channel *channel, const char *target,
			    const json_t *bundles)
{
	GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *expected = g_strdup_printf("channels/%s/%s/%s.json", channel->product,
						    channel->architecture, channel->name);
	const struct channel_release *last = channel->n_releases > 0
						     ? &channel->releases[channel->n_releases - 1]
						     : NULL;

	if (strcmp(expected, target) != 0)
		found_add(found, "it says that it is %s", expected);
	for (unsigned i = 0; i < channel->n_releases; i++) {
		const struct channel_release *release = &channel->releases[i];

		release_check(found, channel, release, bundles);
		if (i > 0 && release->security_version < release[-1].security_version)
			found_add(found,
				  "version %s has a lower security version than %s before "
				  "it: machines with a raised floor cannot go there",
				  release->version, release[-1].version);
	}
	if (last != NULL && channel_revoked(channel, last->version) != NULL)
		found_add(found,
			  "the newest version, %s, is revoked: machines on it have nowhere "
			  "to go",
			  last->version);
	return found;
}
