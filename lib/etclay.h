/* SPDX-License-Identifier: MIT */
#pragma once
/* Lay of /etc: what becomes of this machine's changes of /etc at a boot where not all is as it
 * should be. Pure. The changes stay in force as long as they can be read. Whether a boot goes on
 * where they are not is none of this: the release's command line says so, and azverity does it. */

#include <glib.h>

enum etclay {
	ETCLAY_WRITABLE,  /* the changes are in force, and more can be made */
	ETCLAY_READ_ONLY, /* the changes are in force, and no more can be made */
	ETCLAY_RELEASE,   /* nothing is laid over the release's own */
	ETCLAY_COUNT
};

struct etclay_facts {
	gboolean
		is_prepared; /* the folders of an overlay that can be written are as they must be */
	gboolean has_upper;  /* the folder with the changes is there */
};

/* What is to be tried first, and after one that could not be mounted. ETCLAY_RELEASE is the last,
 * and needs no mount. */
enum etclay etclay_first(const struct etclay_facts *facts);
enum etclay etclay_next(const struct etclay_facts *facts, enum etclay tried);

/* "writable", "read-only", "release" */
const char *etclay_name(enum etclay lay);
gboolean etclay_find(const char *name, enum etclay *ret_lay);
/* A clause for people, who must know it; NULL where all is as it should be. Free with g_free(). */
char *etclay_text(enum etclay lay, const char *reason);
