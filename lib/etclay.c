/* SPDX-License-Identifier: MIT */
#include "etclay.h"

#include <string.h>

static const char *const NAMES[ETCLAY_COUNT] = {
	[ETCLAY_WRITABLE] = "writable",
	[ETCLAY_READ_ONLY] = "read-only",
	[ETCLAY_RELEASE] = "release",
};

enum etclay etclay_next(const struct etclay_facts *facts, enum etclay tried)
{
	return tried == ETCLAY_WRITABLE && facts->has_upper ? ETCLAY_READ_ONLY : ETCLAY_RELEASE;
}

enum etclay etclay_first(const struct etclay_facts *facts)
{
	return facts->is_prepared ? ETCLAY_WRITABLE : etclay_next(facts, ETCLAY_WRITABLE);
}

const char *etclay_name(enum etclay lay)
{
	return NAMES[lay];
}

gboolean etclay_find(const char *name, enum etclay *ret_lay)
{
	for (unsigned i = 0; name != NULL && i < ETCLAY_COUNT; i++) {
		if (strcmp(NAMES[i], name) == 0) {
			*ret_lay = (enum etclay)i;
			return TRUE;
		}
	}
	return FALSE;
}

char *etclay_text(enum etclay lay, const char *reason)
{
	switch (lay) {
	case ETCLAY_WRITABLE:
		return NULL;
	case ETCLAY_READ_ONLY:
		return g_strdup_printf("/etc cannot be changed: %s", reason);
	case ETCLAY_RELEASE:
		return g_strdup_printf("local changes of /etc are not in force: %s", reason);
	case ETCLAY_COUNT:
		break;
	}
	g_assert_not_reached();
}
