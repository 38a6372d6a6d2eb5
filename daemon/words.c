/* SPDX-License-Identifier: MIT */
#include "words.h"

#include <string.h>

#include "failure.h"

gboolean words_check(const char *words, GError **error)
{
	if (strlen(words) > WORDS_MAX)
		return failure_set(error, FAULT_ARGUMENT, "the reason is longer than %d bytes",
				   WORDS_MAX);
	for (const char *at = words; *at != '\0'; at = g_utf8_next_char(at))
		if (!g_unichar_isprint(g_utf8_get_char(at)))
			return failure_set(error, FAULT_ARGUMENT,
					   "the reason holds a character that cannot be shown");
	return TRUE;
}
