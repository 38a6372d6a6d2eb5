/* SPDX-License-Identifier: MIT */
#pragma once
/* Results: what jobs did, as the property Result of schema/org.azupdate.Update1.xml has it: an
 * a{sv} each, floating. Unknown strings are "". */

#include <glib.h>

#include "health.h"
#include "machine.h"

GVariant *result_installed(const struct machine_installed *installed);
GVariant *result_plan(const struct machine_plan *plan);
GVariant *result_checked(const struct machine_checked *checked);
GVariant *result_stored(const struct machine_stored *stored);
/* `because`: why this verdict, a clause. */
GVariant *result_health(const struct health_result *result, const char *verdict,
			const char *because);
