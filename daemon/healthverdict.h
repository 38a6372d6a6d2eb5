/* SPDX-License-Identifier: MIT */
#pragma once
/* Health verdict: what follows from the checks (ladder.h), with what it depends on read, the
 * reboot counted, and all of it recorded; and the operator's hold of automatic reboots, which lasts
 * until the next boot, since it is a file in the run folder. */

#include "config.h"
#include "health.h"
#include "ladder.h"
#include "machine.h"

/* A reboot is counted when this returns. */
struct ladder_choice healthverdict_choose(const struct config *config,
					  const struct machine_boot *release, gboolean healthy,
					  gboolean reboot_helps);
/* To health.json, the records of boots, and the journal. It is for people: that it could not be
 * stored is only logged. */
void healthverdict_record(const struct config *config, const struct machine_boot *release,
			  const struct health_result *result, const char *verdict,
			  const char *because);

gboolean healthverdict_is_held(const struct config *config);
/* FAULT_HEALTH_HOLD. Twice is as good as once. */
gboolean healthverdict_hold(const struct config *config, gboolean held, GError **error);
