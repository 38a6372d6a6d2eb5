/* SPDX-License-Identifier: MIT */
#include "rebootcount.h"

#include "failed.h"
#include "failure.h"
#include "json.h"

enum { FILE_MAX = 16384 };

static const char NAME[] = "health-reboots.json";

/* Of gint64. NULL: there is a file, and it cannot be read. */
static GArray *times_load(const char *state_dir)
{
	g_autofree char *path = g_build_filename(state_dir, NAME, NULL);
	g_autoptr(GArray) times = g_array_new(FALSE, FALSE, sizeof(gint64));
	g_autoptr(JsonValue) object = NULL;
	g_autoptr(GError) cause = NULL;
	g_autofree char *text = NULL;
	g_autofree char *why = NULL;
	gsize size_bytes;
	const json_t *list;

	if (!g_file_get_contents(path, &text, &size_bytes, &cause))
		return g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT)
			       ? g_steal_pointer(&times)
			       : NULL;
	if (size_bytes <= FILE_MAX)
		object = json_object_parse(text, size_bytes, &why);
	list = json_object_get(object, "times_us");
	if (!json_is_array(list) || json_array_size(list) > REBOOTCOUNT_MAX)
		return NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const gint64 time_us = json_integer_value(json_array_get(list, i));

		if (!json_is_integer(json_array_get(list, i)))
			return NULL;
		g_array_append_val(times, time_us);
	}
	return g_steal_pointer(&times);
}

static gboolean times_save(const char *state_dir, const GArray *times, GError **error)
{
	g_autoptr(JsonValue) object = json_pack("{s:i, s:[]}", "format", 1, "times_us");
	g_autofree char *text = NULL;

	for (guint i = 0; i < times->len; i++)
		json_array_append_new(json_object_get(object, "times_us"),
				      json_integer(g_array_index(times, gint64, i)));
	text = json_text(object, JSON_COMPACT);
	return state_write(state_dir, NAME, text, error);
}

static gboolean counts(gint64 time_us, gint64 now_us)
{
	return time_us > now_us - (gint64)REBOOTCOUNT_SPAN_S * G_USEC_PER_SEC;
}

static void fill(GArray *times, gint64 now_us)
{
	while (times->len < REBOOTCOUNT_MAX)
		g_array_append_val(times, now_us);
}

gboolean rebootcount_get(const char *state_dir, gint64 now_us, unsigned *ret_count)
{
	g_autoptr(GArray) times = times_load(state_dir);
	g_autoptr(GError) error = NULL;

	if (times == NULL) {
		times = g_array_new(FALSE, FALSE, sizeof(gint64));
		fill(times, now_us);
		g_warning("%s/%s cannot be read: it is not known how often this machine rebooted",
			  state_dir, NAME);
		if (!times_save(state_dir, times, &error))
			g_warning("%s", error->message);
		return FALSE;
	}
	*ret_count = 0;
	for (guint i = 0; i < times->len; i++)
		if (counts(g_array_index(times, gint64, i), now_us))
			(*ret_count)++;
	return TRUE;
}

gboolean rebootcount_note(const char *state_dir, gint64 now_us, GError **error)
{
	g_autoptr(GArray) times = times_load(state_dir);

	if (times == NULL) {
		times = g_array_new(FALSE, FALSE, sizeof(gint64));
		fill(times, now_us);
	}
	for (guint i = times->len; i > 0; i--)
		if (!counts(g_array_index(times, gint64, i - 1), now_us))
			g_array_remove_index(times, i - 1);
	if (times->len >= REBOOTCOUNT_MAX)
		g_array_remove_index(times, 0);
	g_array_append_val(times, now_us);
	return times_save(state_dir, times, error);
}
