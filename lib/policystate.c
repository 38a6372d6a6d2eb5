/* SPDX-License-Identifier: MIT */
#include "policystate.h"

#include <string.h>

#include "failed.h"
#include "failure.h"
#include "json.h"
#include "version.h"

enum { FILE_SIZE_MAX = 1024 * 1024, FORMAT = 1 };
static const char FILE_NAME[] = "policy.json";

/* --- in memory --- */

static void hold_clear(gpointer data)
{
	struct policy_hold *hold = data;

	g_free(hold->by);
	g_free(hold->reason);
}

static void attempt_clear(gpointer data)
{
	struct policy_attempt *attempt = data;

	g_free(attempt->version);
	g_free(attempt->reason);
}

static void event_clear(gpointer data)
{
	struct policystate_event *event = data;

	g_free(event->what);
	g_free(event->version);
	g_free(event->reason);
}

static GArray *array_new(size_t element_size, GDestroyNotify clear)
{
	GArray *array = g_array_new(FALSE, TRUE, (guint)element_size);

	g_array_set_clear_func(array, clear);
	return array;
}

struct policystate *policystate_new(void)
{
	struct policystate *state = g_new0(struct policystate, 1);

	state->holds = array_new(sizeof(struct policy_hold), hold_clear);
	state->approved = g_ptr_array_new_with_free_func(g_free);
	state->attempts = array_new(sizeof(struct policy_attempt), attempt_clear);
	state->history = array_new(sizeof(struct policystate_event), event_clear);
	return state;
}

void policystate_free(struct policystate *state)
{
	if (state == NULL)
		return;
	g_array_unref(state->holds);
	g_ptr_array_unref(state->approved);
	g_array_unref(state->attempts);
	g_array_unref(state->history);
	g_free(state->lock_refusal);
	g_free(state);
}

struct policy_state policystate_view(const struct policystate *state, const GPtrArray *failed)
{
	return (struct policy_state){
		.holds = (const struct policy_hold *)(void *)state->holds->data,
		.n_holds = state->holds->len,
		.approved = (const char *const *)state->approved->pdata,
		.n_approved = state->approved->len,
		.attempts = (const struct policy_attempt *)(void *)state->attempts->data,
		.n_attempts = state->attempts->len,
		.failed = failed,
		.last_known_s = state->last_known_s,
		.last_check_s = state->last_check_s,
		.last_success_s = state->last_success_s,
		.check_failures = state->check_failures,
		.committed_s = state->committed_s,
		.warned_s = state->warned_s,
		.lock_held = state->lock_held,
		.lock_refused_s = state->lock_refused_s,
		.lock_refusal = state->lock_refusal,
	};
}

/* A copy that a terminal and a later reader can take: cut between characters, and what is not
 * printable shown as a question mark. NULL stays NULL. */
static char *text_copy(const char *text)
{
	g_autofree char *valid = text != NULL ? g_utf8_make_valid(text, -1) : NULL;
	g_autoptr(GString) copy = g_string_new(NULL);

	if (valid == NULL || *valid == '\0')
		return NULL;
	for (const char *at = valid; *at != '\0'; at = g_utf8_next_char(at)) {
		const gunichar letter = g_utf8_get_char(at);

		if (copy->len + (gsize)(g_utf8_next_char(at) - at) > POLICYSTATE_TEXT_MAX)
			break;
		g_string_append_unichar(copy, g_unichar_isprint(letter) ? letter : '?');
	}
	return g_string_free(g_steal_pointer(&copy), FALSE);
}

/* A time that can be read again, whatever the clock shows. */
static int64_t time_clamp(int64_t now_s)
{
	return CLAMP(now_s, 0, POLICY_TIME_MAX_S);
}

static void oldest_forget(GArray *array, guint max)
{
	if (array->len > max)
		g_array_remove_range(array, 0, array->len - max);
}

unsigned policystate_unhold(struct policystate *state, const char *by)
{
	g_autofree char *name = text_copy(by);
	unsigned count = 0;

	for (guint i = state->holds->len; i > 0; i--) {
		const struct policy_hold *hold = &g_array_index(state->holds, struct policy_hold,
								i - 1);

		if (by != NULL && g_strcmp0(hold->by, name) != 0)
			continue;
		g_array_remove_index(state->holds, i - 1);
		count++;
	}
	return count;
}

