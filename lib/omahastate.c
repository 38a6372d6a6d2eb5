/* SPDX-License-Identifier: MIT */
#include "omahastate.h"

#include <string.h>

#include "statefile.h"

enum { FILE_SIZE_MAX = 65536 };

static const char FILE_NAME[] = "omaha.json";

/* How the file names them; never change one. */
static const char *const PHASES[] = {
	[OMAHASTATE_NONE] = "none",
	[OMAHASTATE_GRANTED] = "granted",
	[OMAHASTATE_DOWNLOADING] = "downloading",
	[OMAHASTATE_DOWNLOADED] = "downloaded",
	[OMAHASTATE_INSTALLED] = "installed",
};
static const char *const EVENTS[] = {
	[OMAHA_DOWNLOAD_STARTED] = "download-started",
	[OMAHA_DOWNLOAD_FINISHED] = "download-finished",
	[OMAHA_INSTALLED] = "installed",
	[OMAHA_COMPLETE] = "complete",
	[OMAHA_FAILED] = "failed",
};
_Static_assert(G_N_ELEMENTS(PHASES) == OMAHASTATE_PHASE_COUNT, "a phase has no name");
_Static_assert(G_N_ELEMENTS(EVENTS) == OMAHA_EVENT_COUNT, "an event has no name");

/* --- steps --- */

static void event_add(struct omahastate *state, enum omaha_event event, fault why,
		      const char *previous)
{
	struct omahastate_event *added;

	if (state->count == OMAHA_PENDING_MAX) {
		state->count--;
		memmove(state->pending, state->pending + 1, state->count * sizeof *state->pending);
	}
	added = &state->pending[state->count++];
	*added = (struct omahastate_event){ .event = event, .error = (unsigned)why };
	if (previous != NULL)
		g_strlcpy(added->previous, previous, sizeof added->previous);
}

static void state_end(struct omahastate *state)
{
	state->phase = OMAHASTATE_NONE;
	state->version[0] = '\0';
}

gboolean omahastate_grant(struct omahastate *state, const char *version)
{
	if (state->phase != OMAHASTATE_NONE && strcmp(state->version, version) == 0)
		return FALSE;
	state->phase = OMAHASTATE_GRANTED;
	g_strlcpy(state->version, version, sizeof state->version);
	return TRUE;
}

/* The phase that an event leads to; NONE is an end. */
static enum omahastate_phase phase_after(enum omaha_event event)
{
	switch (event) {
	case OMAHA_DOWNLOAD_STARTED:
		return OMAHASTATE_DOWNLOADING;
	case OMAHA_DOWNLOAD_FINISHED:
		return OMAHASTATE_DOWNLOADED;
	case OMAHA_INSTALLED:
		return OMAHASTATE_INSTALLED;
	case OMAHA_COMPLETE:
	case OMAHA_FAILED:
	case OMAHA_EVENT_COUNT:
		break;
	}
	return OMAHASTATE_NONE;
}

gboolean omahastate_step(struct omahastate *state, const struct omaha_step *step)
{
	const enum omahastate_phase next = phase_after(step->event);

	if (state->phase == OMAHASTATE_NONE || strcmp(state->version, step->version) != 0)
		return FALSE;
	if (next != OMAHASTATE_NONE && next <= state->phase)
		return FALSE;
	event_add(state, step->event, step->event == OMAHA_FAILED ? step->why : FAULT_OK,
		  step->event == OMAHA_COMPLETE ? step->previous : NULL);
	if (next == OMAHASTATE_NONE)
		state_end(state);
	else
		state->phase = next;
	return TRUE;
}

gboolean omahastate_give_up(struct omahastate *state, gboolean force)
{
	if (state->phase <= OMAHASTATE_GRANTED && !force)
		return FALSE;
	event_add(state, OMAHA_FAILED, FAULT_JOB_CANCELLED, NULL);
	state_end(state);
	return TRUE;
}

/* --- the file --- */

static unsigned name_find(const char *const *names, size_t count, const char *name)
{
	unsigned i = 0;

	while (i < count && strcmp(names[i], name) != 0)
		i++;
	return i;
}

static gboolean version_take(const char *text, char ret_version[static VERSION_SIZE_MAX + 1])
{
	if (text == NULL || (text[0] != '\0' && !version_is_valid(text)))
		return FALSE;
	g_strlcpy(ret_version, text, VERSION_SIZE_MAX + 1);
	return TRUE;
}

static gboolean event_decode(json_t *value, struct omahastate_event *ret_event)
{
	const struct json_reader reader = { FILE_NAME, FAULT_STATE_FILE, NULL };
	const char *name = json_get_text(&reader, value, "event", 64);
	struct omahastate_event event = { 0 };
	uint64_t error;

	if (name == NULL || !json_get_number(&reader, value, "fault", 65535, &error) ||
	    !version_take(json_string_value(json_object_get(value, "previous")), event.previous))
		return FALSE;
	event.event = (enum omaha_event)name_find(EVENTS, G_N_ELEMENTS(EVENTS), name);
	event.error = (unsigned)error;
	*ret_event = event;
	return event.event < OMAHA_EVENT_COUNT;
}

static gboolean state_decode(json_t *object, struct omahastate *state)
{
	const struct json_reader reader = { FILE_NAME, FAULT_STATE_FILE, NULL };
	const char *phase = json_get_text(&reader, object, "phase", 64);
	json_t *pending = json_object_get(object, "pending");
	json_t *value;
	size_t i;

	if (phase == NULL || json_array_size(pending) > OMAHA_PENDING_MAX ||
	    !version_take(json_string_value(json_object_get(object, "version")), state->version))
		return FALSE;
	state->phase = (enum omahastate_phase)name_find(PHASES, G_N_ELEMENTS(PHASES), phase);
	json_array_foreach(
		pending, i,
		value) if (!event_decode(value, &state->pending[state->count++])) return FALSE;
	return state->phase < OMAHASTATE_PHASE_COUNT &&
	       (state->phase == OMAHASTATE_NONE) == (state->version[0] == '\0');
}

void omahastate_load(const char *state_dir, struct omahastate *ret_state)
{
	g_autofree char *path = g_build_filename(state_dir, FILE_NAME, NULL);
	g_autofree char *text = NULL;
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) object = NULL;
	struct omahastate state = { 0 };
	gsize size_bytes;

	*ret_state = (struct omahastate){ 0 };
	if (!g_file_get_contents(path, &text, &size_bytes, NULL) || size_bytes > FILE_SIZE_MAX)
		return;
	object = json_object_parse(text, size_bytes, &why);
	if (object != NULL && state_decode(object, &state))
		*ret_state = state;
}

gboolean omahastate_save(const char *state_dir, const struct omahastate *state, GError **error)
{
	g_autoptr(JsonValue)
		object = json_pack("{s:i, s:s, s:s, s:[]}", "format", 1, "phase",
				   PHASES[state->phase], "version", state->version, "pending");

	for (unsigned i = 0; i < state->count; i++)
		json_array_append_new(json_object_get(object, "pending"),
				      json_pack("{s:s, s:I, s:s}", "event",
						EVENTS[state->pending[i].event], "fault",
						(json_int_t)state->pending[i].error, "previous",
						state->pending[i].previous));
	return statefile_write(state_dir, FILE_NAME, object, error);
}
