/* SPDX-License-Identifier: MIT */
#pragma once
/* Omaha's XML: the request and the answer of an update check, version 3.0 of the protocol. Pure.
 * https://github.com/google/omaha/blob/main/doc/ServerProtocolV3.md is Google's description; what
 * Nebraska makes of it stands in docs/FLEET.md. */

#include <glib.h>
#include <stddef.h>

#include "omaha.h"

enum {
	OMAHAXML_DEPTH_MAX = 12,      /* elements within each other */
	OMAHAXML_ELEMENTS_MAX = 4096, /* in one answer */
	OMAHAXML_VALUE_MAX = 2048,    /* bytes of an attribute that is read, and of the URL */
	OMAHAXML_STATUS_MAX = 64,     /* characters of a status */
};

/* An event as it is sent. */
struct omahaxml_event {
	unsigned type;
	unsigned result;
	unsigned error;       /* 0: none */
	const char *previous; /* version; NULL: none */
};

struct omahaxml_request {
	const struct omaha_client *client;
	gboolean check; /* ask for an update */
	gboolean on_demand;
	const struct omahaxml_event *events; /* are processed before the check */
	size_t event_count;
};

/* NULL with FAULT_OMAHA_VALUE. Free with g_free(). */
char *omahaxml_encode(const struct omahaxml_request *request, GError **error);

/* Whether a version has the one form that Nebraska takes: 1.2.3, then perhaps -word or +word. */
gboolean omahaxml_version_is_sayable(const char *version);

/* The answer about `app`. `checked`: an update was asked for, so that it must say something about
 * one; else what it says is passed over, and the outcome is OMAHA_NONE or, of a status that is an
 * error, OMAHA_LATER. FAULT_OMAHA_ANSWER: it is malformed, has more of something than its limit,
 * has a document type, or leaves out what it must say. */
gboolean omahaxml_decode(const char *bytes, size_t size_bytes, const char *app, gboolean checked,
			 struct omaha_advice *ret_advice, GError **error);
