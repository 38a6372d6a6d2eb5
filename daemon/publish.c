/* SPDX-License-Identifier: MIT */
#include "publish.h"

#include "failed.h"

static const char *const STATE_NAMES[SLOT_STATE_COUNT] = {
	[SLOT_EMPTY] = "empty", [SLOT_STAGED] = "staged", [SLOT_TRYING] = "trial",
	[SLOT_GOOD] = "good",   [SLOT_BAD] = "bad",
};

static const char *const REASON_NAMES[SLOT_REASON_COUNT] = {
	[SLOT_REASON_NONE] = "none",         [SLOT_REASON_ONCE] = "once",
	[SLOT_REASON_TRIAL] = "trial",       [SLOT_REASON_PREFERRED] = "preferred",
	[SLOT_REASON_FALLBACK] = "fallback", [SLOT_REASON_LAST_RESORT] = "last-resort",
};

static const char *text_or_empty(const char *text)
{
	return text == NULL ? "" : text;
}

const char *publish_slot_name(unsigned slot)
{
	static const char *const NAMES[] = { "a", "b", "" };

	return NAMES[MIN(slot, SLOT_NONE)];
}

const char *publish_state_name(enum slot_state state)
{
	return STATE_NAMES[state];
}

static GVariant *failed_encode(GPtrArray *failed)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ssusx)"));
	for (guint i = 0; failed != NULL && i < failed->len; i++) {
		const struct failed *release = g_ptr_array_index(failed, i);

		g_variant_builder_add(&builder, "(ssusx)", text_or_empty(release->version),
				      text_or_empty(release->root_hash), (guint32)release->why,
				      text_or_empty(release->reason), release->time_us);
	}
	return g_variant_builder_end(&builder);
}

void publish_manager(BusManager *manager, const struct machine_status *status)
{
	bus_manager_set_running(manager, publish_slot_name(status->running));
	bus_manager_set_next(manager, publish_slot_name(status->next));
	bus_manager_set_next_reason(manager, REASON_NAMES[status->next_reason]);
	bus_manager_set_committed(manager, status->committed);
	bus_manager_set_floor(manager, status->floor);
	bus_manager_set_floor_request(manager, status->floor_request);
	bus_manager_set_boot_fault(manager, status->boot_fault);
	bus_manager_set_boot_reason(manager, text_or_empty(status->boot_reason));
	bus_manager_set_boot_time_usec(manager, status->boot_time_us);
	bus_manager_set_record_fault(manager, status->record_fault);
	bus_manager_set_pcr11(manager, text_or_empty(status->pcr11));
	bus_manager_set_pcr11_predicted(manager, text_or_empty(status->pcr11_predicted));
	bus_manager_set_failed(manager, failed_encode(status->failed));
}

void publish_slot(BusSlot *face, const struct machine_slot *slot)
{
	bus_slot_set_state(face, STATE_NAMES[slot->slot.state]);
	bus_slot_set_version(face, text_or_empty(slot->version));
	bus_slot_set_root_hash(face, text_or_empty(slot->root_hash));
	bus_slot_set_security_version(face, slot->slot.security_version);
	bus_slot_set_priority(face, slot->slot.priority);
	bus_slot_set_tries_left(face, slot->slot.tries_left);
	bus_slot_set_failures(face, slot->slot.failures);
	bus_slot_set_fault(face, slot->slot.fault);
	bus_slot_set_reason(face, text_or_empty(slot->reason));
	bus_slot_set_running(face, slot->running);
}

void publish_manager_unknown(BusManager *manager)
{
	const struct machine_status unknown = { .running = SLOT_NONE, .next = SLOT_NONE };
	const char *const no_jobs[] = { NULL };

	bus_manager_set_version(manager, AZUPDATE_VERSION);
	bus_manager_set_jobs(manager, no_jobs);
	bus_manager_set_watchdog(manager, "");
	bus_manager_set_etc(manager, "");
	bus_manager_set_etc_reason(manager, "");
	publish_manager(manager, &unknown);
}

void publish_slot_unknown(BusSlot *slot)
{
	const struct machine_slot unknown = { .version = NULL };

	publish_slot(slot, &unknown);
}
