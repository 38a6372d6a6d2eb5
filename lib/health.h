/* SPDX-License-Identifier: MIT */
#pragma once
/* Health: runs the checks and says whether the running release may be committed.
 *
 * A check is an executable in FOLDER/required.d or FOLDER/wanted.d, a script of greenboot's, a
 * unit of systemd that must run steadily, or built in. Exit status 0 is good. A check that does
 * not end within its timeout is killed with everything that it has started, and has failed. A
 * failed check is run again up to `retries` times. A file of the same name in an earlier folder
 * is masked by a later folder (so /etc overrides /usr); a link to /dev/null takes a check out.
 * Files and folders that others than root can write are refused: FAULT_HEALTH_FOLDER. */

#include <gio/gio.h>
#include <glib.h>

#include "fault.h"

struct source_options;

enum {
	HEALTH_OUTPUT_MAX = 4096, /* bytes kept of each check's output */
	HEALTH_PARALLEL = 4,      /* a good `parallel` */
	HEALTH_HASH_MAX = 128,    /* hexadecimal digits of a root hash */
};

enum health_source {
	HEALTH_FOLDER,
	HEALTH_GREENBOOT, /* one after the other, up to the first required one that fails */
	HEALTH_UNIT,
	HEALTH_BUILTIN,
	HEALTH_SOURCE_COUNT
};

struct health_check {
	char *name;
	enum health_source source;
	gboolean required;
	gboolean passed;
	fault why;       /* FAULT_OK, FAULT_HEALTH_REQUIRED (exit status), _TIMEOUT, _RUN, ... */
	int exit_status; /* of the last run; -1: killed, not started, or no program */
	unsigned runs;
	unsigned duration_ms;
	char *output; /* the last HEALTH_OUTPUT_MAX bytes of both outputs, UTF-8 */
	char *reason; /* of a failed one, what follows its name: "failed: exit status 1: no route".
		       * With the first line of its output. Else "" */
};

struct health_result {
	GPtrArray *checks; /* of struct health_check */
	gboolean healthy;  /* every required check passed */
	fault why;         /* FAULT_OK or of the first required check that failed */
	char *reason;      /* one sentence for status: check "network" failed: exit status 1 */
};
typedef struct health_result HealthResult; /* for g_autoptr() only */

/* What built-in checks hold the machine against. Borrowed. */
struct health_expected {
	const char *root_hash; /* hex, of the running slot's release; NULL: runs from no slot */
	const char *
		etc; /* what is wrong with local changes of /etc; NULL: nothing, or none are kept */
	guint64 build_time_s; /* since 1970, of that release; 0: not known */
	const char *space_path;
	unsigned space_mib;     /* that must be free there */
	char **failed_except;   /* patterns of units that may have failed; NULL: none */
	const char *repository; /* URL; NULL: there is none */
	const struct source_options *network; /* NULL: the defaults */
	const char *proc_net;                 /* NULL: /proc/net; for tests */
};

/* Everything is borrowed. Lists are NULL-terminated; NULL: empty. */
struct health_options {
	char **folders; /* later ones mask earlier ones */
	unsigned timeout_s;
	unsigned retries;
	unsigned pause_ms;   /* before a retry; 0: half a second */
	unsigned soak_s;     /* a check that passed must pass once more after this; 0: need not */
	unsigned parallel;   /* so many programs side by side; 0: HEALTH_PARALLEL */
	unsigned memory_mib; /* of each program; 0: no limit */
	unsigned tasks_max;
	gboolean trust_owner; /* tests: accept files of the calling user instead of root */
	GDBusConnection *bus; /* the system bus; NULL: programs are children, units unknown */
	char **greenboot;     /* its folders, the one with greenboot.conf last */
	char **units;         /* names of units that must run */
	char **wanted_units;
	unsigned unit_soak_s; /* so long a unit must have been active without a break */
	char **builtins;      /* names, see healthbuiltin.h */
	char **wanted_builtins;
	/* The root is dm-verity's, and its hash can be held against the running release's. */
	gboolean root_is_verified;
	gboolean etc_is_kept; /* the release keeps local changes of /etc */
	struct health_expected expected;
};

/* NULL only if cancelled or a folder is refused; no checks at all is healthy. */
struct health_result *health_run(const struct health_options *options, GCancellable *cancellable,
				 GError **error);
void health_result_free(struct health_result *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HealthResult, health_result_free)
/* Whether what failed lies with the machine, as far as that can be told, so that its other release
 * would meet the same: changes of /etc are not in force. Other checks may fail for want of them. */
gboolean health_is_of_machine(const struct health_result *result);
/* "program", "greenboot", "unit", "builtin" */
const char *health_source_name(enum health_source source);
