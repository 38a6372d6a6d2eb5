/* SPDX-License-Identifier: MIT */
#include "plaintext.h"

#include <glib.h>
#include <string.h>

void plaintext_copy(const char *text, char *ret_text, size_t size_max)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	size_t size = 0;

	for (const char *at = valid; *at != '\0'; at = g_utf8_next_char(at)) {
		const gboolean shown = g_unichar_isprint(g_utf8_get_char(at));
		const size_t step = shown ? (size_t)(g_utf8_next_char(at) - at) : 1;

		if (size + step > size_max)
			break;
		memcpy(ret_text + size, shown ? at : " ", step);
		size += step;
	}
	ret_text[size] = '\0';
}
