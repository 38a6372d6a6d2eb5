/* SPDX-License-Identifier: MIT */
#include "reportspool.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"
#include "json.h"

enum { STATE_SIZE_MAX = 65536, NAME_DIGITS = 16 };

static const char STATE_NAME[] = "state.json";
/* Far above any event's, and low enough for JSON's numbers. */
static const uint64_t SEQUENCE_MAX = (uint64_t)1 << 50;
/* A server that is away is never given up; its events are, one by one. */
static const uint64_t PATIENCE_MS = (uint64_t)1000 * 365 * 86400 * 1000;

/* An event may be kept by one thread while another one delivers. */
static GMutex lock;

void reportspool_lock(void)
{
	g_mutex_lock(&lock);
}

void reportspool_unlock(void)
{
	g_mutex_unlock(&lock);
}

static char *event_path(const struct reportspool *spool, uint64_t sequence)
{
	return g_strdup_printf("%s/%0*" G_GUINT64_FORMAT ".json", spool->folder, NAME_DIGITS,
			       sequence);
}

static gboolean name_parse(const char *name, uint64_t *ret_sequence)
{
	g_autofree char *digits = g_strndup(name, NAME_DIGITS);

	return strlen(digits) == NAME_DIGITS && strcmp(name + NAME_DIGITS, ".json") == 0 &&
	       g_ascii_string_to_unsigned(digits, 10, 1, SEQUENCE_MAX, ret_sequence, NULL);
}

static gint sequence_compare(gconstpointer a, gconstpointer b)
{
	const uint64_t *left = a;
	const uint64_t *right = b;

	return *left < *right ? -1 : *left > *right;
}

GArray *reportspool_list(const struct reportspool *spool)
{
	GArray *list = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	g_autoptr(GDir) folder = g_dir_open(spool->folder, 0, NULL);
	const char *name;
	uint64_t sequence;

	while (folder != NULL && (name = g_dir_read_name(folder)) != NULL)
		if (name_parse(name, &sequence))
			g_array_append_val(list, sequence);
	g_array_sort(list, sequence_compare);
	return list;
}

/* --- the state --- */

static void kinds_decode(const struct json_reader *reader, json_t *object,
			 struct reportspool *spool)
{
	json_t *counts = json_object_get(object, "counts");
	json_t *times = json_object_get(object, "last_us");
	uint64_t number;

	for (unsigned i = 0; i < REPORT_KIND_COUNT; i++) {
		const char *name = report_kind_name((enum report_kind)i);

		if (json_get_number(reader, counts, name, SEQUENCE_MAX, &number))
			spool->counts[i] = number;
		if (json_get_number(reader, times, name, G_MAXINT64, &number))
			spool->last_us[i] = (int64_t)number;
	}
}

static void state_decode(json_t *object, struct reportspool *spool)
{
	const struct json_reader reader = { STATE_NAME, FAULT_REPORT_SPOOL, NULL };
	uint64_t number;

	if (json_get_number(&reader, object, "sequence", SEQUENCE_MAX, &number))
		spool->sequence = number;
	if (json_get_number(&reader, object, "dropped", SEQUENCE_MAX, &number))
		spool->dropped = number;
	if (json_get_number(&reader, object, "failures", UINT_MAX, &number))
		spool->backoff.failures = (unsigned)number;
	if (json_get_number(&reader, object, "since_ms", SEQUENCE_MAX, &number))
		spool->backoff.since_ms = (int64_t)number;
	if (json_get_number(&reader, object, "until_ms", SEQUENCE_MAX, &number))
		spool->backoff.until_ms = (int64_t)number;
	kinds_decode(&reader, object, spool);
}

