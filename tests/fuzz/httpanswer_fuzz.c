/* SPDX-License-Identifier: MIT */
/* Headers of web servers: what is accepted is within what was asked for. */
#include <string.h>

#include "fuzz.h"
#include "httpanswer.h"

static void header_add(struct httpanswer *answer, const uint8_t *bytes, size_t size_bytes)
{
	while (size_bytes > 0) {
		const uint8_t *end = memchr(bytes, '\n', size_bytes);
		const size_t line = end != NULL ? (size_t)(end - bytes) + 1 : size_bytes;

		if (!httpanswer_add(answer, (const char *)bytes, line))
			return;
		bytes += line;
		size_bytes -= line;
	}
}

static void judgement_check(const struct httpanswer *answer, const struct httpobject *object,
			    struct httpasked asked)
{
	const struct httpjudgement judgement = httpanswer_judge(answer, object, asked);

	if (judgement.verdict == HTTPVERDICT_RANGE &&
	    (answer->first != asked.start || answer->last < answer->first ||
	     answer->last >= asked.end))
		__builtin_trap();
	if (judgement.verdict == HTTPVERDICT_WHOLE && asked.start > 0)
		__builtin_trap();
	if (judgement.verdict == HTTPVERDICT_REDIRECT && answer->location == NULL)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct httpobject object = { 0 };
	struct httpanswer answer = { 0 };
	const char *validator;

	header_add(&answer, bytes, size_bytes);
	for (unsigned i = 0; i < 2; i++) {
		judgement_check(&answer, &object, (struct httpasked){ 0, 10, FALSE });
		judgement_check(&answer, &object, (struct httpasked){ 5, UINT64_MAX, TRUE });
		httpobject_learn(&object, &answer);
	}
	validator = httpobject_validator(&object);
	if (validator != NULL && strpbrk(validator, "\r\n") != NULL)
		__builtin_trap();
	httpobject_clear(&object);
	httpanswer_clear(&answer);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char *const SEEDS[] = {
		"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/100\r\n"
		"Content-Length: 5\r\nETag: W/\"x\"\r\nLast-Modified: Sun\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 100\r\n"
		"ETag: \"x\"\r\nContent-Encoding: gzip\r\n\r\n",
		"HTTP/2 416\r\ncontent-range: bytes */100\r\nretry-after: 7\r\n\r\n",
		"HTTP/2 302\r\nlocation: https://example.org/x?y\r\n\r\n",
	};
	const size_t size_bytes = number < 4 ? strlen(SEEDS[number]) : 0;

	if (size_bytes == 0 || size_bytes > room)
		return 0;
	memcpy(ret_bytes, SEEDS[number], size_bytes);
	return size_bytes;
}
