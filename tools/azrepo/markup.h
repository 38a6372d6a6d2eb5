/* SPDX-License-Identifier: MIT */
#pragma once
/* Markup: texts of the summary put into a page so that none of them can be taken for markup. */

#include <glib.h>

#include "json.h"

/* Escaped; a control character becomes a question mark. */
void markup_add(GString *page, const char *text);
/* "-" where there is none; borrowed. */
const char *markup_string(const json_t *object, const char *key);
gint64 markup_number(const json_t *object, const char *key);
/* 0 where there is none. */
gint64 markup_time_s(const json_t *object, const char *key);
/* "20 %" or "1.5 %"; the caller frees. */
char *markup_percent(gint64 permille);
