/* SPDX-License-Identifier: MIT */
#pragma once
/* Reboot guard: whether the machine may be rebooted now, and the reboot itself, with a warning to
 * who is logged in. Nothing here fails open: what cannot be asked is no yes.
 *
 * Order: rebootguard_inhibitors_check() costs nothing and comes first; then whatever lock the fleet
 * has; then rebootguard_hooks_run(), since a hook may move work away from the machine;
 * rebootguard_reboot() last, which looks at the inhibitors again. After a veto nothing has happened
 * that must be undone, but what the hooks before it have done.
 *
 * A hook is an executable in one of the folders, for which the rules of health checks hold
 * (execlist.h): owned by root, writable by nobody else, a file of the same name in a later folder
 * takes the place of an earlier one, a link to /dev/null takes it out. Hooks run one after the
 * other, by name. Exit status 0: go on. Another one is a veto, and the first line of the output
 * its reason. A hook that does not end in time is killed with its process group; that is a veto,
 * too. */

#include <gio/gio.h>
#include <glib.h>

enum {
	REBOOTGUARD_HOOK_TIME_S = 60, /* a good hook_time_s */
	REBOOTGUARD_WARN_S_MAX = 3600,
	REBOOTGUARD_INHIBITORS_MAX =
		1024, /* of logind's list; more is an answer that is not used */
	REBOOTGUARD_SESSIONS_MAX = 4096,
};

/* /usr/lib/azupdate/hooks/pre-reboot.d, /etc/azupdate/hooks/pre-reboot.d; NULL-terminated. */
extern const char *const REBOOTGUARD_HOOK_DIRS[];

struct rebootguard_options {
	GDBusConnection *bus;         /* the system bus */
	const char *const *hook_dirs; /* later ones mask earlier ones; NULL: the defaults */
	unsigned hook_time_s;         /* for each hook, 1 or more */
	unsigned warn_s;     /* from the warning to the reboot, if somebody is logged in; 0: none */
	const char *version; /* what the next boot starts, for hooks and users; NULL: not known */
	gboolean trust_owner; /* tests: accept files of the calling user instead of root */
};

/* As logind tells it. The strings are borrowed. */
struct rebootguard_inhibitor {
	const char *what; /* such as "shutdown:sleep" */
	const char *who;
	const char *why;
	const char *mode; /* "block", "block-weak", "delay" */
};
/* Pure: whether it stands against a reboot that no user has asked for. One of mode delay does not:
 * logind waits for it within the reboot. */
gboolean rebootguard_inhibitor_blocks(const struct rebootguard_inhibitor *inhibitor);

/* FAULT_REBOOT_INHIBITED names who and why, or says that somebody has planned a shutdown;
 * FAULT_LOGIND: it does not answer as it should. Where there is no logind, there are no
 * inhibitors. */
gboolean rebootguard_inhibitors_check(const struct rebootguard_options *options,
				      GCancellable *cancellable, GError **error);
/* FAULT_HOOK_VETO with the reason, FAULT_HOOK_TIMEOUT, FAULT_HOOK_RUN, FAULT_HOOK_FOLDER,
 * FAULT_JOB_CANCELLED. */
gboolean rebootguard_hooks_run(const struct rebootguard_options *options, GCancellable *cancellable,
			       GError **error);

enum rebootguard_outcome {
	REBOOTGUARD_REBOOTING, /* logind has been told; delaying inhibitors have its time to end */
	REBOOTGUARD_NO_LOGIND, /* ask systemd itself */
};
/* Blocks for warn_s if somebody is logged in: logind warns them, and again as the time comes
 * nearer. Somebody who inhibits the reboot meanwhile, or a cancel, calls it off. The same failures
 * as of rebootguard_inhibitors_check(), and FAULT_REBOOT, FAULT_JOB_CANCELLED. */
gboolean rebootguard_reboot(const struct rebootguard_options *options, GCancellable *cancellable,
			    enum rebootguard_outcome *ret_outcome, GError **error);