gboolean policystate_hold(struct policystate *state, int64_t until_s, const char *by,
			  const char *reason, GError **error)
{
	const struct policy_hold hold = {
		.until_s = until_s <= POLICY_TIME_MAX_S ? until_s : POLICY_UNTIL_ACT,
		.by = text_copy(by),
		.reason = text_copy(reason),
	};

	(void)policystate_unhold(state, hold.by != NULL ? hold.by : ""); /* there may be none */
	if (state->holds->len == POLICYSTATE_HOLDS_MAX) {
		hold_clear((gpointer)&hold);
		return failure_set(error, FAULT_POLICYSTATE_FULL, "there are %d holds already",
				   POLICYSTATE_HOLDS_MAX);
	}
	g_array_append_val(state->holds, hold);
	return TRUE;
}

void policystate_tidy(struct policystate *state, int64_t now_s)
{
	for (guint i = state->holds->len; i > 0; i--)
		if (g_array_index(state->holds, struct policy_hold, i - 1).until_s <= now_s)
			g_array_remove_index(state->holds, i - 1);
}

void policystate_approve(struct policystate *state, const char *version)
{
	for (guint i = 0; i < state->approved->len; i++)
		if (strcmp(state->approved->pdata[i], version) == 0)
			return;
	if (state->approved->len == POLICYSTATE_APPROVED_MAX)
		g_ptr_array_remove_index(state->approved, 0);
	g_ptr_array_add(state->approved, g_strdup(version));
}

static guint attempt_find(const struct policystate *state, const char *version)
{
	guint i = 0;

	while (i < state->attempts->len &&
	       strcmp(g_array_index(state->attempts, struct policy_attempt, i).version, version) !=
		       0)
		i++;
	return i;
}

void policystate_forget_attempts(struct policystate *state, const char *version)
{
	const guint i = attempt_find(state, version);

	if (i < state->attempts->len)
		g_array_remove_index(state->attempts, i);
}

void policystate_attempt(struct policystate *state, const char *version, int64_t now_s,
			 const char *reason)
{
	const guint i = attempt_find(state, version);
	struct policy_attempt attempt = { .version = g_strdup(version), .count = 1 };

	if (i < state->attempts->len) {
		attempt.count += g_array_index(state->attempts, struct policy_attempt, i).count;
		g_array_remove_index(state->attempts, i);
	}
	attempt.last_s = time_clamp(now_s);
	attempt.reason = text_copy(reason);
	g_array_append_val(state->attempts, attempt);
	oldest_forget(state->attempts, POLICYSTATE_ATTEMPTS_MAX);
}

void policystate_checked(struct policystate *state, int64_t now_s, gboolean success)
{
	now_s = time_clamp(now_s);
	state->last_check_s = now_s;
	if (!success) {
		state->check_failures += state->check_failures < G_MAXINT;
		return;
	}
	state->check_failures = 0;
	state->last_success_s = now_s;
	state->last_known_s = MAX(state->last_known_s, now_s);
}

void policystate_committed(struct policystate *state, int64_t now_s)
{
	state->committed_s = time_clamp(now_s);
	state->warned_s = 0;
	g_ptr_array_set_size(state->approved, 0);
}

void policystate_lock(struct policystate *state, int64_t now_s, const char *refusal)
{
	g_free(state->lock_refusal);
	state->lock_refusal = text_copy(refusal);
	state->lock_held = refusal == NULL;
	state->lock_refused_s = refusal == NULL ? 0 : time_clamp(now_s);
}

void policystate_unlocked(struct policystate *state)
{
	g_clear_pointer(&state->lock_refusal, g_free);
	state->lock_held = FALSE;
	state->lock_refused_s = 0;
}

void policystate_warned(struct policystate *state, int64_t now_s)
{
	state->warned_s = time_clamp(now_s);
}

void policystate_note(struct policystate *state, int64_t now_s, const char *what,
		      const char *version, const char *reason)
{
	const struct policystate_event event = {
		.time_s = time_clamp(now_s),
		.what = text_copy(what),
		.version = text_copy(version),
		.reason = text_copy(reason),
	};

	g_array_append_val(state->history, event);
	oldest_forget(state->history, POLICYSTATE_HISTORY_MAX);
}

/* --- in the file --- */

/* A time, in seconds; 0 where there is none. */
static gboolean time_decode(const struct json_reader *reader, json_t *object, const char *key,
			    int64_t *ret_time_s)
{
	uint64_t number = 0;

	if (json_object_get(object, key) != NULL &&
	    !json_get_number(reader, object, key, (uint64_t)POLICY_TIME_MAX_S, &number))
		return FALSE;
	*ret_time_s = (int64_t)number;
	return TRUE;
}

static gboolean text_decode(const struct json_reader *reader, json_t *object, const char *key,
			    char **ret_text)
{
	json_t *value = json_object_get(object, key);

	if (value == NULL)
		return TRUE;
	*ret_text = text_copy(json_string_value(value));
	return *ret_text != NULL || failure_set(reader->error, (fault)reader->code,
						"%s: \"%s\" is no text", reader->what, key);
}

