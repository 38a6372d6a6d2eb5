/* SPDX-License-Identifier: MIT */
#pragma once
/* Words of a caller that go into state, logs and terminals of others. */

#include <glib.h>

enum { WORDS_MAX = 256 }; /* bytes */

/* One printable line; else FAULT_ARGUMENT. */
gboolean words_check(const char *words, GError **error);
