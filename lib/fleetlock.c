/* SPDX-License-Identifier: MIT */
#include "fleetlock.h"

#include <errno.h>
#include <string.h>

#include "backoff.h"
#include "callform.h"
#include "failure.h"
#include "httpcall.h"
#include "json.h"
#include "plaintext.h"

enum {
	RETRY_FIRST_MS = 1000,
	RETRY_MOST_MS = 60000,
	STATE_SIZE_MAX = 16384,
	URL_MAX = 4096,
};

static const char STATE_NAME[] = "fleetlock.json";

/* What survives a reboot. */
struct lock_state {
	gboolean asked;
	char asked_boot[FLEETID_SIZE]; /* when it was asked for last; "": never */
	char told_boot[FLEETID_SIZE];  /* when the steady state was confirmed last */
	char *url;                     /* where it was asked for; NULL: never */
	char *group;
};

/* --- pure --- */

gboolean fleetlock_group_is_valid(const char *group)
{
	const size_t size = strlen(group);

	if (size == 0 || size > FLEETLOCK_GROUP_MAX)
		return FALSE;
	for (const char *at = group; *at != '\0'; at++)
		if (!g_ascii_isalnum(*at) && *at != '.' && *at != '-')
			return FALSE;
	return TRUE;
}

char *fleetlock_encode(const char *id, const char *group)
{
	g_autoptr(JsonValue)
		body = json_pack("{s:{s:s, s:s}}", "client_params", "id", id, "group", group);

	return json_text(body, JSON_COMPACT);
}

gboolean fleetlock_kind_is_valid(const char *kind)
{
	for (const char *at = kind; *at != '\0'; at++)
		if (!g_ascii_isalnum(*at) && *at != '_' && *at != '-' && *at != '.')
			return FALSE;
	return strlen(kind) <= FLEETLOCK_KIND_MAX;
}

static gboolean is_markup(const char *body, size_t size_bytes)
{
	size_t at = 0;

	while (at < size_bytes && g_ascii_isspace(body[at]))
		at++;
	return at < size_bytes && body[at] == '<';
}

/* 409, 423 and 425 are what servers other than airlock say of a lock that somebody else holds. */
static enum fleetlock_outcome outcome_of(unsigned status)
{
	if (status == 200)
		return FLEETLOCK_GRANTED;
	if (status < 300 || status == 409 || status == 423 || status == 425 ||
	    httpcall_status_may_pass(status))
		return FLEETLOCK_LATER;
	return FLEETLOCK_REFUSED;
}

/* A page of HTML turns a lock into none. */
gboolean fleetlock_outcome_is_possible(unsigned status, enum fleetlock_outcome outcome)
{
	const enum fleetlock_outcome said = outcome_of(status);

	return outcome == said || (said == FLEETLOCK_GRANTED && outcome == FLEETLOCK_LATER);
}

struct fleetlock_answer fleetlock_decode(unsigned status, const char *body, size_t size_bytes)
{
	struct fleetlock_answer answer = { .outcome = outcome_of(status) };
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) object = NULL;
	const char *kind;
	const char *value;

	if (answer.outcome == FLEETLOCK_GRANTED) {
		if (!is_markup(body, size_bytes))
			return answer;
		answer.outcome = FLEETLOCK_LATER;
		g_strlcpy(answer.value, "a page of HTML is no lock: it is another server",
			  sizeof answer.value);
		return answer;
	}
	object = json_object_parse(body, size_bytes, &why);
	kind = json_string_value(json_object_get(object, "kind"));
	value = json_string_value(json_object_get(object, "value"));
	if (kind != NULL && fleetlock_kind_is_valid(kind))
		g_strlcpy(answer.kind, kind, sizeof answer.kind);
	if (value != NULL)
		plaintext_copy(value, answer.value, FLEETLOCK_VALUE_MAX);
	return answer;
}

gboolean fleetlock_release_is_due(const struct fleetlock_situation *situation)
{
	if (!situation->committed)
		return FALSE;
	if (situation->asked)
		return !situation->asked_this_boot || !situation->reboot_wanted;
	/* Once in each boot, since the state file may be lost while the server still has us. */
	return !situation->told_this_boot;
}

/* --- the state file --- */

static void state_clear(struct lock_state *state)
{
	g_free(state->url);
	g_free(state->group);
	*state = (struct lock_state){ 0 };
}

static void boot_take(const json_t *object, const char *key, char ret_boot[static FLEETID_SIZE])
{
	const char *text = json_string_value(json_object_get(object, key));

	if (text != NULL && strlen(text) == FLEETID_SIZE - 1)
		memcpy(ret_boot, text, FLEETID_SIZE);
}

/* A file that is missing or damaged is as if nothing had been asked: the steady state is told all
 * the same, once in each boot. */
