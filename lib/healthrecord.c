/* SPDX-License-Identifier: MIT */
#include "healthrecord.h"

#include <string.h>

#include <glib/gstdio.h>

#include "failed.h"
#include "failure.h"
#include "faulttext.h"
#include "json.h"
#include "plaintext.h"

enum {
	FILES_LOOKED_AT = 256, /* the folder is ours; what else is in it must not cost us */
	REASON_MAX = 512,
};

/* Drawn once; never change one. */
static const char VERDICT_ID[] = "e6c36a9976a14bd3ba729da90972d2be";
static const char CHECK_ID[] = "b9476340a90e448882a93e45d9abee06";

struct kept {
	char *name;
	gint64 time_us;
	JsonValue *object;
};

static void kept_free(gpointer data)
{
	struct kept *kept = data;

	g_free(kept->name);
	json_decref(kept->object);
	g_free(kept);
}

void healthrecord_boot(char ret_boot[static HEALTHRECORD_BOOT_SIZE + 1])
{
	g_autofree char *text = NULL;
	size_t at = 0;

	if (g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL, NULL))
		for (const char *c = text; *c != '\0' && at < HEALTHRECORD_BOOT_SIZE; c++)
			if (g_ascii_isxdigit(*c))
				ret_boot[at++] = *c;
	ret_boot[at == HEALTHRECORD_BOOT_SIZE ? at : 0] = '\0';
}

/* --- writing --- */

static json_t *check_encode(const struct health_check *check)
{
	return json_pack("{s:s, s:s, s:b, s:b, s:i, s:i, s:i, s:i, s:s, s:s}", "name", check->name,
			 "kind", health_source_name(check->source), "required", check->required,
			 "passed", check->passed, "fault", (int)check->why, "exit_status",
			 check->exit_status, "runs", (int)check->runs, "duration_ms",
			 (int)check->duration_ms, "reason",
			 check->reason != NULL ? check->reason : "", "output",
			 check->output != NULL ? check->output : "");
}

static const char *slot_name(const struct healthrecord *record)
{
	return record->slot == 'a' ? "a" : record->slot == 'b' ? "b" : "unknown";
}

static char *record_encode(const struct healthrecord *record, const char *boot)
{
	const struct health_result *result = record->result;
	g_autoptr(JsonValue) object = json_pack(
		"{s:i, s:s, s:s, s:s*, s:b, s:i, s:s, s:s, s:s, s:I, s:s*, s:[]}", "format", 1,
		"boot", boot, "slot", slot_name(record), "version", record->version, "healthy",
		result->healthy, "fault", (int)result->why, "reason",
		result->reason != NULL ? result->reason : "", "verdict", record->verdict, "because",
		record->because, "time_us", (json_int_t)g_get_real_time(), "root_hash",
		record->root_hash, "checks");

	for (guint i = 0; i < result->checks->len; i++)
		json_array_append_new(json_object_get(object, "checks"),
				      check_encode(result->checks->pdata[i]));
	return json_text(object, JSON_INDENT(2));
}

/* --- the kept ones --- */

static gboolean boot_is_valid(const char *boot)
{
	return strlen(boot) == HEALTHRECORD_BOOT_SIZE &&
	       strspn(boot, "0123456789abcdef") == HEALTHRECORD_BOOT_SIZE;
}

static gboolean name_is_record(const char *name)
{
	g_autofree char *boot = NULL;

	if (!g_str_has_suffix(name, ".json"))
		return FALSE;
	boot = g_strndup(name, strlen(name) - strlen(".json"));
	return boot_is_valid(boot);
}

static char *text_load(const char *path)
{
	char *text = NULL;
	gsize size_bytes;

	if (!g_file_get_contents(path, &text, &size_bytes, NULL))
		return NULL;
	if (size_bytes > HEALTHRECORD_FILE_MAX)
		g_clear_pointer(&text, g_free);
	return text;
}

static struct kept *kept_load(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *text = text_load(path);
	g_autofree char *why = NULL;
	struct kept *kept = g_new0(struct kept, 1);

	kept->name = g_strdup(name);
	if (text != NULL)
		kept->object = json_object_parse(text, strlen(text), &why);
	kept->time_us = json_integer_value(json_object_get(kept->object, "time_us"));
	return kept;
}

static gint kept_compare(gconstpointer a, gconstpointer b)
{
	const struct kept *left = *(const struct kept *const *)a;
	const struct kept *right = *(const struct kept *const *)b;

	return left->time_us < right->time_us ? 1 : left->time_us > right->time_us ? -1 : 0;
}

/* Of struct kept, newest first; what cannot be read counts as the oldest. */
static GPtrArray *kept_find(const char *folder)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(kept_free);
	GDir *dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir != NULL && list->len < FILES_LOOKED_AT && (name = g_dir_read_name(dir)) != NULL)
		if (name_is_record(name))
			g_ptr_array_add(list, kept_load(folder, name));
	if (dir != NULL)
		g_dir_close(dir);
	g_ptr_array_sort(list, kept_compare);
	return list;
}

static void kept_prune(const char *folder, const char *current)
{
	g_autoptr(GPtrArray) list = kept_find(folder);

	for (guint i = HEALTHRECORD_KEPT; i < list->len; i++) {
		const struct kept *kept = list->pdata[i];
		g_autofree char *path = g_build_filename(folder, kept->name, NULL);

		/* With a clock that was set back, this boot's is the oldest. */
		if (strcmp(kept->name, current) != 0)
			(void)g_unlink(path); /* the next record tries it again */
	}
}

