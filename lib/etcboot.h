/* SPDX-License-Identifier: MIT */
#pragma once
/* /etc at a boot: what azetc does in the initrd, before anything runs that reads /etc. First what
 * another release has left is stored, then a state is put back if that was asked for, and only
 * then the changes are laid over what the release brings.
 *
 * In STATE/etc: `upper` and `work`, the overlay's; `next`, a state that is being put back; `last`,
 * what the release brings that ran last, an etctree; `request.json`, what is to be put back. */

#include <glib.h>

#include "etctree.h"

/* What is to be put back, and at which boot. */
struct etcboot_request {
	char *root_hash; /* hex: when this release boots */
	char *from;      /* hex: only right after that one has run; NULL: whatever ran */
	unsigned number; /* of the state; 0: the last one that this release has left */
};
typedef struct etcboot_request EtcbootRequest; /* for g_auto() only */
void etcboot_request_clear(struct etcboot_request *request);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EtcbootRequest, etcboot_request_clear)

/* root_hash NULL where nothing is asked for, or where that is damaged, which the log tells. */
struct etcboot_request etcboot_request_load(const char *state_dir);
/* Atomic; with root_hash NULL nothing is asked for any more. FAULT_STATE_FILE. */
gboolean etcboot_request_save(const char *state_dir, const struct etcboot_request *request,
			      GError **error);

/* What a boot does. Pure. */
struct etcboot_plan {
	gboolean store;   /* the changes as they were left, first of all */
	gboolean restore; /* and only after that has succeeded */
	gboolean forget;  /* the request: it is done, or cannot come true any more */
};
/* `last`: the root hash of the release that ran last, or NULL. */
struct etcboot_plan etcboot_plan(const char *last, const char *now,
				 const struct etcboot_request *request);

struct etcboot {
	const char *state_dir;
	const char *defaults; /* a folder: what the release brings */
	const char *root_hash;
	const char *version; /* "" if it is not known */
};

/* What was done; free with _clear. */
struct etcboot_done {
	unsigned stored;   /* number of the new state; 0: none */
	unsigned restored; /* number of the state that was put back; 0: none */
	unsigned why;      /* fault that kept it from storing or putting back; FAULT_OK: none */
	char *reason;      /* in a sentence, or NULL */
};
void etcboot_done_clear(struct etcboot_done *done);

/* Leaves `upper` and an empty `work` for the overlay. Fails only if that cannot be had
 * (FAULT_ETC_WRITE), or if there was an `upper` at an earlier boot, and there is none now
 * (FAULT_ETC_LOST), unless a state was put back in its place; all else is told in *ret_done, and
 * the changes stay as they are. After a kill or a power cut, `upper` is what it was or what was to
 * be put back, and the next call goes on. */
gboolean etcboot_run(const struct etcboot *boot, struct etcboot_done *ret_done, GError **error);

/* Drops states that are too many, for the boot of that release: not the last one of it, nor that of
 * the release that ran before, which is the last one of all if this boot has stored it. */
gboolean etcboot_trim(const char *state_dir, const char *root_hash, unsigned history,
		      GError **error);

/* What the release brought that ran last; NULL where that is not known. */
struct etctree *etcboot_last(const char *state_dir);
