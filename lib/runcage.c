/* SPDX-License-Identifier: MIT */
#include "runcage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LOOKS_MAX = 500, /* so often it is looked whether they are dead, */
	LOOK_US = 10000, /* at such intervals */
	/* A process that forks faster than it is found is killed again and again; each round that
	 * finds nobody twice in a row ends it. */
	QUIET_ROUNDS = 2,
	ENVIRONMENT_MAX = 256 * 1024,
};

/* --- the cgroup --- */

/* The mount point of cgroup v2, if its root is mounted. */
static char *mount_find(void)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
		return NULL;
	lines = g_strsplit(text, "\n", 0);
	for (char **line = lines; *line != NULL; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", 6);

		if (strstr(*line, " - cgroup2 ") != NULL && g_strv_length(words) == 6 &&
		    strcmp(words[3], "/") == 0)
			return g_strcompress(words[4]); /* it escapes as C does */
	}
	return NULL;
}

/* Our own place in it, from its root. */
static char *place_find(void)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents("/proc/self/cgroup", &text, NULL, NULL))
		return NULL;
	lines = g_strsplit(text, "\n", 0);
	for (char **line = lines; *line != NULL; line++)
		if (g_str_has_prefix(*line, "0::/"))
			return g_strdup(*line + strlen("0::"));
	return NULL;
}

static gboolean file_write(const char *folder, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	const int fd = open(path, O_WRONLY | O_CLOEXEC);
	gboolean done;

	if (fd < 0)
		return FALSE;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return done;
}

static void limit_set(const struct runcage *cage, const char *name, guint64 limit)
{
	char text[32];

	snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, limit);
	/* The controller may belong to somebody else: then there is no such file. */
	if (limit != 0)
		(void)file_write(cage->path, name, text);
}

static gboolean cgroup_make(struct runcage *cage, const char *name)
{
	g_autofree char *mount = mount_find();
	g_autofree char *place = place_find();
	g_autofree char *path = NULL;
	g_autofree char *members = NULL;

	if (mount == NULL || place == NULL)
		return FALSE;
	path = g_build_filename(mount, place, name, NULL);
	if (mkdir(path, 0755) != 0)
		return FALSE;
	members = g_build_filename(path, "cgroup.procs", NULL);
	cage->members_fd = open(members, O_WRONLY | O_CLOEXEC);
	if (cage->members_fd < 0) {
		rmdir(path);
		return FALSE;
	}
	cage->path = g_steal_pointer(&path);
	return TRUE;
}

gboolean runcage_init(struct runcage *cage, gboolean with_cgroup, unsigned memory_mib,
		      unsigned tasks_max)
{
	g_autofree char *id = g_uuid_string_random();
	g_autofree char *name = g_strconcat("azupdate-run-", id, NULL);

	*cage = (struct runcage){ .members_fd = -1 };
	if (with_cgroup && !cgroup_make(cage, name))
		return FALSE;
	cage->mark = g_strconcat("AZUPDATE_RUN_ID=", id, NULL);
	if (!with_cgroup)
		return TRUE;
	limit_set(cage, "memory.max", (guint64)memory_mib << 20);
	limit_set(cage, "pids.max", tasks_max);
	return TRUE;
}

static gboolean cgroup_is_populated(const struct runcage *cage)
{
	g_autofree char *path = g_build_filename(cage->path, "cgroup.events", NULL);
	g_autofree char *text = NULL;

	return !g_file_get_contents(path, &text, NULL, NULL) || strstr(text, "populated 0") == NULL;
}

/* Before Linux 5.14 there is no cgroup.kill. */
static void members_kill(const struct runcage *cage)
{
	g_autofree char *path = g_build_filename(cage->path, "cgroup.procs", NULL);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return;
	lines = g_strsplit(text, "\n", 0);
	for (char **line = lines; *line != NULL; line++) {
		const pid_t pid = (pid_t)g_ascii_strtoll(*line, NULL, 10);

		if (pid > 1)
			kill(pid, SIGKILL);
	}
}

static void cgroup_kill(const struct runcage *cage)
{
	for (unsigned i = 0; i < LOOKS_MAX && cgroup_is_populated(cage); i++) {
		if (!file_write(cage->path, "cgroup.kill", "1"))
			members_kill(cage);
		g_usleep(i == 0 ? LOOK_US / 10 : LOOK_US);
	}
}

/* --- the mark --- */

static gboolean process_has_mark(const char *pid, const char *mark)
{
	g_autofree char *path = g_build_filename("/proc", pid, "environ", NULL);
	g_autofree char *text = NULL;
	gsize size_bytes;
	const size_t mark_bytes = strlen(mark) + 1;

	if (!g_file_get_contents(path, &text, &size_bytes, NULL) || size_bytes > ENVIRONMENT_MAX)
		return FALSE;
	for (gsize at = 0; at + mark_bytes <= size_bytes; at += strlen(text + at) + 1)
		if (memcmp(text + at, mark, mark_bytes) == 0)
			return TRUE;
	return FALSE;
}

/* How many were found and killed; a zombie has no environment any more. */
static unsigned marked_kill(const char *mark)
{
	g_autoptr(GDir) folder = g_dir_open("/proc", 0, NULL);
	const char *name;
	unsigned found = 0;

	while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
		const pid_t pid = (pid_t)g_ascii_strtoll(name, NULL, 10);

		if (pid > 1 && pid != getpid() && process_has_mark(name, mark)) {
			kill(pid, SIGKILL);
			found++;
		}
	}
	return found;
}

void runcage_kill(const struct runcage *cage)
{
	unsigned quiet = 0;

	if (cage->path != NULL) {
		cgroup_kill(cage);
		return;
	}
	for (unsigned i = 0; i < LOOKS_MAX && quiet < QUIET_ROUNDS; i++) {
		quiet = marked_kill(cage->mark) == 0 ? quiet + 1 : 0;
		if (quiet == 0)
			g_usleep(LOOK_US);
	}
}

void runcage_done(struct runcage *cage)
{
	if (cage->members_fd >= 0)
		close(cage->members_fd);
	if (cage->path != NULL && rmdir(cage->path) != 0)
		g_message("%s stays: %s", cage->path, g_strerror(errno));
	g_free(cage->path);
	g_free(cage->mark);
}
