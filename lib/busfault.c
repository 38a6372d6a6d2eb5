/* SPDX-License-Identifier: MIT */
#include "busfault.h"

#include <gio/gio.h>

#include "azupdate/azupdate.h"
#include "failure.h"
#include "faulttext.h"

void busfault_register(void)
{
	for (unsigned i = 0; i < FAULTTEXT_COUNT; i++) {
		g_autofree char *name = g_strdup_printf(AZUPDATE_BUS_ERROR_PREFIX "%s",
							FAULTTEXT_TABLE[i].name);

		if (FAULTTEXT_TABLE[i].number != FAULT_OK)
			g_dbus_error_register_error(FAILURE, (gint)FAULTTEXT_TABLE[i].number, name);
	}
}
