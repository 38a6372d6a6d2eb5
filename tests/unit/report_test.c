/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <string.h>

#include "failure.h"
#include "json.h"
#include "reportspool.h"
#include "tap.h"
#include "tempdir.h"

/* --- the journal --- */

static GHashTable *logged; /* fields of the last entry */
static GLogLevelFlags logged_level;

static GLogWriterOutput log_take(GLogLevelFlags level, const GLogField *fields, gsize count,
				 gpointer user_data)
{
	g_hash_table_remove_all(logged);
	logged_level = level;
	for (gsize i = 0; i < count; i++)
		g_hash_table_insert(logged, g_strdup(fields[i].key), g_strdup(fields[i].value));
	return G_LOG_WRITER_HANDLED;
}

static const char *field(const char *name)
{
	const char *value = g_hash_table_lookup(logged, name);

	return value != NULL ? value : "(none)";
}

static const struct report_event ROLLED_BACK = {
	.kind = REPORT_ROLLED_BACK,
	.version = "2.0",
	.previous = "1.0",
	.slot = 'b',
	.why = FAULT_HEALTH_REQUIRED,
	.reason = "check \"net\" failed:\nexit status 1",
	.time_us = 1790000000123456,
};

static void test_log(void)
{
	const struct report_event staged = { .kind = REPORT_STAGED, .version = "2.0", .slot = 'a' };
	const struct report_event stayed = { .kind = REPORT_STAYED,
					     .version = "2.0",
					     .why = FAULT_HEALTH_REQUIRED,
					     .reason = "no way out" };
	const struct report_event failed = { .kind = REPORT_FAILED,
					     .version = "2.0",
					     .why = FAULT_PART_SMALL };

	report_log(&ROLLED_BACK);
	expect(logged_level == G_LOG_LEVEL_WARNING && strcmp(field("PRIORITY"), "4") == 0);
	expect(strcmp(field("MESSAGE"), "version 2.0 was rolled back to 1.0: check \"net\" failed: "
					"exit status 1") == 0);
	expect(strcmp(field("MESSAGE_ID"), "5a8753960c5541a3a656d8036c6b69ae") == 0);
	expect(strcmp(field("AZUPDATE_EVENT"), "rolled-back") == 0);
	expect(strcmp(field("AZUPDATE_VERSION"), "2.0") == 0);
	expect(strcmp(field("AZUPDATE_PREVIOUS"), "1.0") == 0);
	expect(strcmp(field("AZUPDATE_SLOT"), "b") == 0);
	expect(strcmp(field("AZUPDATE_FAULT"), "700") == 0);
	expect(strcmp(field("AZUPDATE_FAULT_NAME"), "HEALTH_REQUIRED") == 0);
	report_log(&staged);
	expect(logged_level == G_LOG_LEVEL_MESSAGE && strcmp(field("PRIORITY"), "5") == 0);
	expect(strcmp(field("MESSAGE"), "version 2.0 is staged in slot a") == 0);
	report_log(&failed);
	expect(strcmp(field("MESSAGE"), "version 2.0 failed: the image is larger than the slot") ==
	       0);
	report_log(&stayed);
	expect(logged_level == G_LOG_LEVEL_WARNING &&
	       strcmp(field("AZUPDATE_EVENT"), "stayed") == 0);
	expect(strcmp(field("MESSAGE"), "version 2.0 stays, though it is unhealthy: no way out") ==
	       0);
}

/* Each kind has an id of its own, in the form that the journal wants. */
static void test_ids(void)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (unsigned i = 0; i < REPORT_KIND_COUNT; i++) {
		const char *id = report_kind_message_id((enum report_kind)i);

		expect(strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32);
		expect(g_hash_table_add(seen, (gpointer)id));
		expect(g_hash_table_add(seen, (gpointer)report_kind_name((enum report_kind)i)));
	}
}

/* --- the spool --- */

static unsigned waiting(const char *folder)
{
	struct report_spool_state state;

	report_spool_state(folder, &state);
	return state.waiting;
}

/* The event that is at this place of the spool. */
static json_t *kept(const char *folder, unsigned index)
{
	g_autofree char *why = NULL;
	g_autofree char *text = NULL;
	g_autoptr(GArray) list = NULL;
	struct reportspool spool;

	reportspool_init(&spool, folder);
	list = reportspool_list(&spool);
	if (index < list->len)
		text = reportspool_read(&spool, g_array_index(list, uint64_t, index));
	reportspool_done(&spool);
	expect(text != NULL);
	return text != NULL ? json_object_parse(text, strlen(text), &why) : NULL;
}

static const char *text_of(const json_t *event, const char *key)
{
	const char *text = json_string_value(json_object_get(event, key));

	return text != NULL ? text : "(none)";
}

