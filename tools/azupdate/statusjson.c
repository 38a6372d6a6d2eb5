/* SPDX-License-Identifier: MIT */
/* For programs: schema/status.schema.json. What is not known is null. */
#include "faulttext.h"
#include "jobwait.h"
#include "status.h"

static GVariant *text_or_null(const char *text)
{
	return g_variant_new("ms", text == NULL || text[0] == '\0' ? NULL : text);
}

static void fault_add(GVariantBuilder *builder, guint32 why)
{
	g_variant_builder_add(builder, "{sv}", "fault", g_variant_new_uint32(why));
	g_variant_builder_add(builder, "{sv}", "fault_name",
			      g_variant_new_string(faulttext_find(why)->name));
}

static GVariant *slot_encode(BusSlot *slot, const char *name)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "slot", g_variant_new_string(name));
	g_variant_builder_add(&builder, "{sv}", "state",
			      g_variant_new_string(bus_slot_get_state(slot)));
	g_variant_builder_add(&builder, "{sv}", "running",
			      g_variant_new_boolean(bus_slot_get_running(slot)));
	g_variant_builder_add(&builder, "{sv}", "version",
			      text_or_null(bus_slot_get_version(slot)));
	g_variant_builder_add(&builder, "{sv}", "root_hash",
			      text_or_null(bus_slot_get_root_hash(slot)));
	g_variant_builder_add(&builder, "{sv}", "security_version",
			      g_variant_new_uint64(bus_slot_get_security_version(slot)));
	g_variant_builder_add(&builder, "{sv}", "priority",
			      g_variant_new_uint32(bus_slot_get_priority(slot)));
	g_variant_builder_add(&builder, "{sv}", "tries_left",
			      g_variant_new_uint32(bus_slot_get_tries_left(slot)));
	g_variant_builder_add(&builder, "{sv}", "failures",
			      g_variant_new_uint32(bus_slot_get_failures(slot)));
	fault_add(&builder, bus_slot_get_fault(slot));
	g_variant_builder_add(&builder, "{sv}", "reason", text_or_null(bus_slot_get_reason(slot)));
	return g_variant_builder_end(&builder);
}

static GVariant *slots_encode(const struct status *status)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
	for (unsigned i = 0; i < STATUS_SLOTS; i++)
		g_variant_builder_add_value(&builder,
					    slot_encode(status->slots[i], status_slot_name(i)));
	return g_variant_builder_end(&builder);
}

static GVariant *boot_encode(BusManager *manager)
{
	const guint64 time_us = bus_manager_get_boot_time_usec(manager);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	fault_add(&builder, bus_manager_get_boot_fault(manager));
	g_variant_builder_add(&builder, "{sv}", "reason",
			      text_or_null(bus_manager_get_boot_reason(manager)));
	g_variant_builder_add(&builder, "{sv}", "time_us",
			      time_us == 0 ? g_variant_new("mt", FALSE, (guint64)0)
					   : g_variant_new("mt", TRUE, time_us));
	return g_variant_builder_end(&builder);
}

static GVariant *record_encode(BusManager *manager)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	fault_add(&builder, bus_manager_get_record_fault(manager));
	return g_variant_builder_end(&builder);
}

static GVariant *floor_encode(BusManager *manager)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "in_force",
			      g_variant_new_uint64(bus_manager_get_floor(manager)));
	g_variant_builder_add(&builder, "{sv}", "requested",
			      g_variant_new_uint64(bus_manager_get_floor_request(manager)));
	return g_variant_builder_end(&builder);
}

static GVariant *pcr_encode(BusManager *manager)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "measured",
			      text_or_null(bus_manager_get_pcr11(manager)));
	g_variant_builder_add(&builder, "{sv}", "predicted",
			      text_or_null(bus_manager_get_pcr11_predicted(manager)));
	return g_variant_builder_end(&builder);
}

static GVariant *failed_encode(BusManager *manager)
{
	const char *version, *hash, *reason;
	GVariantBuilder builder;
	GVariantIter iter;
	guint32 why;
	gint64 time_us;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
	g_variant_iter_init(&iter, bus_manager_get_failed(manager));
	while (g_variant_iter_next(&iter, "(&s&su&sx)", &version, &hash, &why, &reason, &time_us)) {
		g_variant_builder_open(&builder, G_VARIANT_TYPE_VARDICT);
		g_variant_builder_add(&builder, "{sv}", "version", text_or_null(version));
		g_variant_builder_add(&builder, "{sv}", "root_hash", text_or_null(hash));
		fault_add(&builder, why);
		g_variant_builder_add(&builder, "{sv}", "reason", text_or_null(reason));
		g_variant_builder_add(&builder, "{sv}", "time_us", g_variant_new_int64(time_us));
		g_variant_builder_close(&builder);
	}
	return g_variant_builder_end(&builder);
}

static GVariant *jobs_encode(const struct status *status)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
	for (guint i = 0; i < status->jobs->len; i++) {
		BusJob *job = g_ptr_array_index(status->jobs, i);
		const char *path = g_dbus_proxy_get_object_path(G_DBUS_PROXY(job));

		g_variant_builder_add_value(&builder, jobwait_encode(path, job));
	}
	return g_variant_builder_end(&builder);
}

/* NULL: the release keeps no changes. */
static GVariant *etc_encode(BusManager *manager)
{
	const char *laid = bus_manager_get_etc(manager);
	GVariantBuilder builder;

	if (laid == NULL || laid[0] == '\0')
		return g_variant_new("ms", NULL);
	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "laid", g_variant_new_string(laid));
	fault_add(&builder, bus_manager_get_etc_fault(manager));
	g_variant_builder_add(&builder, "{sv}", "reason",
			      text_or_null(bus_manager_get_etc_reason(manager)));
	return g_variant_builder_end(&builder);
}

void status_print_json(const struct status *status)
{
	BusManager *manager = status->manager;
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "daemon_version",
			      g_variant_new_string(bus_manager_get_version(manager)));
	g_variant_builder_add(&builder, "{sv}", "running",
			      text_or_null(bus_manager_get_running(manager)));
	g_variant_builder_add(&builder, "{sv}", "committed",
			      g_variant_new_boolean(bus_manager_get_committed(manager)));
	g_variant_builder_add(&builder, "{sv}", "health_held",
			      g_variant_new_boolean(bus_manager_get_health_held(manager)));
	g_variant_builder_add(&builder, "{sv}", "next",
			      text_or_null(bus_manager_get_next(manager)));
	g_variant_builder_add(&builder, "{sv}", "next_reason",
			      g_variant_new_string(bus_manager_get_next_reason(manager)));
	g_variant_builder_add(&builder, "{sv}", "slots", slots_encode(status));
	g_variant_builder_add(&builder, "{sv}", "boot", boot_encode(manager));
	g_variant_builder_add(&builder, "{sv}", "record", record_encode(manager));
	g_variant_builder_add(&builder, "{sv}", "floor", floor_encode(manager));
	g_variant_builder_add(&builder, "{sv}", "pcr11", pcr_encode(manager));
	g_variant_builder_add(&builder, "{sv}", "watchdog",
			      text_or_null(bus_manager_get_watchdog(manager)));
	g_variant_builder_add(&builder, "{sv}", "etc", etc_encode(manager));
	g_variant_builder_add(&builder, "{sv}", "failed", failed_encode(manager));
	g_variant_builder_add(&builder, "{sv}", "jobs", jobs_encode(status));
	cli_print_json(AZUPDATE_SCHEMA_STATUS, g_variant_builder_end(&builder));
}