static gboolean version_decode(const struct json_reader *reader, json_t *object, const char *key,
			       char **ret_version)
{
	const char *text = json_get_text(reader, object, key, VERSION_SIZE_MAX);

	if (text == NULL)
		return FALSE;
	if (!version_is_valid(text))
		return failure_set(reader->error, (fault)reader->code, "%s: \"%s\" is no version",
				   reader->what, text);
	*ret_version = g_strdup(text);
	return TRUE;
}

/* Reads one element of a list into the place that was made for it, zeroed. */
typedef gboolean (*element_decode)(const struct json_reader *reader, json_t *object,
				   gpointer ret_element);

static gboolean hold_decode(const struct json_reader *reader, json_t *object, gpointer ret_element)
{
	struct policy_hold *hold = ret_element;

	if (!time_decode(reader, object, "until", &hold->until_s) ||
	    !text_decode(reader, object, "by", &hold->by) ||
	    !text_decode(reader, object, "reason", &hold->reason))
		return FALSE;
	if (json_object_get(object, "until") == NULL)
		hold->until_s = POLICY_UNTIL_ACT;
	return TRUE;
}

static gboolean attempt_decode(const struct json_reader *reader, json_t *object,
			       gpointer ret_element)
{
	struct policy_attempt *attempt = ret_element;
	uint64_t count;

	if (!version_decode(reader, object, "version", &attempt->version) ||
	    !json_get_number(reader, object, "count", G_MAXINT, &count) ||
	    !time_decode(reader, object, "last", &attempt->last_s) ||
	    !text_decode(reader, object, "reason", &attempt->reason))
		return FALSE;
	attempt->count = (unsigned)count;
	return TRUE;
}

static gboolean event_decode(const struct json_reader *reader, json_t *object, gpointer ret_element)
{
	struct policystate_event *event = ret_element;

	if (!time_decode(reader, object, "time", &event->time_s) ||
	    !text_decode(reader, object, "what", &event->what) ||
	    !text_decode(reader, object, "version", &event->version) ||
	    !text_decode(reader, object, "reason", &event->reason))
		return FALSE;
	return event->what != NULL || failure_set(reader->error, (fault)reader->code,
						  "%s: \"what\" is missing", reader->what);
}

static gboolean list_decode(const struct json_reader *reader, json_t *object, const char *key,
			    GArray *array, element_decode decode)
{
	json_t *list = json_object_get(object, key);
	json_t *value;
	size_t i;

	if (list != NULL && !json_is_array(list))
		return failure_set(reader->error, (fault)reader->code, "%s: \"%s\" is no array",
				   reader->what, key);
	json_array_foreach(list, i, value)
	{
		const size_t offset = array->len * g_array_get_element_size(array);

		if (!json_is_object(value))
			return failure_set(reader->error, (fault)reader->code,
					   "%s: \"%s\" is no list of objects", reader->what, key);
		g_array_set_size(array, array->len + 1);
		if (!decode(reader, value, array->data + offset))
			return FALSE;
	}
	return TRUE;
}

static gboolean approved_decode(const struct json_reader *reader, json_t *object,
				struct policystate *state)
{
	json_t *list = json_object_get(object, "approved");
	json_t *value;
	size_t i;

	json_array_foreach(list, i, value)
	{
		const char *version = json_string_value(value);

		if (version == NULL || !version_is_valid(version))
			return failure_set(reader->error, (fault)reader->code,
					   "%s: \"approved\" is no list of versions", reader->what);
		policystate_approve(state, version);
	}
	return TRUE;
}

static gboolean state_decode(const struct json_reader *reader, json_t *object,
			     struct policystate *state)
{
	uint64_t failures = 0;

	if (!list_decode(reader, object, "holds", state->holds, hold_decode) ||
	    !list_decode(reader, object, "attempts", state->attempts, attempt_decode) ||
	    !list_decode(reader, object, "history", state->history, event_decode) ||
	    !approved_decode(reader, object, state) ||
	    !time_decode(reader, object, "last_known", &state->last_known_s) ||
	    !time_decode(reader, object, "last_check", &state->last_check_s) ||
	    !time_decode(reader, object, "last_success", &state->last_success_s) ||
	    !json_get_number(reader, object, "check_failures", G_MAXINT, &failures) ||
	    !time_decode(reader, object, "committed", &state->committed_s) ||
	    !time_decode(reader, object, "warned", &state->warned_s) ||
	    !time_decode(reader, object, "lock_refused", &state->lock_refused_s) ||
	    !text_decode(reader, object, "lock_refusal", &state->lock_refusal))
		return FALSE;
	state->check_failures = (unsigned)failures;
	state->lock_held = json_is_true(json_object_get(object, "lock_held"));
	if (state->holds->len > POLICYSTATE_HOLDS_MAX)
		return failure_set(reader->error, (fault)reader->code, "%s: more than %d holds",
				   reader->what, POLICYSTATE_HOLDS_MAX);
	oldest_forget(state->attempts, POLICYSTATE_ATTEMPTS_MAX);
	oldest_forget(state->history, POLICYSTATE_HISTORY_MAX);
	return TRUE;
}

