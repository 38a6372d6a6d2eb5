/* SPDX-License-Identifier: MIT */
#pragma once
/* What machine.c and its parts share. */

#include "machine.h"
#include "slotstore.h"
#include "source.h"

struct machine {
	const struct config *config; /* borrowed */
	struct bootinfo *boot;
	struct layout *layout;
};

/* The record, or the one that azboot would have made if both copies are lost; then *ret_fault is
 * FAULT_BOOTREC_LOST. A record of a later format fails. */
gboolean machine_record_load(struct machine *machine, struct bootrec *ret_rec, fault *ret_fault,
			     GError **error);
gboolean machine_record_save(struct machine *machine, struct bootrec *rec, GError **error);

/* Remembers, or with FAULT_OK forgets, that a release failed here. A full or broken var must not
 * keep a release from being committed or left, so that it cannot be stored is only logged. */
void machine_failed_note(struct machine *machine, const char *version, const char *root_hash,
			 fault why, const char *reason);

/* Commits the slot in `rec`, with what its release revokes; the caller saves. A release that comes
 * off its trial is not committed while it cannot be read what it revokes. */
gboolean machine_commit(struct machine *machine, struct bootrec *rec, unsigned slot,
			GError **error);

static inline const char *machine_slot_name(unsigned slot)
{
	return slot == SLOT_A ? "a" : "b";
}

/* The folder of past releases; free with g_free(). */
char *machine_store_path(const struct machine *machine);
/* The version of the stored release with this root hash; NULL if there is none, or no store. Free
 * with g_free(). */
char *machine_store_find(const struct machine *machine,
			 const uint8_t root_hash[static VERITREE_HASH_SIZE]);
/* Whether a failure says that a stored release is damaged; if so it is dropped, with the objects
 * that are. */
gboolean machine_store_drop(const struct machine *machine, const char *version,
			    const GError *failure);

/* The bundle, or the stored release, that the options name. */
struct source *machine_source_open(const struct machine *machine,
				   const struct machine_install *options, GError **error);
