/* SPDX-License-Identifier: MIT */
#pragma once
/* States: what was judged once need not be judged again. A state is known by a hash of 128 bits
 * of its blocks and of what is expected of it. */

#include <glib.h>

#include "belief.h"
#include "medium.h"

struct state_key {
	uint64_t words[2];
};

/* Of the first blocks of a medium. */
struct state_key state_key(const struct medium *medium, size_t blocks, const struct belief *belief);
/* A table of copies of such keys. */
GHashTable *state_table_new(void);
/* FALSE if it was there already. */
bool state_table_add(GHashTable *table, const struct state_key *key, gpointer value);
