/* SPDX-License-Identifier: MIT */
#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const CODES[] = {
	[TERMINAL_PLAIN] = "",        [TERMINAL_BOLD] = "\033[1m",   [TERMINAL_GOOD] = "\033[32m",
	[TERMINAL_WARN] = "\033[33m", [TERMINAL_BAD] = "\033[1;31m",
};

char *terminal_clean(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text == NULL ? "" : text, -1);
	GString *clean = g_string_new(NULL);

	for (const char *at = valid; *at != '\0'; at = g_utf8_next_char(at)) {
		const gunichar character = g_utf8_get_char(at);

		g_string_append_unichar(clean, g_unichar_isprint(character) ? character : '?');
	}
	return g_string_free(clean, FALSE);
}

void terminal_paint(enum terminal_color color, const char *text)
{
	const char *refused = getenv("NO_COLOR");
	const gboolean colored = color != TERMINAL_PLAIN && isatty(STDOUT_FILENO) == 1 &&
				 (refused == NULL || refused[0] == '\0');

	printf("%s%s%s", colored ? CODES[color] : "", text, colored ? "\033[0m" : "");
}
