/* SPDX-License-Identifier: MIT */
#pragma once
/* Plans for people. */

#include <glib.h>

/* Prints the result of a job of kind plan. `is_url`: requests to a web server matter. */
void plantext_print(GVariant *result, gboolean is_url);
