/* SPDX-License-Identifier: MIT */
#pragma once
/* Failures: a fault number with the sentence of this one case, carried as a GError.
 *
 * The message is lower case, without a full stop, names the thing and the value; what to do is in
 * the fault table (faulttext.h) and is added where the failure is shown. */

#include <glib.h>

#include "fault.h"

#define FAILURE failure_quark()

GQuark failure_quark(void);

/* Always returns FALSE, so that a caller can fail in one line. */
gboolean failure_set(GError **error, fault code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* The fault number of an error of ours; of a foreign one, FAULT_ARGUMENT. */
fault failure_code(const GError *error);

/* "message (fault 513 PART_SMALL: advice)", for a person. Free with g_free(). */
char *failure_describe(const GError *error);
