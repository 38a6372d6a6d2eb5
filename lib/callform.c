/* SPDX-License-Identifier: MIT */
#include "callform.h"

#include <string.h>

#include "failure.h"
#include "plaintext.h"
#include "transfer.h"

enum { STATUS_OK = 200 };

static void body_set(struct httpcall_answer *answer, const void *bytes, size_t size_bytes)
{
	char *body = g_malloc0(size_bytes + 1);

	if (size_bytes > 0)
		memcpy(body, bytes, size_bytes);
	g_free(answer->body);
	answer->body = body;
	answer->body_bytes = size_bytes;
}

static void text_put(char *ret_text, size_t size_bytes, const char *text)
{
	if (text != NULL)
		g_strlcpy(ret_text, text, size_bytes);
}

/* A page about another status is nobody's business. */
static gboolean omaha_apply(const struct httpcall_form *form, struct httpcall_answer *answer,
			    GError **error)
{
	g_auto(OmahaAdvice) advice = { .outcome = OMAHA_NONE };
	struct callform_omaha made = { 0 };

	if (answer->status != STATUS_OK) {
		body_set(answer, NULL, 0);
		return TRUE;
	}
	if (!omahaxml_decode(answer->body, answer->body_bytes, form->app, form->checked, &advice,
			     error)) {
		g_prefix_error(error, "the answer of the Omaha server: ");
		return FALSE;
	}
	made.outcome = advice.outcome;
	text_put(made.status, sizeof made.status, advice.status);
	text_put(made.version, sizeof made.version, advice.version);
	text_put(made.url, sizeof made.url, advice.url);
	body_set(answer, &made, sizeof made);
	return TRUE;
}

static gboolean fleetlock_apply(const struct httpcall_form *form, struct httpcall_answer *answer,
				GError **error)
{
	const struct fleetlock_answer made = fleetlock_decode(answer->status, answer->body,
							      answer->body_bytes);

	body_set(answer, &made, sizeof made);
	return TRUE;
}

static gboolean text_is_ended(const char *text, size_t size_bytes)
{
	return memchr(text, '\0', size_bytes) != NULL;
}

static gboolean word_is_sane(const char *word)
{
	for (const char *at = word; *at != '\0'; at++)
		if (!g_ascii_isgraph(*at))
			return FALSE;
	return TRUE;
}

static gboolean url_is_sane(const char *text)
{
	struct transfer_url url;

	if (!word_is_sane(text) || !transfer_url_parse(NULL, text, &url))
		return FALSE;
	transfer_url_clear(&url);
	return TRUE;
}

static gboolean omaha_is_sane(const struct httpcall_answer *answer)
{
	struct callform_omaha made;

	if (answer->status != STATUS_OK)
		return answer->body_bytes == 0;
	if (answer->body_bytes != sizeof made)
		return FALSE;
	memcpy(&made, answer->body, sizeof made);
	if (!text_is_ended(made.status, sizeof made.status) ||
	    !text_is_ended(made.version, sizeof made.version) ||
	    !text_is_ended(made.url, sizeof made.url) || made.status[0] == '\0' ||
	    !word_is_sane(made.status))
		return FALSE;
	if (made.outcome == OMAHA_UPDATE)
		return version_is_valid(made.version) && url_is_sane(made.url);
	return (made.outcome == OMAHA_NONE || made.outcome == OMAHA_LATER) &&
	       made.version[0] == '\0' && made.url[0] == '\0';
}

/* What the status says is not the worker's to judge. */
static gboolean fleetlock_is_sane(const struct httpcall_answer *answer)
{
	char plain[FLEETLOCK_VALUE_MAX + 1] = "";
	struct fleetlock_answer made;

	if (answer->body_bytes != sizeof made)
		return FALSE;
	memcpy(&made, answer->body, sizeof made);
	if (!text_is_ended(made.kind, sizeof made.kind) ||
	    !text_is_ended(made.value, sizeof made.value) || !fleetlock_kind_is_valid(made.kind))
		return FALSE;
	plaintext_copy(made.value, plain, FLEETLOCK_VALUE_MAX);
	return strcmp(plain, made.value) == 0 &&
	       fleetlock_outcome_is_possible(answer->status, made.outcome);
}

static const struct {
	size_t size_bytes;
	gboolean (*apply)(const struct httpcall_form *form, struct httpcall_answer *answer,
			  GError **error);
	gboolean (*is_sane)(const struct httpcall_answer *answer);
} FORMS[HTTPCALL_FORM_COUNT] = {
	[HTTPCALL_OMAHA] = { sizeof(struct callform_omaha), omaha_apply, omaha_is_sane },
	[HTTPCALL_FLEETLOCK] = { sizeof(struct fleetlock_answer), fleetlock_apply,
				 fleetlock_is_sane },
};

gboolean callform_apply(const struct httpcall_form *form, struct httpcall_answer *answer,
			GError **error)
{
	if (FORMS[form->kind].apply == NULL || FORMS[form->kind].apply(form, answer, error))
		return TRUE;
	httpcall_answer_clear(answer);
	return FALSE;
}

size_t callform_size_max(const struct httpcall_form *form, size_t answer_max)
{
	return FORMS[form->kind].apply == NULL ? answer_max : FORMS[form->kind].size_bytes;
}

gboolean callform_is_sane(const struct httpcall_form *form, const struct httpcall_answer *answer)
{
	return FORMS[form->kind].is_sane == NULL || FORMS[form->kind].is_sane(answer);
}

static char *text_take(const char *text)
{
	return text[0] != '\0' ? g_strdup(text) : NULL;
}

void callform_omaha_take(const struct httpcall_answer *answer, struct omaha_advice *ret_advice)
{
	struct callform_omaha made;

	g_assert(answer->body_bytes == sizeof made);
	memcpy(&made, answer->body, sizeof made);
	*ret_advice = (struct omaha_advice){
		.outcome = (enum omaha_outcome)made.outcome,
		.status = g_strdup(made.status),
		.version = text_take(made.version),
		.url = text_take(made.url),
	};
}

void callform_fleetlock_take(const struct httpcall_answer *answer,
			     struct fleetlock_answer *ret_answer)
{
	g_assert(answer->body_bytes == sizeof *ret_answer);
	memcpy(ret_answer, answer->body, sizeof *ret_answer);
}
