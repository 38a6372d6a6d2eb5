/* SPDX-License-Identifier: MIT */
#include "hooks.h"

#include <string.h>

#include "execlist.h"
#include "failure.h"
#include "healthexec.h"
#include "plaintext.h"

static const char *const NAMES[HOOKS_KIND_COUNT] = {
	[HOOKS_PRE_STAGE] = "pre-stage",       [HOOKS_POST_STAGE] = "post-stage",
	[HOOKS_PRE_ACTIVATE] = "pre-activate", [HOOKS_PRE_REBOOT] = "pre-reboot",
	[HOOKS_POST_COMMIT] = "post-commit",   [HOOKS_POST_ROLLBACK] = "post-rollback",
};

const char *hooks_name(enum hooks_kind kind)
{
	return NAMES[kind];
}

gboolean hooks_can_veto(enum hooks_kind kind)
{
	return g_str_has_prefix(NAMES[kind], "pre-");
}

/* The values are words of others: of a manifest, of a health check, of an administrator. */
static void variable_add(GStrvBuilder *builder, const char *name, const char *value)
{
	char plain[HOOKS_VALUE_MAX + 1];
	g_autofree char *variable = NULL;

	plaintext_copy(value != NULL ? value : "", plain, HOOKS_VALUE_MAX);
	variable = g_strconcat("AZUPDATE_", name, "=", plain, NULL);
	g_strv_builder_add(builder, variable);
}

static char **environment_new(enum hooks_kind kind, const char *name,
			      const struct hooks_event *event, unsigned time_s)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	g_autofree char *timeout = g_strdup_printf("%u", time_s);
	g_autofree char *number = g_strdup_printf("%u", (unsigned)event->why);
	const struct {
		const char *name;
		const char *value;
	} variables[] = {
		{ "KIND", hooks_name(kind) },
		{ "HOOK", name },
		{ "TIMEOUT", timeout },
		{ "VERSION", event->version },
		{ "SLOT", event->slot },
		{ "ROOT_HASH", event->root_hash },
		{ "RUNNING_VERSION", event->running },
		{ "REASON", event->reason },
		{ "FAULT", number },
	};

	g_strv_builder_add_many(builder,
				"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				"LANG=C", NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(variables); i++)
		variable_add(builder, variables[i].name, variables[i].value);
	return g_strv_builder_end(builder);
}

/* Its own words first: where there is little room, they are what counts. */
static gboolean exit_tell(enum hooks_kind kind, const char *name,
			  const struct healthexec_result *result, GError **error)
{
	const fault why = hooks_can_veto(kind) ? FAULT_HOOK_VETO : FAULT_HOOK_FAILED;
	const char *how = result->end == HEALTHEXEC_KILLED ? "killed by signal" : "exit status";

	if (result->first[0] != '\0')
		return failure_set(error, why, "%s hook %s: %s (%s %d)", hooks_name(kind), name,
				   result->first, how, result->number);
	return failure_set(error, why, "%s hook %s %s: %s %d", hooks_name(kind), name,
			   hooks_can_veto(kind) ? "is against it" : "failed", how, result->number);
}

static gboolean hook_judge(enum hooks_kind kind, const char *name,
			   const struct healthexec_result *result, unsigned time_s, GError **error)
{
	const char *what = hooks_name(kind);

	switch (result->end) {
	case HEALTHEXEC_EXITED:
		return result->number == 0 || exit_tell(kind, name, result, error);
	case HEALTHEXEC_KILLED:
		return exit_tell(kind, name, result, error);
	case HEALTHEXEC_TIMEOUT:
		return failure_set(error, FAULT_HOOK_TIMEOUT, "%s hook %s did not end within %u s",
				   what, name, time_s);
	case HEALTHEXEC_CANCELLED:
		return failure_set(error, FAULT_JOB_CANCELLED, "cancelled during %s hook %s", what,
				   name);
	case HEALTHEXEC_NOT_STARTED:
		return failure_set(
			error, FAULT_HOOK_RUN, "%s hook %s could not be started: %s", what, name,
			result->first[0] != '\0' ? result->first : g_strerror(result->number));
	}
	g_assert_not_reached();
}

