/* SPDX-License-Identifier: MIT */
#include "pending.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"
#include "statefile.h"

enum { PENDING_FILE_MAX = 4096, PENDING_VERSION_MAX = 64 };

static const char PENDING_FILE[] = "pending.json";

enum pending_end pending_judge(const struct pending *pending, const struct pending_slot *slot)
{
	if (pending->version == NULL)
		return PENDING_NONE;
	if (slot->state == SLOT_EMPTY || g_strcmp0(slot->version, pending->version) != 0)
		return PENDING_DROPPED;
	/* Good and not running: it was committed before somebody went back. */
	if (slot->state == SLOT_GOOD)
		return slot->running && !slot->committed ? PENDING_OPEN : PENDING_COMMITTED;
	return slot->state == SLOT_BAD && !slot->running ? PENDING_ROLLED_BACK : PENDING_OPEN;
}

void pending_clear(struct pending *pending)
{
	g_clear_pointer(&pending->version, g_free);
	g_clear_pointer(&pending->previous, g_free);
}

static gboolean pending_decode(json_t *object, struct pending *ret_pending)
{
	g_autoptr(GError) error = NULL;
	const struct json_reader reader = { PENDING_FILE, FAULT_STATE_FILE, &error };
	const char *version = json_get_text(&reader, object, "version", PENDING_VERSION_MAX);
	uint64_t slot = 0;
	uint64_t time_us = 0;

	if (version == NULL || !json_get_number(&reader, object, "slot", SLOT_COUNT - 1, &slot) ||
	    !json_get_number(&reader, object, "time_us", G_MAXINT64, &time_us))
		return FALSE;
	ret_pending->version = g_strdup(version);
	ret_pending->previous = g_strdup(json_string_value(json_object_get(object, "previous")));
	ret_pending->slot = (unsigned)slot;
	ret_pending->time_us = (gint64)time_us;
	ret_pending->rollback = json_is_true(json_object_get(object, "rollback"));
	return TRUE;
}

struct pending pending_load(const char *state_dir)
{
	static const char LOST[] = "what was activated last is forgotten";
	g_autoptr(JsonValue)
		object = statefile_read(state_dir, PENDING_FILE, PENDING_FILE_MAX, LOST);
	struct pending pending = { .version = NULL };

	if (object != NULL && !pending_decode(object, &pending))
		g_warning("%s: %s is damaged", LOST, PENDING_FILE);
	return pending;
}

static gboolean pending_remove(const char *state_dir, GError **error)
{
	g_autofree char *path = g_build_filename(state_dir, PENDING_FILE, NULL);

	return unlink(path) == 0 || errno == ENOENT ||
	       failure_set(error, FAULT_STATE_FILE, "cannot remove %s: %s", path,
			   g_strerror(errno));
}

gboolean pending_save(const char *state_dir, const struct pending *pending, GError **error)
{
	g_autoptr(JsonValue) object = NULL;

	if (pending->version == NULL)
		return pending_remove(state_dir, error);
	object = json_pack("{s:i, s:s, s:s*, s:i, s:I, s:b}", "format", 1, "version",
			   pending->version, "previous", pending->previous, "slot",
			   (int)pending->slot, "time_us", (json_int_t)pending->time_us, "rollback",
			   pending->rollback);
	return statefile_write(state_dir, PENDING_FILE, object, error);
}
