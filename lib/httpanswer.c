/* SPDX-License-Identifier: MIT */
#include "httpanswer.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Far above any file, and low enough that sums do not overflow. */
static const uint64_t SIZE_LIMIT = (uint64_t)1 << 62;

enum { RETRY_AFTER_S_MAX = 86400 };

void httpanswer_clear(struct httpanswer *answer)
{
	g_free(answer->etag);
	g_free(answer->modified);
	g_free(answer->location);
	*answer = (struct httpanswer){ 0 };
}

/* A new header follows: of a redirect's target, or after "100 Continue". The size goes on, so that
 * such answers have an end. */
static void answer_restart(struct httpanswer *answer)
{
	const size_t size_bytes = answer->size_bytes;

	httpanswer_clear(answer);
	answer->size_bytes = size_bytes;
}

static bool digits_read(const char **text, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (!g_ascii_isdigit(**text))
		return false;
	for (; g_ascii_isdigit(**text); (*text)++) {
		number = number * 10 + (uint64_t)(**text - '0');
		if (number >= SIZE_LIMIT)
			return false;
	}
	*ret_number = number;
	return true;
}

static bool literal_read(const char **text, const char *literal)
{
	if (g_ascii_strncasecmp(*text, literal, strlen(literal)) != 0)
		return false;
	*text += strlen(literal);
	return true;
}

/* "bytes 5-9/10", "bytes 5-9" "/" "*", or, of an answer that has no such bytes, "bytes *" "/10". */
static void range_parse(struct httpanswer *answer, const char *text)
{
	uint64_t first = 0;
	uint64_t last = 0;
	uint64_t total = 0;
	bool good = literal_read(&text, "bytes ");
	const bool bytes = good && *text != '*';

	if (bytes)
		good = digits_read(&text, &first) && literal_read(&text, "-") &&
		       digits_read(&text, &last);
	else
		good = good && literal_read(&text, "*");
	good = good && literal_read(&text, "/") &&
	       (literal_read(&text, "*") ||
		(digits_read(&text, &total) && (total > 0 || !bytes))) &&
	       *text == '\0';
	if (!good || first > last || (total > 0 && last >= total) ||
	    (answer->has_range && (first != answer->first || last != answer->last))) {
		answer->malformed = TRUE;
		return;
	}
	answer->has_range = bytes;
	answer->first = first;
	answer->last = last;
	answer->total_bytes = total;
}

static void length_parse(struct httpanswer *answer, const char *text)
{
	uint64_t length = 0;

	if (!digits_read(&text, &length) || *text != '\0' ||
	    (answer->has_length && length != answer->length_bytes))
		answer->malformed = TRUE;
	answer->has_length = TRUE;
	answer->length_bytes = length;
}

/* A date is as good as no number: the back-off waits long enough. */
static void retry_parse(struct httpanswer *answer, const char *text)
{
	uint64_t seconds = 0;

	if (digits_read(&text, &seconds) && *text == '\0')
		answer->retry_after_s = (unsigned)MIN(seconds, RETRY_AFTER_S_MAX);
}

static void encoding_parse(struct httpanswer *answer, const char *text)
{
	if (g_ascii_strcasecmp(text, "identity") != 0)
		answer->encoded = TRUE;
}

/* What will be sent back must be printable and of sane size. */
static bool text_is_sane(const char *text, size_t size_max)
{
	const size_t size = strnlen(text, size_max + 1);

	if (size == 0 || size > size_max)
		return false;
	for (size_t i = 0; i < size; i++)
		if (!g_ascii_isprint(text[i]))
			return false;
	return true;
}

static void etag_parse(struct httpanswer *answer, const char *text)
{
	const char *quoted = g_str_has_prefix(text, "W/") ? text + 2 : text;
	const size_t size = strlen(quoted);

	if (!text_is_sane(text, HTTPANSWER_VALIDATOR_MAX) || size < 2 || quoted[0] != '"' ||
	    strchr(quoted + 1, '"') != quoted + size - 1)
		return;
	g_free(answer->etag);
	answer->etag = g_strdup(text);
}

