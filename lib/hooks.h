/* SPDX-License-Identifier: MIT */
#pragma once
/* Hooks: the administrator's and the image's own programs, asked before a step and told after it.
 *
 * A hook is an executable in FOLDER/KIND.d of one of the folders, for which the rules of health
 * checks hold (execlist.h): folders and files belong to root and nobody else can write them, a
 * file of the same name in a later folder takes the place of an earlier one, a link to /dev/null
 * takes it out. None ever comes out of a bundle. Hooks of a kind run one after the other, by name.
 *
 * Before a step (pre-): exit status 0 means go on. Another one is a veto, and the first line of
 * the output is its reason. One that does not end in time is killed with all it has started; that
 * is a veto, too, and so is what cannot be run. The first veto ends it.
 * After a step (post-): all of them run; one that fails is told, and changes nothing.
 *
 * The environment is PATH, LANG and what docs/HOOKS.md lists; nothing is inherited. */

#include <gio/gio.h>
#include <glib.h>

#include "fault.h"

enum {
	HOOKS_MAX = 256,         /* of one kind, in all folders together */
	HOOKS_VALUE_MAX = 512,   /* bytes of one value in the environment; longer ones are cut */
	HOOKS_TIME_S_MAX = 3600, /* of one hook */
};

enum hooks_kind {
	HOOKS_PRE_STAGE,     /* the manifest is verified; nothing is written yet */
	HOOKS_POST_STAGE,    /* the release is in the slot, complete and verified */
	HOOKS_PRE_ACTIVATE,  /* before the slot is made the next boot */
	HOOKS_PRE_REBOOT,    /* before a reboot into a release that was activated */
	HOOKS_POST_COMMIT,   /* the running release was committed */
	HOOKS_POST_ROLLBACK, /* the first boot after a release was left */
	HOOKS_KIND_COUNT
};

/* What it is about. Strings are borrowed; NULL where something is not known. */
struct hooks_event {
	const char *version;   /* of the release: staged, activated, committed, or left */
	const char *slot;      /* "a" or "b": where it is */
	const char *root_hash; /* of it, hex */
	const char *running;   /* the version that runs */
	const char *reason;    /* who wants it; post-rollback: why the release was left */
	fault why;             /* post-rollback: the fault, if one is known */
};

struct hooks_options {
	const char *const *folders; /* later ones mask earlier ones; NULL-terminated */
	unsigned time_s;            /* for each hook, 1 to HOOKS_TIME_S_MAX */
	gboolean trust_owner;       /* tests: accept files of the calling user instead of root */
	GDBusConnection *bus;       /* with systemd on it: hooks are units of their own, see
				     * healthexec.h; NULL: they are our children */
	void (*begin)(enum hooks_kind kind, gpointer data); /* before the first one; may be NULL */
	gpointer begin_data;
};

/* "pre-stage", ... */
const char *hooks_name(enum hooks_kind kind);
gboolean hooks_can_veto(enum hooks_kind kind);

/* Blocks. Before a step: FAULT_HOOK_VETO with the reason, FAULT_HOOK_TIMEOUT, FAULT_HOOK_RUN,
 * FAULT_HOOK_FOLDER. After one: FAULT_HOOK_FAILED, which names the first that failed and how many
 * there were. Both: FAULT_JOB_CANCELLED. */
gboolean hooks_run(enum hooks_kind kind, const struct hooks_event *event,
		   const struct hooks_options *options, GCancellable *cancellable, GError **error);
/* Whether a failure is one of a hook's, so that asking again later may go well. */
gboolean hooks_is_veto(const GError *error);
