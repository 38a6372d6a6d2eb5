/* SPDX-License-Identifier: MIT */
#include "healthunit.h"

#include "systemdunits.h"

enum { LOOK_MS = 1000 };

static void look_pause(GCancellable *cancellable)
{
	GPollFD poll;

	if (!g_cancellable_make_pollfd(cancellable, &poll)) {
		g_usleep(LOOK_MS * 1000);
		return;
	}
	g_poll(&poll, 1, LOOK_MS);
	g_cancellable_release_fd(cancellable);
}

/* The reason, or NULL. */
static char *unit_watch(const char *name, const struct health_options *options,
			GCancellable *cancellable)
{
	struct unitjudge judge = { .timeout_us = (gint64)options->timeout_s * G_USEC_PER_SEC,
				   .soak_us = (gint64)options->unit_soak_s * G_USEC_PER_SEC };
	enum unitjudge_verdict verdict = UNITJUDGE_WAIT;
	char reason[UNITJUDGE_REASON_MAX + 1] = "";

	while (!g_cancellable_is_cancelled(cancellable)) {
		struct unitjudge_sample sample;
		g_autoptr(GError) why = NULL;

		if (!systemdunits_sample(options->bus, name, cancellable, &sample, &why))
			return g_strdup_printf("failed: %s", why->message);
		verdict = unitjudge_look(&judge, &sample, reason);
		if (verdict != UNITJUDGE_WAIT)
			break;
		look_pause(cancellable);
	}
	return verdict == UNITJUDGE_BAD ? g_strdup(reason) : NULL;
}

void healthunit_run(const struct healthlist_entry *entry, const struct health_options *options,
		    unsigned run, GCancellable *cancellable, struct healthoutcome *ret_outcome)
{
	char *reason = unit_watch(entry->name, options, cancellable);

	*ret_outcome = (struct healthoutcome){
		.why = reason == NULL ? FAULT_OK : FAULT_HEALTH_UNIT,
		.is_final = TRUE,
		.exit_status = -1,
		.reason = reason,
	};
}