gboolean healthrecord_save(const char *state_dir, const struct healthrecord *record, GError **error)
{
	g_autofree char *folder = g_build_filename(state_dir, "health", NULL);
	char boot[HEALTHRECORD_BOOT_SIZE + 1];
	g_autofree char *name = NULL;
	g_autofree char *text = NULL;

	healthrecord_boot(boot);
	text = record_encode(record, boot);
	if (!state_write(state_dir, "health.json", text, error))
		return FALSE;
	if (boot[0] == '\0')
		return TRUE;
	name = g_strconcat(boot, ".json", NULL);
	if (!state_write(folder, name, text, error))
		return FALSE;
	kept_prune(folder, name);
	return TRUE;
}

/* --- reading --- */

char *healthrecord_load(const char *state_dir, const char *boot, GError **error)
{
	g_autofree char *name = boot != NULL ? g_strconcat("health/", boot, ".json", NULL)
					     : g_strdup("health.json");
	g_autofree char *path = g_build_filename(state_dir, name, NULL);
	char *text = NULL;

	if (boot == NULL || boot_is_valid(boot))
		text = text_load(path);
	if (text == NULL && boot == NULL)
		failure_set(error, FAULT_STATE_FILE, "no health checks were acted on yet");
	else if (text == NULL)
		failure_set(error, FAULT_HEALTH_RECORD,
			    "there is no record of health checks of boot \"%.40s\"", boot);
	return text;
}

char *healthrecord_list(const char *state_dir)
{
	static const char *const FIELDS[] = { "boot",    "time_us", "slot",  "version",
					      "healthy", "verdict", "fault", "reason" };
	g_autofree char *folder = g_build_filename(state_dir, "health", NULL);
	g_autoptr(GPtrArray) list = kept_find(folder);
	g_autoptr(JsonValue) array = json_array();

	for (guint i = 0; i < list->len; i++) {
		const struct kept *kept = list->pdata[i];
		json_t *entry;

		if (kept->object == NULL)
			continue;
		entry = json_object();
		for (size_t j = 0; j < G_N_ELEMENTS(FIELDS); j++)
			json_object_set(entry, FIELDS[j], json_object_get(kept->object, FIELDS[j]));
		json_array_append_new(array, entry);
	}
	return json_text(array, JSON_COMPACT);
}

/* --- the journal --- */

/* One message; fields in pairs, the last one NULL. */
static void journal_tell(const char *id, gboolean is_bad, const char *message, fault why,
			 const char *const pairs[])
{
	g_autofree char *number = g_strdup_printf("%u", (unsigned)why);
	GLogField fields[16] = {
		{ "MESSAGE", message, -1 },
		{ "MESSAGE_ID", id, -1 },
		{ "PRIORITY", is_bad ? "4" : "5", -1 },
		{ "GLIB_DOMAIN", "azupdate", -1 },
		{ "AZUPDATE_FAULT", number, -1 },
		{ "AZUPDATE_FAULT_NAME", faulttext_find(why)->name, -1 },
	};
	gsize count = 6;

	for (; *pairs != NULL && count < G_N_ELEMENTS(fields); pairs += 2)
		fields[count++] = (GLogField){ pairs[0], pairs[1], -1 };
	/* GLib keeps levels below MESSAGE to itself. */
	g_log_structured_array(is_bad ? G_LOG_LEVEL_WARNING : G_LOG_LEVEL_MESSAGE, fields, count);
}

static void check_tell(const struct health_check *check)
{
	char reason[REASON_MAX + 1];
	char name[REASON_MAX + 1];
	g_autofree char *message = NULL;
	const char *const pairs[] = { "AZUPDATE_CHECK",
				      name,
				      "AZUPDATE_CHECK_KIND",
				      health_source_name(check->source),
				      "AZUPDATE_REASON",
				      reason,
				      NULL };

	plaintext_copy(check->name, name, REASON_MAX);
	plaintext_copy(check->reason != NULL ? check->reason : "", reason, REASON_MAX);
	message = g_strdup_printf("health: %s check \"%s\" %s",
				  check->required ? "required" : "wanted", name, reason);
	journal_tell(CHECK_ID, check->required, message, check->why, pairs);
}

void healthrecord_log(const struct healthrecord *record)
{
	const struct health_result *result = record->result;
	char reason[REASON_MAX + 1];
	g_autofree char *message = NULL;
	const char *const pairs[] = { "AZUPDATE_VERDICT",
				      record->verdict,
				      "AZUPDATE_VERSION",
				      record->version != NULL ? record->version : "",
				      "AZUPDATE_SLOT",
				      slot_name(record),
				      "AZUPDATE_REASON",
				      reason,
				      NULL };

	plaintext_copy(result->reason != NULL ? result->reason : "", reason, REASON_MAX);
	for (guint i = 0; i < result->checks->len; i++) {
		const struct health_check *check = result->checks->pdata[i];

		if (!check->passed)
			check_tell(check);
	}
	message = g_strdup_printf("health: %s; verdict: %s, since %s", reason, record->verdict,
				  record->because);
	journal_tell(VERDICT_ID, !result->healthy, message, result->why, pairs);
}
