/* SPDX-License-Identifier: MIT */
#include "failed.h"

#include <errno.h>
#include <string.h>

#include "failure.h"
#include "statefile.h"

enum { FILE_SIZE_MAX = 1024 * 1024 };

static const char FAILED_FILE[] = "failed.json";

static void failed_free(gpointer data)
{
	struct failed *failed = data;

	g_free(failed->version);
	g_free(failed->root_hash);
	g_free(failed->reason);
	g_free(failed);
}

const struct failed *failed_find(const GPtrArray *list, const char *root_hash)
{
	for (guint i = 0; i < list->len; i++) {
		const struct failed *failed = list->pdata[i];

		if (strcmp(failed->root_hash, root_hash) == 0)
			return failed;
	}
	return NULL;
}

gboolean failed_remove(GPtrArray *list, const char *root_hash)
{
	const struct failed *failed = failed_find(list, root_hash);

	return failed != NULL && g_ptr_array_remove(list, (gpointer)failed);
}

static void list_append(GPtrArray *list, struct failed entry)
{
	if (list->len == FAILED_MAX)
		g_ptr_array_remove_index(list, 0);
	g_ptr_array_add(list, g_memdup2(&entry, sizeof entry));
}

void failed_add(GPtrArray *list, const char *version, const char *root_hash, fault why,
		const char *reason)
{
	const struct failed entry = {
		.version = g_strdup(version != NULL ? version : "unknown"),
		.root_hash = g_strdup(root_hash),
		.why = why,
		.reason = g_strdup(reason),
		.time_us = g_get_real_time(),
	};

	(void)failed_remove(list, root_hash); /* there may be none */
	list_append(list, entry);
}

static void entry_decode(GPtrArray *list, json_t *value)
{
	const struct json_reader reader = { FAILED_FILE, FAULT_STATE_FILE, NULL };
	const char *version = json_get_text(&reader, value, "version", 64);
	const char *root_hash = json_get_text(&reader, value, "root_hash", 64);
	const char *reason = json_string_value(json_object_get(value, "reason"));
	uint64_t why = 0;
	uint64_t time_us = 0;

	/* An entry that a later release wrote otherwise is passed over, not fatal. */
	if (version == NULL || root_hash == NULL || reason == NULL ||
	    !json_get_number(&reader, value, "fault", UINT32_MAX, &why) ||
	    !json_get_number(&reader, value, "time_us", G_MAXINT64, &time_us))
		return;
	list_append(list, (struct failed){
				  .version = g_strdup(version),
				  .root_hash = g_strdup(root_hash),
				  .why = (fault)why,
				  .reason = g_strdup(reason),
				  .time_us = (gint64)time_us,
			  });
}

GPtrArray *failed_load(const char *state_dir)
{
	g_autoptr(JsonValue) object = statefile_read(state_dir, FAILED_FILE, FILE_SIZE_MAX,
						     "failed releases are forgotten");
	GPtrArray *list = g_ptr_array_new_with_free_func(failed_free);
	json_t *value;
	size_t i;

	json_array_foreach(json_object_get(object, "failed"), i, value) entry_decode(list, value);
	return list;
}

gboolean state_write(const char *state_dir, const char *name, const char *text, GError **error)
{
	g_autofree char *path = g_build_filename(state_dir, name, NULL);
	g_autoptr(GError) cause = NULL;

	if (g_mkdir_with_parents(state_dir, 0755) < 0)
		return failure_set(error, FAULT_STATE_FILE, "cannot make %s: %s", state_dir,
				   g_strerror(errno));
	if (!g_file_set_contents_full(path, text, -1,
				      G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
				      0644, &cause))
		return failure_set(error, FAULT_STATE_FILE, "%s", cause->message);
	return TRUE;
}

gboolean failed_save(const char *state_dir, const GPtrArray *list, GError **error)
{
	g_autoptr(JsonValue) object = json_pack("{s:i, s:[]}", "format", 1, "failed");

	for (guint i = 0; i < list->len; i++) {
		const struct failed *failed = list->pdata[i];

		json_array_append_new(json_object_get(object, "failed"),
				      json_pack("{s:s, s:s, s:I, s:s, s:I}", "version",
						failed->version, "root_hash", failed->root_hash,
						"fault", (json_int_t)failed->why, "reason",
						failed->reason, "time_us",
						(json_int_t)failed->time_us));
	}
	return statefile_write(state_dir, FAILED_FILE, object, error);
}
