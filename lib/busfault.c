/* SPDX-License-Identifier: MIT */
#include "busfault.h"

#include <gio/gio.h>

#include "failure.h"
#include "faulttext.h"

void busfault_register(void)
{
	for (unsigned i = 0; i < FAULTTEXT_COUNT; i++) {
		g_autofree char *name = g_strdup_printf("org.azupdate.Update1.Error.%s",
							FAULTTEXT_TABLE[i].name);

		if (FAULTTEXT_TABLE[i].number != FAULT_OK)
			g_dbus_error_register_error(FAILURE, (gint)FAULTTEXT_TABLE[i].number, name);
	}
}
