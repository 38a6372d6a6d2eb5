/* SPDX-License-Identifier: MIT */
#pragma once
/* Run cage: what holds the processes of one program together where systemd does not: a cgroup, or
 * only a mark in their environment. */

#include <glib.h>

struct runcage {
	char *mark;     /* without a cgroup: an entry for the program's environment */
	char *path;     /* of the cgroup; NULL: there is none */
	int members_fd; /* cgroup.procs: who writes "0" is in it; -1 without a cgroup */
};

/* FALSE if a cgroup is wanted and none can be made; the limits are set if they can be, 0: none. */
gboolean runcage_init(struct runcage *cage, gboolean with_cgroup, unsigned memory_mib,
		      unsigned tasks_max);
/* Kills all that are in it, and waits until they are dead, for 5 seconds at most. */
void runcage_kill(const struct runcage *cage);
/* After the kill: takes the cgroup away. */
void runcage_done(struct runcage *cage);
