/* SPDX-License-Identifier: MIT */
#pragma once
/* Keychain: the private keys that are at hand, out of the repository's settings and of --key. */

#include <glib.h>

#include "role.h"
#include "tufsign.h"

struct keychain;
typedef struct keychain Keychain; /* for g_autoptr() only */

/* `wheres` (NULL-ended, or NULL): keys given for this command; each must be readable. `settings`
 * (may be NULL) has the others, which are read when they are asked for. */
struct keychain *keychain_new(char **wheres, json_t *settings, GError **error);
void keychain_free(struct keychain *keychain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Keychain, keychain_free)

/* Borrowed; NULL: it is not at hand. *ret_why (may be NULL): why, borrowed. */
const struct tufsign *keychain_find(struct keychain *keychain, const char *keyid,
				    const char **ret_why);

/* Adds the signatures of all keys of `spec` that are at hand, and are not there yet. FALSE: a key
 * refuses to sign. */
gboolean keychain_sign(struct keychain *keychain, json_t *envelope, const struct role_spec *spec,
		       GError **error);
/* How many keys of `spec` are at hand. */
json_int_t keychain_count(struct keychain *keychain, const struct role_spec *spec);

/* Remembers in `settings` where a key is; files by their whole path. */
void keychain_remember(json_t *settings, const struct tufsign *key, const char *where);
