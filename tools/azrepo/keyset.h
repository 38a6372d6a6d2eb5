/* SPDX-License-Identifier: MIT */
#pragma once
/* Who may sign for a role, being changed: the keys and thresholds in a root, or in targets'
 * delegation of the channels. */

#include <glib.h>

#include "role.h"
#include "tufsign.h"

enum { KEYSET_KEYS_MAX = 32 };

/* An empty root without keys, and targets that delegate the channels to nobody yet. The caller
 * owns them. */
json_t *keyset_root_new(gint64 expires_s);
json_t *keyset_targets_new(gint64 expires_s);

/* `parent`: root, or targets for channels. */
void keyset_add(json_t *parent, enum role role, const struct tufsign *key);
/* FAULT_AZREPO_KEY_OTHER: the role does not have a key whose id starts so, or has several. */
gboolean keyset_remove(json_t *parent, enum role role, const char *keyid, GError **error);
/* 0: leave it. FAULT_AZREPO_THRESHOLD: not 1 to the number of keys, or too many keys. */
gboolean keyset_threshold(json_t *parent, enum role role, int threshold, GError **error);
