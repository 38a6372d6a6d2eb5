/* SPDX-License-Identifier: MIT */
#include "amount.h"

/* Columns are counted in bytes, so spaces must be of one byte. */
char *amount_text(guint64 size_bytes)
{
	g_autofree char *text = g_format_size_full(size_bytes, G_FORMAT_SIZE_IEC_UNITS);
	g_auto(GStrv) parts = g_strsplit(text, "\u00a0", -1);

	return g_strjoinv(" ", parts);
}

guint64 amount_get(GVariant *dictionary, const char *name)
{
	guint64 size_bytes = 0;

	g_variant_lookup(dictionary, name, "t", &size_bytes);
	return size_bytes;
}

char *amount_of(GVariant *dictionary, const char *name)
{
	return amount_text(amount_get(dictionary, name));
}

char *amount_time(gint64 seconds)
{
	const gint64 minutes = (seconds + 30) / 60;

	if (seconds < 60)
		return g_strdup_printf("%" G_GINT64_FORMAT " s", seconds);
	if (minutes < 60)
		return g_strdup_printf("%" G_GINT64_FORMAT " min", minutes);
	return g_strdup_printf("%" G_GINT64_FORMAT " h %02" G_GINT64_FORMAT " min", minutes / 60,
			       minutes % 60);
}
