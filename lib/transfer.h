/* SPDX-License-Identifier: MIT */
#pragma once
/* Transfers: HTTP requests, most of them for ranges, several at a time, without a thread:
 * everything happens within transfers_move(). What a header means is its owner's business:
 * redirects are not followed, and no status is an error here. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "source.h"

/* An http or https URL, taken apart once, by the same parser that will connect to it. */
struct transfer_url {
	char *text;   /* without user and password */
	char *origin; /* scheme, host and port: who may see secrets */
	char *user;   /* decoded; NULL: none */
	char *password;
	gboolean secure; /* https */
};
/* `base` resolves a relative `text`; NULL: there is none. FALSE: it is no http or https URL. */
gboolean transfer_url_parse(const char *base, const char *text, struct transfer_url *ret_url);
void transfer_url_clear(struct transfer_url *url);

enum transfer_result {
	TRANSFER_DONE,    /* as long as the server said */
	TRANSFER_STOPPED, /* by a callback */
	TRANSFER_LOST,    /* broken off */
	TRANSFER_CONNECT, /* not reached: name, address, port */
	TRANSFER_TLS,     /* the other side does not speak TLS as we do */
	TRANSFER_TRUST,   /* a certificate, theirs or ours, is not good */
	TRANSFER_PROXY,   /* the proxy will not */
	TRANSFER_ANSWER,  /* not HTTP */
};

enum transfer_step {
	TRANSFER_MORE,
	TRANSFER_PAUSE, /* the same bytes again, after transfer_resume() */
	TRANSFER_STOP,
};

/* `user_data` is the request's. Neither `header` nor `body` may start or stop transfers. */
struct transfer_events {
	enum transfer_step (*header)(gpointer user_data, const char *line, size_t size_bytes);
	enum transfer_step (*body)(gpointer user_data, const uint8_t *bytes, size_t size_bytes);
	/* The transfer is gone by then. `text` says what happened, without any part of the URL. */
	void (*ended)(gpointer user_data, enum transfer_result result, const char *text);
};

/* Asks for no range. What it points to is the caller's until the transfer has ended. */
struct transfer_call {
	const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
	const uint8_t *body;        /* is sent by POST; NULL: GET */
	size_t body_bytes;
};

struct transfer_request {
	const char *url; /* without user and password */
	const char *user;
	const char *password;
	gboolean trusted; /* may see the client's certificate */
	uint64_t start;
	uint64_t end;         /* UINT64_MAX: of the file */
	const char *if_range; /* NULL: no condition */
	gboolean whole; /* the file, without any range; start, end and if_range do not count */
	const struct transfer_call *call; /* instead of a range; NULL: from start to end */
	gpointer user_data;
};

struct transfers;
struct transfer;

/* The options' strings are copied. */
struct transfers *transfers_new(const struct source_options *options,
				const struct transfer_events *events);
void transfers_free(struct transfers *transfers); /* after all transfers */

struct transfer *transfer_start(struct transfers *transfers,
				const struct transfer_request *request);
void transfer_stop(struct transfer *transfer); /* without a callback; NULL is fine */
void transfer_resume(struct transfer *transfer);

void transfers_move(struct transfers *transfers); /* does what can be done at once */
void transfers_wait(struct transfers *transfers, unsigned time_ms); /* for something to do */
