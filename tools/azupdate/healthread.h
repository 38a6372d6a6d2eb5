/* SPDX-License-Identifier: MIT */
#pragma once
/* Health reading: the last record of health checks, as the result of a job. */

#include <glib.h>

/* The a{sv} that a health job has as its result (floating); what the text lacks is left out.
 * NULL with FAULT_STATE_FILE. */
GVariant *healthread_decode(const char *json, GError **error);
/* The array that HealthList gives, as aa{sv}. Floating; NULL with FAULT_STATE_FILE. */
GVariant *healthread_list(const char *json, GError **error);
