/* SPDX-License-Identifier: MIT */
#pragma once
/* Store source: a stored release as if it were a bundle, so that whatever installs or repairs from
 * a bundle does so from the store, with the same checks. Header, frame indexes and the order of
 * the parts are made up here; manifest, signature, leaf hashes and blocks come out of the store. */

#include "source.h"

/* The release of that version in the store at `path`. NULL with FAULT_STORE_EMPTY, _OPEN, _RELEASE,
 * _OBJECT, _INDEX. Reading fails with FAULT_STORE_OBJECT. */
struct source *storesource_open(const char *path, const char *version, GCancellable *cancellable,
				GError **error);
