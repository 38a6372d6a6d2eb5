/* SPDX-License-Identifier: MIT */
#include "healthstate.h"

#include <string.h>

#include "failed.h"
#include "json.h"
#include "plaintext.h"

static const char FILE_NAME[] = "health-state.json";

static const struct {
	const char *name;
	const char *azure;
} KINDS[HEALTHSTATE_KIND_COUNT] = {
	[HEALTHSTATE_INITIALIZING] = { "initializing", "Initializing" },
	[HEALTHSTATE_HEALTHY] = { "healthy", "Healthy" },
	[HEALTHSTATE_UNHEALTHY] = { "unhealthy", "Unhealthy" },
};

const char *healthstate_name(enum healthstate_kind kind)
{
	return KINDS[kind].name;
}

static enum healthstate_kind kind_find(const char *name)
{
	for (unsigned i = 0; i < HEALTHSTATE_KIND_COUNT; i++)
		if (g_strcmp0(name, KINDS[i].name) == 0)
			return (enum healthstate_kind)i;
	return HEALTHSTATE_INITIALIZING;
}

static void text_take(const json_t *object, const char *key, char *ret_text, size_t size_max)
{
	const char *text = json_string_value(json_object_get(object, key));

	plaintext_copy(text != NULL ? text : "", ret_text, size_max);
}

struct healthstate healthstate_load(const char *run_dir)
{
	g_autofree char *path = g_build_filename(run_dir, FILE_NAME, NULL);
	struct healthstate state = { .kind = HEALTHSTATE_INITIALIZING };
	g_autoptr(JsonValue) object = NULL;
	g_autofree char *text = NULL;
	g_autofree char *why = NULL;
	gsize size_bytes;

	if (!g_file_get_contents(path, &text, &size_bytes, NULL) ||
	    size_bytes > HEALTHSTATE_FILE_MAX)
		return state;
	object = json_object_parse(text, size_bytes, &why);
	if (object == NULL)
		return state;
	state.kind = kind_find(json_string_value(json_object_get(object, "state")));
	text_take(object, "version", state.version, HEALTHSTATE_VERSION_MAX);
	text_take(object, "slot", state.slot, sizeof state.slot - 1);
	state.time_us = json_integer_value(json_object_get(object, "time_us"));
	return state;
}

static char *json_print(json_t *object, size_t flags)
{
	char *text = json_text(object, flags);

	json_decref(object);
	return text;
}

static json_t *state_pack(const struct healthstate *state)
{
	return json_pack("{s:s, s:s, s:s, s:I}", "state", healthstate_name(state->kind), "version",
			 state->version, "slot", state->slot, "time_us",
			 (json_int_t)state->time_us);
}

gboolean healthstate_save(const char *run_dir, const struct healthstate *state, GError **error)
{
	g_autofree char *text = json_print(state_pack(state), JSON_INDENT(2));

	return state_write(run_dir, FILE_NAME, text, error);
}

char *healthstate_body(const struct healthstate *state)
{
	g_autofree char *text = json_print(state_pack(state), JSON_COMPACT);

	return g_strconcat(text, "\n", NULL);
}

char *healthstate_azure_body(const struct healthstate *state)
{
	return g_strdup_printf("{\"ApplicationHealthState\": \"%s\"}\n", KINDS[state->kind].azure);
}
