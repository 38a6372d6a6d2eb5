/* SPDX-License-Identifier: MIT */
#pragma once
/* Device-mapper root: what dm-verity says of the root that azverity set up, /dev/mapper/root. */

#include "health.h"
#include "healthjudge.h"

/* Free ret_root->root_hash with g_free(). FALSE: it is there, and cannot be asked. */
gboolean dmroot_read(struct healthjudge_root *ret_root, GError **error);
