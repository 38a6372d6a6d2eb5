/* SPDX-License-Identifier: MIT */
#include "healthrecord.h"

#include <inttypes.h>
#include <string.h>

#include "failure.h"
#include "json.h"
#include "tap.h"
#include "tempdir.h"

static struct health_check check = { .name = (char *)"net\x1b[2J",
				     .required = TRUE,
				     .why = FAULT_HEALTH_REQUIRED,
				     .exit_status = 3,
				     .runs = 2,
				     .output = (char *)"no route\n",
				     .reason = (char *)"failed: exit status 3: no route" };

static bool save(const char *folder)
{
	g_autoptr(GPtrArray) checks = g_ptr_array_new();
	const struct health_result result = { .checks = checks,
					      .why = FAULT_HEALTH_REQUIRED,
					      .reason = (char *)"check \"net\" failed" };
	const struct healthrecord record = { .result = &result,
					     .slot = 'b',
					     .root_hash = "abcd",
					     .version = "2.0",
					     .verdict = "reboot",
					     .because = "a clause" };

	g_ptr_array_add(checks, &check);
	return healthrecord_save(folder, &record, NULL);
}

static json_t *parse(const char *text)
{
	g_autofree char *why = NULL;
	json_t *object = text != NULL ? json_object_parse(text, strlen(text), &why) : NULL;

	expect(object != NULL);
	return object;
}

static void test_round_trip(void)
{
	char *folder = tempdir_new();
	char boot[HEALTHRECORD_BOOT_SIZE + 1];
	g_autofree char *last = NULL;
	g_autofree char *named = NULL;
	g_autoptr(JsonValue) object = NULL;

	healthrecord_boot(boot);
	expect(strlen(boot) == HEALTHRECORD_BOOT_SIZE);
	expect(save(folder));
	last = healthrecord_load(folder, NULL, NULL);
	named = healthrecord_load(folder, boot, NULL);
	expect(last != NULL && named != NULL && strcmp(last, named) == 0);
	object = parse(last);
	expect(strcmp(json_string_value(json_object_get(object, "boot")), boot) == 0);
	expect(strcmp(json_string_value(json_object_get(object, "verdict")), "reboot") == 0);
	expect(json_array_size(json_object_get(object, "checks")) == 1);
	tempdir_free(folder);
}

static void old_add(const char *folder, unsigned number, int64_t time_us)
{
	g_autofree char *name = g_strdup_printf("health/%032x.json", number);
	g_autofree char *text = g_strdup_printf(
		"{\"boot\":\"%032x\",\"time_us\":%" PRId64 ",\"healthy\":true}", number, time_us);

	expect(tempdir_write(folder, name, text, 0644));
}

static unsigned kept(const char *folder)
{
	g_autofree char *path = g_build_filename(folder, "health", NULL);
	GDir *dir = g_dir_open(path, 0, NULL);
	unsigned count = 0;

	while (dir != NULL && g_dir_read_name(dir) != NULL)
		count++;
	if (dir != NULL)
		g_dir_close(dir);
	return count;
}

/* The oldest go, whatever they are called; this boot's stays even with a clock that went back. */
static void test_bounded(void)
{
	char *folder = tempdir_new();
	g_autofree char *list = NULL;
	g_autofree char *oldest = NULL;
	char boot[HEALTHRECORD_BOOT_SIZE + 1];
	g_autofree char *mine = NULL;

	healthrecord_boot(boot);
	for (unsigned i = 1; i <= 30; i++)
		old_add(folder, i, G_MAXINT64 - (int64_t)i);
	expect(tempdir_write(folder, "health/00000000000000000000000000000099.json", "{", 0644));
	expect(save(folder));
	expect(kept(folder) == HEALTHRECORD_KEPT + 1);
	mine = healthrecord_load(folder, boot, NULL);
	oldest = healthrecord_load(folder, "0000000000000000000000000000001e", NULL);
	expect(mine != NULL && oldest == NULL);
	list = healthrecord_list(folder);
	expect(g_str_has_prefix(list, "[{\"boot\":\"00000000000000000000000000000001\""));
	expect(save(folder) && kept(folder) == HEALTHRECORD_KEPT + 1);
	tempdir_free(folder);
}

static void test_names(void)
{
	static const char *const NAMES[] = { "",
					     "../health",
					     "..",
					     "a/b",
					     "0123456789abcdef0123456789abcdeg",
					     "0123456789ABCDEF0123456789ABCDEF",
					     "0123456789abcdef0123456789abcdef0" };
	char *folder = tempdir_new();

	expect(save(folder));
	for (size_t i = 0; i < G_N_ELEMENTS(NAMES); i++) {
		g_autoptr(GError) error = NULL;

		expect(healthrecord_load(folder, NAMES[i], &error) == NULL);
		expect(failure_code(error) == FAULT_HEALTH_RECORD);
	}
	tempdir_free(folder);
}

static void test_empty(void)
{
	char *folder = tempdir_new();
	g_autofree char *list = healthrecord_list(folder);
	g_autoptr(GError) error = NULL;

	expect(strcmp(list, "[]") == 0);
	expect(healthrecord_load(folder, NULL, &error) == NULL);
	expect(failure_code(error) == FAULT_STATE_FILE);
	tempdir_free(folder);
}

static char *logged;

static GLogWriterOutput log_keep(GLogLevelFlags level, const GLogField *fields, gsize count,
				 gpointer user_data)
{
	GString *text = g_string_new(logged);

	for (gsize i = 0; i < count; i++)
		g_string_append_printf(text, "%s=%s\n", fields[i].key,
				       (const char *)fields[i].value);
	g_free(logged);
	logged = g_string_free(text, FALSE);
	return G_LOG_WRITER_HANDLED;
}

static void test_journal(void)
{
	g_autoptr(GPtrArray) checks = g_ptr_array_new();
	const struct health_result result = { .checks = checks,
					      .why = FAULT_HEALTH_REQUIRED,
					      .reason = (char *)"check \"net\" failed" };
	const struct healthrecord record = {
		.result = &result, .slot = 'b', .verdict = "stay", .because = "it is held"
	};

	g_ptr_array_add(checks, &check);
	healthrecord_log(&record);
	expect(strstr(logged,
		      "MESSAGE=health: required check \"net [2J\" failed: exit status 3: no "
		      "route\n") != NULL);
	expect(strstr(logged, "AZUPDATE_FAULT=700\nAZUPDATE_FAULT_NAME=HEALTH_REQUIRED\n") != NULL);
	expect(strstr(logged, "AZUPDATE_CHECK=net [2J\nAZUPDATE_CHECK_KIND=program\n") != NULL);
	expect(strstr(logged, "MESSAGE=health: check \"net\" failed; verdict: stay, since it is "
			      "held\n") != NULL);
	expect(strstr(logged, "AZUPDATE_VERDICT=stay\n") != NULL);
	expect(strchr(logged, '\x1b') == NULL);
	g_clear_pointer(&logged, g_free);
}

static const struct tap_case CASES[] = {
	{ "round trip", test_round_trip }, { "bounded", test_bounded }, { "names", test_names },
	{ "nothing yet", test_empty },     { "journal", test_journal },
};

int main(void)
{
	g_log_set_writer_func(log_keep, NULL, NULL);
	return tap_run(CASES, G_N_ELEMENTS(CASES));
}
