/* SPDX-License-Identifier: MIT */
#pragma once
/* JSON writing: renders a GVariant. Dictionaries with string keys become objects in their own
 * order, arrays and tuples become arrays, an empty maybe becomes null. */

#include <glib.h>

void jsonwrite_variant(GString *text, GVariant *value);
