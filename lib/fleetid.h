/* SPDX-License-Identifier: MIT */
#pragma once
/* Fleet identity: what this machine is called by the servers of its fleet: a hash of its
 * machine-id, which itself is confidential, and of a number that is azupdate's own.
 * `systemd-id128 machine-id --app-specific=3c8a4f0be1c24f0a9a1f6a8d2b57e410` prints the same. */

#include <glib.h>

enum { FLEETID_SIZE = 33 }; /* 32 hexadecimal digits in lower case and a NUL */

/* From the text of a machine-id file, see machine-id(5). Pure. FAULT_FLEET_ID. */
gboolean fleetid_derive(const char *machine_id, char ret_id[static FLEETID_SIZE], GError **error);
/* `path` NULL: /etc/machine-id. FAULT_FLEET_ID: none, or none yet, as early in the first boot. */
gboolean fleetid_load(const char *path, char ret_id[static FLEETID_SIZE], GError **error);
/* The running boot's: 32 hexadecimal digits of the kernel's boot_id. FAULT_FLEET_ID. */
gboolean fleetid_boot(char ret_id[static FLEETID_SIZE], GError **error);
