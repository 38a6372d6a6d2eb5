/* SPDX-License-Identifier: MIT */
#include "omaha.h"

#include <string.h>

#include "callform.h"
#include "failure.h"
#include "httpcall.h"
#include "omahastate.h"
#include "omahaxml.h"

/* The only word of its statuses that asks for something else than patience. */
static const char STUCK[] = "error-updateInProgressOnInstance";

void omaha_advice_clear(struct omaha_advice *advice)
{
	g_free(advice->status);
	g_free(advice->version);
	g_free(advice->url);
	*advice = (struct omaha_advice){ .outcome = OMAHA_NONE };
}

static struct omahaxml_event event_encode(const struct omahastate_event *event)
{
	static const struct {
		unsigned type;
		unsigned result;
	} ROWS[] = {
		[OMAHA_DOWNLOAD_STARTED] = { 13, 1 },
		[OMAHA_DOWNLOAD_FINISHED] = { 14, 1 },
		[OMAHA_INSTALLED] = { 800, 1 },
		[OMAHA_COMPLETE] = { 3, 2 },
		[OMAHA_FAILED] = { 3, 0 },
	};

	return (struct omahaxml_event){
		.type = ROWS[event->event].type,
		.result = ROWS[event->event].result,
		.error = event->error,
		.previous = event->previous[0] != '\0' ? event->previous : NULL,
	};
}

/* The answer is read as what it says about an update if `checked`. */
struct post {
	const char *text;
	gboolean checked;
};

static gboolean text_post(const struct omaha_client *client, const struct post *post,
			  GCancellable *cancellable, struct httpcall_answer *ret_answer,
			  GError **error)
{
	static const char *const HEADERS[] = { "Content-Type: text/xml", NULL };
	const struct httpcall call = { .url = client->url,
				       .headers = HEADERS,
				       .body = post->text,
				       .body_bytes = strlen(post->text),
				       .answer_max = OMAHA_ANSWER_MAX,
				       .time_s = OMAHA_TIME_S,
				       .form = { HTTPCALL_OMAHA, client->app, post->checked } };
	g_autofree char *name = source_url_for_people(client->url);

	if (!httpcall_run(&call, client->network, cancellable, ret_answer, error))
		return FALSE;
	if (ret_answer->status == 200)
		return TRUE;
	failure_set(error, FAULT_HTTP_STATUS, "%s answers with status %u", name,
		    ret_answer->status);
	httpcall_answer_clear(ret_answer);
	return FALSE;
}

/* One request with what is pending, which has been told when this returns TRUE. */
static gboolean state_send(const struct omaha_client *client, struct omahastate *state,
			   const struct omaha_check *check, GCancellable *cancellable,
			   struct omaha_advice *ret_advice, GError **error)
{
	struct omahaxml_event events[OMAHA_PENDING_MAX];
	const struct omahaxml_request request = { .client = client,
						  .check = check != NULL,
						  .on_demand = check != NULL && check->on_demand,
						  .events = events,
						  .event_count = state->count };
	struct httpcall_answer answer;
	g_autofree char *text = NULL;
	struct post post = { .checked = check != NULL };

	for (unsigned i = 0; i < state->count; i++)
		events[i] = event_encode(&state->pending[i]);
	post.text = text = omahaxml_encode(&request, error);
	if (text == NULL || !text_post(client, &post, cancellable, &answer, error))
		return FALSE;
	callform_omaha_take(&answer, ret_advice);
	httpcall_answer_clear(&answer);
	state->count = 0;
	return TRUE;
}

/* What is to be told is on the disk before it is told, and until it has been. */
static gboolean state_exchange(const struct omaha_client *client, struct omahastate *state,
			       const struct omaha_check *check, GCancellable *cancellable,
			       struct omaha_advice *ret_advice, GError **error)
{
	gboolean changed = state->count > 0;

	if (!state_send(client, state, check, cancellable, ret_advice, error))
		return FALSE;
	if (ret_advice->outcome == OMAHA_UPDATE)
		changed |= omahastate_grant(state, ret_advice->version);
	if (!changed || omahastate_save(client->state_dir, state, error))
		return TRUE;
	omaha_advice_clear(ret_advice);
	return FALSE;
}

static gboolean state_check(const struct omaha_client *client, struct omahastate *state,
			    const struct omaha_check *check, GCancellable *cancellable,
			    struct omaha_advice *ret_advice, GError **error)
{
	const gboolean gave_up = !check->in_progress && omahastate_give_up(state, FALSE);

	if (gave_up && !omahastate_save(client->state_dir, state, error))
		return FALSE;
	if (!state_exchange(client, state, check, cancellable, ret_advice, error))
		return FALSE;
	if (check->in_progress || gave_up || strcmp(ret_advice->status, STUCK) != 0)
		return TRUE;
	/* The server remembers an update that this state does not: the state folder was lost. Only
	 * an end of that update makes it offer another one. */
	omaha_advice_clear(ret_advice);
	(void)omahastate_give_up(state, TRUE);
	return omahastate_save(client->state_dir, state, error) &&
	       state_exchange(client, state, check, cancellable, ret_advice, error);
}

gboolean omaha_check(const struct omaha_client *client, const struct omaha_check *check,
		     GCancellable *cancellable, struct omaha_advice *ret_advice, GError **error)
{
	struct omaha_advice advice = { .outcome = OMAHA_NONE };
	struct omahastate state;

	omahastate_load(client->state_dir, &state);
	if (!state_check(client, &state, check, cancellable, &advice, error))
		return FALSE;
	*ret_advice = advice;
	return TRUE;
}

gboolean omaha_note(const char *state_dir, const struct omaha_step *step, GError **error)
{
	struct omahastate state;

	omahastate_load(state_dir, &state);
	return !omahastate_step(&state, step) || omahastate_save(state_dir, &state, error);
}

gboolean omaha_send(const struct omaha_client *client, GCancellable *cancellable, GError **error)
{
	g_auto(OmahaAdvice) answer = { .outcome = OMAHA_NONE };
	struct omahastate state;

	omahastate_load(client->state_dir, &state);
	return state.count == 0 ||
	       state_exchange(client, &state, NULL, cancellable, &answer, error);
}
