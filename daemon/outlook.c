/* SPDX-License-Identifier: MIT */
#include "outlook.h"

#include <string.h>
#include <time.h>

#include "failed.h"
#include "failure.h"
#include "rebootguard.h"
#include "situation.h"

enum {
	USEC_PER_S = 1000000,
	ZONE_BEFORE_S = 30 * 86400, /* a window that is open now began before */
	ZONE_AFTER_S = 400 * 86400,
	MACHINE_ID_LENGTH = 32,
};

static const char POWER[] = "/sys/class/power_supply";
static const char MACHINE_ID[] = "/etc/machine-id";

static int64_t boot_time(int64_t now_s)
{
	struct timespec since;

	return clock_gettime(CLOCK_BOOTTIME, &since) == 0 ? now_s - since.tv_sec : 0;
}

/* Without one, places in waves and windows are those of an empty name: still the same each time. */
static char *machine_id_read(void)
{
	g_autofree char *text = NULL;

	if (!g_file_get_contents(MACHINE_ID, &text, NULL, NULL))
		return g_strdup("");
	g_strstrip(text);
	return g_strndup(text, MACHINE_ID_LENGTH);
}

/* Why the machine must not be rebooted now, or NULL. */
static char *inhibitor_find(GDBusConnection *bus)
{
	const struct rebootguard_options options = { .bus = bus };
	g_autoptr(GError) error = NULL;

	if (bus == NULL || rebootguard_inhibitors_check(&options, NULL, &error))
		return NULL;
	return g_strdup(error->message);
}

/* The slot in which a complete release waits for its first boot. */
static gboolean is_staged(const struct machine_slot *slot)
{
	return slot->version != NULL &&
	       (slot->slot.state == SLOT_STAGED || slot->slot.state == SLOT_TRYING);
}

static void machine_fill(struct outlook *outlook, const struct outlook_ask *ask)
{
	const struct machine_status *status = outlook->status;
	struct policy_machine *machine = &outlook->machine;
	const struct machine_slot *other;

	outlook->other = SLOT_NONE;
	if (status == NULL) {
		machine->busy = TRUE;
		machine->running = ""; /* it runs something */
		return;
	}
	machine->committed = status->committed;
	machine->floor = status->floor;
	if (status->running == MACHINE_RUNNING_UNKNOWN)
		return;
	machine->running = status->slots[status->running].version;
	outlook->other = 1 - status->running;
	other = &status->slots[outlook->other];
	if (!is_staged(other))
		return;
	machine->staged = other->version;
	machine->staged_root_hash = other->root_hash;
	machine->staged_security_version = other->slot.security_version;
	machine->activated = status->next == outlook->other;
	outlook->inhibitor = inhibitor_find(ask->bus);
	machine->inhibitor = outlook->inhibitor;
}

static void situation_fill(struct outlook *outlook, const struct outlook_ask *ask, int64_t now_s)
{
	const struct situation situation = situation_read(POWER, ask->config->state_dir, ask->bus);
	struct policy_machine *machine = &outlook->machine;

	outlook->machine_id = machine_id_read();
	outlook->hook = g_strdup(ask->hook);
	machine->machine_id = outlook->machine_id;
	machine->place = policy_place(outlook->machine_id);
	machine->boot_s = boot_time(now_s);
	machine->zone = outlook->zone;
	machine->on_battery = situation.mains == 0;
	machine->battery_percent = situation.battery_percent;
	machine->metered = situation.metered == 1;
	machine->free_bytes = situation.free_bytes;
	machine->hook = outlook->hook;
	machine->asked = ask->asked;
}

static void config_fill(struct outlook *outlook, const struct outlook_ask *ask)
{
	outlook->config = config_policy(ask->config);
	outlook->config.lock = ask->config->fleetlock_url != NULL;
	/* Users are warned by the reboot itself (rebootguard.h). */
	outlook->config.warn_s = 0;
	/* Who asks by hand says whether it may reboot, too. */
	if (ask->asked)
		outlook->config.reboot = ask->reboot;
}

/* What is known of the repository; nothing, before the first check. */
static gboolean channel_fill(struct outlook *outlook, const struct outlook_ask *ask, int64_t now_s,
			     GError **error)
{
	const struct config *config = ask->config;
	g_auto(Advice) advice = { .kind = ADVICE_NONE };
	g_autoptr(GError) why = NULL;

	outlook->catalogue = catalogue_open(config, NULL, error);
	if (outlook->catalogue == NULL)
		return FALSE;
	if (!catalogue_load(outlook->catalogue, now_s, &why))
		g_debug("the repository is not known yet: %s", why->message);
	outlook->input.undated = catalogue_is_undated(outlook->catalogue);
	outlook->input.expires_s = catalogue_expires(outlook->catalogue);
	outlook->input.channel = catalogue_channel(outlook->catalogue);
	if (config->omaha_url == NULL)
		return TRUE;
	advice = advice_load(config->state_dir);
	catalogue_advise(outlook->catalogue, &advice);
	if (advice.kind == ADVICE_TAKE || outlook->hook != NULL)
		return TRUE;
	outlook->hook = g_strconcat("the update server has nothing for this machine",
				    advice.words != NULL ? ": " : " yet", advice.words, NULL);
	outlook->machine.hook = outlook->hook;
	return TRUE;
}

static gboolean outlook_fill(struct outlook *outlook, const struct outlook_ask *ask, GError **error)
{
	const int64_t now_s = g_get_real_time() / USEC_PER_S;

	outlook->zone = zone_load(NULL, now_s - ZONE_BEFORE_S, now_s + ZONE_AFTER_S, error);
	if (outlook->zone == NULL)
		return FALSE;
	situation_fill(outlook, ask, now_s);
	if (ask->machine != NULL) {
		outlook->status = machine_status_get(ask->machine, error);
		if (outlook->status == NULL)
			return FALSE;
	}
	machine_fill(outlook, ask);
	config_fill(outlook, ask);
	if (!channel_fill(outlook, ask, now_s, error))
		return FALSE;
	outlook->state = policystate_load(ask->config->state_dir, error);
	if (outlook->state == NULL)
		return FALSE;
	outlook->past = policystate_view(outlook->state,
					 outlook->status != NULL ? outlook->status->failed : NULL);
	outlook->input.now_s = now_s;
	outlook->input.machine = &outlook->machine;
	outlook->input.config = &outlook->config;
	outlook->input.state = &outlook->past;
	return TRUE;
}

struct outlook *outlook_new(const struct outlook_ask *ask, GError **error)
{
	g_autoptr(Outlook) outlook = g_new0(struct outlook, 1);

	return outlook_fill(outlook, ask, error) ? g_steal_pointer(&outlook) : NULL;
}

void outlook_free(struct outlook *outlook)
{
	if (outlook == NULL)
		return;
	g_clear_pointer(&outlook->state, policystate_free);
	g_clear_pointer(&outlook->status, machine_status_free);
	catalogue_close(outlook->catalogue);
	zone_free(outlook->zone);
	g_free(outlook->machine_id);
	g_free(outlook->hook);
	g_free(outlook->inhibitor);
	g_free(outlook);
}