static void state_load(const char *state_dir, struct lock_state *ret_state)
{
	g_autofree char *path = g_build_filename(state_dir, STATE_NAME, NULL);
	g_autofree char *text = NULL;
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) object = NULL;
	const char *url;
	const char *group;
	gsize size_bytes = 0;

	*ret_state = (struct lock_state){ 0 };
	if (!g_file_get_contents(path, &text, &size_bytes, NULL))
		return;
	object = size_bytes <= STATE_SIZE_MAX ? json_object_parse(text, size_bytes, &why) : NULL;
	url = json_string_value(json_object_get(object, "url"));
	group = json_string_value(json_object_get(object, "group"));
	if (url == NULL || group == NULL || strlen(url) > URL_MAX ||
	    !fleetlock_group_is_valid(group))
		return;
	ret_state->asked = json_is_true(json_object_get(object, "asked"));
	boot_take(object, "asked_boot", ret_state->asked_boot);
	boot_take(object, "told_boot", ret_state->told_boot);
	ret_state->url = g_strdup(url);
	ret_state->group = g_strdup(group);
}

static gboolean state_save(const char *state_dir, const struct lock_state *state, GError **error)
{
	g_autoptr(JsonValue)
		object = json_pack("{s:i, s:b, s:s, s:s, s:s, s:s}", "format", 1, "asked",
				   state->asked, "asked_boot", state->asked_boot, "told_boot",
				   state->told_boot, "url", state->url, "group", state->group);
	g_autofree char *path = g_build_filename(state_dir, STATE_NAME, NULL);
	g_autoptr(GError) cause = NULL;
	char *text = json_dumps(object, JSON_INDENT(2));
	gboolean done;

	if (g_mkdir_with_parents(state_dir, 0755) < 0)
		failure_set(&cause, FAULT_STATE_FILE, "cannot make it: %s", g_strerror(errno));
	done = cause == NULL &&
	       g_file_set_contents_full(
		       path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
		       0600, &cause); /* the URL may hold a password */
	free(text);
	return done || failure_set(error, FAULT_STATE_FILE, "%s: %s", path, cause->message);
}

static void place_set(struct lock_state *state, const struct fleetlock_client *client)
{
	g_free(state->url);
	g_free(state->group);
	state->url = g_strdup(client->url);
	state->group = g_strdup(client->group);
}

gboolean fleetlock_is_asked(const char *state_dir)
{
	struct lock_state state;
	gboolean asked;

	state_load(state_dir, &state);
	asked = state.asked;
	state_clear(&state);
	return asked;
}

/* --- with the server --- */

/* Before a query, which may be what lets us in. */
static char *step_url(const char *base, enum fleetlock_step step)
{
	const char *path = step == FLEETLOCK_PRE_REBOOT ? "v1/pre-reboot" : "v1/steady-state";
	const size_t base_size = strcspn(base, "?#");
	size_t size = base_size;

	while (size > 0 && base[size - 1] == '/')
		size--;
	return g_strdup_printf("%.*s/%s%.*s", (int)size, base, path,
			       (int)strcspn(base + base_size, "#"), base + base_size);
}

static gboolean answer_refuse(const char *url, const struct httpcall_answer *got,
			      const struct fleetlock_answer *answer, GError **error)
{
	g_autofree char *name = source_url_for_people(url);

	return failure_set(error,
			   answer->outcome == FLEETLOCK_LATER ? FAULT_FLEETLOCK_HELD
							      : FAULT_FLEETLOCK_REFUSED,
			   "%s answers with status %u%s%s%s%s", name, got->status,
			   answer->kind[0] != '\0' ? ", " : "", answer->kind,
			   answer->value[0] != '\0' ? ": " : "", answer->value);
}

/* One try. *ret_wait_ms: how long the server wants to be left alone, also with a failure. */
static gboolean step_call(const struct fleetlock_client *client, enum fleetlock_step step,
			  GCancellable *cancellable, uint64_t *ret_wait_ms, GError **error)
{
	static const char *const HEADERS[] = { "fleet-lock-protocol: true",
					       "Content-Type: application/json", NULL };
	g_autofree char *url = step_url(client->url, step);
	g_autofree char *body = fleetlock_encode(client->id, client->group);
	const struct httpcall call = { .url = url,
				       .headers = HEADERS,
				       .body = body,
				       .body_bytes = strlen(body),
				       .answer_max = FLEETLOCK_ANSWER_MAX,
				       .time_s = FLEETLOCK_TIME_S,
				       .form = { .kind = HTTPCALL_FLEETLOCK } };
	struct httpcall_answer got = { 0 };
	struct fleetlock_answer answer;

	*ret_wait_ms = 0;
	if (!httpcall_run(&call, client->network, cancellable, &got, error))
		return FALSE;
	callform_fleetlock_take(&got, &answer);
	*ret_wait_ms = (uint64_t)got.retry_after_s * 1000;
	if (answer.outcome != FLEETLOCK_GRANTED)
		answer_refuse(url, &got, &answer, error);
	httpcall_answer_clear(&got);
	return answer.outcome == FLEETLOCK_GRANTED;
}

