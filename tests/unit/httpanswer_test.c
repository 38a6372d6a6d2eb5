/* SPDX-License-Identifier: MIT */
/* Headers, as text with bars for line ends, and what they mean for bytes 100 to 199 of a file of
 * 1000 with the tag "a". */
#include "httpanswer.h"

#include <string.h>

#include "tap.h"

static gboolean header_add(struct httpanswer *answer, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "|", 0);

	for (char **line = lines; *line != NULL; line++) {
		g_autofree char *ended = g_strconcat(*line, "\r\n", NULL);

		if (!httpanswer_add(answer, ended, strlen(ended)))
			return FALSE;
	}
	return TRUE;
}

enum known { NOTHING, TAG, DATE, NAMELESS };

static struct httpobject object_make(enum known known)
{
	struct httpobject object = { 0 };

	if (known == NOTHING)
		return object;
	object.known = TRUE;
	object.total_bytes = 1000;
	object.etag = g_strdup(known == TAG ? "\"a\"" : NULL);
	object.modified = g_strdup(known == TAG || known == DATE ? "Sun" : NULL);
	return object;
}

static const struct row {
	const char *header; /* without the empty line at its end */
	enum known known;
	enum httpverdict verdict;
	fault why;
} ROWS[] = {
	{ "HTTP/1.1 206 x|Content-Range: bytes 100-199/1000", NOTHING, HTTPVERDICT_RANGE, 0 },
	{ "HTTP/2 206|content-range:bytes 100-150/1000", TAG, HTTPVERDICT_RANGE, 0 },
	{ "HTTP/2 206|content-range: bytes 100-199/*|Content-Length: 100", TAG, HTTPVERDICT_RANGE,
	  0 },
	{ "HTTP/2 206|Content-Range: bytes 100-199/1000|ETag: W/\"a\"", TAG, HTTPVERDICT_RANGE, 0 },
	{ "HTTP/2 206|Content-Range: bytes 100-199/1000|Content-Encoding: identity", TAG,
	  HTTPVERDICT_RANGE, 0 },
	{ "HTTP/2 206|Content-Range: bytes 100-199/1000|ETag: \"a\"|Last-Modified: Mon", TAG,
	  HTTPVERDICT_RANGE, 0 },
	/* an answer that is not the range */
	{ "HTTP/2 206", NOTHING, HTTPVERDICT_FAIL, FAULT_HTTP_ANSWER },
	{ "HTTP/2 206|Content-Range: items 100-199/1000", NOTHING, HTTPVERDICT_FAIL,
	  FAULT_HTTP_ANSWER },
	{ "HTTP/2 206|Content-Range: bytes 100-199", NOTHING, HTTPVERDICT_FAIL, FAULT_HTTP_ANSWER },
	{ "HTTP/2 206|Content-Range: bytes 100-199/1000x", NOTHING, HTTPVERDICT_FAIL,
	  FAULT_HTTP_ANSWER },
	{ "HTTP/2 206|Content-Range: bytes */1000", NOTHING, HTTPVERDICT_FAIL, FAULT_HTTP_ANSWER },
	{ "HTTP/2 206|Content-Range: bytes 101-199/1000", NOTHING, HTTPVERDICT_FAIL,
	  FAULT_HTTP_ANSWER },
	{ "HTTP/2 206|Content-Range: bytes 100-200/1000", NOTHING, HTTPVERDICT_FAIL,
	  FAULT_HTTP_ANSWER },
	{ "HTTP/2 206|Content-Range: bytes 100-99/1000", NOTHING, HTTPVERDICT_FAIL,
	  FAULT_HTTP_ANSWER },
	{ "HTTP/2 206|Content-Range: bytes 100-199/199", NOTHING, HTTPVERDICT_FAIL,
	  FAULT_HTTP_ANSWER },
	{ "HTTP/2 206|Content-Range: bytes 100-199/0", NOTHING, HTTPVERDICT_FAIL,
	  FAULT_HTTP_ANSWER },
	{ "HTTP/2 206|Content-Range: bytes 100-18446744073709551715/*", NOTHING, HTTPVERDICT_FAIL,
	  FAULT_HTTP_ANSWER },
	{ "HTTP/2 206|Content-Range: bytes 100-199/1000|Content-Range: bytes 100-198/1000", NOTHING,
	  HTTPVERDICT_FAIL, FAULT_HTTP_ANSWER },
	{ "HTTP/2 206|Content-Range: bytes 100-199/1000|Content-Length: 99", NOTHING,
	  HTTPVERDICT_FAIL, FAULT_HTTP_ANSWER },
	{ "HTTP/2 206|Content-Range: bytes 100-199/1000|Content-Length: -1", NOTHING,
	  HTTPVERDICT_FAIL, FAULT_HTTP_ANSWER },
	{ "HTTP/2 206|Content-Range: bytes 100-199/1000|Content-Encoding: gzip", NOTHING,
	  HTTPVERDICT_FAIL, FAULT_HTTP_ANSWER },
	/* another file */
	{ "HTTP/2 206|Content-Range: bytes 100-199/1001", TAG, HTTPVERDICT_FAIL,
	  FAULT_HTTP_REPLACED },
	{ "HTTP/2 206|Content-Range: bytes 100-199/1000|ETag: \"b\"", TAG, HTTPVERDICT_FAIL,
	  FAULT_HTTP_REPLACED },
	{ "HTTP/2 206|Content-Range: bytes 100-199/1000|ETag: W/\"b\"", TAG, HTTPVERDICT_FAIL,
	  FAULT_HTTP_REPLACED },
	{ "HTTP/2 206|Content-Range: bytes 100-199/1000|Last-Modified: Mon", TAG, HTTPVERDICT_FAIL,
	  FAULT_HTTP_REPLACED },
	{ "HTTP/2 206|Content-Range: bytes 100-199/1000|Last-Modified: Mon", DATE, HTTPVERDICT_FAIL,
	  FAULT_HTTP_REPLACED },
	{ "HTTP/2 206|Content-Range: bytes 100-199/1000|Last-Modified: Mon", NAMELESS,
	  HTTPVERDICT_RANGE, 0 },
	{ "HTTP/2 200|Content-Length: 1000|ETag: \"b\"", TAG, HTTPVERDICT_FAIL,
	  FAULT_HTTP_REPLACED },
	{ "HTTP/2 200|Content-Length: 999", NAMELESS, HTTPVERDICT_FAIL, FAULT_HTTP_REPLACED },
	{ "HTTP/2 416|Content-Range: bytes */99", TAG, HTTPVERDICT_FAIL, FAULT_HTTP_REPLACED },
	/* the whole file */
	{ "HTTP/2 200|Content-Length: 1000", NOTHING, HTTPVERDICT_FAIL, FAULT_HTTP_RANGE },
	{ "HTTP/2 200|Content-Length: 1000|ETag: \"a\"", TAG, HTTPVERDICT_PLAIN, 0 },
	{ "HTTP/2 200|Content-Length: 1000|ETag: \"a\"", NAMELESS, HTTPVERDICT_FAIL,
	  FAULT_HTTP_RANGE },
	{ "HTTP/2 416|Content-Range: bytes */100", NOTHING, HTTPVERDICT_END, 0 },
	{ "HTTP/2 416|Content-Range: bytes */101", NOTHING, HTTPVERDICT_FAIL, FAULT_HTTP_RANGE },
	{ "HTTP/2 416", NOTHING, HTTPVERDICT_END, 0 },
	{ "HTTP/2 416", TAG, HTTPVERDICT_FAIL, FAULT_HTTP_RANGE },
	/* other answers */
	{ "HTTP/2 302|Location: /there", NOTHING, HTTPVERDICT_REDIRECT, 0 },
	{ "HTTP/2 302", NOTHING, HTTPVERDICT_FAIL, FAULT_HTTP_STATUS },
	{ "HTTP/2 302|Location: /there|Location: /elsewhere", NOTHING, HTTPVERDICT_FAIL,
	  FAULT_HTTP_STATUS },
	{ "HTTP/2 304", TAG, HTTPVERDICT_FAIL, FAULT_HTTP_STATUS },
	{ "HTTP/2 204", TAG, HTTPVERDICT_FAIL, FAULT_HTTP_STATUS },
	{ "HTTP/2 404", TAG, HTTPVERDICT_FAIL, FAULT_HTTP_STATUS },
	{ "HTTP/2 408", TAG, HTTPVERDICT_RETRY, FAULT_HTTP_STATUS },
	{ "HTTP/2 429", TAG, HTTPVERDICT_RETRY, FAULT_HTTP_STATUS },
	{ "HTTP/2 500", TAG, HTTPVERDICT_RETRY, FAULT_HTTP_STATUS },
	{ "HTTP/2 501", TAG, HTTPVERDICT_FAIL, FAULT_HTTP_STATUS },
	{ "HTTP/2 503", TAG, HTTPVERDICT_RETRY, FAULT_HTTP_STATUS },
	{ "HTTP/2 505", TAG, HTTPVERDICT_FAIL, FAULT_HTTP_STATUS },
	/* only the last header counts */
	{ "HTTP/1.1 100 Continue||HTTP/1.1 206 x|Content-Range: bytes 100-199/1000", TAG,
	  HTTPVERDICT_RANGE, 0 },
	{ "HTTP/1.1 103 Early|ETag: \"b\"|Content-Range: bytes 5-6/7||HTTP/1.1 206 x|"
	  "Content-Range: bytes 100-199/1000",
	  TAG, HTTPVERDICT_RANGE, 0 },
	{ "HTTP/1.1 206 x|Content-Range: bytes 100-199/1000||ETag: \"b\"|HTTP/1.1 404 x", TAG,
	  HTTPVERDICT_RANGE, 0 },
	{ "HTTP/1.1 nonsense", TAG, HTTPVERDICT_FAIL, FAULT_HTTP_STATUS },
};

