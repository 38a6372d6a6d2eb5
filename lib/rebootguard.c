/* SPDX-License-Identifier: MIT */
/* Who is warned has been told a time. So logind has the reboot as planned for that time, and does
 * it even if we are gone by then; what is left for us is to call it off. */
#include "rebootguard.h"

#include <string.h>

#include "failure.h"
#include "logind.h"
#include "plaintext.h"

enum {
	WORDS_MAX = 128,
	LOOK_MS = 2000, /* so often inhibitors are looked at while users have time */
	LAST_MS = 500,  /* before the time logind is left alone */
};

/* --- inhibitors --- */

static gboolean what_has(const char *what, const char *wanted)
{
	g_auto(GStrv) words = g_strsplit(what, ":", 0);

	return g_strv_contains((const char *const *)words, wanted);
}

/* "block-weak", of systemd 257, does not hold against root; but nobody has asked for this reboot. A
 * mode that is not known may mean anything. */
gboolean rebootguard_inhibitor_blocks(const struct rebootguard_inhibitor *inhibitor)
{
	return what_has(inhibitor->what, "shutdown") && strcmp(inhibitor->mode, "delay") != 0;
}

/* Its words are those of any user. */
static gboolean inhibitor_tell(const struct rebootguard_inhibitor *inhibitor, GError **error)
{
	char who[WORDS_MAX + 1];
	char why[WORDS_MAX + 1];

	plaintext_copy(inhibitor->who, who, WORDS_MAX);
	plaintext_copy(inhibitor->why, why, WORDS_MAX);
	return failure_set(error, FAULT_REBOOT_INHIBITED, "%s inhibits the reboot: %s", who, why);
}

static gboolean list_check(GVariant *list, GError **error)
{
	struct rebootguard_inhibitor inhibitor;
	GVariantIter iter;

	g_variant_iter_init(&iter, list);
	while (g_variant_iter_next(&iter, "(&s&s&s&suu)", &inhibitor.what, &inhibitor.who,
				   &inhibitor.why, &inhibitor.mode, NULL, NULL))
		if (rebootguard_inhibitor_blocks(&inhibitor))
			return inhibitor_tell(&inhibitor, error);
	return TRUE;
}

/* *ret_present FALSE: there is no logind. */
static gboolean inhibitors_check(GDBusConnection *bus, GCancellable *cancellable,
				 gboolean *ret_present, GError **error)
{
	g_autoptr(GVariant) list = NULL;

	if (!logind_inhibitors(bus, cancellable, &list, error))
		return FALSE;
	*ret_present = list != NULL;
	return list == NULL || list_check(list, error);
}

/* What an administrator has planned is not ours to move. */
static gboolean plan_check(GDBusConnection *bus, GCancellable *cancellable, GError **error)
{
	struct logind_plan plan;

	if (!logind_plan_get(bus, cancellable, &plan, error))
		return FALSE;
	return plan.type[0] == '\0' || g_str_has_prefix(plan.type, "dry-") ||
	       failure_set(error, FAULT_REBOOT_INHIBITED, "somebody has scheduled a %s", plan.type);
}

gboolean rebootguard_inhibitors_check(const struct rebootguard_options *options,
				      GCancellable *cancellable, GError **error)
{
	gboolean present;

	return inhibitors_check(options->bus, cancellable, &present, error) &&
	       (!present || plan_check(options->bus, cancellable, error));
}

/* --- the reboot --- */

static void pause_ms(int64_t time_ms, GCancellable *cancellable)
{
	GPollFD poll;

	if (!g_cancellable_make_pollfd(cancellable, &poll)) {
		g_usleep((gulong)time_ms * 1000);
		return;
	}
	g_poll(&poll, 1, (gint)time_ms);
	g_cancellable_release_fd(cancellable);
}

/* That the plan is still there: whoever takes it back has called the reboot off. */
static gboolean plan_stands(GDBusConnection *bus, uint64_t time_us, GCancellable *cancellable,
			    GError **error)
{
	struct logind_plan plan;

	if (!logind_plan_get(bus, cancellable, &plan, error))
		return FALSE;
	return (strcmp(plan.type, "reboot") == 0 && plan.time_us == time_us) ||
	       failure_set(error, FAULT_REBOOT_INHIBITED, "somebody has called the reboot off");
}

/* Until shortly before the time. */
static gboolean plan_watch(GDBusConnection *bus, uint64_t time_us, GCancellable *cancellable,
			   GError **error)
{
	gboolean present;
	int64_t left_ms;

	while ((left_ms = ((int64_t)time_us - g_get_real_time()) / 1000 - LAST_MS) > 0) {
		pause_ms(MIN(left_ms, LOOK_MS), cancellable);
		if (g_cancellable_is_cancelled(cancellable))
			return failure_set(error, FAULT_JOB_CANCELLED, "the reboot was cancelled");
		if (((int64_t)time_us - g_get_real_time()) / 1000 <= LAST_MS)
			break;
		if (!inhibitors_check(bus, cancellable, &present, error) ||
		    !plan_stands(bus, time_us, cancellable, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean reboot_warn(const struct rebootguard_options *options, GCancellable *cancellable,
			    GError **error)
{
	const unsigned warn_s = MIN(options->warn_s, REBOOTGUARD_WARN_S_MAX);
	const uint64_t time_us = (uint64_t)g_get_real_time() + (uint64_t)warn_s * G_USEC_PER_SEC;
	g_autofree char *message = options->version != NULL
					   ? g_strdup_printf("azupdate starts version %s.",
							     options->version)
					   : g_strdup("azupdate starts another version.");
	g_autoptr(GError) ignored = NULL;

	if (!logind_reboot_plan(options->bus, message, time_us, error))
		return FALSE;
	if (plan_watch(options->bus, time_us, cancellable, error))
		return TRUE;
	/* What stands against the reboot is what counts; a plan that cannot be taken back either is
	 * one that is gone, or logind is. */
	(void)logind_plan_cancel(options->bus, &ignored);
	return FALSE;
}

gboolean rebootguard_reboot(const struct rebootguard_options *options, GCancellable *cancellable,
			    enum rebootguard_outcome *ret_outcome, GError **error)
{
	gboolean told;
	unsigned users = 0;

	if (!rebootguard_inhibitors_check(options, cancellable, error) ||
	    !logind_users(options->bus, cancellable, &users, error))
		return FALSE;
	if (users > 0 && options->warn_s > 0) {
		*ret_outcome = REBOOTGUARD_REBOOTING;
		return reboot_warn(options, cancellable, error);
	}
	if (!logind_reboot(options->bus, &told, error))
		return FALSE;
	*ret_outcome = told ? REBOOTGUARD_REBOOTING : REBOOTGUARD_NO_LOGIND;
	return TRUE;
}