struct policystate *policystate_load(const char *state_dir, GError **error)
{
	g_autofree char *path = g_build_filename(state_dir, FILE_NAME, NULL);
	const struct json_reader reader = { path, FAULT_POLICYSTATE, error };
	g_autoptr(Policystate) state = policystate_new();
	g_autoptr(JsonValue) object = NULL;
	g_autoptr(GError) cause = NULL;
	g_autofree char *text = NULL;
	g_autofree char *why = NULL;
	gsize size_bytes;

	if (!g_file_get_contents(path, &text, &size_bytes, &cause)) {
		if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
			return g_steal_pointer(&state);
		failure_set(error, FAULT_STATE_FILE, "%s", cause->message);
		return NULL;
	}
	object = size_bytes <= FILE_SIZE_MAX ? json_object_parse(text, size_bytes, &why) : NULL;
	if (object == NULL) {
		failure_set(error, FAULT_POLICYSTATE, "%s is damaged: %s", path,
			    why != NULL ? why : "it is too large");
		return NULL;
	}
	return state_decode(&reader, object, state) ? g_steal_pointer(&state) : NULL;
}

static void time_encode(json_t *object, const char *key, int64_t time_s)
{
	if (time_s > 0)
		json_object_set_new(object, key, json_integer(time_s));
}

static json_t *lists_encode(const struct policystate *state)
{
	json_t *object = json_pack("{s:i, s:i, s:[], s:[], s:[], s:[]}", "format", FORMAT,
				   "check_failures", (int)state->check_failures, "holds",
				   "attempts", "approved", "history");

	for (guint i = 0; i < state->holds->len; i++) {
		const struct policy_hold *hold = &g_array_index(state->holds, struct policy_hold,
								i);
		json_t *value = json_pack("{s:s*, s:s*}", "by", hold->by, "reason", hold->reason);

		if (hold->until_s != POLICY_UNTIL_ACT)
			json_object_set_new(value, "until", json_integer(hold->until_s));
		json_array_append_new(json_object_get(object, "holds"), value);
	}
	for (guint i = 0; i < state->attempts->len; i++) {
		const struct policy_attempt *attempt = &g_array_index(state->attempts,
								      struct policy_attempt, i);

		json_array_append_new(json_object_get(object, "attempts"),
				      json_pack("{s:s, s:i, s:I, s:s*}", "version",
						attempt->version, "count", (int)attempt->count,
						"last", (json_int_t)attempt->last_s, "reason",
						attempt->reason));
	}
	for (guint i = 0; i < state->approved->len; i++)
		json_array_append_new(json_object_get(object, "approved"),
				      json_string(state->approved->pdata[i]));
	for (guint i = 0; i < state->history->len; i++) {
		const struct policystate_event *event = &g_array_index(state->history,
								       struct policystate_event, i);

		json_array_append_new(json_object_get(object, "history"),
				      json_pack("{s:I, s:s, s:s*, s:s*}", "time",
						(json_int_t)event->time_s, "what", event->what,
						"version", event->version, "reason",
						event->reason));
	}
	return object;
}

gboolean policystate_save(const char *state_dir, const struct policystate *state, GError **error)
{
	g_autoptr(JsonValue) object = lists_encode(state);
	gboolean done;
	char *text;

	time_encode(object, "last_known", state->last_known_s);
	time_encode(object, "last_check", state->last_check_s);
	time_encode(object, "last_success", state->last_success_s);
	time_encode(object, "committed", state->committed_s);
	time_encode(object, "warned", state->warned_s);
	time_encode(object, "lock_refused", state->lock_refused_s);
	if (state->lock_held)
		json_object_set_new(object, "lock_held", json_true());
	if (state->lock_refusal != NULL)
		json_object_set_new(object, "lock_refusal", json_string(state->lock_refusal));
	text = json_dumps(object, JSON_INDENT(1));
	done = state_write(state_dir, FILE_NAME, text, error);
	free(text); /* jansson's */
	return done;
}
