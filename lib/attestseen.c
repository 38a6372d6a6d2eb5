/* SPDX-License-Identifier: MIT */
#include "attestseen.h"

#include <string.h>

#include "failure.h"
#include "json.h"

enum { PRINT_SIZE = 64, NUMBERS_MAX = 3 };

static gboolean entry_decode(json_t *value, struct attestseen *ret_seen)
{
	const struct json_reader reader = { "state", FAULT_STATE_FILE, NULL };
	uint64_t numbers[NUMBERS_MAX];

	if (!json_is_object(value) ||
	    !json_get_number(&reader, value, "clock_ms", INT64_MAX, &numbers[0]) ||
	    !json_get_number(&reader, value, "reset_count", UINT32_MAX, &numbers[1]) ||
	    !json_get_number(&reader, value, "restart_count", UINT32_MAX, &numbers[2]))
		return FALSE;
	*ret_seen = (struct attestseen){ numbers[0], (uint32_t)numbers[1], (uint32_t)numbers[2],
					 FALSE };
	return TRUE;
}

static gboolean table_decode(const char *bytes, gsize size_bytes, GHashTable *table)
{
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) object = json_object_parse(bytes, size_bytes, &why);
	const char *print;
	json_t *value;

	if (object == NULL)
		return FALSE;
	json_object_foreach(object, print, value)
	{
		struct attestseen seen;

		if (strlen(print) != PRINT_SIZE || !entry_decode(value, &seen))
			return FALSE;
		attestseen_note(table, print, &seen);
	}
	return TRUE;
}

GHashTable *attestseen_load(const char *path, GError **error)
{
	g_autoptr(GHashTable)
		table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autofree char *bytes = NULL;
	g_autoptr(GError) why = NULL;
	gsize size_bytes;

	if (!g_file_get_contents(path, &bytes, &size_bytes, &why)) {
		if (g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT))
			return g_steal_pointer(&table);
		failure_set(error, FAULT_STATE_FILE, "%s", why->message);
		return NULL;
	}
	if (size_bytes <= ATTESTSEEN_SIZE_MAX && table_decode(bytes, size_bytes, table))
		return g_steal_pointer(&table);
	failure_set(error, FAULT_STATE_FILE, "%s does not hold what was seen of TPMs", path);
	return NULL;
}

gboolean attestseen_save(const char *path, GHashTable *table, GError **error)
{
	g_autoptr(JsonValue) object = json_object();
	g_autoptr(GError) why = NULL;
	GHashTableIter iter;
	gpointer print, value;
	char *text;
	gboolean done;

	g_hash_table_iter_init(&iter, table);
	while (g_hash_table_iter_next(&iter, &print, &value)) {
		const struct attestseen *seen = value;

		json_object_set_new(object, print,
				    json_pack("{s:I, s:I, s:I}", "clock_ms",
					      (json_int_t)seen->clock_ms, "reset_count",
					      (json_int_t)seen->reset_count, "restart_count",
					      (json_int_t)seen->restart_count));
	}
	text = json_dumps(object, JSON_INDENT(1) | JSON_SORT_KEYS);
	done = g_file_set_contents_full(
		path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0644,
		&why);
	free(text); /* jansson's */
	return done || failure_set(error, FAULT_STATE_FILE, "%s", why->message);
}

void attestseen_note(GHashTable *table, const char *print, const struct attestseen *now)
{
	struct attestseen *copy = g_new(struct attestseen, 1);

	*copy = *now;
	g_hash_table_replace(table, g_strdup(print), copy);
}

const char *attestseen_judge(const struct attestseen *last, const struct attestseen *now)
{
	if (now->reset_count < last->reset_count)
		return "the TPM has fewer resets than before";
	if (now->reset_count == last->reset_count && now->restart_count < last->restart_count)
		return "the TPM has fewer resumes than before, without a reset";
	if (now->reset_count == last->reset_count && now->restart_count == last->restart_count &&
	    now->clock_ms < last->clock_ms)
		return "the TPM's clock went back, without a reset";
	if (now->safe && now->clock_ms < last->clock_ms)
		return "the TPM's clock went back";
	return NULL;
}
