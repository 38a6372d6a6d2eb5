/* SPDX-License-Identifier: MIT */
#pragma once
/* Store of /etc: states of the local changes, beside the past releases in the machine's store
 * (storerepo.h), each under a number that rises. What /etc holds may be secret: the store's folder
 * is readable by root alone. */

#include <glib.h>

#include "etctree.h"
#include "storerepo.h"

enum { ETCSTORE_NUMBER_MAX = 99999999 };

struct etcstore_state {
	unsigned number;
	uint64_t time_s;      /* when it was stored, since 1970 */
	struct etctree *tree; /* NULL: it is damaged */
};
typedef struct etcstore_state EtcstoreState; /* for g_autoptr() only */
void etcstore_state_free(struct etcstore_state *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EtcstoreState, etcstore_state_free)

/* A repository for the functions here; as storerepo_open(). */
struct storerepo *etcstore_open(const char *path, gboolean create, GError **error);

/* Of struct etcstore_state, by number. */
GPtrArray *etcstore_list(struct storerepo *repo, GError **error);
/* FAULT_ETC_NONE, FAULT_ETC_DAMAGED. */
struct etcstore_state *etcstore_read(struct storerepo *repo, unsigned number, GError **error);
/* The number of the last state, or of the last one that was seen on that release (a root hash, in
 * hex); 0: there is none. */
unsigned etcstore_last(const GPtrArray *states, const char *root_hash);

struct etcstore_add {
	const char *upper; /* the folder of the changes */
	const struct etctree
		*defaults;   /* what the release brings that they were made on; or NULL */
	const char *version; /* of that release; "" if it is not known */
	const char *root_hash;
	const char *reason; /* why it is stored, some words */
};

/* Stores the changes as they are, unless the last state of that release is the same.
 * *ret_number: of either.
 * Faults of etcwalk_read(); FAULT_STORE_SPACE, _WRITE. */
gboolean etcstore_add(struct storerepo *repo, const struct etcstore_add *add, unsigned *ret_number,
		      gboolean *ret_new, GError **error);
/* The changes as they are, with their bases, but not stored. `repo` may be NULL. */
struct etctree *etcstore_look(struct storerepo *repo, const struct etcstore_add *add,
			      GError **error);
/* Makes a folder of a state, as etcwrite_tree() does. FAULT_ETC_DAMAGED. */
gboolean etcstore_write(struct storerepo *repo, const struct etctree *tree, const char *path,
			GError **error);

/* Drops the oldest states until there are `history`; but not the last one, nor the last one of each
 * release of `roots` (NULL-terminated), nor that number (0: none), which is to be put back. What
 * only they had goes too. */
gboolean etcstore_trim(struct storerepo *repo, unsigned history, const char *const *roots,
		       unsigned wanted, GError **error);
/* Reads everything, and drops what is damaged; adds "etc/N" of those to `dropped`. */
gboolean etcstore_check(struct storerepo *repo, GPtrArray *dropped, GError **error);
