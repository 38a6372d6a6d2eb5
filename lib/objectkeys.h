/* SPDX-License-Identifier: MIT */
#pragma once
/* Public ed25519 keys that commits are signed with, as libostree has them: a folder of files whose
 * names end in .ed25519, with a key in base64 on each line. Folder and files must be root's, or of
 * the user who reads them, and nobody else may write them. */

#include <glib.h>

enum { OBJECTKEYS_MAX = 64, OBJECTKEYS_FILE_MAX = 16 * 1024 };

struct objectkeys;
typedef struct objectkeys Objectkeys; /* for g_autoptr() only */

/* FAULT_KEYRING_MISSING: the folder cannot be read or has no key; FAULT_KEY_UNREADABLE: it has a
 * line that is none; FAULT_OSTREE_KEYS: others may change it. */
struct objectkeys *objectkeys_load(const char *folder, GError **error);
void objectkeys_free(struct objectkeys *keys); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Objectkeys, objectkeys_free)

/* Whether one of `signatures` (GBytes) over the bytes is by one of the keys. */
gboolean objectkeys_verify(const struct objectkeys *keys, GBytes *bytes,
			   const GPtrArray *signatures);
