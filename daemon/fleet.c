/* SPDX-License-Identifier: MIT */
#include "fleet.h"

#include "failure.h"
#include "fleetlock.h"
#include "network.h"
#include "prometheus.h"
#include "publish.h"

enum { USEC_PER_S = 1000000 };

static void failure_log(const char *what, const GError *error)
{
	if (error != NULL)
		g_warning("%s: %s", what, error->message);
}

void fleet_init(struct fleet *fleet, const struct config *config, GCancellable *cancellable)
{
	g_autoptr(GError) error = NULL;

	*fleet = (struct fleet){
		.config = config,
		.network = network_options(config),
		.cancellable = cancellable,
	};
	if (!fleetid_load(NULL, fleet->id, &error) || !fleetid_boot(fleet->boot_id, &error))
		failure_log("the fleet's servers are not spoken to", error);
}

static struct omaha_client omaha_of(const struct fleet *fleet, const char *running)
{
	return (struct omaha_client){
		.url = fleet->config->omaha_url,
		.app = fleet->config->omaha_app != NULL ? fleet->config->omaha_app
							: fleet->config->product,
		.track = fleet->config->omaha_track,
		.architecture = fleet->config->architecture,
		.machine_id = fleet->id,
		.boot_id = fleet->boot_id,
		.version = running,
		.state_dir = fleet->config->state_dir,
		.network = &fleet->network,
	};
}

static gboolean omaha_is_wanted(const struct fleet *fleet, const char *running)
{
	return fleet->config->omaha_url != NULL && running != NULL && fleet->boot_id[0] != '\0';
}

/* What an event means to Omaha; OMAHA_EVENT_COUNT: nothing. */
static enum omaha_event omaha_event_of(enum report_kind kind)
{
	static const enum omaha_event EVENTS[REPORT_KIND_COUNT] = {
		[REPORT_STAGED] = OMAHA_INSTALLED,   [REPORT_ACTIVATED] = OMAHA_EVENT_COUNT,
		[REPORT_COMMITTED] = OMAHA_COMPLETE, [REPORT_ROLLED_BACK] = OMAHA_FAILED,
		[REPORT_FAILED] = OMAHA_FAILED,      [REPORT_STAYED] = OMAHA_EVENT_COUNT,
	};

	return EVENTS[kind];
}

static void omaha_tell(const struct fleet *fleet, const struct report_event *event)
{
	const struct omaha_step step = {
		.event = omaha_event_of(event->kind),
		.version = event->version,
		.previous = event->kind == REPORT_COMMITTED ? event->previous : NULL,
		.why = event->why,
	};

	if (step.event != OMAHA_EVENT_COUNT)
		fleet_note(fleet, &step);
}

void fleet_note(const struct fleet *fleet, const struct omaha_step *step)
{
	g_autoptr(GError) error = NULL;

	if (fleet->config->omaha_url != NULL && !omaha_note(fleet->config->state_dir, step, &error))
		failure_log("the update server will not know", error);
}

void fleet_tell(const struct fleet *fleet, const struct report_event *event)
{
	const gboolean deliver = fleet->config->report_url != NULL;
	g_autoptr(GError) error = NULL;

	report_log(event);
	omaha_tell(fleet, event);
	if ((deliver || fleet->config->report_prometheus != NULL) &&
	    !report_keep(fleet->config->state_dir, event, deliver, &error))
		failure_log("the event is not reported", error);
}

static void reports_deliver(const struct fleet *fleet)
{
	const struct report_sender sender = {
		.url = fleet->config->report_url,
		.state_dir = fleet->config->state_dir,
		.machine_id = fleet->id,
		.product = fleet->config->product,
		.architecture = fleet->config->architecture,
		.network = &fleet->network,
	};
	g_autoptr(GError) error = NULL;
	unsigned next_s;

	if (sender.url != NULL && fleet->id[0] != '\0' &&
	    !report_send(&sender, fleet->cancellable, &next_s, &error))
		failure_log("events wait for their server", error);
}

