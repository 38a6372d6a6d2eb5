/* SPDX-License-Identifier: MIT */
/* Junk calls: bus_flood ADDRESS COUNT AT-ONCE SEED. What is called and with what is drawn from the
 * seed: right and wrong types of arguments, huge texts, too many descriptors, closed ones, calls
 * that want no answer. Ends when all that want an answer have one. Prints how many were answered
 * with what: "many N" with CALLS_MANY, "done N" were done; and "DONE METHOD" of each that was done
 * and does more than look, which must not happen. */
#include <fcntl.h>
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "azupdate/azupdate.h"

enum { HUGE = 1 << 20, LARGE = 20000 };

struct flood {
	GDBusConnection *bus;
	GRand *random;
	unsigned at_once;
	unsigned left;    /* to be sent */
	unsigned waiting; /* for an answer */
	unsigned done, failed, many, silent;
};

struct target {
	const char *path;
	const char *interface;
	const char *method;
	const char *arguments; /* a letter each: those of D-Bus, and o for an a{sv}, y for an ay */
};

#define MANAGER AZUPDATE_BUS_PATH, AZUPDATE_BUS_INTERFACE_MANAGER
#define UPDATES AZUPDATE_BUS_PATH, AZUPDATE_BUS_INTERFACE_UPDATES
#define SLOT_A AZUPDATE_BUS_PATH_SLOT_A
#define JOB_1 AZUPDATE_BUS_PATH_JOB_PREFIX "1"

static const struct target TARGETS[] = {
	{ MANAGER, "Refresh", "" },
	{ MANAGER, "Install", "ho" },
	{ MANAGER, "InstallUrl", "so" },
	{ MANAGER, "Plan", "ho" },
	{ MANAGER, "PlanUrl", "so" },
	{ MANAGER, "Verify", "so" },
	{ MANAGER, "Repair", "sho" },
	{ MANAGER, "RepairUrl", "sso" },
	{ MANAGER, "Activate", "s" },
	{ MANAGER, "Rollback", "s" },
	{ MANAGER, "MarkGood", "s" },
	{ MANAGER, "MarkBad", "ss" },
	{ MANAGER, "RunHealth", "b" },
	{ MANAGER, "HealthLast", "" },
	{ MANAGER, "HealthList", "" },
	{ MANAGER, "HealthShow", "s" },
	{ MANAGER, "HealthHold", "b" },
	{ MANAGER, "Attest", "y" },
	{ MANAGER, "TpmStatus", "" },
	{ MANAGER, "TpmEnroll", "ho" },
	{ MANAGER, "Nonsense", "s" },
	{ UPDATES, "Check", "" },
	{ UPDATES, "Update", "o" },
	{ UPDATES, "Why", "" },
	{ UPDATES, "Hold", "xs" },
	{ UPDATES, "Unhold", "" },
	{ UPDATES, "Approve", "s" },
	{ UPDATES, "History", "" },
	{ JOB_1, AZUPDATE_BUS_INTERFACE_JOB, "Cancel", "" },
	{ SLOT_A, AZUPDATE_BUS_INTERFACE_SLOT, "Nonsense", "" },
	{ SLOT_A, "org.freedesktop.DBus.Properties", "GetAll", "s" },
	{ JOB_1, "org.freedesktop.DBus.Properties", "Get", "ss" },
	{ AZUPDATE_BUS_PATH, "org.freedesktop.DBus.Properties", "Set", "ssv" },
	{ AZUPDATE_BUS_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "" },
	{ AZUPDATE_BUS_PATH, "org.freedesktop.DBus.Introspectable", "Introspect", "" },
	{ "/org/azupdate/nobody", "org.freedesktop.DBus.Introspectable", "Introspect", "" },
	{ "/", "org.freedesktop.DBus.Peer", "Ping", "" },
	{ "/", "org.example.Nonsense", "Nonsense", "hhh" },
};

