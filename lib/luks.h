/* SPDX-License-Identifier: MIT */
#pragma once
/* A LUKS2 volume: made, unlocked, and given keys, by libcryptsetup. Tokens are read by this program
 * alone; no plugin is loaded for them. */

#include <glib.h>

#include "secret.h"
#include "tpmtoken.h"

enum { LUKS_KEYSLOT_ANY = 32, LUKS_TOKENS_MAX = 32 };

struct luks;
typedef struct luks Luks; /* for g_autoptr() only */

/* FALSE only if there is certainly none: no LUKS magic at its beginning, and no second header. */
gboolean luks_is_there(const char *path);

/* A partition, or a file that holds a volume. Its header was checked (luksheader.h) once it is
 * open; the copy in memory is what is used from then on. FAULT_LUKS_ faults; FAULT_DISK_OPEN. */
struct luks *luks_open(const char *path, GError **error);
/* Overwrites what is there with a new volume that has no keys yet and is marked as not finished. */
struct luks *luks_create(const char *path, GError **error);
void luks_free(struct luks *luks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Luks, luks_free)

/* Whether luks_create() has made it, and luks_finish() was not called yet: nothing is stored
 * there. */
gboolean luks_is_unfinished(const struct luks *luks);
gboolean luks_finish(struct luks *luks, GError **error);

/* The key of a volume that luks_create() has just made: only this handle knows it. */
struct secret *luks_new_key(struct luks *luks, GError **error);

/* The volume key, by a passphrase of one keyslot or of any; nothing is activated. NULL with
 * FAULT_LUKS_KEY. */
struct secret *luks_unlock(struct luks *luks, const struct secret *passphrase, unsigned keyslot,
			   GError **error);

/* Whether there is a keyslot that a token says is for a recovery key. */
gboolean luks_has_recovery(struct luks *luks);
/* A further keyslot, for a recovery key, which then opens the volume. FAULT_LUKS_WRITE. */
gboolean luks_recovery_add(struct luks *luks, const struct secret *volume_key,
			   const struct secret *recovery_key, GError **error);

/* The numbers of the tokens of a TPM (tpmtoken.h) that have a keyslot; returns how many. */
unsigned luks_tpm_tokens(struct luks *luks, unsigned ret_tokens[static LUKS_TOKENS_MAX]);
/* FAULT_TOKEN_FORMAT, FAULT_TOKEN_KIND. The caller clears. */
gboolean luks_tpm_token(struct luks *luks, unsigned number, struct tpmtoken *ret_token,
			GError **error);
/* A further keyslot whose passphrase a TPM holds, and its token; the passphrase was tried. Sets
 * token->keyslot. FAULT_LUKS_WRITE. */
gboolean luks_tpm_add(struct luks *luks, const struct secret *volume_key,
		      const struct secret *passphrase, struct tpmtoken *token, unsigned *ret_number,
		      GError **error);
/* Removes one, with its keyslot. */
gboolean luks_tpm_remove(struct luks *luks, unsigned number, GError **error);
/* Removes those whose keyslot is gone: a removal that was cut off. */
gboolean luks_tpm_sweep(struct luks *luks, GError **error);
/* Removes all TPM tokens but this one, with their keyslots. */
gboolean luks_tpm_keep(struct luks *luks, unsigned number, GError **error);

/* What systemd measures of a volume, with its key: "cryptsetup:NAME:UUID". Free with g_free(). */
char *luks_measured(const struct luks *luks, const char *name);

/* As /dev/mapper/NAME. FAULT_LUKS_ACTIVATE. */
gboolean luks_activate(struct luks *luks, const char *name, const struct secret *volume_key,
		       GError **error);