static void row_try(const struct row *row)
{
	struct httpobject object = object_make(row->known);
	struct httpanswer answer = { 0 };
	const struct httpasked asked = { 100, 200, httpobject_validator(&object) != NULL };
	struct httpjudgement judgement;
	gboolean as_expected;

	expect(header_add(&answer, row->header));
	(void)header_add(&answer, ""); /* one of two at most: it has fitted before */
	judgement = httpanswer_judge(&answer, &object, asked);
	as_expected = judgement.verdict == row->verdict &&
		      (row->why == FAULT_OK || judgement.why == row->why);
	expect(as_expected);
	if (!as_expected)
		printf("# %s: %u %u %s\n", row->header, judgement.verdict, judgement.why,
		       judgement.text);
	expect(judgement.verdict != HTTPVERDICT_FAIL || judgement.text[0] != '\0');
	httpanswer_clear(&answer);
	httpobject_clear(&object);
}

static void test_verdicts(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(ROWS); i++)
		row_try(&ROWS[i]);
}

/* From the start of the file on, the whole is as good as a range. */
static void test_from_start(void)
{
	struct httpobject object = object_make(TAG);
	struct httpanswer answer = { 0 };

	expect(header_add(&answer, "HTTP/1.0 200 OK|Content-Length: 1000|"));
	expect(httpanswer_judge(&answer, &object, (struct httpasked){ 0, 5, TRUE }).verdict ==
	       HTTPVERDICT_WHOLE);
	httpanswer_clear(&answer);
	httpobject_clear(&object);
}

