/* SPDX-License-Identifier: MIT */
#pragma once
/* Amounts: sizes and times as people read them. */

#include <glib.h>

/* "12.5 MiB"; free with g_free(). */
char *amount_text(guint64 size_bytes);
/* A member of type t of a dictionary; 0 if there is none. */
guint64 amount_get(GVariant *dictionary, const char *name);
/* The same as a text; free with g_free(). */
char *amount_of(GVariant *dictionary, const char *name);
/* "12 s", "3 min", "2 h 05 min"; free with g_free(). */
char *amount_time(gint64 seconds);