static const char *const LOOKING[] = { "Refresh",    "Why",        "History",
				       "HealthLast", "HealthList", "HealthShow",
				       "Introspect", "Get",        "GetManagedObjects",
				       "GetAll",     "Ping",       "GetMachineId",
				       NULL };

static const char *pick(const struct flood *flood, const char *const *names, unsigned count)
{
	return names[g_rand_int_range(flood->random, 0, (gint32)count)];
}

static GVariant *text_make(const struct flood *flood)
{
	static const char *const TEXTS[] = { "a",
					     "b",
					     "c",
					     "",
					     "http://localhost/",
					     "\x1b[31m",
					     AZUPDATE_BUS_INTERFACE_MANAGER,
					     "Version" };
	const gint32 size = g_rand_int_range(flood->random, 0, 500);
	g_autofree char *text = NULL;

	if (size > 10)
		return g_variant_new_string(pick(flood, TEXTS, G_N_ELEMENTS(TEXTS)));
	text = g_strnfill(size == 0 ? HUGE : LARGE, 'x');
	return g_variant_new_string(text);
}

static GVariant *options_make(const struct flood *flood)
{
	static const char *const NAMES[] = { "force",          "activate",  "reboot", "pin",
					     "polkit.message", "automatic", "" };
	const gint32 count = g_rand_int_range(flood->random, 0, 40);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	for (gint32 i = 0; i < count; i++)
		g_variant_builder_add(&builder, "{sv}", pick(flood, NAMES, G_N_ELEMENTS(NAMES)),
				      g_rand_boolean(flood->random) ? g_variant_new_boolean(TRUE)
								    : text_make(flood));
	return g_variant_builder_end(&builder);
}

static GVariant *argument_make(const struct flood *flood, char kind)
{
	switch (kind) {
	case 'h':
		return g_variant_new_handle(g_rand_int_range(flood->random, -1, 3));
	case 'o':
		return options_make(flood);
	case 'b':
		return g_variant_new_boolean(g_rand_boolean(flood->random));
	case 'x':
		return g_variant_new_int64(g_rand_int_range(flood->random, -5, 5));
	case 'v':
		return g_variant_new_variant(text_make(flood));
	case 'y':
		return g_variant_new_bytestring("0123456789abcdef");
	default:
		return text_make(flood);
	}
}

/* One that cannot be read to its end, one that nobody writes to, and one that is a file. */
static GUnixFDList *descriptors_make(const struct flood *flood)
{
	const gint32 count = g_rand_int_range(flood->random, 0, 10);
	GUnixFDList *fds = g_unix_fd_list_new();
	int ends[2];

	for (gint32 i = 0; i < count; i++) {
		const int fd = open(i % 2 == 0 ? "/dev/null" : "/etc/passwd", O_RDONLY);

		g_unix_fd_list_append(fds, fd, NULL);
		close(fd);
	}
	if (pipe(ends) == 0) {
		g_unix_fd_list_append(fds, ends[0], NULL);
		close(ends[0]);
		close(ends[1]);
	}
	return fds;
}

/* Mostly what the method takes; else one too few, one too many, or anything. */
static GVariant *body_make(const struct flood *flood, const char *arguments)
{
	static const char KINDS[] = "hobxvys";
	const gboolean is_right = g_rand_int_range(flood->random, 0, 4) > 0;
	const gsize right = strlen(arguments);
	const gsize count = is_right ? right : (gsize)g_rand_int_range(flood->random, 0, 5);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_TUPLE);
	for (gsize i = 0; i < count; i++) {
		const gint32 any = g_rand_int_range(flood->random, 0, (gint32)sizeof KINDS - 1);

		g_variant_builder_add_value(
			&builder, argument_make(flood, is_right ? arguments[i] : KINDS[any]));
	}
	return g_variant_builder_end(&builder);
}

static void flood_send(struct flood *flood);

