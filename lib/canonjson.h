/* SPDX-License-Identifier: MIT */
#pragma once
/* Canonical JSON: the one sequence of bytes for a value, which is what TUF signs and hashes.
 *
 * The format is OLPC's, as TUF (part 4.1 of its specification) uses it: no space; keys sorted by
 * their bytes in UTF-8; integers in decimal; in strings only `"` and `\` are escaped, every other
 * byte, line feeds too, stands as it is. What comes out need not be JSON, then. */

#include <glib.h>

#include "json.h"

enum { CANONJSON_DEPTH_MAX = 32 }; /* objects and arrays within each other */

/* The bytes, without an end mark. FAULT_CANON_NUMBER: there is a number with a fraction or an
 * exponent; FAULT_CANON_DEPTH: nested deeper than CANONJSON_DEPTH_MAX. */
GBytes *canonjson(const json_t *value, GError **error);
