/* SPDX-License-Identifier: MIT */
#pragma once
/* Hook state: what of hooks outlives a boot, in STATE/hooks.json: which release's commit and which
 * release's end they were told of, so that each is told once, and the veto that stands. */

#include <glib.h>

#include "hooks.h"
#include "slot.h"

struct hookstate {
	char *committed;    /* root hash, hex, of the release whose commit was told last; or NULL */
	char *left;         /* of the release whose rollback was told last; or NULL */
	char *veto;         /* what a hook has said against the next step; or NULL */
	char *veto_kind;    /* of that hook: "pre-stage", ... */
	char *veto_version; /* of the release it is about */
	gint64 veto_time_us;
};
typedef struct hookstate Hookstate; /* for g_auto() only */

/* Nothing is known where there is no file, or a damaged one: that is told in the log. */
struct hookstate hookstate_load(const char *state_dir);
/* Atomic. FAULT_STATE_FILE. */
gboolean hookstate_save(const char *state_dir, const struct hookstate *state, GError **error);
void hookstate_clear(struct hookstate *state);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Hookstate, hookstate_clear)

/* Each returns TRUE if the state has changed: the hooks are due, or there is something to save. */
gboolean hookstate_note_commit(struct hookstate *state, const char *root_hash);
gboolean hookstate_note_left(struct hookstate *state, const char *root_hash);
/* The release is tried anew, so that its next end is another one. */
gboolean hookstate_note_activated(struct hookstate *state, const char *root_hash);
/* `reason` NULL: no veto of that kind stands any more. Texts are made printable and cut. */
gboolean hookstate_note_veto(struct hookstate *state, enum hooks_kind kind, const char *version,
			     const char *reason);

/* Pure: whether the boot program itself left the release in `other` for the running one. Somebody
 * who marked it bad did not; nor did a newer release that revoked it. `boot_reason` is azboot's
 * word, or NULL. */
gboolean hookstate_is_left(const struct slot *running, const struct slot *other,
			   const char *boot_reason);