void fleet_deliver(const struct fleet *fleet, const char *running)
{
	const struct omaha_client omaha = omaha_of(fleet, running);
	g_autoptr(GError) error = NULL;

	reports_deliver(fleet);
	if (omaha_is_wanted(fleet, running) && !omaha_send(&omaha, fleet->cancellable, &error))
		failure_log("events wait for the update server", error);
}

static char slot_letter(unsigned slot)
{
	return publish_slot_name(slot)[0];
}

void fleet_show(const struct fleet *fleet, const struct machine_status *status, gboolean held,
		gint64 checked_s)
{
	struct prometheus_machine machine = {
		.product = fleet->config->product,
		.architecture = fleet->config->architecture,
		.running = slot_letter(status->running),
		.next = slot_letter(status->next),
		.committed = status->committed,
		.held = held,
		.floor = status->floor,
		.last_fault = status->boot_fault,
		.checked_us = checked_s * USEC_PER_S,
		.updated_us = g_get_real_time(),
	};
	g_autoptr(GError) error = NULL;

	if (fleet->config->report_prometheus == NULL)
		return;
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		machine.slots[i].version = status->slots[i].version;
		machine.slots[i].state = publish_state_name(status->slots[i].slot.state);
		machine.slots[i].tries_left = status->slots[i].slot.tries_left;
		if (status->slots[i].running)
			machine.security_version = status->slots[i].slot.security_version;
	}
	report_spool_state(fleet->config->state_dir, &machine.reports);
	if (!prometheus_write(fleet->config->report_prometheus, &machine, &error))
		failure_log("the metrics are old", error);
}

static struct advice advice_of(const struct omaha_advice *said)
{
	switch (said->outcome) {
	case OMAHA_UPDATE:
		return (struct advice){ .kind = ADVICE_TAKE, .version = said->version };
	case OMAHA_NONE:
	case OMAHA_LATER:
		break;
	}
	return (struct advice){ .kind = ADVICE_WAIT, .words = said->status };
}

gboolean fleet_ask(const struct fleet *fleet, const char *running, gboolean asked,
		   gboolean in_progress, GError **error)
{
	const struct omaha_client omaha = omaha_of(fleet, running);
	const struct omaha_check check = { .on_demand = asked, .in_progress = in_progress };
	g_auto(OmahaAdvice) said = { .outcome = OMAHA_NONE };
	struct advice advice;

	if (!omaha_is_wanted(fleet, running))
		return TRUE;
	if (!omaha_check(&omaha, &check, fleet->cancellable, &said, error))
		return FALSE;
	advice = advice_of(&said); /* borrows */
	return advice_save(fleet->config->state_dir, &advice, error);
}

static struct fleetlock_client lock_of(const struct fleet *fleet)
{
	return (struct fleetlock_client){
		.url = fleet->config->fleetlock_url,
		.group = fleet->config->fleetlock_group,
		.id = fleet->id,
		.state_dir = fleet->config->state_dir,
		.network = &fleet->network,
	};
}

gboolean fleet_has_lock(const struct fleet *fleet)
{
	return fleet->config->fleetlock_url != NULL;
}

gboolean fleet_is_locked(const struct fleet *fleet)
{
	return fleetlock_is_asked(fleet->config->state_dir);
}

gboolean fleet_lock(const struct fleet *fleet, GError **error)
{
	const struct fleetlock_client client = lock_of(fleet);

	if (fleet->id[0] == '\0')
		return failure_set(error, FAULT_FLEETLOCK_REFUSED,
				   "this machine has no machine-id to be known by");
	return fleetlock_lock(&client, 0, fleet->cancellable, error);
}

void fleet_unlock(const struct fleet *fleet, gboolean committed, gboolean reboot_wanted)
{
	const struct fleetlock_client client = lock_of(fleet);
	g_autoptr(GError) error = NULL;

	if (!fleet_has_lock(fleet) && !fleet_is_locked(fleet))
		return;
	if (!fleetlock_sync(&client, committed, reboot_wanted, fleet->cancellable, &error))
		failure_log("the lock is not given back yet", error);
}
