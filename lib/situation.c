/* SPDX-License-Identifier: MIT */
#include "situation.h"

#include <string.h>
#include <sys/statvfs.h>

enum {
	ATTRIBUTE_MAX = 64, /* bytes of a sysfs attribute that are looked at */
	SUPPLIES_MAX = 64,  /* of which any machine has a handful */
	NETWORK_WAIT_MS = 3000,
};

/* As NMMetered has them, libnm-core's nm-dbus-interface.h. */
enum { NM_METERED_YES = 1, NM_METERED_NO = 2, NM_METERED_GUESS_YES = 3, NM_METERED_GUESS_NO = 4 };

/* "" where there is none. */
static void attribute_read(const char *supply, const char *name, char ret_text[ATTRIBUTE_MAX])
{
	g_autofree char *path = g_build_filename(supply, name, NULL);
	g_autofree char *text = NULL;

	ret_text[0] = '\0';
	if (g_file_get_contents(path, &text, NULL, NULL))
		g_strlcpy(ret_text, g_strstrip(text), ATTRIBUTE_MAX);
}

static void battery_add(const char *supply, struct situation *situation)
{
	char text[ATTRIBUTE_MAX];
	guint64 percent;

	/* A mouse's battery is none of the machine's. */
	attribute_read(supply, "scope", text);
	if (strcmp(text, "Device") == 0)
		return;
	attribute_read(supply, "capacity", text);
	if (!g_ascii_string_to_unsigned(text, 10, 0, 100, &percent, NULL))
		return;
	if (situation->battery_percent == SITUATION_UNKNOWN ||
	    (int)percent < situation->battery_percent)
		situation->battery_percent = (int)percent;
	attribute_read(supply, "status", text);
	if (strcmp(text, "Discharging") == 0 && situation->mains == SITUATION_UNKNOWN)
		situation->mains = 0;
}

static void supply_add(const char *supply, struct situation *situation)
{
	char type[ATTRIBUTE_MAX];
	char online[ATTRIBUTE_MAX];

	attribute_read(supply, "type", type);
	if (strcmp(type, "Battery") == 0) {
		battery_add(supply, situation);
		return;
	}
	attribute_read(supply, "online", online);
	if (online[0] == '1')
		situation->mains = 1;
	else if (online[0] == '0' && situation->mains == SITUATION_UNKNOWN)
		situation->mains = 0;
}

static void power_read(const char *folder, struct situation *situation)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	for (unsigned i = 0; dir != NULL && i < SUPPLIES_MAX; i++) {
		name = g_dir_read_name(dir);
		if (name == NULL)
			return;
		g_autofree char *supply = g_build_filename(folder, name, NULL);

		supply_add(supply, situation);
	}
}

/* NetworkManager alone tells it; without it, as on most servers, nobody says. */
static int metered_read(GDBusConnection *bus)
{
	g_autoptr(GVariant) reply = NULL;
	g_autoptr(GVariant) value = NULL;
	guint32 metered;

	if (bus == NULL)
		return SITUATION_UNKNOWN;
	reply = g_dbus_connection_call_sync(
		bus, "org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager",
		"org.freedesktop.DBus.Properties", "Get",
		g_variant_new("(ss)", "org.freedesktop.NetworkManager", "Metered"),
		G_VARIANT_TYPE("(v)"), G_DBUS_CALL_FLAGS_NO_AUTO_START, NETWORK_WAIT_MS, NULL,
		NULL);
	if (reply == NULL)
		return SITUATION_UNKNOWN;
	g_variant_get(reply, "(v)", &value);
	if (!g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32))
		return SITUATION_UNKNOWN;
	metered = g_variant_get_uint32(value);
	if (metered == NM_METERED_YES || metered == NM_METERED_GUESS_YES)
		return 1;
	return metered == NM_METERED_NO || metered == NM_METERED_GUESS_NO ? 0 : SITUATION_UNKNOWN;
}

struct situation situation_read(const char *power, const char *state_dir, GDBusConnection *bus)
{
	struct situation situation = {
		.mains = SITUATION_UNKNOWN,
		.battery_percent = SITUATION_UNKNOWN,
		.metered = metered_read(bus),
		.free_bytes = G_MAXUINT64,
	};
	struct statvfs info;

	power_read(power, &situation);
	/* A folder that is not there yet will stand on the same file system as its parent. */
	g_autofree char *parent = g_path_get_dirname(state_dir);

	if (statvfs(state_dir, &info) == 0 || statvfs(parent, &info) == 0)
		situation.free_bytes = (guint64)info.f_bavail * info.f_frsize;
	return situation;
}
