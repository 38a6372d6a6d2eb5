/* SPDX-License-Identifier: MIT */
#pragma once
/* Fleet: what this machine says to the servers of its fleet, each of which may be missing from the
 * configuration: FleetLock, Omaha, reports, and the file for Prometheus. */

#include <gio/gio.h>

#include "advice.h"
#include "config.h"
#include "fleetid.h"
#include "machine.h"
#include "omaha.h"
#include "report.h"

/* Open and close around one job or call; blocks, not thread-safe. */
struct fleet {
	const struct config *config;
	char id[FLEETID_SIZE];      /* "": the machine has none yet */
	char boot_id[FLEETID_SIZE]; /* the same */
	struct source_options network;
	GCancellable *cancellable; /* borrowed */
};
void fleet_init(struct fleet *fleet, const struct config *config, GCancellable *cancellable);

/* Tells the journal, and keeps the event for the server. Never fails: a machine must be updated
 * although nobody listens. */
void fleet_tell(const struct fleet *fleet, const struct report_event *event);
/* A step of an update that is no event, for Omaha alone. */
void fleet_note(const struct fleet *fleet, const struct omaha_step *step);
/* Delivers what is kept; what cannot be delivered now stays for the next time. */
void fleet_deliver(const struct fleet *fleet, const char *running);
/* Writes the file for Prometheus, if the configuration names one. */
void fleet_show(const struct fleet *fleet, const struct machine_status *status, gboolean held,
		gint64 checked_s);

/* Asks Omaha, if the configuration names it, and keeps what it says. As omaha_check(). */
gboolean fleet_ask(const struct fleet *fleet, const char *running, gboolean asked,
		   gboolean in_progress, GError **error);

gboolean fleet_has_lock(const struct fleet *fleet); /* FleetLock is configured */
/* Whether a lock was asked for and not given back. */
gboolean fleet_is_locked(const struct fleet *fleet);
/* One try. As fleetlock_lock(). */
gboolean fleet_lock(const struct fleet *fleet, GError **error);
/* Gives the lock back where that is due; a server that cannot be reached is told in the log and
 * asked again the next time. */
void fleet_unlock(const struct fleet *fleet, gboolean committed, gboolean reboot_wanted);
