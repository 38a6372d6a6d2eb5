/* SPDX-License-Identifier: MIT */
#include "healthexec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plaintext.h"

/* What is kept of the output: its end, since that is where programs say why they failed. */
struct tail {
	char bytes[2 * HEALTH_OUTPUT_MAX];
	size_t size_bytes;
};

struct head {
	char bytes[HEALTHEXEC_FIRST_MAX];
	size_t size_bytes;
};

struct child {
	pid_t pid;
	int pidfd;
	int output_fd;
	struct head head;
	struct tail tail;
};

static void head_add(struct head *head, const char *bytes, size_t size_bytes)
{
	const size_t taken = MIN(size_bytes, sizeof head->bytes - head->size_bytes);

	memcpy(head->bytes + head->size_bytes, bytes, taken);
	head->size_bytes += taken;
}

static void head_line(const struct head *head, char ret_line[static HEALTHEXEC_FIRST_MAX + 1])
{
	const char *end = memchr(head->bytes, '\n', head->size_bytes);
	const size_t size = end != NULL ? (size_t)(end - head->bytes) : head->size_bytes;
	g_autofree char *line = g_strndup(head->bytes, size);

	plaintext_copy(line, ret_line, HEALTHEXEC_FIRST_MAX);
	g_strchomp(ret_line);
}

static void tail_add(struct tail *tail, const char *bytes, size_t size_bytes)
{
	if (tail->size_bytes + size_bytes > sizeof tail->bytes) {
		const size_t surplus = tail->size_bytes - (HEALTH_OUTPUT_MAX - size_bytes);

		memmove(tail->bytes, tail->bytes + surplus, tail->size_bytes - surplus);
		tail->size_bytes -= surplus;
	}
	memcpy(tail->bytes + tail->size_bytes, bytes, size_bytes);
	tail->size_bytes += size_bytes;
}

/* Making bytes valid can make them more, so the limit is applied once more afterwards. */
static char *tail_text(const struct tail *tail)
{
	const size_t cut = tail->size_bytes > HEALTH_OUTPUT_MAX
				   ? tail->size_bytes - HEALTH_OUTPUT_MAX
				   : 0;
	g_autofree char *text = g_utf8_make_valid(tail->bytes + cut,
						  (gssize)(tail->size_bytes - cut));
	const size_t size_bytes = strlen(text);
	const char *from = text;

	if (size_bytes > HEALTH_OUTPUT_MAX)
		from += size_bytes - HEALTH_OUTPUT_MAX;
	while ((*from & 0xc0) == 0x80)
		from++; /* not into the middle of a character */
	return g_strdup(from);
}

/* FALSE when there is nothing to read now: an empty pipe, or its end. */
static gboolean output_read(struct child *child)
{
	char bytes[HEALTH_OUTPUT_MAX];
	const ssize_t size_read = read(child->output_fd, bytes, sizeof bytes);

	if (size_read > 0) {
		head_add(&child->head, bytes, (size_t)size_read);
		tail_add(&child->tail, bytes, (size_t)size_read);
		return TRUE;
	}
	if (size_read == 0) {
		close(child->output_fd);
		child->output_fd = -1; /* poll() passes over it */
	}
	return FALSE;
}

static int actions_fill(posix_spawn_file_actions_t *actions, int output_fd)
{
	int why = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);

	if (why == 0)
		why = posix_spawn_file_actions_adddup2(actions, output_fd, 1);
	if (why == 0)
		why = posix_spawn_file_actions_adddup2(actions, output_fd, 2);
	if (why == 0)
		why = posix_spawn_file_actions_addclosefrom_np(actions, 3);
	if (why == 0)
		why = posix_spawn_file_actions_addchdir_np(actions, "/");
	return why;
}

static int attributes_fill(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	int why;

	sigemptyset(&none);
	sigfillset(&all);
	why = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
							   POSIX_SPAWN_SETSIGDEF);
	if (why == 0)
		why = posix_spawnattr_setsigmask(attributes, &none);
	if (why == 0)
		why = posix_spawnattr_setsigdefault(attributes, &all);
	return why;
}

static int child_spawn(const char *path, char *const environment[], int output_fd, pid_t *ret_pid)
{
	char *const arguments[] = { (char *)path, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int why;

	why = posix_spawn_file_actions_init(&actions);
	if (why != 0)
		return why;
	why = posix_spawnattr_init(&attributes);
	if (why == 0) {
		why = actions_fill(&actions, output_fd);
		if (why == 0)
			why = attributes_fill(&attributes);
		if (why == 0)
			why = posix_spawn(ret_pid, path, &actions, &attributes, arguments,
					  environment);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return why;
}

/* 0, or errno with nothing started and nothing open. */
static int child_start(struct child *child, const char *path, char *const environment[])
{
	int fds[2];
	int why;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return errno;
	why = child_spawn(path, environment, fds[1], &child->pid);
	close(fds[1]);
	child->output_fd = fds[0];
	if (why != 0) {
		close(fds[0]);
		return why;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK); /* cannot fail for a pipe of our own */
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
static enum healthexec_end child_watch(struct child *child, unsigned timeout_s,
				       GCancellable *cancellable)
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
			(void)output_read(child); /* a flood is read on, up to the deadline */
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
static void child_reap(struct child *child, struct healthexec_result *result)
{
	siginfo_t info = { 0 };

	if (result->end != HEALTHEXEC_EXITED)
		kill(-child->pid, SIGKILL);
	while (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
		;
	kill(-child->pid, SIGKILL);
	while (waitid(P_PID, (id_t)child->pid, &info, WEXITED) != 0 && errno == EINTR)
		;
	result->number = info.si_status;
	if (result->end == HEALTHEXEC_EXITED && info.si_code != CLD_EXITED)
		result->end = HEALTHEXEC_KILLED;
}

/* What stands in the pipe is the end of the output. Somebody who left the group may still hold
 * the pipe and write, so this does not wait for its end, and does not read more than it holds. */
static void child_drain(struct child *child)
{
	for (unsigned i = 0; i < 1024 && child->output_fd >= 0 && output_read(child); i++)
		;
	if (child->output_fd >= 0)
		close(child->output_fd);
	close(child->pidfd);
}

void healthexec_run(const char *path, char *const environment[], unsigned timeout_s,
		    GCancellable *cancellable, struct healthexec_result *ret_result)
{
	struct healthexec_result result = { .end = HEALTHEXEC_NOT_STARTED };
	struct child child = { .output_fd = -1, .pidfd = -1 };

	result.number = child_start(&child, path, environment);
	if (result.number == 0) {
		result.end = child_watch(&child, timeout_s, cancellable);
		child_reap(&child, &result);
		child_drain(&child);
	}
	result.output = tail_text(&child.tail);
	head_line(&child.head, result.first);
	*ret_result = result;
}