static const struct {
	const char *header;
	const char *validator; /* what If-Range may carry */
} VALIDATORS[] = {
	{ "HTTP/2 206|ETag: \"x\"|Last-Modified: Sun|", "\"x\"" },
	{ "HTTP/2 206|Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT|",
	  "Sun, 06 Nov 1994 08:49:37 GMT" },
	{ "HTTP/2 206|ETag: W/\"x\"|Last-Modified: Sun|", "Sun" },
	{ "HTTP/2 206|ETag: W/\"x\"|", NULL },
	{ "HTTP/2 206|ETag: x|", NULL },
	{ "HTTP/2 206|ETag: \"|", NULL },
	{ "HTTP/2 206|ETag: \"x\"y\"|", NULL },
	{ "HTTP/2 206|ETag: \"x\001\"|", NULL },
	{ "HTTP/2 206|", NULL },
	{ "HTTP/1.1 100 x|ETag: \"x\"||HTTP/2 206|", NULL },
};

static void test_validators(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(VALIDATORS); i++) {
		struct httpobject object = { 0 };
		struct httpanswer answer = { 0 };

		expect(header_add(&answer, VALIDATORS[i].header));
		httpobject_learn(&object, &answer);
		expect(g_strcmp0(httpobject_validator(&object), VALIDATORS[i].validator) == 0);
		httpobject_clear(&object);
		httpanswer_clear(&answer);
	}
}

