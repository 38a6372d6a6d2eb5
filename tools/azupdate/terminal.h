/* SPDX-License-Identifier: MIT */
#pragma once
/* Terminal: text that is safe and pleasant to show to a person. */

#include <glib.h>

enum terminal_color { TERMINAL_PLAIN, TERMINAL_BOLD, TERMINAL_GOOD, TERMINAL_WARN, TERMINAL_BAD };

/* The text with every control character replaced: it may come from a disk or a program. NULL
 * gives "". Free with g_free(). */
char *terminal_clean(const char *text);

/* Prints text to stdout, in colour only on a terminal and without NO_COLOR. */
void terminal_paint(enum terminal_color color, const char *text);
