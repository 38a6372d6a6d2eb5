/* SPDX-License-Identifier: MIT */
/* azupdated: puts the machine on the bus, and leaves when nobody needs it. */
#include <gio/gio.h>
#include <glib-unix.h>
#include <locale.h>
#include <stdio.h>
#include <sys/stat.h>

#include "azupdate/azupdate.h"
#include "busaddress.h"
#include "busfault.h"
#include "failure.h"
#include "idle.h"
#include "memory.h"
#include "program.h"
#include "server.h"

enum { EXIT_USAGE = 2 };

static const char CONFIG_PATH[] = "/etc/azupdate/azupdate.conf";

struct arguments {
	char *bus;
	char *config;
	char *workers;
	int idle_s;
	gboolean version;
};

struct daemon {
	GMainLoop *loop;
	struct server *server;
};

static gboolean arguments_parse(int *argc, char ***argv, struct arguments *arguments,
				GError **error)
{
	const GOptionEntry entries[] = {
		{ "bus", 0, 0, G_OPTION_ARG_STRING, &arguments->bus,
		  "system (default), session, or the address of a bus", "BUS" },
		{ "config", 0, 0, G_OPTION_ARG_FILENAME, &arguments->config,
		  "configuration, default /etc/azupdate/azupdate.conf", "FILE" },
		{ "idle", 0, 0, G_OPTION_ARG_INT, &arguments->idle_s,
		  "leave after so long without calls and jobs, default 60; 0: stay", "SECONDS" },
		{ "workers", 0, 0, G_OPTION_ARG_FILENAME, &arguments->workers,
		  "where systemd listens for azfetch; without it azupdated starts it", "FOLDER" },
		{ "version", 0, 0, G_OPTION_ARG_NONE, &arguments->version, "show the version",
		  NULL },
		{ .long_name = NULL },
	};

	return program_options_parse(entries, argc, argv, error) &&
	       program_idle_check(arguments->idle_s, error);
}

static void arguments_done(struct arguments *arguments)
{
	g_free(arguments->bus);
	g_free(arguments->config);
	g_free(arguments->workers);
}

static void daemon_leave(gpointer user_data)
{
	struct daemon *daemon = user_data;

	g_main_loop_quit(daemon->loop);
}

static gboolean daemon_is_busy(gpointer user_data)
{
	struct daemon *daemon = user_data;

	return server_is_needed(daemon->server) || server_is_asked(daemon->server);
}

static gboolean daemon_stop(gpointer user_data)
{
	struct daemon *daemon = user_data;

	server_stop(daemon->server, daemon_leave, daemon);
	return G_SOURCE_CONTINUE;
}

static void daemon_loop(struct daemon *daemon, GDBusConnection *bus, unsigned idle_s)
{
	const struct idle_options options = {
		.bus = bus,
		.name = AZUPDATE_BUS_NAME,
		.timeout_s = idle_s,
		.is_busy = daemon_is_busy,
		.leave = daemon_leave,
		.user_data = daemon,
	};
	struct idle *idle = idle_s == 0 ? NULL : idle_new(&options);
	const guint term = g_unix_signal_add(SIGTERM, daemon_stop, daemon);
	const guint interrupt = g_unix_signal_add(SIGINT, daemon_stop, daemon);

	g_main_loop_run(daemon->loop);
	g_source_remove(term);
	g_source_remove(interrupt);
	idle_free(idle);
}

static gboolean daemon_run(const struct arguments *arguments, GError **error)
{
	struct daemon daemon = { NULL };
	g_autoptr(GDBusConnection) bus = busaddress_connect(arguments->bus, error);

	if (bus == NULL)
		return FALSE;
	daemon.server = server_new(bus, arguments->config == NULL ? CONFIG_PATH : arguments->config,
				   error);
	if (daemon.server == NULL)
		return FALSE;
	server_workers_set(daemon.server, arguments->workers);
	if (!idle_name_take(bus, AZUPDATE_BUS_NAME, error)) {
		server_free(daemon.server);
		return FALSE;
	}
	daemon.loop = g_main_loop_new(NULL, FALSE);
	daemon_loop(&daemon, bus, (unsigned)arguments->idle_s);
	g_main_loop_unref(daemon.loop);
	server_free(daemon.server);
	/* What was sent last, for example that a job has finished, must leave before we do. */
	(void)g_dbus_connection_flush_sync(bus, NULL, NULL);
	return TRUE;
}

int main(int argc, char **argv)
{
	struct arguments arguments = { .idle_s = 60 };
	g_autoptr(GError) error = NULL;
	int status = 0;

	setlocale(LC_ALL, "C.UTF-8");
	umask(022);
	memory_return_large();
	busfault_register();
	if (!arguments_parse(&argc, &argv, &arguments, &error)) {
		status = EXIT_USAGE;
	} else if (arguments.version) {
		puts("azupdated " AZUPDATE_VERSION);
	} else if (!daemon_run(&arguments, &error)) {
		status = 1;
	}
	if (error != NULL)
		fprintf(stderr, "azupdated: %s\n", error->message);
	arguments_done(&arguments);
	return status;
}