static void modified_parse(struct httpanswer *answer, const char *text)
{
	if (!text_is_sane(text, HTTPANSWER_VALIDATOR_MAX))
		return;
	g_free(answer->modified);
	answer->modified = g_strdup(text);
}

static void location_parse(struct httpanswer *answer, const char *text)
{
	if (answer->location != NULL || !text_is_sane(text, HTTPANSWER_LOCATION_MAX)) {
		answer->malformed = TRUE;
		return;
	}
	answer->location = g_strdup(text);
}

static void field_parse(struct httpanswer *answer, const char *name, const char *value)
{
	static const struct {
		const char *name;
		void (*parse)(struct httpanswer *answer, const char *text);
	} FIELDS[] = {
		{ "content-range", range_parse },
		{ "content-length", length_parse },
		{ "content-encoding", encoding_parse },
		{ "retry-after", retry_parse },
		{ "etag", etag_parse },
		{ "last-modified", modified_parse },
		{ "location", location_parse },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(FIELDS); i++)
		if (g_ascii_strcasecmp(FIELDS[i].name, name) == 0)
			FIELDS[i].parse(answer, value);
}

/* "HTTP/1.1 206 Partial Content", "HTTP/2 206". */
static void status_parse(struct httpanswer *answer, const char *line)
{
	const char *space = strchr(line, ' ');
	uint64_t status = 0;

	answer_restart(answer);
	if (space == NULL)
		return;
	space++;
	if (digits_read(&space, &status) && status <= 999)
		answer->status = (unsigned)status;
}

gboolean httpanswer_add(struct httpanswer *answer, const char *line, size_t size_bytes)
{
	g_autofree char *text = NULL;
	char *colon;

	if (size_bytes > HTTPANSWER_HEADER_MAX - answer->size_bytes)
		return FALSE;
	answer->size_bytes += size_bytes;
	if (answer->complete)
		return TRUE;
	text = g_strndup(line, size_bytes);
	g_strchomp(text);
	colon = strchr(text, ':');
	if (text[0] == '\0')
		answer->complete = answer->status >= 200;
	else if (g_str_has_prefix(text, "HTTP/"))
		status_parse(answer, text);
	else if (colon != NULL) {
		*colon = '\0';
		field_parse(answer, text, g_strchug(colon + 1));
	}
	return TRUE;
}

void httpobject_clear(struct httpobject *object)
{
	g_free(object->etag);
	g_free(object->modified);
	*object = (struct httpobject){ 0 };
}

/* 0: the answer does not tell. */
static uint64_t answer_total(const struct httpanswer *answer)
{
	return answer->status == 200 && answer->has_length ? answer->length_bytes
							   : answer->total_bytes;
}

void httpobject_learn(struct httpobject *object, const struct httpanswer *answer)
{
	if (object->total_bytes == 0)
		object->total_bytes = answer_total(answer);
	if (object->known)
		return;
	object->known = TRUE;
	object->etag = g_strdup(answer->etag);
	object->modified = g_strdup(answer->modified);
}

const char *httpobject_validator(const struct httpobject *object)
{
	if (object->etag != NULL && object->etag[0] == '"')
		return object->etag;
	return object->modified;
}

static const char *etag_opaque(const char *etag)
{
	return etag[0] == 'W' ? etag + 2 : etag;
}

/* Where both sides name a total, a tag or a date, these must be the same; a tag counts more than
 * a date, which servers of one group often do not share. */
static bool object_differs(const struct httpobject *object, const struct httpanswer *answer)
{
	const uint64_t total = answer_total(answer);

	if (object->total_bytes > 0 && total > 0 && total != object->total_bytes)
		return true;
	if (object->etag != NULL && answer->etag != NULL)
		return strcmp(etag_opaque(object->etag), etag_opaque(answer->etag)) != 0;
	return object->modified != NULL && answer->modified != NULL &&
	       strcmp(object->modified, answer->modified) != 0;
}

