/* SPDX-License-Identifier: MIT */
#include "advice.h"

#include <string.h>

#include "failure.h"
#include "statefile.h"
#include "version.h"

enum { ADVICE_FILE_MAX = 4096, ADVICE_TEXT_MAX = 256 };

static const char ADVICE_FILE[] = "advice.json";
static const char *const KIND_NAMES[] = { "none", "take", "wait" };

void advice_clear(struct advice *advice)
{
	g_clear_pointer(&advice->version, g_free);
	g_clear_pointer(&advice->words, g_free);
}

static gboolean advice_decode(json_t *object, struct advice *ret_advice)
{
	g_autoptr(GError) error = NULL;
	const struct json_reader reader = { ADVICE_FILE, FAULT_STATE_FILE, &error };
	const char *kind = json_get_text(&reader, object, "advice", ADVICE_TEXT_MAX);
	const char *version = json_string_value(json_object_get(object, "version"));

	if (kind == NULL)
		return FALSE;
	for (unsigned i = 0; i < G_N_ELEMENTS(KIND_NAMES); i++)
		if (strcmp(kind, KIND_NAMES[i]) == 0)
			ret_advice->kind = (enum advice_kind)i;
	if (ret_advice->kind == ADVICE_TAKE && (version == NULL || !version_is_valid(version)))
		return FALSE;
	ret_advice->version = g_strdup(version);
	ret_advice->words = g_strdup(json_string_value(json_object_get(object, "words")));
	return TRUE;
}

struct advice advice_load(const char *state_dir)
{
	static const char LOST[] = "what the update server said is forgotten";
	g_autoptr(JsonValue) object = statefile_read(state_dir, ADVICE_FILE, ADVICE_FILE_MAX, LOST);
	struct advice advice = { .kind = ADVICE_NONE };

	if (object != NULL && !advice_decode(object, &advice)) {
		g_warning("%s: %s is damaged", LOST, ADVICE_FILE);
		advice_clear(&advice);
		advice.kind = ADVICE_NONE;
	}
	return advice;
}

gboolean advice_save(const char *state_dir, const struct advice *advice, GError **error)
{
	g_autoptr(JsonValue) object = json_pack("{s:i, s:s, s:s*, s:s*}", "format", 1, "advice",
						KIND_NAMES[advice->kind], "version",
						advice->version, "words", advice->words);

	return statefile_write(state_dir, ADVICE_FILE, object, error);
}

static bool release_stays(const struct channel_release *release, const void *data)
{
	const int order = version_compare(release->version, data);

	return order == 0 || (order < 0 && release->barrier);
}

void advice_apply(const struct advice *advice, struct channel *channel)
{
	if (advice->kind == ADVICE_TAKE)
		channel_keep(channel, release_stays, advice->version);
}
