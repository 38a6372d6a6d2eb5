/* SPDX-License-Identifier: MIT */
#include "watchdog.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "failed.h"
#include "failure.h"
#include "watchdogplan.h"

enum { CALL_TIME_MS = 10000 };

static const char FILE_NAME[] = "watchdog";
static const char GROUP[] = "watchdog";
static const char SYSTEMD[] = "org.freedesktop.systemd1";
static const char SYSTEMD_PATH[] = "/org/freedesktop/systemd1";
static const char PROPERTY[] = "RuntimeWatchdogUSec";

/* --- what is remembered --- */

static char *memory_path(const struct config *config)
{
	return g_build_filename(config->run_dir, FILE_NAME, NULL);
}

static GKeyFile *memory_load(const struct config *config)
{
	g_autofree char *path = memory_path(config);
	GKeyFile *file = g_key_file_new();

	(void)g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, NULL); /* then it is empty */
	return file;
}

static gboolean memory_save(const struct config *config, const char *state, guint64 before_us,
			    GError **error)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autofree char *text = NULL;

	g_key_file_set_string(file, GROUP, "state", state);
	g_key_file_set_uint64(file, GROUP, "before", before_us);
	text = g_key_file_to_data(file, NULL, NULL);
	return state_write(config->run_dir, FILE_NAME, text, error);
}

static gboolean memory_clear(const struct config *config, GError **error)
{
	g_autofree char *path = memory_path(config);

	return unlink(path) == 0 || errno == ENOENT ||
	       failure_set(error, FAULT_STATE_FILE, "cannot remove %s: %s", path,
			   g_strerror(errno));
}

const char *watchdog_state(const struct config *config)
{
	static const char *const STATES[] = { "armed", "missing" };
	g_autoptr(GKeyFile) file = memory_load(config);
	g_autofree char *state = g_key_file_get_string(file, GROUP, "state", NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(STATES); i++)
		if (g_strcmp0(state, STATES[i]) == 0)
			return STATES[i];
	return "";
}

/* --- what systemd and the kernel say --- */

static gboolean device_exists(const struct config *config)
{
	g_autoptr(GDir) folder = g_dir_open(config->watchdogs_dir, 0, NULL);

	return folder != NULL && g_dir_read_name(folder) != NULL;
}

/* *ret_present FALSE: there is no systemd on this bus, or one without the property. */
static void time_get(GDBusConnection *bus, guint64 *ret_us, gboolean *ret_present)
{
	g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
		bus, SYSTEMD, SYSTEMD_PATH, "org.freedesktop.DBus.Properties", "Get",
		g_variant_new("(ss)", "org.freedesktop.systemd1.Manager", PROPERTY),
		G_VARIANT_TYPE("(v)"), G_DBUS_CALL_FLAGS_NO_AUTO_START, CALL_TIME_MS, NULL, NULL);
	g_autoptr(GVariant) value = NULL;

	*ret_present = FALSE;
	if (reply == NULL)
		return;
	g_variant_get(reply, "(v)", &value);
	if (!g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64))
		return;
	*ret_us = g_variant_get_uint64(value);
	*ret_present = TRUE;
}

static gboolean time_set(GDBusConnection *bus, guint64 time_us, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
		bus, SYSTEMD, SYSTEMD_PATH, "org.freedesktop.DBus.Properties", "Set",
		g_variant_new("(ssv)", "org.freedesktop.systemd1.Manager", PROPERTY,
			      g_variant_new_uint64(time_us)),
		NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, CALL_TIME_MS, NULL, &cause);

	if (reply != NULL)
		return TRUE;
	g_dbus_error_strip_remote_error(cause);
	return failure_set(error, FAULT_WATCHDOG_SET, "systemd does not set %s: %s", PROPERTY,
			   cause->message);
}

/* --- the step --- */

/* Remembered first: what was armed and is not remembered would stay armed for ever. */
static gboolean arm(const struct config *config, GDBusConnection *bus,
		    const struct watchdogplan_input *input, guint64 time_us, GError **error)
{
	const guint64 before_us = input->remembered ? input->before_us : input->now_us;

	if (!memory_save(config, "armed", before_us, error))
		return FALSE;
	if (!time_set(bus, time_us, error)) {
		(void)memory_clear(config, NULL); /* the failure that is told is the first one */
		return FALSE;
	}
	g_message("the hardware's watchdog is armed until this boot is committed: %u s",
		  (unsigned)(time_us / G_USEC_PER_SEC));
	return TRUE;
}

static gboolean missing_note(const struct config *config, GError **error)
{
	if (strcmp(watchdog_state(config), "missing") == 0)
		return TRUE;
	g_message("there is no hardware watchdog: a hang of this boot is not ended by a reset");
	return memory_save(config, "missing", 0, error);
}

gboolean watchdog_follow(const struct config *config, GDBusConnection *bus, gboolean on_trial,
			 GError **error)
{
	g_autoptr(GKeyFile) memory = memory_load(config);
	struct watchdogplan_input input = {
		.on_trial = on_trial,
		.has_device = device_exists(config),
		.limit_s = config->watchdog_s,
		.remembered = strcmp(watchdog_state(config), "armed") == 0,
		.before_us = g_key_file_get_uint64(memory, GROUP, "before", NULL),
	};
	struct watchdogplan plan;
	gboolean present;

	time_get(bus, &input.now_us, &present);
	if (!present)
		return TRUE;
	plan = watchdogplan_decide(&input);
	switch (plan.action) {
	case WATCHDOGPLAN_LEAVE:
		return TRUE;
	case WATCHDOGPLAN_ARM:
		return arm(config, bus, &input, plan.time_us, error);
	case WATCHDOGPLAN_RESTORE:
		return time_set(bus, plan.time_us, error) && memory_clear(config, error);
	case WATCHDOGPLAN_MISSING:
		return missing_note(config, error);
	}
	g_assert_not_reached();
}
