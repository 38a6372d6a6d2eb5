/* SPDX-License-Identifier: MIT */
#include "markup.h"

#include "role.h"

void markup_add(GString *page, const char *text)
{
	g_autofree char *clean = g_strdup(text);
	g_autofree char *escaped = NULL;

	for (char *at = clean; *at != '\0'; at++)
		if (g_ascii_iscntrl(*at))
			*at = '?';
	escaped = g_markup_escape_text(clean, -1);
	g_string_append(page, escaped);
}

const char *markup_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "-";
}

gint64 markup_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

gint64 markup_time_s(const json_t *object, const char *key)
{
	gint64 time_s = 0;

	(void)role_time_read(markup_string(object, key), &time_s); /* else 0 */
	return time_s;
}

char *markup_percent(gint64 permille)
{
	if (permille % 10 == 0)
		return g_strdup_printf("%d %%", (int)(permille / 10));
	return g_strdup_printf("%d.%d %%", (int)(permille / 10), (int)(permille % 10));
}