static int64_t now_ms(void)
{
	return g_get_monotonic_time() / 1000;
}

/* FALSE: cancelled. */
static gboolean pause_until(int64_t until_ms, GCancellable *cancellable)
{
	GPollFD poll;
	int64_t left_ms;

	if (!g_cancellable_make_pollfd(cancellable, &poll)) {
		g_usleep((gulong)MAX(until_ms - now_ms(), 0) * 1000);
		return TRUE;
	}
	while ((left_ms = until_ms - now_ms()) > 0 && !g_cancellable_is_cancelled(cancellable))
		g_poll(&poll, 1, (gint)MIN(left_ms, RETRY_MOST_MS));
	g_cancellable_release_fd(cancellable);
	return !g_cancellable_is_cancelled(cancellable);
}

static gboolean lock_retry(const struct fleetlock_client *client, unsigned patience_s,
			   GCancellable *cancellable, GError **error)
{
	struct backoff backoff = { .first_ms = RETRY_FIRST_MS,
				   .most_ms = RETRY_MOST_MS,
				   .patience_ms = (uint64_t)patience_s * 1000 };

	for (;;) {
		g_autoptr(GError) cause = NULL;
		uint64_t wait_ms;

		if (step_call(client, FLEETLOCK_PRE_REBOOT, cancellable, &wait_ms, &cause))
			return TRUE;
		if ((!httpcall_may_pass(cause) && failure_code(cause) != FAULT_FLEETLOCK_HELD) ||
		    !backoff_fail(&backoff, now_ms(), g_random_int(), wait_ms)) {
			g_propagate_error(error, g_steal_pointer(&cause));
			return FALSE;
		}
		if (!pause_until(backoff.until_ms, cancellable))
			return failure_set(error, FAULT_JOB_CANCELLED,
					   "waiting for the lock was cancelled");
	}
}

/* Goes where the lock was asked for. */
static gboolean lock_release(const struct fleetlock_client *client, struct lock_state *state,
			     GCancellable *cancellable, GError **error)
{
	struct fleetlock_client there = *client;
	uint64_t wait_ms;

	if (state->asked) {
		there.url = state->url;
		there.group = state->group;
	}
	if (!step_call(&there, FLEETLOCK_STEADY_STATE, cancellable, &wait_ms, error))
		return FALSE;
	state->asked = FALSE;
	return TRUE;
}

static gboolean is_elsewhere(const struct lock_state *state, const struct fleetlock_client *client)
{
	return state->asked &&
	       (strcmp(state->url, client->url) != 0 || strcmp(state->group, client->group) != 0);
}

static gboolean lock_take(const struct fleetlock_client *client, struct lock_state *state,
			  GCancellable *cancellable, GError **error)
{
	if (is_elsewhere(state, client) && !lock_release(client, state, cancellable, error))
		return FALSE;
	place_set(state, client);
	state->asked = TRUE;
	return fleetid_boot(state->asked_boot, error) &&
	       state_save(client->state_dir, state, error);
}

gboolean fleetlock_lock(const struct fleetlock_client *client, unsigned patience_s,
			GCancellable *cancellable, GError **error)
{
	struct lock_state state;
	gboolean done;

	state_load(client->state_dir, &state);
	done = lock_take(client, &state, cancellable, error) &&
	       lock_retry(client, patience_s, cancellable, error);
	state_clear(&state);
	return done;
}

static gboolean state_sync(const struct fleetlock_client *client, struct lock_state *state,
			   GCancellable *cancellable, GError **error)
{
	if (!lock_release(client, state, cancellable, error))
		return FALSE;
	place_set(state, client);
	return fleetid_boot(state->told_boot, error) && state_save(client->state_dir, state, error);
}

gboolean fleetlock_sync(const struct fleetlock_client *client, gboolean committed,
			gboolean reboot_wanted, GCancellable *cancellable, GError **error)
{
	struct fleetlock_situation situation = { .committed = committed,
						 .reboot_wanted = reboot_wanted };
	char boot[FLEETID_SIZE];
	struct lock_state state;
	gboolean done = TRUE;

	if (!fleetid_boot(boot, error))
		return FALSE;
	state_load(client->state_dir, &state);
	situation.asked = state.asked;
	situation.asked_this_boot = strcmp(state.asked_boot, boot) == 0;
	situation.told_this_boot = strcmp(state.told_boot, boot) == 0;
	if (fleetlock_release_is_due(&situation))
		done = state_sync(client, &state, cancellable, error);
	state_clear(&state);
	return done;
}