void reportspool_init(struct reportspool *spool, const char *state_dir)
{
	g_autofree char *path = g_build_filename(state_dir, "reports", STATE_NAME, NULL);
	g_autofree char *text = NULL;
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) object = NULL;
	g_autoptr(GArray) list = NULL;
	gsize size_bytes = 0;

	*spool = (struct reportspool){
		.folder = g_build_filename(state_dir, "reports", NULL),
		.backoff = { .first_ms = REPORT_RETRY_FIRST_S * 1000,
			     .most_ms = REPORT_RETRY_MOST_S * 1000,
			     .patience_ms = PATIENCE_MS },
	};
	if (g_file_get_contents(path, &text, &size_bytes, NULL) && size_bytes <= STATE_SIZE_MAX)
		object = json_object_parse(text, size_bytes, &why);
	if (object != NULL)
		state_decode(object, spool);
	list = reportspool_list(spool);
	if (list->len > 0)
		spool->sequence = MAX(spool->sequence,
				      g_array_index(list, uint64_t, list->len - 1));
}

void reportspool_done(struct reportspool *spool)
{
	g_free(spool->folder);
	spool->folder = NULL;
}

static gboolean file_write(const struct reportspool *spool, const char *path, const char *text,
			   GError **error)
{
	g_autoptr(GError) cause = NULL;

	if (g_mkdir_with_parents(spool->folder, 0755) < 0)
		return failure_set(error, FAULT_REPORT_SPOOL, "cannot make %s: %s", spool->folder,
				   g_strerror(errno));
	return g_file_set_contents_full(
		       path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
		       0644, &cause) ||
	       failure_set(error, FAULT_REPORT_SPOOL, "%s", cause->message);
}

gboolean reportspool_save(const struct reportspool *spool, GError **error)
{
	g_autofree char *path = g_build_filename(spool->folder, STATE_NAME, NULL);
	g_autoptr(JsonValue) object = json_pack(
		"{s:i, s:I, s:I, s:I, s:I, s:I, s:{}, s:{}}", "format", 1, "sequence",
		(json_int_t)spool->sequence, "dropped", (json_int_t)spool->dropped, "failures",
		(json_int_t)spool->backoff.failures, "since_ms",
		(json_int_t)spool->backoff.since_ms, "until_ms",
		(json_int_t)spool->backoff.until_ms, "counts", "last_us");
	char *text;
	gboolean done;

	for (unsigned i = 0; i < REPORT_KIND_COUNT; i++) {
		const char *name = report_kind_name((enum report_kind)i);

		json_object_set_new(json_object_get(object, "counts"), name,
				    json_integer((json_int_t)spool->counts[i]));
		json_object_set_new(json_object_get(object, "last_us"), name,
				    json_integer((json_int_t)spool->last_us[i]));
	}
	text = json_dumps(object, JSON_INDENT(2));
	done = file_write(spool, path, text, error);
	free(text);
	return done;
}

/* --- events --- */

gboolean reportspool_remove(const struct reportspool *spool, uint64_t sequence, GError **error)
{
	g_autofree char *path = event_path(spool, sequence);

	return unlink(path) == 0 || errno == ENOENT ||
	       failure_set(error, FAULT_REPORT_SPOOL, "cannot remove %s: %s", path,
			   g_strerror(errno));
}

gboolean reportspool_add(struct reportspool *spool, const char *text, GError **error)
{
	g_autoptr(GArray) list = reportspool_list(spool);
	g_autofree char *path = event_path(spool, spool->sequence + 1);

	for (guint i = 0; i + REPORT_SPOOL_MAX <= list->len; i++) {
		if (!reportspool_remove(spool, g_array_index(list, uint64_t, i), error))
			return FALSE;
		spool->dropped++;
	}
	if (!file_write(spool, path, text, error))
		return FALSE;
	spool->sequence++;
	return TRUE;
}

char *reportspool_read(const struct reportspool *spool, uint64_t sequence)
{
	g_autofree char *path = event_path(spool, sequence);
	g_autofree char *text = NULL;
	gsize size_bytes;

	if (!g_file_get_contents(path, &text, &size_bytes, NULL) ||
	    size_bytes > REPORTSPOOL_EVENT_MAX)
		return NULL;
	return g_steal_pointer(&text);
}
