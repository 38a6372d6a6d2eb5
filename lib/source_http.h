/* SPDX-License-Identifier: MIT */
#pragma once
/* What the parts of the HTTP source share: source_http.c finds the leg that a read is served from,
 * source_http_run.c keeps legs running until they have what is wanted. */

#include "backoff.h"
#include "flight.h"
#include "httpanswer.h"
#include "pace.h"
#include "pieces.h"
#include "source.h"
#include "transfer.h"

enum {
	HTTP_BUFFERS_SIZE = 8 * 1024 * 1024, /* all rings together */
	HTTP_STREAM_SIZE = 1024 * 1024,      /* the ring of what is longer than its ring */
	HTTP_LEGS_MAX = 64,                  /* on the way, or arrived and not read yet */
	HTTP_REDIRECTS_MAX = 3,
};

/* A range with what is needed to get all of it, over several requests if must be. */
struct leg {
	struct flight flight;
	struct source_http *http;
	struct transfer *transfer; /* NULL: not running */
	gboolean paused;
	gboolean conditional; /* If-Range was sent */
	uint64_t begun;       /* flight.got when the request was sent */
	uint64_t body_end;    /* where the answer's body ends in the file */
	struct httpanswer answer;
	gboolean judged;
	struct httpjudgement judgement;
	struct transfer_url url; /* of the request */
	gboolean redirected;     /* `url` is where a redirect leads; follow it */
	unsigned redirects;      /* since it last began at source_http.url */
};

struct source_http {
	struct source source;
	struct source_options options; /* its strings are not kept */
	struct transfers *transfers;
	struct transfer_url home; /* what the caller gave, with its user and password */
	char *url;                /* where home last led to; NULL: home itself */
	struct httpobject object;
	gboolean greeted;       /* the server has answered at least once */
	gboolean ranges_seen;   /* it serves ranges */
	gboolean whole;         /* it does not: everything comes from one stream */
	gboolean unconditional; /* it does not know If-Range */
	struct pieces pieces;   /* announced and not begun */
	GQueue legs;            /* of struct leg: announced and begun, in order */
	struct leg *single;     /* of reads that nobody announced; or NULL */
	uint64_t single_bytes;  /* how much the next one reads ahead */
	struct backoff backoff;
	gboolean probing; /* after a failure, until something comes: one request at a time */
	uint64_t recovered_bytes; /* since the last failure */
	struct pace_limit limit;
	struct pace_minimum minimum;
	int64_t idle_us; /* since when nobody waits for bytes */
	GError *failure; /* for good; owned */
};

/* A new leg, not running. */
struct leg *leg_new(struct source_http *http, uint64_t start, uint64_t end);
void leg_free(struct leg *leg);                  /* NULL is fine */
gboolean leg_is_complete(const struct leg *leg); /* has arrived, read or not */
void leg_stop(struct leg *leg);                  /* keeps what has arrived */
/* After bytes were taken: lets it go on, if it waited for room. */
void leg_drained(struct leg *leg);

struct transfers *source_http_transfers_new(const struct source_options *options);

/* Begins what may begin, and moves what can be moved at once. */
void source_http_touch(struct source_http *http);
/* Waits until `leg` has something to take, or is complete. */
gboolean source_http_pump(struct source_http *http, struct leg *leg, GError **error);
