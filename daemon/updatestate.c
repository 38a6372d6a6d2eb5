/* SPDX-License-Identifier: MIT */
#include "updatestate.h"

#include "azupdate/azupdate.h"
#include "json.h"
#include "store.h"

static GMutex lock;

struct policystate *updatestate_begin(const struct config *config, GError **error)
{
	struct policystate *state;

	g_mutex_lock(&lock);
	state = policystate_load(config->state_dir, error);
	if (state == NULL)
		g_mutex_unlock(&lock);
	return state;
}

gboolean updatestate_end(const struct config *config, struct policystate *state, GError **error)
{
	const gboolean done = policystate_save(config->state_dir, state, error);

	policystate_free(state);
	g_mutex_unlock(&lock);
	return done;
}

static json_t *event_encode(const struct policystate_event *event)
{
	return json_pack("{s:I, s:s, s:s?, s:s?}", "time", (json_int_t)event->time_s, "what",
			 event->what, "version", event->version, "reason", event->reason);
}

static json_t *entry_encode(const struct store_entry *entry)
{
	return json_pack("{s:s, s:I, s:I, s:b}", "version", entry->version, "time",
			 (json_int_t)entry->time_s, "size_bytes", (json_int_t)entry->size_bytes,
			 "complete", entry->is_complete);
}

/* A store that cannot be read is no reason to tell no history. */
static json_t *store_encode(const struct config *config)
{
	g_autofree char *path = g_build_filename(config->state_dir, "store", NULL);
	g_autoptr(Storerepo) repo = storerepo_open(path, FALSE, NULL, NULL);
	g_autoptr(GPtrArray) entries = repo != NULL ? store_list(repo, NULL) : NULL;
	json_t *array = json_array();

	for (guint i = 0; entries != NULL && i < entries->len; i++)
		json_array_append_new(array, entry_encode(entries->pdata[i]));
	return array;
}

char *updatestate_history(const struct config *config, GError **error)
{
	g_autoptr(Policystate) state = policystate_load(config->state_dir, error);
	g_autoptr(JsonValue) object = NULL;
	json_t *events;

	if (state == NULL)
		return NULL;
	object = json_pack("{s:s, s:[], s:o}", "schema", AZUPDATE_SCHEMA_HISTORY, "events", "store",
			   store_encode(config));
	events = json_object_get(object, "events");
	for (guint i = 0; i < state->history->len; i++)
		json_array_append_new(
			events,
			event_encode(&g_array_index(state->history, struct policystate_event, i)));
	return json_text(object, JSON_COMPACT);
}
