/* SPDX-License-Identifier: MIT */
#include "workerlink.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failure.h"

enum {
	END_WAIT_US = 10000, /* between looks at a worker that is ending */
	END_LOOKS = 100,
	GONE_WAIT_MS = 5000, /* for the kernel to end one that was killed */
};

/* Its standard output is nobody's: a worker must not fill the log. What it must know of this
 * machine it is told (workeroptions.h). */
static gboolean process_start(struct workerlink *link, const char *const *arguments, int theirs,
			      GError **error)
{
	static const char *const ENVIRONMENT[] = { NULL };
	const int target = WORKERWIRE_FD;
	g_autoptr(GError) why = NULL;

	if (g_spawn_async_with_pipes_and_fds("/", arguments, ENVIRONMENT,
					     G_SPAWN_DO_NOT_REAP_CHILD |
						     G_SPAWN_STDOUT_TO_DEV_NULL |
						     G_SPAWN_STDERR_TO_DEV_NULL,
					     NULL, NULL, -1, -1, -1, &theirs, &target, 1,
					     &link->child, NULL, NULL, NULL, &why))
		return TRUE;
	return failure_set(error, FAULT_WORKER_START, "cannot start the worker: %s", why->message);
}

gboolean workerlink_spawn(struct workerlink *link, const char *program, const char *name,
			  GError **error)
{
	const char *const arguments[] = { program, name, NULL };
	int ends[2];
	gboolean started;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return failure_set(error, FAULT_WORKER_START, "cannot make a worker's socket: %s",
				   g_strerror(errno));
	link->socket = ends[0];
	started = process_start(link, arguments, ends[1], error);
	(void)close(ends[1]); /* the worker has its own */
	return started;
}

/* Each message is to tell from which process it comes, the first one too. */
static int socket_connect(struct workerlink *link, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int yes = 1;

	if (g_strlcpy(address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path)
		return ENAMETOOLONG;
	link->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (link->socket < 0 ||
	    setsockopt(link->socket, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) < 0 ||
	    connect(link->socket, (const struct sockaddr *)&address, sizeof address) < 0)
		return errno;
	/* Who listens there: systemd, or root in its place. */
	return workerwire_peer_is_trusted(link->socket) ? 0 : EPERM;
}

gboolean workerlink_connect(struct workerlink *link, const char *folder, const char *name,
			    GError **error)
{
	g_autofree char *path = g_strdup_printf("%s/azfetch-%s", folder, name);
	const int why = socket_connect(link, path);

	link->is_unit = TRUE;
	if (why == EPERM)
		return failure_set(error, FAULT_WORKER_SOCKET, "%s is not root's", path);
	return why == 0 || failure_set(error, FAULT_WORKER_SOCKET, "cannot connect to %s: %s", path,
				       g_strerror(why));
}

static gboolean socket_is_open(int socket)
{
	struct pollfd end = { .fd = socket };

	return poll(&end, 1, 0) == 0;
}

/* A number may be another process's by now; but not if the one that said it still has the socket,
 * which it cannot have passed on. */
static void process_know(struct workerlink *link, pid_t pid)
{
	if (pid <= 0)
		return;
	link->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (link->pidfd < 0 || socket_is_open(link->socket))
		return;
	(void)close(link->pidfd); /* nothing was done with it */
	link->pidfd = -1;
}

enum workerwire_result workerlink_receive(struct workerlink *link, int time_ms,
					  struct workerwire_message *ret_message)
{
	enum workerwire_result result;
	pid_t pid = 0;

	if (!link->is_unit || link->pidfd >= 0)
		return workerwire_receive(link->socket, time_ms, ret_message, NULL);
	result = workerwire_receive_from(link->socket, time_ms, ret_message, &pid);
	if (result == WORKERWIRE_GOT && ret_message->kind == WORKERWIRE_READY)
		process_know(link, pid);
	return result;
}

/* It is our child, and not reaped yet. Where we may not kill, it has lost its socket. */
static int child_kill(struct workerlink *link)
{
	int status = 0;

	while (kill(link->child, SIGKILL) == 0 && waitpid(link->child, &status, 0) < 0 &&
	       errno == EINTR)
		;
	link->child = 0;
	return status;
}

static int child_end(struct workerlink *link, gboolean kill_now)
{
	int status = 0;

	for (unsigned i = 0; !kill_now && i < END_LOOKS; i++) {
		if (waitpid(link->child, &status, WNOHANG) == link->child) {
			link->child = 0;
			return status;
		}
		g_usleep(END_WAIT_US);
	}
	return child_kill(link);
}

/* One of systemd's that has not said yet which it is has not been asked anything either: it ends
 * when it does, for want of its socket. */
static void unit_end(struct workerlink *link)
{
	struct pollfd gone = { .fd = link->pidfd, .events = POLLIN };

	if (link->pidfd < 0)
		return;
	if (syscall(SYS_pidfd_send_signal, link->pidfd, SIGKILL, NULL, 0) == 0)
		(void)poll(&gone, 1, GONE_WAIT_MS); /* else the kernel has it still, not we */
	(void)close(link->pidfd);                   /* it was only signalled */
	link->pidfd = -1;
}

int workerlink_end(struct workerlink *link, gboolean kill_now)
{
	if (link->socket >= 0)
		(void)close(link->socket); /* nothing is waiting in it that matters */
	link->socket = -1;
	unit_end(link);
	if (link->child != 0)
		return child_end(link, kill_now);
	return link->is_unit ? WORKERLINK_END_UNKNOWN : 0;
}
