/* SPDX-License-Identifier: MIT */
#include "polkit.h"

enum {
	POLKIT_ALLOW_INTERACTION = 1,
	POLKIT_TIME_MS_MAX = 25000,
	POLKIT_DIALOG_MS_MAX = 300000, /* somebody types a password */
};

static const char POLKIT_NAME[] = "org.freedesktop.PolicyKit1";
static const char POLKIT_PATH[] = "/org/freedesktop/PolicyKit1/Authority";
static const char POLKIT_INTERFACE[] = "org.freedesktop.PolicyKit1.Authority";

struct question {
	polkit_func answered;
	gpointer user_data;
	char *id;
};

static const gint ABSENT[] = { G_DBUS_ERROR_SERVICE_UNKNOWN, G_DBUS_ERROR_NAME_HAS_NO_OWNER,
			       G_DBUS_ERROR_SPAWN_SERVICE_NOT_FOUND };

static gboolean is_absent(const GError *error)
{
	g_autofree char *name = g_dbus_error_get_remote_error(error);

	for (size_t i = 0; i < G_N_ELEMENTS(ABSENT); i++)
		if (g_error_matches(error, G_DBUS_ERROR, ABSENT[i]))
			return TRUE;
	/* An administrator who masks polkit.service means that there is none. */
	return g_strcmp0(name, "org.freedesktop.systemd1.UnitMasked") == 0 ||
	       g_strcmp0(name, "org.freedesktop.systemd1.NoSuchUnit") == 0;
}

static void check_answered(GObject *source, GAsyncResult *outcome, gpointer user_data)
{
	struct question *question = user_data;
	GDBusConnection *bus = G_DBUS_CONNECTION(source);
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = g_dbus_connection_call_finish(bus, outcome, &error);
	gboolean authorized = FALSE;
	gboolean challenge = FALSE;

	if (reply != NULL)
		g_variant_get(reply, "((bb@a{ss}))", &authorized, &challenge, NULL);
	else if (question->id[0] != '\0') /* it may still be at it; what it says does not matter */
		g_dbus_connection_call(bus, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
				       "CancelCheckAuthorization",
				       g_variant_new("(s)", question->id), NULL,
				       G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, NULL, NULL);
	if (error != NULL && is_absent(error)) {
		question->answered(POLKIT_ABSENT, NULL, question->user_data);
	} else if (error != NULL) {
		g_dbus_error_strip_remote_error(error);
		question->answered(POLKIT_NO, error->message, question->user_data);
	} else {
		question->answered(authorized  ? POLKIT_YES
				   : challenge ? POLKIT_AUTH
					       : POLKIT_NO,
				   NULL, question->user_data);
	}
	g_free(question->id);
	g_free(question);
}

void polkit_check(const struct polkit_ask *ask, polkit_func answered, gpointer user_data)
{
	struct question *question = g_new0(struct question, 1);
	GVariantDict subject;

	question->answered = answered;
	question->user_data = user_data;
	question->id = g_strdup(ask->id);
	g_variant_dict_init(&subject, NULL);
	g_variant_dict_insert(&subject, "name", "s", ask->caller);
	g_dbus_connection_call(
		ask->bus, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CheckAuthorization",
		g_variant_new("((s@a{sv})s@a{ss}us)", "system-bus-name",
			      g_variant_dict_end(&subject), ask->action, ask->details,
			      ask->interactive ? POLKIT_ALLOW_INTERACTION : 0, ask->id),
		G_VARIANT_TYPE("((bba{ss}))"), G_DBUS_CALL_FLAGS_NONE,
		ask->interactive ? POLKIT_DIALOG_MS_MAX : POLKIT_TIME_MS_MAX, ask->cancellable,
		check_answered, question);
}