/* The first good answer describes the file; later ones add a size at most. */
static void test_learn(void)
{
	struct httpobject object = { 0 };
	struct httpanswer first = { 0 };
	struct httpanswer second = { 0 };

	expect(header_add(&first, "HTTP/2 206|Content-Range: bytes 0-4/*|ETag: \"1\"|"));
	expect(header_add(&second, "HTTP/2 200|Content-Length: 9|ETag: \"2\"|Last-Modified: S|"));
	httpobject_learn(&object, &first);
	httpobject_learn(&object, &second);
	expect(object.total_bytes == 9 && object.modified == NULL);
	expect(strcmp(object.etag, "\"1\"") == 0);
	httpobject_clear(&object);
	httpanswer_clear(&first);
	httpanswer_clear(&second);
}

static void test_retry_after(void)
{
	static const struct {
		const char *header;
		unsigned seconds;
	} TIMES[] = {
		{ "HTTP/2 503|Retry-After: 7|", 7 },
		{ "HTTP/2 503|Retry-After: 99999999999|", 86400 },
		{ "HTTP/2 503|Retry-After: Fri, 31 Dec 1999 23:59:59 GMT|", 0 },
		{ "HTTP/2 503|Retry-After: 7 s|", 0 },
		{ "HTTP/2 503|Retry-After: 99999999999999999999999|", 0 },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(TIMES); i++) {
		struct httpanswer answer = { 0 };

		expect(header_add(&answer, TIMES[i].header));
		expect(answer.retry_after_s == TIMES[i].seconds);
		httpanswer_clear(&answer);
	}
}

/* All lines count, those of interim answers and behind the body too. */
static void test_size(void)
{
	static const char *const LINES[] = { "X: y\r\n", "HTTP/1.1 100 Continue\r\n", "\r\n" };

	for (size_t i = 0; i < G_N_ELEMENTS(LINES); i++) {
		struct httpanswer answer = { 0 };
		size_t size = 0;

		while (size < 2 * HTTPANSWER_HEADER_MAX &&
		       httpanswer_add(&answer, LINES[i], strlen(LINES[i])))
			size += strlen(LINES[i]);
		expect(size <= HTTPANSWER_HEADER_MAX);
		expect(size + strlen(LINES[i]) > HTTPANSWER_HEADER_MAX);
		httpanswer_clear(&answer);
	}
}

static const struct tap_case CASES[] = {
	{ "verdicts", test_verdicts },       { "whole file from the start", test_from_start },
	{ "validators", test_validators },   { "what is remembered", test_learn },
	{ "Retry-After", test_retry_after }, { "size of the header", test_size },
};
TAP_MAIN(CASES)
