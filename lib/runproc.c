/* SPDX-License-Identifier: MIT */
/* fork() and not posix_spawn(), since the child must be in its cgroup before it is the program:
 * whoever is put there later may have forked by then. */
#include "runproc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
	pid_t pid;
	int pidfd;
	int output_fd;
};

/* What the child needs, made before the fork: after it, nothing may be allocated. */
struct start {
	char **arguments;
	char **environment;
	int members_fd;
	int output_fd;
	int failure_fd; /* errno comes here, or nothing */
};

static void signals_reset(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &action, NULL); /* fails for those that cannot be changed */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static gboolean streams_set(const struct start *start)
{
	const struct rlimit no_core = { 0, 0 };
	const int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(start->output_fd, 1) < 0 ||
	    dup2(start->output_fd, 2) < 0 || chdir("/") != 0)
		return FALSE;
	(void)setrlimit(RLIMIT_CORE, &no_core); /* lowering a limit cannot fail */
	return close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

/* In the child: only what is safe after a fork of one thread among several. */
static void child_become(const struct start *start)
{
	int why;

	signals_reset();
	if (setsid() >= 0 && (start->members_fd < 0 || write(start->members_fd, "0", 1) == 1) &&
	    streams_set(start))
		execve(start->arguments[0], start->arguments, start->environment);
	why = errno;
	if (write(start->failure_fd, &why, sizeof why) < 0)
		_exit(126);
	_exit(127);
}

/* 0 when the program runs; the other end is closed by its start. */
static int failure_read(int fd)
{
	int why = 0;

	while (read(fd, &why, sizeof why) < 0 && errno == EINTR)
		;
	return why;
}

static int child_fork(struct child *child, struct start *start)
{
	int fds[2];
	int why;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return errno;
	start->failure_fd = fds[1];
	child->pid = fork();
	if (child->pid == 0)
		child_become(start);
	why = child->pid < 0 ? errno : 0;
	close(fds[1]);
	if (why == 0)
		why = failure_read(fds[0]);
	if (why != 0 && child->pid > 0)
		waitpid(child->pid, NULL, 0);
	close(fds[0]);
	return why;
}

static char **arguments_new(const struct healthexec_program *program)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

	g_strv_builder_add(builder, program->path);
	if (program->arguments != NULL)
		g_strv_builder_addv(builder, (const char **)program->arguments);
	return g_strv_builder_end(builder);
}

static char **environment_new(const struct healthexec_program *program, const struct runcage *cage)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

	g_strv_builder_addv(builder, (const char **)program->environment);
	if (cage->path == NULL)
		g_strv_builder_add(builder, cage->mark);
	return g_strv_builder_end(builder);
}

/* 0, or errno with nothing started and nothing open. */
static int child_start(struct child *child, const struct healthexec_program *program,
		       const struct runcage *cage)
{
	g_auto(GStrv) arguments = arguments_new(program);
	g_auto(GStrv) environment = environment_new(program, cage);
	struct start start = { .arguments = arguments,
			       .environment = environment,
			       .members_fd = cage->members_fd };
	int fds[2];
	int why = runoutput_pipe(fds);

	if (why != 0)
		return why;
	start.output_fd = fds[1];
	why = child_fork(child, &start);
	close(fds[1]);
	child->output_fd = fds[0];
	if (why != 0) {
		close(fds[0]);
		return why;
	}
	child->pidfd = pidfd_open(child->pid, 0);
	if (child->pidfd >= 0)
		return 0;
	why = errno;
	kill(-child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
	close(fds[0]);
	return why;
}

/* Waits until the program ends, and says so, or why it was not waited for any longer. */
static enum healthexec_end child_watch(struct child *child, struct runoutput *output,
				       unsigned timeout_s, GCancellable *cancellable)
{
	const gint64 deadline_us = g_get_monotonic_time() + (gint64)timeout_s * G_USEC_PER_SEC;
	struct pollfd polls[] = {
		{ .fd = child->pidfd, .events = POLLIN },
		{ .fd = child->output_fd, .events = POLLIN },
		{ .fd = g_cancellable_get_fd(cancellable), .events = POLLIN },
	};
	enum healthexec_end end = HEALTHEXEC_TIMEOUT;
	gint64 left_us;

	while ((left_us = deadline_us - g_get_monotonic_time()) > 0) {
		const int count = poll(polls, G_N_ELEMENTS(polls), (int)(left_us / 1000) + 1);

		if (count <= 0)
			continue;
		if (polls[1].revents != 0) {
			(void)runoutput_read(output, &child->output_fd); /* a flood is read on */
			polls[1].fd = child->output_fd;
		}
		end = polls[2].revents != 0   ? HEALTHEXEC_CANCELLED
		      : polls[0].revents != 0 ? HEALTHEXEC_EXITED
					      : HEALTHEXEC_TIMEOUT;
		if (end != HEALTHEXEC_TIMEOUT)
			break;
	}
	if (polls[2].fd >= 0)
		g_cancellable_release_fd(cancellable);
	return end;
}

/* The group is killed while its leader is still a zombie, which keeps the number from being
 * given to somebody else in between. */
static void child_reap(struct child *child, const struct runcage *cage,
		       struct healthexec_result *result)
{
	siginfo_t info = { 0 };

	if (result->end != HEALTHEXEC_EXITED)
		kill(-child->pid, SIGKILL);
	while (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
		;
	kill(-child->pid, SIGKILL);
	while (waitid(P_PID, (id_t)child->pid, &info, WEXITED) != 0 && errno == EINTR)
		;
	close(child->pidfd);
	runcage_kill(cage);
	result->number = info.si_status;
	if (result->end == HEALTHEXEC_EXITED && info.si_code != CLD_EXITED)
		result->end = HEALTHEXEC_KILLED;
}

void runproc_run(const struct healthexec_program *program, struct runcage *cage,
		 GCancellable *cancellable, struct runoutput *output,
		 struct healthexec_result *result)
{
	struct child child = { .output_fd = -1, .pidfd = -1 };

	result->number = child_start(&child, program, cage);
	if (result->number != 0)
		return; /* not started, as `end` says already */
	result->end = child_watch(&child, output, program->timeout_s, cancellable);
	child_reap(&child, cage, result);
	runoutput_drain(output, &child.output_fd);
}