static void test_keep(void)
{
	char *folder = tempdir_new();
	g_autoptr(JsonValue) event = NULL;
	struct report_spool_state state;

	expect(waiting(folder) == 0);
	expect(report_keep(folder, &ROLLED_BACK, TRUE, NULL));
	expect(report_keep(folder, &ROLLED_BACK, FALSE, NULL));
	report_spool_state(folder, &state);
	expect(state.waiting == 1 && state.dropped == 0);
	expect(state.counts[REPORT_ROLLED_BACK] == 2 && state.counts[REPORT_STAGED] == 0);
	expect(state.last_us[REPORT_ROLLED_BACK] == 1790000000123456);
	event = kept(folder, 0);
	expect(strcmp(text_of(event, "kind"), "rolled-back") == 0);
	expect(strcmp(text_of(event, "reason"), "check \"net\" failed: exit status 1") == 0);
	expect(strcmp(text_of(event, "fault_name"), "HEALTH_REQUIRED") == 0);
	expect(strlen(text_of(event, "id")) == 36);
	expect(json_integer_value(json_object_get(event, "time_us")) == 1790000000123456);
	tempdir_free(folder);
}

/* However much happens, the spool is bounded; numbers go on, so that a gap shows. */
static void test_bound(void)
{
	char *folder = tempdir_new();
	struct report_spool_state state;
	g_autoptr(JsonValue) first = NULL;

	for (unsigned i = 1; i <= REPORT_SPOOL_MAX - 1; i++) {
		g_autofree char *name = g_strdup_printf("reports/%016u.json", i);
		g_autofree char *text = g_strdup_printf("{\"sequence\":%u}", i);

		expect(tempdir_write(folder, name, text, 0644));
	}
	for (unsigned i = 0; i < 4; i++)
		expect(report_keep(folder, &ROLLED_BACK, TRUE, NULL));
	report_spool_state(folder, &state);
	expect(state.waiting == REPORT_SPOOL_MAX && state.dropped == 3);
	first = kept(folder, 0);
	expect(json_integer_value(json_object_get(first, "sequence")) == 4);
	tempdir_free(folder);
}

/* A reason can be as long as it likes. */
static void test_long_reason(void)
{
	char *folder = tempdir_new();
	g_autofree char *reason = g_strnfill(1000000, '"');
	struct report_event event = ROLLED_BACK;
	g_autoptr(JsonValue) read = NULL;

	event.reason = reason;
	expect(report_keep(folder, &event, TRUE, NULL));
	read = kept(folder, 0);
	expect(strlen(text_of(read, "reason")) == REPORT_REASON_MAX);
	tempdir_free(folder);
}

/* A lost or damaged state.json gives no number twice. */
static void test_damaged(void)
{
	static const char *const STATES[] = { NULL,
					      "",
					      "{\"sequence\":-1}",
					      "{\"sequence\":1e9}",
					      "[]",
					      "{\"sequence\":1,\"counts\":7}" };

	for (size_t i = 0; i < G_N_ELEMENTS(STATES); i++) {
		char *folder = tempdir_new();
		g_autofree char *path = g_build_filename(folder, "reports", "state.json", NULL);
		g_autoptr(JsonValue) event = NULL;

		expect(report_keep(folder, &ROLLED_BACK, TRUE, NULL));
		expect(report_keep(folder, &ROLLED_BACK, TRUE, NULL));
		expect(g_unlink(path) == 0);
		if (STATES[i] != NULL)
			expect(g_file_set_contents(path, STATES[i], -1, NULL));
		expect(tempdir_write(folder, "reports/notes", "x", 0644));
		expect(report_keep(folder, &ROLLED_BACK, TRUE, NULL));
		expect(waiting(folder) == 3);
		event = kept(folder, 2);
		expect(json_integer_value(json_object_get(event, "sequence")) == 3);
		tempdir_free(folder);
	}
}

static void test_no_folder(void)
{
	char *folder = tempdir_new();
	g_autofree char *path = g_build_filename(folder, "file", NULL);
	g_autoptr(GError) error = NULL;

	expect(tempdir_write(folder, "file", "", 0644));
	expect(!report_keep(path, &ROLLED_BACK, TRUE, &error));
	expect(error != NULL && failure_code(error) == FAULT_REPORT_SPOOL);
	tempdir_free(folder);
}

static const struct tap_case CASES[] = {
	{ "the journal's fields", test_log },      { "message ids", test_ids },
	{ "an event is kept", test_keep },         { "the spool has an end", test_bound },
	{ "a long reason", test_long_reason },     { "a damaged state", test_damaged },
	{ "no folder to be had", test_no_folder },
};

int main(void)
{
	int status;

	logged = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_log_set_writer_func(log_take, NULL, NULL);
	status = tap_run(CASES, G_N_ELEMENTS(CASES));
	g_hash_table_unref(logged);
	return status;
}
