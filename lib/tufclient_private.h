/* SPDX-License-Identifier: MIT */
#pragma once
/* What tufclient.c, which brings the metadata up to date, and tufclient_target.c, which searches
 * it, have in common. */

#include "tufclient.h"

struct tufclient {
	struct tuftransport *metadata;
	struct tufstorage *storage;
	struct tuflimits limits;
	struct tufview view;
	struct tufrole *root;
	struct tufrole *timestamp;
	struct tufrole *snapshot;
	struct tufrole *targets;
	GPtrArray *delegated; /* of struct tufrole: each was verified by at least one delegation */
};

/* One role that the snapshot lists: of the store if it is the right one, else fetched and saved. */
struct tufrole *tufclient_listed_get(struct tufclient *client, const char *name,
				     const struct tufgrant *grant, GError **error);
