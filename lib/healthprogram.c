/* SPDX-License-Identifier: MIT */
#include "healthprogram.h"

#include <string.h>

#include "healthexec.h"

static char **environment_new(const struct healthlist_entry *entry, unsigned run,
			      unsigned timeout_s)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	g_autofree char *name = g_strdup_printf("AZUPDATE_CHECK=%s", entry->name);
	g_autofree char *number = g_strdup_printf("AZUPDATE_RUN=%u", run);
	g_autofree char *timeout = g_strdup_printf("AZUPDATE_TIMEOUT=%u", timeout_s);

	g_strv_builder_add_many(
		builder, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=C", entry->required ? "AZUPDATE_KIND=required" : "AZUPDATE_KIND=wanted", name,
		number, timeout, NULL);
	return g_strv_builder_end(builder);
}

static fault fault_of(const struct healthexec_result *result)
{
	switch (result->end) {
	case HEALTHEXEC_EXITED:
		return result->number == 0 ? FAULT_OK : FAULT_HEALTH_REQUIRED;
	case HEALTHEXEC_KILLED:
		return FAULT_HEALTH_REQUIRED;
	case HEALTHEXEC_TIMEOUT:
	case HEALTHEXEC_CANCELLED:
		return FAULT_HEALTH_TIMEOUT;
	case HEALTHEXEC_NOT_STARTED:
		return FAULT_HEALTH_RUN;
	}
	g_assert_not_reached();
}

static char *reason_of(const struct healthexec_result *result, unsigned timeout_s)
{
	const char *first = result->first;
	const char *colon = first[0] != '\0' ? ": " : "";

	switch (result->end) {
	case HEALTHEXEC_EXITED:
		return g_strdup_printf("failed: exit status %d%s%s", result->number, colon, first);
	case HEALTHEXEC_KILLED:
		return g_strdup_printf("was killed by signal %d (%s)%s%s", result->number,
				       g_strsignal(result->number), colon, first);
	case HEALTHEXEC_TIMEOUT:
	case HEALTHEXEC_CANCELLED:
		return g_strdup_printf("did not end within %u s%s%s", timeout_s, colon, first);
	case HEALTHEXEC_NOT_STARTED:
		return g_strdup_printf("could not be started: %s",
				       first[0] != '\0' ? first : g_strerror(result->number));
	}
	g_assert_not_reached();
}

static void program_call(const struct healthlist_entry *entry, const struct health_options *options,
			 char **environment, GCancellable *cancellable,
			 struct healthexec_result *ret_result)
{
	/* As greenboot does: it must not write over files by mistake. */
	const char *const arguments[] = { "-C", entry->path, NULL };
	g_autofree char *what = g_strdup_printf("health check %s", entry->name);
	const struct healthexec_program program = {
		.path = entry->is_script ? "/bin/bash" : entry->path,
		.arguments = entry->is_script ? arguments : NULL,
		.environment = environment,
		.what = what,
		.timeout_s = options->timeout_s,
		.memory_mib = options->memory_mib,
		.tasks_max = options->tasks_max,
		.bus = options->bus,
	};

	healthexec_call(&program, cancellable, ret_result);
}

void healthprogram_run(const struct healthlist_entry *entry, const struct health_options *options,
		       unsigned run, GCancellable *cancellable, struct healthoutcome *ret_outcome)
{
	g_auto(GStrv) environment = environment_new(entry, run, options->timeout_s);
	struct healthexec_result result;

	if (entry->path == NULL) {
		*ret_outcome = (struct healthoutcome){
			.why = FAULT_HEALTH_GREENBOOT,
			.is_final = TRUE,
			.exit_status = -1,
			.reason = g_strdup("failed: greenboot has no folder check/required.d"),
		};
		return;
	}
	program_call(entry, options, environment, cancellable, &result);
	*ret_outcome = (struct healthoutcome){
		.why = fault_of(&result),
		.is_final = result.end == HEALTHEXEC_NOT_STARTED,
		.exit_status = result.end == HEALTHEXEC_EXITED ? result.number : -1,
		.output = result.output,
	};
	if (ret_outcome->why != FAULT_OK)
		ret_outcome->reason = reason_of(&result, options->timeout_s);
}
