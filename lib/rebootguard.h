/* SPDX-License-Identifier: MIT */
#pragma once
/* Reboot guard: whether the machine may be rebooted now, and the reboot itself, with a warning to
 * who is logged in. Nothing here fails open: what cannot be asked is no yes.
 *
 * Order: rebootguard_inhibitors_check() costs nothing and comes first; then whatever lock the fleet
 * has; then the hooks (hooks.h), since a hook may move work away from the machine;
 * rebootguard_reboot() last, which looks at the inhibitors again. After a veto nothing has happened
 * that must be undone, but what the hooks before it have done. */

#include <gio/gio.h>
#include <glib.h>

enum {
	REBOOTGUARD_WARN_S_MAX = 3600,
	REBOOTGUARD_INHIBITORS_MAX =
		1024, /* of logind's list; more is an answer that is not used */
	REBOOTGUARD_SESSIONS_MAX = 4096,
};

struct rebootguard_options {
	GDBusConnection *bus; /* the system bus */
	unsigned warn_s;     /* from the warning to the reboot, if somebody is logged in; 0: none */
	const char *version; /* what the next boot starts, for users; NULL: not known */
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

enum rebootguard_outcome {
	REBOOTGUARD_REBOOTING, /* logind has been told; delaying inhibitors have its time to end */
	REBOOTGUARD_NO_LOGIND, /* ask systemd itself */
};
/* Blocks for warn_s if somebody is logged in: logind warns them, and again as the time comes
 * nearer. Somebody who inhibits the reboot meanwhile, or a cancel, calls it off. The same failures
 * as of rebootguard_inhibitors_check(), and FAULT_REBOOT, FAULT_JOB_CANCELLED. */
gboolean rebootguard_reboot(const struct rebootguard_options *options, GCancellable *cancellable,
			    enum rebootguard_outcome *ret_outcome, GError **error);
