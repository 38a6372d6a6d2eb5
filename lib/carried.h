/* SPDX-License-Identifier: MIT */
#pragma once
/* Carried metadata: what an offline bundle brings along of its repository, judged by the rules that
 * hold for a server: signed, not older than what this machine has seen, not expired. */

#include <gio/gio.h>
#include <glib.h>

#include "bundle.h"
#include "config.h"

struct carried_options {
	const struct config *config;
	gboolean accept_expired; /* somebody asks for it; the configuration must allow it */
	gint64 now_s;            /* since 1970 */
	GCancellable *cancellable;
};

/* A bundle that carries none passes, unless the configuration says [repository] bundles=listed; so
 * does any on a machine that has no root metadata. FAULT_CARRIED_MISSING; FAULT_CARRIED_TARGET: the
 * metadata are of another bundle; FAULT_CARRIED_EXPIRED; FAULT_METAPACK_; faults of repo.h. */
gboolean carried_check(const struct bundle *bundle, const struct carried_options *options,
		       GError **error);
