/* SPDX-License-Identifier: MIT */
#include "updates.h"

#include <string.h>

#include "call.h"
#include "failure.h"
#include "policy.h"
#include "updater.h"
#include "updatestate.h"
#include "version.h"
#include "words.h"

enum { USEC_PER_S = 1000000 };

/* Only root may say it. */
static const char HOLDER[] = "the administrator";

static gboolean job_answer(GDBusMethodInvocation *invocation, struct server *server,
			   const struct updater_ask *ask)
{
	GError *error = NULL;
	const char *path = updater_start(server, ask, &error);

	if (path == NULL)
		return call_fail(invocation, error);
	g_dbus_method_invocation_return_value(invocation, g_variant_new("(o)", path));
	return TRUE;
}

static gboolean check_handle(BusUpdates *updates, GDBusMethodInvocation *invocation,
			     gpointer user_data)
{
	const struct updater_ask ask = { .check_only = TRUE };

	call_log(invocation, "the repository");
	return job_answer(invocation, user_data, &ask);
}

static gboolean option_take(const char *name, GVariant *value, struct updater_ask *ask,
			    GError **error)
{
	gboolean *member = strcmp(name, "automatic") == 0 ? &ask->automatic
			   : strcmp(name, "reboot") == 0  ? &ask->reboot
							  : NULL;

	if (member == NULL)
		return failure_set(error, FAULT_ARGUMENT, "there is no option \"%.32s\"", name);
	if (!g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
		return failure_set(error, FAULT_ARGUMENT, "option %s has type %s, not b", name,
				   g_variant_get_type_string(value));
	*member = g_variant_get_boolean(value);
	return TRUE;
}

static gboolean ask_parse(GVariant *options, struct updater_ask *ask, GError **error)
{
	GVariantIter iter;
	const char *name;
	GVariant *value;

	g_variant_iter_init(&iter, options);
	while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
		g_autoptr(GVariant) owned = value;

		if (!option_take(name, owned, ask, error))
			return FALSE;
	}
	if (ask->automatic && ask->reboot)
		return failure_set(error, FAULT_ARGUMENT,
				   "an automatic update reboots as the policy says: no \"reboot\"");
	return TRUE;
}

static gboolean update_handle(BusUpdates *updates, GDBusMethodInvocation *invocation,
			      GVariant *options, gpointer user_data)
{
	struct updater_ask ask = { .automatic = FALSE };
	GError *error = NULL;

	if (!ask_parse(options, &ask, &error))
		return call_fail(invocation, error);
	call_log(invocation, ask.automatic ? "by the timer" : "by hand");
	return job_answer(invocation, user_data, &ask);
}

static gboolean why_handle(BusUpdates *updates, GDBusMethodInvocation *invocation,
			   gpointer user_data)
{
	server_look_for(user_data, SERVER_LOOK_WHY, invocation);
	return TRUE;
}

/* Saves what was changed and answers; `state` NULL: `error` says why it could not be read. */
static gboolean state_answer(GDBusMethodInvocation *invocation, const struct config *config,
			     struct policystate *state, GError *error)
{
	if (state != NULL && error != NULL) {
		(void)updatestate_end(config, state, NULL); /* as it was: the change was refused */
		return call_fail(invocation, error);
	}
	if (state == NULL || !updatestate_end(config, state, &error))
		return call_fail(invocation, error);
	g_dbus_method_invocation_return_value(invocation, NULL);
	return TRUE;
}

/* The configuration without a look at the disk. */
static struct policystate *state_begin(struct server *server, const struct config **ret_config,
				       GError **error)
{
	*ret_config = server_config_get(server, error);
	return *ret_config == NULL ? NULL : updatestate_begin(*ret_config, error);
}

static gboolean hold_handle(BusUpdates *updates, GDBusMethodInvocation *invocation, gint64 until_us,
			    const char *reason, gpointer user_data)
{
	const gint64 until_s = until_us == 0 ? POLICY_UNTIL_ACT : until_us / USEC_PER_S;
	const gint64 now_s = g_get_real_time() / USEC_PER_S;
	const struct config *config;
	struct policystate *state;
	GError *error = NULL;

	if (until_s <= now_s)
		failure_set(&error, FAULT_ARGUMENT, "that time is over already");
	if (error != NULL || !words_check(reason, &error))
		return call_fail(invocation, error);
	state = state_begin(user_data, &config, &error);
	if (state != NULL &&
	    policystate_hold(state, until_s, HOLDER, reason[0] != '\0' ? reason : NULL, &error))
		policystate_note(state, now_s, "held", NULL, reason);
	call_log(invocation, "updates");
	return state_answer(invocation, config, state, error);
}

static gboolean unhold_handle(BusUpdates *updates, GDBusMethodInvocation *invocation,
			      gpointer user_data)
{
	const struct config *config;
	GError *error = NULL;
	struct policystate *state = state_begin(user_data, &config, &error);

	if (state != NULL && policystate_unhold(state, NULL) > 0)
		policystate_note(state, g_get_real_time() / USEC_PER_S, "unheld", NULL, NULL);
	call_log(invocation, "updates");
	return state_answer(invocation, config, state, error);
}

static gboolean approve_handle(BusUpdates *updates, GDBusMethodInvocation *invocation,
			       const char *version, gpointer user_data)
{
	const struct config *config;
	struct policystate *state;
	GError *error = NULL;

	if (!version_is_valid(version)) {
		failure_set(&error, FAULT_ARGUMENT, "\"%.64s\" is no version", version);
		return call_fail(invocation, error);
	}
	state = state_begin(user_data, &config, &error);
	if (state != NULL) {
		policystate_approve(state, version);
		/* Whoever approves it wants it tried anew, too. */
		policystate_forget_attempts(state, version);
		policystate_note(state, g_get_real_time() / USEC_PER_S, "approved", version, NULL);
	}
	call_log(invocation, version);
	return state_answer(invocation, config, state, error);
}

static gboolean history_handle(BusUpdates *updates, GDBusMethodInvocation *invocation,
			       gpointer user_data)
{
	server_look_for(user_data, SERVER_LOOK_HISTORY, invocation);
	return TRUE;
}

static const struct handler {
	const char *signal;
	GCallback call;
} HANDLERS[] = {
	{ "handle-check", G_CALLBACK(check_handle) },
	{ "handle-update", G_CALLBACK(update_handle) },
	{ "handle-why", G_CALLBACK(why_handle) },
	{ "handle-hold", G_CALLBACK(hold_handle) },
	{ "handle-unhold", G_CALLBACK(unhold_handle) },
	{ "handle-approve", G_CALLBACK(approve_handle) },
	{ "handle-history", G_CALLBACK(history_handle) },
};

void updates_connect(BusUpdates *updates, struct server *server)
{
	for (size_t i = 0; i < G_N_ELEMENTS(HANDLERS); i++)
		g_signal_connect(updates, HANDLERS[i].signal, HANDLERS[i].call, server);
}
