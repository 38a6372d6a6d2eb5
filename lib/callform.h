/* SPDX-License-Identifier: MIT */
#pragma once
/* Call forms: the answers of a fleet's servers, read where they are fetched, so that the XML and
 * JSON of others end in the worker. What goes on to azupdated is one struct of a fixed size, of
 * which each field can be checked by itself. Pure.
 *
 * They pass between two processes of the same build on the same machine, and are never stored. */

#include <glib.h>

#include "fleetlock.h"
#include "httpcall.h"
#include "omaha.h"
#include "omahaxml.h"
#include "version.h"

/* Of struct omaha_advice; each text with a NUL, "" where that has none. */
struct callform_omaha {
	uint32_t outcome; /* enum omaha_outcome */
	char status[OMAHAXML_STATUS_MAX + 1];
	char version[VERSION_SIZE_MAX + 1];
	char url[OMAHAXML_VALUE_MAX + 1];
};

/* Reads what a server has said: the answer's body becomes the struct of that form, or nothing if
 * the status says already that it is no answer. FAULT_OMAHA_ANSWER; the answer is then cleared. */
gboolean callform_apply(const struct httpcall_form *form, struct httpcall_answer *answer,
			GError **error);
/* The most that callform_apply() makes of an answer of so many bytes. */
size_t callform_size_max(const struct httpcall_form *form, size_t answer_max);
/* Whether callform_apply() can have made that: what a worker gives is not believed before. */
gboolean callform_is_sane(const struct httpcall_form *form, const struct httpcall_answer *answer);

/* Take out what was made: of HTTPCALL_OMAHA with status 200, the caller clears it;
 * of HTTPCALL_FLEETLOCK. */
void callform_omaha_take(const struct httpcall_answer *answer, struct omaha_advice *ret_advice);
void callform_fleetlock_take(const struct httpcall_answer *answer,
			     struct fleetlock_answer *ret_answer);
