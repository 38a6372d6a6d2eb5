/* SPDX-License-Identifier: MIT */
#pragma once
/* Keeping /etc: what the running system does with its local changes, see docs/ETC.md. They are only
 * read here: what is put back is put back at a boot, by etcboot.h. */

#include <glib.h>

#include "config.h"
#include "etclay.h"
#include "fault.h"
#include "storerepo.h"

/* The running release. */
struct etckeep {
	const struct config *config;
	const char *version;   /* "" if it is not known */
	const char *root_hash; /* hex */
};

/* What azetc has made of /etc at this boot. */
struct etckeep_laid {
	gboolean is_meant; /* the release keeps changes; FALSE: all else means nothing */
	enum etclay lay;
	fault why;    /* that it is not ETCLAY_WRITABLE; FAULT_OK: it is */
	char *reason; /* in a sentence, or "" */
};
typedef struct etckeep_laid EtckeepLaid; /* for g_auto() only */
void etckeep_laid_clear(struct etckeep_laid *laid);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EtckeepLaid, etckeep_laid_clear)
struct etckeep_laid etckeep_laid(const struct config *config);
/* As etclay_text(): NULL where the release keeps no changes, or all is well. */
char *etckeep_laid_text(const struct etckeep_laid *laid);

/* Whether this boot has laid changes over the release's /etc. */
gboolean etckeep_is_on(const struct config *config);
/* The same; what it failed for, if it was to, or FAULT_ETC_OFF. */
gboolean etckeep_require(const struct config *config, GError **error);

/* Stores the changes as they are, and drops states that are too many, but none that is the last one
 * of a release of `roots` (NULL-terminated), or that a boot is to put back. *ret_number: the
 * state's, also if it was stored before. Faults of etckeep_require() and etcstore_add(). One at a
 * time. */
gboolean etckeep_save(const struct etckeep *keep, const char *reason, const char *const *roots,
		      unsigned *ret_number, GError **error);
/* The last state that a release has left; 0: there is none. */
unsigned etckeep_find(const struct config *config, const char *root_hash);
/* The next boot of that release puts a state back, if it is there; also where changes are kept, but
 * are not in force now. FAULT_ETC_OFF, _NONE. */
gboolean etckeep_restore(const struct config *config, const char *root_hash, unsigned number,
			 GError **error);
/* Reads all states of a store that is open for releases, and drops the damaged ones, as
 * etcstore_check(). If a boot was to put one of those back, it does not. */
gboolean etckeep_check(const struct config *config, struct storerepo *repo, GPtrArray *dropped,
		       GError **error);

/* One line of JSON, as etc.schema.json and etcdiff.schema.json have it. The state's changes, or
 * with 0 those of now, are held against what the running release brings. */
char *etckeep_list(const struct config *config, GError **error);
char *etckeep_diff(const struct etckeep *keep, unsigned number, GError **error);