/* One kind of hooks, about one event. */
struct round {
	enum hooks_kind kind;
	const struct hooks_event *event;
	const struct hooks_options *options;
	GCancellable *cancellable;
};

static gboolean hook_run(const struct round *round, const struct execlist_entry *entry,
			 GError **error)
{
	const unsigned time_s = CLAMP(round->options->time_s, 1, HOOKS_TIME_S_MAX);
	g_auto(GStrv) environment = environment_new(round->kind, entry->name, round->event, time_s);
	g_autofree char *what = g_strdup_printf("%s hook %s", hooks_name(round->kind), entry->name);
	const struct healthexec_program program = {
		.path = entry->path,
		.environment = environment,
		.what = what,
		.timeout_s = time_s,
		.bus = round->options->bus,
	};
	struct healthexec_result result;
	gboolean done;

	healthexec_call(&program, round->cancellable, &result);
	done = hook_judge(round->kind, entry->name, &result, time_s, error);
	g_free(result.output);
	return done;
}

static gboolean before_run(const struct round *round, const GPtrArray *hooks, GError **error)
{
	for (guint i = 0; i < hooks->len; i++) {
		if (g_cancellable_is_cancelled(round->cancellable))
			return failure_set(error, FAULT_JOB_CANCELLED,
					   "cancelled before the %s hooks had ended",
					   hooks_name(round->kind));
		if (!hook_run(round, hooks->pdata[i], error))
			return FALSE;
	}
	return TRUE;
}

/* One that fails does not keep the others from being told. */
static gboolean after_run(const struct round *round, const GPtrArray *hooks, GError **error)
{
	g_autofree char *first = NULL;
	unsigned failed = 0;

	for (guint i = 0; i < hooks->len; i++) {
		g_autoptr(GError) why = NULL;

		if (g_cancellable_is_cancelled(round->cancellable))
			return failure_set(error, FAULT_JOB_CANCELLED,
					   "cancelled before the %s hooks had ended",
					   hooks_name(round->kind));
		if (hook_run(round, hooks->pdata[i], &why))
			continue;
		if (failed++ == 0)
			first = g_strdup(why->message);
	}
	if (failed == 0)
		return TRUE;
	if (failed == 1)
		return failure_set(error, FAULT_HOOK_FAILED, "%s", first);
	return failure_set(error, FAULT_HOOK_FAILED, "%s; and %u more failed", first, failed - 1);
}

gboolean hooks_run(enum hooks_kind kind, const struct hooks_event *event,
		   const struct hooks_options *options, GCancellable *cancellable, GError **error)
{
	const struct execlist_rules rules = { .refusal = FAULT_HOOK_FOLDER,
					      .trust_owner = options->trust_owner,
					      .max = HOOKS_MAX,
					      .what = "hooks of one kind" };
	const struct round round = { kind, event, options, cancellable };
	g_autofree char *folder = g_strconcat(hooks_name(kind), ".d", NULL);
	g_autoptr(GPtrArray) hooks = execlist_find(options->folders, folder, &rules, error);

	if (hooks == NULL)
		return FALSE;
	if (hooks->len > 0 && options->begin != NULL)
		options->begin(kind, options->begin_data);
	return hooks_can_veto(kind) ? before_run(&round, hooks, error)
				    : after_run(&round, hooks, error);
}

gboolean hooks_is_veto(const GError *error)
{
	const fault why = failure_code(error);

	return why == FAULT_HOOK_VETO || why == FAULT_HOOK_TIMEOUT || why == FAULT_HOOK_RUN ||
	       why == FAULT_HOOK_FOLDER;
}
