/* SPDX-License-Identifier: MIT */
#include "hookstate.h"

#include <string.h>

#include "failure.h"
#include "plaintext.h"
#include "statefile.h"

enum { FILE_SIZE_MAX = 16384, FORMAT = 1, HASH_MAX = 128, VERSION_MAX = 64 };

static const char FILE_NAME[] = "hooks.json";

void hookstate_clear(struct hookstate *state)
{
	g_clear_pointer(&state->committed, g_free);
	g_clear_pointer(&state->left, g_free);
	g_clear_pointer(&state->veto, g_free);
	g_clear_pointer(&state->veto_kind, g_free);
	g_clear_pointer(&state->veto_version, g_free);
}

/* NULL where it is missing, no text, or too long: then it is not known. */
static char *text_take(const json_t *object, const char *key, size_t size_max)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL && text[0] != '\0' && strlen(text) <= size_max ? g_strdup(text) : NULL;
}

struct hookstate hookstate_load(const char *state_dir)
{
	g_autoptr(JsonValue) object = statefile_read(state_dir, FILE_NAME, FILE_SIZE_MAX,
						     "what hooks were told is forgotten");
	struct hookstate state = { .committed = NULL };

	if (object == NULL)
		return state;
	state.committed = text_take(object, "committed", HASH_MAX);
	state.left = text_take(object, "left", HASH_MAX);
	state.veto = text_take(object, "veto", HOOKS_VALUE_MAX);
	state.veto_kind = text_take(object, "veto_kind", VERSION_MAX);
	state.veto_version = text_take(object, "veto_version", VERSION_MAX);
	state.veto_time_us = json_integer_value(json_object_get(object, "veto_time_us"));
	return state;
}

gboolean hookstate_save(const char *state_dir, const struct hookstate *state, GError **error)
{
	g_autoptr(JsonValue) object = json_pack(
		"{s:i, s:s*, s:s*, s:s*, s:s*, s:s*, s:I}", "format", FORMAT, "committed",
		state->committed, "left", state->left, "veto", state->veto, "veto_kind",
		state->veto_kind, "veto_version", state->veto_version, "veto_time_us",
		(json_int_t)state->veto_time_us);

	return statefile_write(state_dir, FILE_NAME, object, error);
}

static gboolean text_change(char **member, const char *text)
{
	if (g_strcmp0(*member, text) == 0)
		return FALSE;
	g_free(*member);
	*member = g_strdup(text);
	return TRUE;
}

gboolean hookstate_note_commit(struct hookstate *state, const char *root_hash)
{
	return text_change(&state->committed, root_hash);
}

gboolean hookstate_note_left(struct hookstate *state, const char *root_hash)
{
	return text_change(&state->left, root_hash);
}

gboolean hookstate_note_activated(struct hookstate *state, const char *root_hash)
{
	return root_hash != NULL && g_strcmp0(state->left, root_hash) == 0 &&
	       text_change(&state->left, NULL);
}

gboolean hookstate_note_veto(struct hookstate *state, enum hooks_kind kind, const char *version,
			     const char *reason)
{
	char plain[HOOKS_VALUE_MAX + 1];

	if (reason == NULL && g_strcmp0(state->veto_kind, hooks_name(kind)) != 0)
		return FALSE;
	if (reason != NULL)
		plaintext_copy(reason, plain, HOOKS_VALUE_MAX);
	text_change(&state->veto, reason != NULL ? plain : NULL);
	text_change(&state->veto_kind, reason != NULL ? hooks_name(kind) : NULL);
	text_change(&state->veto_version, reason != NULL ? version : NULL);
	state->veto_time_us = reason != NULL ? g_get_real_time() : 0;
	return TRUE;
}

gboolean hookstate_is_left(const struct slot *running, const struct slot *other,
			   const char *boot_reason)
{
	/* Chosen as what it is, on trial or preferred, the running one replaced nothing. */
	if (g_strcmp0(boot_reason, "fallback") != 0 && g_strcmp0(boot_reason, "last-resort") != 0)
		return FALSE;
	if (running->state != SLOT_GOOD)
		return FALSE;
	if (other->state == SLOT_BAD)
		return other->fault != FAULT_MARKED_BAD && other->fault != FAULT_SLOT_REVOKED;
	return other->state == SLOT_GOOD && other->failures >= SLOT_FAILURES_LIMIT;
}