static struct httpjudgement judgement(enum httpverdict verdict, fault why, const char *text)
{
	struct httpjudgement judgement = { .verdict = verdict, .why = why };

	g_strlcpy(judgement.text, text, sizeof judgement.text);
	return judgement;
}

static struct httpjudgement judge_replaced(void)
{
	return judgement(HTTPVERDICT_FAIL, FAULT_HTTP_REPLACED,
			 "the file on the server is no longer the one that was begun with");
}

static struct httpjudgement judge_bad(const char *text)
{
	return judgement(HTTPVERDICT_FAIL, FAULT_HTTP_ANSWER, text);
}

static struct httpjudgement judge_range(const struct httpanswer *answer,
					const struct httpobject *object, struct httpasked asked)
{
	if (!answer->has_range)
		return judge_bad("the server does not say which bytes it sends");
	if (object_differs(object, answer))
		return judge_replaced();
	if (answer->first != asked.start || answer->last >= asked.end)
		return judge_bad("the server sends other bytes than were asked for");
	if (answer->has_length && answer->length_bytes != answer->last - answer->first + 1)
		return judge_bad("the server contradicts itself on how many bytes it sends");
	return judgement(HTTPVERDICT_RANGE, FAULT_OK, "");
}

static struct httpjudgement judge_whole(const struct httpanswer *answer,
					const struct httpobject *object, struct httpasked asked)
{
	if (object_differs(object, answer))
		return judge_replaced();
	if (asked.start == 0)
		return judgement(HTTPVERDICT_WHOLE, FAULT_OK, "");
	if (asked.conditional)
		return judgement(HTTPVERDICT_PLAIN, FAULT_OK, "");
	return judgement(HTTPVERDICT_FAIL, FAULT_HTTP_RANGE,
			 "the server sends the whole file where a part was asked for");
}

static struct httpjudgement judge_end(const struct httpanswer *answer,
				      const struct httpobject *object, struct httpasked asked)
{
	const uint64_t total = MAX(answer->total_bytes, object->total_bytes);

	if (object_differs(object, answer))
		return judge_replaced();
	if (total > asked.start)
		return judgement(HTTPVERDICT_FAIL, FAULT_HTTP_RANGE,
				 "the server refuses a range that the file has");
	return judgement(HTTPVERDICT_END, FAULT_OK, "");
}

static bool status_is_redirect(unsigned status)
{
	return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

/* 501 and 505 say that this server never will. */
static bool status_is_passing(unsigned status)
{
	return status == 408 || status == 425 || status == 429 ||
	       (status >= 500 && status != 501 && status != 505);
}

static struct httpjudgement judge_status(const struct httpanswer *answer)
{
	struct httpjudgement judgement = { .verdict = HTTPVERDICT_FAIL, .why = FAULT_HTTP_STATUS };

	if (status_is_passing(answer->status))
		judgement.verdict = HTTPVERDICT_RETRY;
	snprintf(judgement.text, sizeof judgement.text, "the server answered %u", answer->status);
	return judgement;
}

struct httpjudgement httpanswer_judge(const struct httpanswer *answer,
				      const struct httpobject *object, struct httpasked asked)
{
	if (status_is_redirect(answer->status) && answer->location != NULL && !answer->malformed)
		return judgement(HTTPVERDICT_REDIRECT, FAULT_OK, "");
	if (answer->status != 206 && answer->status != 200 && answer->status != 416)
		return judge_status(answer);
	if (answer->malformed)
		return judge_bad("the server sends a header that cannot be");
	if (answer->status == 416)
		return judge_end(answer, object, asked);
	if (answer->encoded)
		return judge_bad("the server sends the file encoded");
	return answer->status == 206 ? judge_range(answer, object, asked)
				     : judge_whole(answer, object, asked);
}
