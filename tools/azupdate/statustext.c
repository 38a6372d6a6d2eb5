/* SPDX-License-Identifier: MIT */
/* For people: first the sentence that matters, then the slots, then what is out of the ordinary.
 * What is as it should be takes one line, or none. */
#include <stdio.h>
#include <string.h>

#include "amount.h"
#include "etclay.h"
#include "faulttext.h"
#include "status.h"
#include "terminal.h"

enum { VERSION_WIDTH = 12 };

struct word {
	const char *name;
	const char *text;
	enum terminal_color color;
};

static const struct word STATES[] = {
	{ "empty", "empty", TERMINAL_PLAIN },
	{ "staged", "staged: azupdate activate makes it the next boot", TERMINAL_PLAIN },
	{ "trial", "on trial", TERMINAL_WARN },
	{ "good", "good", TERMINAL_GOOD },
	{ "bad", "bad", TERMINAL_BAD },
};

static const struct word REASONS[] = {
	{ "once", "chosen for one boot", TERMINAL_PLAIN },
	{ "trial", "its trial", TERMINAL_WARN },
	{ "preferred", "the preferred slot", TERMINAL_PLAIN },
	{ "fallback", "the other slot is bad or keeps failing", TERMINAL_WARN },
	{ "last-resort", "both slots keep failing, this one less", TERMINAL_BAD },
};

static const struct word *word_find(const struct word *words, size_t count, const char *name)
{
	static const struct word UNKNOWN = { "", "unknown", TERMINAL_PLAIN };

	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i].name, name) == 0)
			return &words[i];
	return &UNKNOWN;
}

static BusSlot *slot_named(const struct status *status, const char *name)
{
	for (unsigned i = 0; i < STATUS_SLOTS; i++)
		if (strcmp(status_slot_name(i), name) == 0)
			return status->slots[i];
	return NULL;
}

static char *version_of(BusSlot *slot)
{
	const char *version = bus_slot_get_version(slot);

	return version[0] == '\0' ? g_strdup("-") : terminal_clean(version);
}

static void headline_print(const struct status *status)
{
	const char *name = bus_manager_get_running(status->manager);
	BusSlot *slot = slot_named(status, name);
	g_autofree char *version = NULL;
	g_autofree char *text = NULL;

	if (slot == NULL) {
		terminal_paint(TERMINAL_WARN, "This machine does not run from a slot.\n");
		return;
	}
	version = version_of(slot);
	text = g_strdup_printf("Version %s runs from slot %s", version, name);
	terminal_paint(TERMINAL_BOLD, text);
	if (bus_manager_get_committed(status->manager))
		terminal_paint(TERMINAL_GOOD, ", committed.\n");
	else
		terminal_paint(TERMINAL_WARN, ", not committed: its health checks have not passed "
					      "yet.\n");
}

static void tries_print(BusSlot *slot)
{
	const guint tries = bus_slot_get_tries_left(slot);
	const guint failures = bus_slot_get_failures(slot);

	if (g_str_equal(bus_slot_get_state(slot), "trial"))
		printf(", %u %s left", tries, tries == 1 ? "try" : "tries");
	else if (failures > 0)
		printf(", %u %s in a row not committed", failures,
		       failures == 1 ? "boot" : "boots");
}

static void slot_print(const struct status *status, unsigned index)
{
	BusSlot *slot = status->slots[index];
	const struct word *state = word_find(STATES, G_N_ELEMENTS(STATES),
					     bus_slot_get_state(slot));
	const guint32 why = bus_slot_get_fault(slot);
	g_autofree char *version = version_of(slot);
	g_autofree char *reason = terminal_clean(bus_slot_get_reason(slot));

	printf("%c slot %s  %-*s ", bus_slot_get_running(slot) ? '*' : ' ', status_slot_name(index),
	       VERSION_WIDTH, version);
	terminal_paint(state->color, state->text);
	tries_print(slot);
	if (reason[0] != '\0' || why != 0)
		printf("%s%s",
		       g_str_equal(bus_slot_get_state(slot), "bad") ? ": " : "; failed before: ",
		       reason[0] != '\0' ? reason : faulttext_find(why)->sentence);
	if (why != 0)
		printf(" (fault %u %s)", why, faulttext_find(why)->name);
	putchar('\n');
}

static void next_print(const struct status *status)
{
	const char *name = bus_manager_get_next(status->manager);
	const struct word *reason = word_find(REASONS, G_N_ELEMENTS(REASONS),
					      bus_manager_get_next_reason(status->manager));
	BusSlot *slot = slot_named(status, name);
	g_autofree char *version = NULL;

	printf("  Next boot  ");
	if (slot == NULL) {
		terminal_paint(TERMINAL_BAD, "no slot can be booted: install a release before "
					     "you reboot\n");
		return;
	}
	version = version_of(slot);
	printf("slot %s, version %s: ", name, version);
	terminal_paint(reason->color, reason->text);
	putchar('\n');
}

static void fault_print(const char *title, guint32 why)
{
	const struct faulttext *text = faulttext_find(why);
	g_autofree char *line = g_strdup_printf("%s (fault %u %s)\n", text->sentence, why,
						text->name);

	if (why == 0)
		return;
	printf("  %-9s  ", title);
	terminal_paint(TERMINAL_WARN, line);
	if (text->advice[0] != '\0')
		printf("             what to do: %s\n", text->advice);
}

