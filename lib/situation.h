/* SPDX-License-Identifier: MIT */
#pragma once
/* Situation: what of the world around speaks for or against an update now: power, metered network,
 * free space. Only read, and never fails: what cannot be known holds nobody up. */

#include <gio/gio.h>
#include <glib.h>

enum { SITUATION_UNKNOWN = -1 };

struct situation {
	int mains;           /* 1 external power, 0 runs on a battery, SITUATION_UNKNOWN: no supply
			      * is told, as on servers and most virtual machines */
	int battery_percent; /* 0 to 100, of the emptiest battery; SITUATION_UNKNOWN: none */
	int metered;         /* 1 metered, 0 not, SITUATION_UNKNOWN: nobody says */
	guint64 free_bytes;  /* for unprivileged users on the file system of the state folder */
};

/* power: as /sys/class/power_supply, Documentation/ABI/testing/sysfs-class-power of the kernel.
 * bus: where NetworkManager may be asked; NULL: not. */
struct situation situation_read(const char *power, const char *state_dir, GDBusConnection *bus);