static void answered(GObject *source, GAsyncResult *outcome, gpointer user_data)
{
	struct flood *flood = user_data;
	g_autoptr(GDBusMessage) reply = g_dbus_connection_send_message_with_reply_finish(
		G_DBUS_CONNECTION(source), outcome, NULL);

	flood->waiting--;
	if (reply != NULL && g_strcmp0(g_dbus_message_get_error_name(reply),
				       AZUPDATE_BUS_ERROR_PREFIX "CALLS_MANY") == 0)
		flood->many++;
	else if (reply == NULL ||
		 g_dbus_message_get_message_type(reply) == G_DBUS_MESSAGE_TYPE_ERROR)
		flood->failed++;
	else
		flood->done++;
	flood_send(flood);
}

static GDBusMessage *message_make(struct flood *flood)
{
	const struct target *target =
		&TARGETS[g_rand_int_range(flood->random, 0, G_N_ELEMENTS(TARGETS))];
	GDBusMessage *message = g_dbus_message_new_method_call(AZUPDATE_BUS_NAME, target->path,
							       target->interface, target->method);
	g_autoptr(GUnixFDList) fds = descriptors_make(flood);

	g_dbus_message_set_body(message, body_make(flood, target->arguments));
	if (strchr(target->arguments, 'h') != NULL || g_rand_int_range(flood->random, 0, 10) == 0)
		g_dbus_message_set_unix_fd_list(message, fds);
	return message;
}

static void one_send(struct flood *flood)
{
	g_autoptr(GDBusMessage) message = message_make(flood);

	flood->left--;
	if (g_rand_int_range(flood->random, 0, 20) == 0) {
		g_dbus_message_set_flags(message, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
		flood->silent++;
		g_dbus_connection_send_message(flood->bus, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE,
					       NULL, NULL);
		return;
	}
	flood->waiting++;
	g_dbus_connection_send_message_with_reply(flood->bus, message,
						  G_DBUS_SEND_MESSAGE_FLAGS_NONE, G_MAXINT, NULL,
						  NULL, answered, flood);
}

static void flood_send(struct flood *flood)
{
	while (flood->left > 0 && flood->waiting < flood->at_once)
		one_send(flood);
}

/* Which of our calls was done is seen on its way back: the answer does not name its method. */
static GDBusMessage *message_watch(GDBusConnection *bus, GDBusMessage *message, gboolean incoming,
				   gpointer user_data)
{
	GHashTable *methods = user_data;
	const char *method;

	if (!incoming) {
		g_hash_table_insert(methods, GUINT_TO_POINTER(g_dbus_message_get_serial(message)),
				    g_strdup(g_dbus_message_get_member(message)));
		return message;
	}
	method = g_hash_table_lookup(methods,
				     GUINT_TO_POINTER(g_dbus_message_get_reply_serial(message)));
	if (g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_METHOD_RETURN &&
	    method != NULL && !g_strv_contains(LOOKING, method))
		printf("DONE %s\n", method);
	return message;
}

int main(int argc, char **argv)
{
	struct flood flood = { .bus = NULL };
	g_autoptr(GError) error = NULL;
	GHashTable *methods = g_hash_table_new_full(NULL, NULL, NULL, g_free);

	if (argc != 5)
		return 2;
	flood.bus = g_dbus_connection_new_for_address_sync(
		argv[1],
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
			G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
		NULL, NULL, &error);
	if (flood.bus == NULL) {
		fprintf(stderr, "%s\n", error->message);
		return 1;
	}
	flood.left = (unsigned)atoi(argv[2]);
	flood.at_once = (unsigned)atoi(argv[3]);
	flood.random = g_rand_new_with_seed((guint32)atoi(argv[4]));
	g_dbus_connection_add_filter(flood.bus, message_watch, methods, NULL);
	flood_send(&flood);
	while (flood.waiting > 0)
		g_main_context_iteration(NULL, TRUE);
	printf("done %u\nfailed %u\nmany %u\nsilent %u\n", flood.done, flood.failed, flood.many,
	       flood.silent);
	fflush(stdout);
	_exit(0); /* what the bus' thread still has does not matter */
}