static void boot_print(const struct status *status)
{
	const guint64 time_us = bus_manager_get_boot_time_usec(status->manager);
	g_autofree char *reason = terminal_clean(bus_manager_get_boot_reason(status->manager));

	if (reason[0] != '\0' || time_us != 0) {
		printf("  This boot  ");
		if (reason[0] != '\0')
			printf("chosen as %s%s", reason, time_us == 0 ? "" : "; ");
		if (time_us != 0)
			printf("azboot handed over after %.1f ms", (double)time_us / 1000.0);
		putchar('\n');
	}
	fault_print("azboot met", bus_manager_get_boot_fault(status->manager));
	fault_print("Record", bus_manager_get_record_fault(status->manager));
}

static void health_print(const struct status *status)
{
	if (!bus_manager_get_health_held(status->manager))
		return;
	printf("  Health     ");
	terminal_paint(TERMINAL_WARN, "failed checks do not reboot this machine, until its next "
				      "boot or azupdate health unhold\n");
}

static void floor_print(const struct status *status)
{
	const guint64 floor = bus_manager_get_floor(status->manager);
	const guint64 request = bus_manager_get_floor_request(status->manager);

	if (floor == 0 && request == 0)
		return;
	printf("  Floor      security version %" G_GUINT64_FORMAT, floor);
	if (request > floor)
		printf(", %" G_GUINT64_FORMAT " is asked for", request);
	putchar('\n');
}

static void watchdog_print(const struct status *status)
{
	const char *state = bus_manager_get_watchdog(status->manager);

	if (bus_manager_get_committed(status->manager))
		return;
	if (g_strcmp0(state, "armed") == 0)
		puts("  Watchdog   armed until this boot is committed");
	if (g_strcmp0(state, "missing") == 0) {
		printf("  Watchdog   ");
		terminal_paint(TERMINAL_WARN, "there is none: a hang is not ended by a reset\n");
	}
}

static void etc_print(const struct status *status)
{
	const guint32 why = bus_manager_get_etc_fault(status->manager);
	g_autofree char *reason = terminal_clean(bus_manager_get_etc_reason(status->manager));
	g_autofree char *text = NULL;
	enum etclay lay;

	if (etclay_find(bus_manager_get_etc(status->manager), &lay))
		text = etclay_text(lay, reason);
	if (text == NULL)
		return;
	printf("  /etc       ");
	terminal_paint(TERMINAL_BAD, text);
	printf(" (fault %u %s)\n", why, faulttext_find(why)->name);
}

static void pcr_print(const struct status *status)
{
	g_autofree char *now = terminal_clean(bus_manager_get_pcr11(status->manager));
	g_autofree char *wanted = terminal_clean(bus_manager_get_pcr11_predicted(status->manager));

	if (now[0] == '\0')
		return;
	if (wanted[0] == '\0') {
		printf("  PCR 11     %s (no prediction)\n", now);
	} else if (g_ascii_strcasecmp(now, wanted) == 0) {
		printf("  PCR 11     ");
		terminal_paint(TERMINAL_GOOD, "as predicted");
		printf(", %s\n", now);
	} else {
		printf("  PCR 11     ");
		terminal_paint(TERMINAL_WARN, "not as predicted");
		printf("\n             measured  %s\n             predicted %s\n", now, wanted);
	}
}

static void failed_print(const struct status *status)
{
	const char *version, *hash, *reason;
	GVariantIter iter;
	gboolean first = TRUE;
	guint32 why;
	gint64 time_us;

	g_variant_iter_init(&iter, bus_manager_get_failed(status->manager));
	while (g_variant_iter_next(&iter, "(&s&su&sx)", &version, &hash, &why, &reason, &time_us)) {
		g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(time_us / 1000000);
		g_autofree char *when = time == NULL ? g_strdup("?")
						     : g_date_time_format(time, "%F %R");
		g_autofree char *clean_version = terminal_clean(version);
		g_autofree char *clean_reason = terminal_clean(
			reason[0] == '\0' ? faulttext_find(why)->sentence : reason);

		if (first)
			printf("\nFailed on this machine, and not tried again by itself:\n");
		first = FALSE;
		printf("  %s  version %s: %s (fault %u %s)\n", when, clean_version, clean_reason,
		       why, faulttext_find(why)->name);
	}
}

static void fetched_print(BusJob *job)
{
	g_autofree char *fetched = amount_text(bus_job_get_fetched_bytes(job));
	g_autofree char *all = amount_text(bus_job_get_fetch_bytes(job));

	if (bus_job_get_fetch_bytes(job) > 0)
		printf(", %s of %s fetched", fetched, all);
}

static void job_print(BusJob *job)
{
	const guint64 total = bus_job_get_total_bytes(job);
	const guint64 done = MIN(bus_job_get_done_bytes(job), total);
	g_autofree char *number = g_path_get_basename(
		g_dbus_proxy_get_object_path(G_DBUS_PROXY(job)));
	g_autofree char *step = terminal_clean(bus_job_get_step(job));

	if (!g_str_equal(bus_job_get_state(job), "running"))
		return;
	printf("\nJob %s runs: %s", number, bus_job_get_kind(job));
	if (step[0] != '\0')
		printf(", %s", step);
	if (total > 0)
		printf(", %u%%", (unsigned)((double)done * 100 / (double)total));
	fetched_print(job);
	printf(" (azupdate cancel stops it)\n");
}

void status_print_text(const struct status *status)
{
	headline_print(status);
	putchar('\n');
	for (unsigned i = 0; i < STATUS_SLOTS; i++)
		slot_print(status, i);
	putchar('\n');
	next_print(status);
	boot_print(status);
	health_print(status);
	floor_print(status);
	watchdog_print(status);
	etc_print(status);
	pcr_print(status);
	failed_print(status);
	for (guint i = 0; i < status->jobs->len; i++)
		job_print(g_ptr_array_index(status->jobs, i));
}
