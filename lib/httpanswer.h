/* SPDX-License-Identifier: MIT */
#pragma once
/* Answers: what a web server's header says, and what that means for the range that was asked for.
 * Pure but for the memory. All of it is untrusted. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

enum {
	HTTPANSWER_HEADER_MAX = 65536, /* bytes of all header lines of one transfer */
	HTTPANSWER_VALIDATOR_MAX = 256,
	HTTPANSWER_LOCATION_MAX = 4096,
};

/* One transfer's header. Start from zeros; free with httpanswer_clear(). */
struct httpanswer {
	unsigned status;    /* of the last status line */
	gboolean complete;  /* the final answer's header has ended; what follows is ignored */
	size_t size_bytes;  /* of all lines */
	gboolean malformed; /* a field that counts has a value that cannot be */
	gboolean encoded;   /* the body is not the file's bytes as they are */
	gboolean has_range; /* Content-Range with first and last byte */
	uint64_t first;
	uint64_t last;
	uint64_t total_bytes;  /* of Content-Range; 0: not told */
	uint64_t length_bytes; /* Content-Length */
	gboolean has_length;
	unsigned retry_after_s; /* 0: not told, or as a date */
	char *etag;             /* as it came, with quotes and W/; NULL: none that can be used */
	char *modified;         /* Last-Modified, the same */
	char *location;
};
void httpanswer_clear(struct httpanswer *answer);

/* One line, with or without its end. FALSE: the header is too large. */
gboolean httpanswer_add(struct httpanswer *answer, const char *line, size_t size_bytes);

/* The file, as the first good answer described it. */
struct httpobject {
	gboolean known;
	uint64_t total_bytes; /* 0: unknown */
	char *etag;
	char *modified;
};
void httpobject_clear(struct httpobject *object);
/* Takes over what is not known yet. */
void httpobject_learn(struct httpobject *object, const struct httpanswer *answer);
/* What If-Range can carry: a strong ETag, else the date; NULL: nothing can be asked for. */
const char *httpobject_validator(const struct httpobject *object);

enum httpverdict {
	HTTPVERDICT_RANGE,    /* the body is the range, or a shorter one from the same start */
	HTTPVERDICT_WHOLE,    /* the body is the whole file, and that starts with the range */
	HTTPVERDICT_REDIRECT, /* to answer->location */
	HTTPVERDICT_END,      /* the file ends at or before the range's start */
	HTTPVERDICT_PLAIN,    /* ask again without If-Range, which this server does not know */
	HTTPVERDICT_RETRY,    /* later; `why` and `text` are of this failure */
	HTTPVERDICT_FAIL,
};

struct httpjudgement {
	enum httpverdict verdict;
	fault why; /* of FAIL and RETRY */
	char text[96];
};

/* What was asked for: bytes start to end-1; `conditional`: with If-Range. */
struct httpasked {
	uint64_t start;
	uint64_t end;
	gboolean conditional;
};

struct httpjudgement httpanswer_judge(const struct httpanswer *answer,
				      const struct httpobject *object, struct httpasked asked);
