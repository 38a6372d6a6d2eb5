/* SPDX-License-Identifier: MIT */
/* azhealthd: tells over HTTP whether this boot is healthy. It is started by its socket, reads one
 * file that azupdated publishes, and may do nothing else. */
#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "azupdate/azupdate.h"
#include "failure.h"
#include "healthhttp.h"
#include "program.h"

enum { EXIT_USAGE = 2, FIRST_FD = 3 };

struct arguments {
	char *run_dir;
	int idle_s;
	gboolean version;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	stopped = 1;
}

static gboolean arguments_parse(int *argc, char ***argv, struct arguments *arguments,
				GError **error)
{
	const GOptionEntry entries[] = {
		{ "run", 0, 0, G_OPTION_ARG_FILENAME, &arguments->run_dir,
		  "where azupdated publishes the health state, default /run/azupdate", "FOLDER" },
		{ "idle", 0, 0, G_OPTION_ARG_INT, &arguments->idle_s,
		  "leave after so long without a request, default 30; 0: stay", "SECONDS" },
		{ "version", 0, 0, G_OPTION_ARG_NONE, &arguments->version, "show the version",
		  NULL },
		{ .long_name = NULL },
	};

	return program_options_parse(entries, argc, argv, error) &&
	       program_idle_check(arguments->idle_s, error);
}

/* As sd_listen_fds(3) describes it: exactly one socket, meant for this process. */
static gboolean socket_take(int *ret_socket, GError **error)
{
	const char *pid = g_getenv("LISTEN_PID");
	const char *count = g_getenv("LISTEN_FDS");
	g_autofree char *own = g_strdup_printf("%d", (int)getpid());
	socklen_t size = sizeof(int);
	int listens = 0;

	if (g_strcmp0(pid, own) != 0 || g_strcmp0(count, "1") != 0)
		return failure_set(error, FAULT_HEALTH_SOCKET,
				   "exactly one socket must be passed by systemd");
	if (getsockopt(FIRST_FD, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0)
		return failure_set(error, FAULT_HEALTH_SOCKET, "descriptor %d is no socket: %s",
				   FIRST_FD, g_strerror(errno));
	if (!listens)
		return failure_set(error, FAULT_HEALTH_SOCKET,
				   "the socket does not listen: Accept=no is needed");
	*ret_socket = FIRST_FD;
	return TRUE;
}

static void signals_set(void)
{
	const struct sigaction action = { .sa_handler = stop };

	/* These cannot fail for signals that exist. */
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static gboolean run(const struct arguments *arguments, GError **error)
{
	struct healthhttp_options options = {
		.run_dir = arguments->run_dir != NULL ? arguments->run_dir : "/run/azupdate",
		.idle_s = (unsigned)arguments->idle_s,
	};

	if (!socket_take(&options.socket, error))
		return FALSE;
	signals_set();
	return healthhttp_run(&options, &stopped, error);
}

int main(int argc, char **argv)
{
	struct arguments arguments = { .idle_s = 30 };
	g_autoptr(GError) error = NULL;
	int status = 0;

	if (!arguments_parse(&argc, &argv, &arguments, &error))
		status = EXIT_USAGE;
	else if (arguments.version)
		puts("azhealthd " AZUPDATE_VERSION);
	else if (!run(&arguments, &error))
		status = 1;
	if (error != NULL)
		fprintf(stderr, "azhealthd: %s\n", error->message);
	g_free(arguments.run_dir);
	return status;
}
