/* SPDX-License-Identifier: MIT */
#pragma once
/* Health execution: runs one program once, with nothing inherited, and leaves nothing of it behind.
 * For health checks and hooks alike.
 *
 * Where systemd runs, the program becomes a transient unit (azupdate-run-NUMBER.service in
 * azupdate.slice): it has none of the daemon's confinement, limits on memory and tasks, and when
 * it ends or must end, systemd kills its whole cgroup. Elsewhere it is a child in a session and,
 * if one can be made, a cgroup of its own. Without a cgroup, who has left the process group is
 * looked for by the environment; only there can a program that also clears that one escape. */

#include <gio/gio.h>
#include <glib.h>

#include "health.h"

enum {
	HEALTHEXEC_FIRST_MAX = 256,
	HEALTHEXEC_MEMORY_MIB = 512, /* a good memory_mib */
	HEALTHEXEC_TASKS = 256,      /* a good tasks_max */
};

enum healthexec_end {
	HEALTHEXEC_EXITED,
	HEALTHEXEC_KILLED,    /* by a signal that was not ours */
	HEALTHEXEC_TIMEOUT,   /* killed by us, with everything that it has started */
	HEALTHEXEC_CANCELLED, /* likewise */
	HEALTHEXEC_NOT_STARTED,
};

enum healthexec_back {
	HEALTHEXEC_BEST,    /* the first of the following ones that there is */
	HEALTHEXEC_UNIT,    /* needs `bus`, with systemd on it */
	HEALTHEXEC_CGROUP,  /* needs a cgroup v2 that we may divide */
	HEALTHEXEC_SESSION, /* is always there */
};

/* Everything is borrowed. */
struct healthexec_program {
	const char *path;
	const char *const *arguments; /* after the path, NULL-terminated; NULL: none */
	char *const *environment;     /* and nothing else, but what systemd adds to a unit's */
	const char *what;             /* for systemctl status: "health check net"; NULL: the path */
	unsigned timeout_s;
	unsigned memory_mib;  /* for all its processes together; 0: no limit. Without systemd */
	unsigned tasks_max;   /* both hold only where the cgroup has the controller */
	GDBusConnection *bus; /* the system bus; NULL: not by systemd */
	enum healthexec_back back;
};

struct healthexec_result {
	enum healthexec_end end;
	int number;   /* exit status, signal, or errno, as `end` says */
	char *output; /* the last HEALTH_OUTPUT_MAX bytes of it, valid UTF-8 */
	/* Its first line, or the first HEALTHEXEC_FIRST_MAX bytes of that; valid UTF-8 without
	 * control characters. Of what was not started, why not, or "": `number` says it. */
	char first[HEALTHEXEC_FIRST_MAX + 1];
};

/* Thread-safe. Free ret_result->output with g_free(). Output without end is read on and
 * forgotten, up to the timeout. Exit status 203 of a unit means, as systemd has it, that the
 * program could not be executed. */
void healthexec_call(const struct healthexec_program *program, GCancellable *cancellable,
		     struct healthexec_result *ret_result);
